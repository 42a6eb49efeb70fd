//! Between planes (`[channel][pixel]`) and pixels (`[pixel][channel]`).

use super::lanes::{Instructions, instructions};

/// Side of a block that is turned in registers.
const SIDE: usize = 8;

/// A matrix to turn over: distances of two rows in floats.
#[derive(Clone, Copy)]
pub(super) struct Transpose {
    pub rows: usize,
    pub columns: usize,
    pub from_step: usize,
    pub to_step: usize,
    /// Times that each row of the result is written, one after the other.
    pub repeat: usize,
}

impl Transpose {
    /// `to[column * repeat + copy][row] = from[row][column]`.
    ///
    /// # Safety
    /// Both places must hold what the distances reach, and must not overlap.
    pub unsafe fn run(&self, from: *const f32, to: *mut f32) {
        unsafe {
            match instructions() {
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 | Instructions::Avx2 if self.rows >= SIDE && self.columns >= SIDE => {
                    self.run_avx(from, to);
                }
                _ => self.run_plain(from, to),
            }
        }
    }

    unsafe fn run_plain(&self, from: *const f32, to: *mut f32) {
        for column in 0..self.columns {
            for copy in 0..self.repeat {
                let line = unsafe { to.add((column * self.repeat + copy) * self.to_step) };
                for row in 0..self.rows {
                    unsafe { *line.add(row) = *from.add(row * self.from_step + column) };
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx")]
    unsafe fn run_avx(&self, from: *const f32, to: *mut f32) {
        let mut row = 0;
        loop {
            let mut column = 0;
            loop {
                unsafe {
                    let from = from.add(row * self.from_step + column);
                    let to = to.add(column * self.repeat * self.to_step + row);
                    for copy in 0..self.repeat {
                        turn_block(from, self.from_step, to.add(copy * self.to_step), self.repeat * self.to_step);
                    }
                }
                match next(column, self.columns) {
                    Some(next) => column = next,
                    None => break,
                }
            }
            match next(row, self.rows) {
                Some(next) => row = next,
                None => break,
            }
        }
    }
}

/// The next block; the last one overlaps its neighbour where the blocks do not fit.
#[cfg(target_arch = "x86_64")]
#[inline]
fn next(at: usize, length: usize) -> Option<usize> {
    (at + SIDE < length).then(|| (at + SIDE).min(length - SIDE))
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx")]
unsafe fn turn_block(from: *const f32, from_step: usize, to: *mut f32, to_step: usize) {
    use std::arch::x86_64::*;
    const FIRST: i32 = 0b01_00_01_00;
    const SECOND: i32 = 0b11_10_11_10;
    unsafe {
        let mut rows = [_mm256_setzero_ps(); SIDE];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm256_loadu_ps(from.add(i * from_step));
        }
        let mut pairs = rows;
        for i in [0, 2, 4, 6] {
            pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
            pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
        }
        let mut quarters = pairs;
        for i in [0, 1, 4, 5] {
            let at = if i < 4 { 2 * i } else { 4 + 2 * (i - 4) };
            quarters[at] = _mm256_shuffle_ps::<FIRST>(pairs[i], pairs[i + 2]);
            quarters[at + 1] = _mm256_shuffle_ps::<SECOND>(pairs[i], pairs[i + 2]);
        }
        for i in 0..4 {
            let (upper, lower) = (quarters[i], quarters[i + 4]);
            _mm256_storeu_ps(to.add(i * to_step), _mm256_permute2f128_ps::<0x20>(upper, lower));
            _mm256_storeu_ps(to.add((i + 4) * to_step), _mm256_permute2f128_ps::<0x31>(upper, lower));
        }
    }
}
