//! The two inner loops of every convolution, on flat images.
//!
//! An image on a padded grid is one long row: the neighbour of a pixel at a kernel position (a *tap*)
//! stands at a constant distance. So a convolution is a sum of shifted rows times numbers, without
//! copies of neighbourhoods, and its sums stay in registers.

use super::lanes::{ANY_WIDTH, EIGHT, Lanes, Vectorised, rows_together};

/// Filters that share one block of packed weights.
pub(super) const BLOCK: usize = 8;
/// Vectors of pixels in a register block.
const PIXELS: usize = 3;
/// Values past the end of a row that blocks may read and write: a register block of the widest vectors.
pub(super) const SLACK: usize = 48;
/// Pixels of a pass of [`accumulate`]: eight rows of them fit the first-level cache with room to spare.
const PASS: usize = 512;

/// Rows of floats at a constant distance.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub values: &'a [f32],
    pub stride: usize,
    pub count: usize,
}

/// Weights as [`correlate`] reads them: by block of [`BLOCK`] filters (fewer in the last), `[row, tap, filter]`.
pub(super) fn pack_weights(
    filters: usize,
    rows: usize,
    taps: usize,
    weight: impl Fn(usize, usize, usize) -> f32,
) -> Vec<f32> {
    let mut packed = Vec::with_capacity(filters * rows * taps);
    for first in (0..filters).step_by(BLOCK) {
        for row in 0..rows {
            for tap in 0..taps {
                packed.extend((first..filters.min(first + BLOCK)).map(|filter| weight(filter, row, tap)));
            }
        }
    }
    packed
}

/// `output[f][p] = initial[f] + sum over rows r, taps t of weight[f][r][t] * input[r][p + taps[t]]` for
/// p in `0..length`, for the filters of one block: `weights` is its part of [`pack_weights`]. Rows must
/// go on for the largest tap and [`SLACK`] values after `length`.
pub(super) fn correlate(
    input: Rows,
    taps: &[usize],
    weights: &[f32],
    initial: &[f32],
    output: &mut [f32],
    stride: usize,
    length: usize,
) {
    let filters = initial.len();
    let reach = taps.iter().max().copied().unwrap_or(0);
    assert!(input.values.len() >= input.count.saturating_sub(1) * input.stride + length + reach + SLACK);
    assert!(input.stride >= length + reach + SLACK && stride >= length + SLACK && output.len() >= filters * stride);
    assert!(weights.len() >= filters * input.count * taps.len());
    let work = Correlate { input, taps, weights, initial, output, stride, length };
    // SAFETY: lengths were checked above.
    unsafe { work.run_widest(ANY_WIDTH) }
}

/// The arguments of [`correlate`].
struct Correlate<'a> {
    input: Rows<'a>,
    taps: &'a [usize],
    weights: &'a [f32],
    initial: &'a [f32],
    output: &'a mut [f32],
    stride: usize,
    length: usize,
}

impl Vectorised for Correlate<'_> {
    /// # Safety
    /// The lengths must be as [`correlate`] checks.
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Correlate { input, taps, weights, initial, output, stride, length } = self;
        let filters = initial.len();
        let mut pixel = 0;
        while pixel < length {
            let wide = length - pixel > V::WIDTH;
            let mut filter = 0;
            while filter < filters {
                let size = rows_together::<V>(filters - filter);
                let block = Block {
                    input: unsafe { input.values.as_ptr().add(pixel) },
                    rows: input.count,
                    row_stride: input.stride,
                    taps,
                    weights: unsafe { weights.as_ptr().add(filter) },
                    weight_stride: filters,
                    initial: unsafe { initial.as_ptr().add(filter) },
                    output: unsafe { output.as_mut_ptr().add(filter * stride + pixel) },
                    output_stride: stride,
                };
                unsafe {
                    match (size, wide) {
                        (8, true) => block.run::<V, 8, PIXELS>(),
                        (4, true) => block.run::<V, 4, PIXELS>(),
                        (2, true) => block.run::<V, 2, PIXELS>(),
                        (_, true) => block.run::<V, 1, PIXELS>(),
                        (8, false) => block.run::<V, 8, 1>(),
                        (4, false) => block.run::<V, 4, 1>(),
                        (2, false) => block.run::<V, 2, 1>(),
                        (_, false) => block.run::<V, 1, 1>(),
                    }
                }
                filter += size;
            }
            pixel += V::WIDTH * if wide { PIXELS } else { 1 };
        }
    }
}

struct Block<'a> {
    input: *const f32,
    rows: usize,
    row_stride: usize,
    taps: &'a [usize],
    weights: *const f32,
    weight_stride: usize,
    initial: *const f32,
    output: *mut f32,
    output_stride: usize,
}

impl Block<'_> {
    /// `F` filters at `P` vectors of pixels.
    #[inline(always)]
    unsafe fn run<V: Lanes, const F: usize, const P: usize>(&self) {
        unsafe {
            let mut sums = [[V::splat(0.0); P]; F];
            for (filter, sum) in sums.iter_mut().enumerate() {
                *sum = [V::splat(*self.initial.add(filter)); P];
            }
            let mut weight = self.weights;
            for row in 0..self.rows {
                let row = self.input.add(row * self.row_stride);
                for &tap in self.taps {
                    let mut pixels = [V::splat(0.0); P];
                    for (i, pixel) in pixels.iter_mut().enumerate() {
                        *pixel = V::load(row.add(tap + i * V::WIDTH));
                    }
                    for (filter, sum) in sums.iter_mut().enumerate() {
                        let factor = V::splat(*weight.add(filter));
                        for i in 0..P {
                            sum[i] = pixels[i].multiply_add(factor, sum[i]);
                        }
                    }
                    weight = weight.add(self.weight_stride);
                }
            }
            for (filter, sum) in sums.iter().enumerate() {
                for (i, value) in sum.iter().enumerate() {
                    value.store(self.output.add(filter * self.output_stride + i * V::WIDTH));
                }
            }
        }
    }
}

/// `sums[f][r][t] += sum over p in 0..length of gradient[f][p] * input[r][p + taps[t]]` for up to
/// [`BLOCK`] rows of `gradient`, which must be zero in the [`SLACK`] after `length`.
pub(super) fn accumulate(gradient: Rows, input: Rows, taps: &[usize], sums: &mut [f32], length: usize) {
    let reach = taps.iter().max().copied().unwrap_or(0);
    assert!(gradient.values.len() >= gradient.count.saturating_sub(1) * gradient.stride + length + SLACK);
    assert!(input.values.len() >= input.count.saturating_sub(1) * input.stride + length + reach + SLACK);
    assert!(sums.len() >= gradient.count * input.count * taps.len());
    let work = Accumulate { gradient, input, taps, sums, length };
    // Vectors of 512 bits would halve the speed: most loads here cross a cache line.
    // SAFETY: lengths were checked above.
    unsafe { work.run_widest(EIGHT) }
}

/// The arguments of [`accumulate`].
struct Accumulate<'a> {
    gradient: Rows<'a>,
    input: Rows<'a>,
    taps: &'a [usize],
    sums: &'a mut [f32],
    length: usize,
}

impl Vectorised for Accumulate<'_> {
    /// # Safety
    /// The lengths must be as [`accumulate`] checks.
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Accumulate { gradient, input, taps, sums, length } = self;
        let together = if taps.len().is_multiple_of(3) { 3 } else { 2 };
        for start in (0..length).step_by(PASS) {
            let vectors = PASS.min(length - start).div_ceil(V::WIDTH);
            for row in 0..input.count {
                for (group, taps_of_group) in taps.chunks(together).enumerate() {
                    let mut filter = 0;
                    while filter < gradient.count {
                        let size = rows_together::<V>(gradient.count - filter);
                        let at = (filter * input.count + row) * taps.len() + group * together;
                        let block = SumBlock {
                            gradient: unsafe { gradient.values.as_ptr().add(filter * gradient.stride + start) },
                            gradient_stride: gradient.stride,
                            input: unsafe { input.values.as_ptr().add(row * input.stride + start) },
                            taps: taps_of_group,
                            sums: unsafe { sums.as_mut_ptr().add(at) },
                            sum_stride: input.count * taps.len(),
                            vectors,
                        };
                        unsafe { block.run_any::<V>(size) };
                        filter += size;
                    }
                }
            }
        }
    }
}

struct SumBlock<'a> {
    gradient: *const f32,
    gradient_stride: usize,
    input: *const f32,
    taps: &'a [usize],
    sums: *mut f32,
    sum_stride: usize,
    vectors: usize,
}

impl SumBlock<'_> {
    #[inline(always)]
    unsafe fn run_any<V: Lanes>(&self, filters: usize) {
        unsafe {
            match (filters, self.taps.len()) {
                (8, 3) => self.run::<V, 8, 3>(),
                (8, 2) => self.run::<V, 8, 2>(),
                (8, _) => self.run::<V, 8, 1>(),
                (4, 3) => self.run::<V, 4, 3>(),
                (4, 2) => self.run::<V, 4, 2>(),
                (4, _) => self.run::<V, 4, 1>(),
                (2, 3) => self.run::<V, 2, 3>(),
                (2, 2) => self.run::<V, 2, 2>(),
                (2, _) => self.run::<V, 2, 1>(),
                (_, 3) => self.run::<V, 1, 3>(),
                (_, 2) => self.run::<V, 1, 2>(),
                _ => self.run::<V, 1, 1>(),
            }
        }
    }

    /// `F` filters at `T` taps.
    #[inline(always)]
    unsafe fn run<V: Lanes, const F: usize, const T: usize>(&self) {
        unsafe {
            let mut sums = [[V::splat(0.0); T]; F];
            let mut starts = [self.input; T];
            for (start, tap) in starts.iter_mut().zip(self.taps) {
                *start = self.input.add(*tap);
            }
            for vector in 0..self.vectors {
                let at = vector * V::WIDTH;
                let mut pixels = [V::splat(0.0); T];
                for (pixel, start) in pixels.iter_mut().zip(starts) {
                    *pixel = V::load(start.add(at));
                }
                for (filter, sum) in sums.iter_mut().enumerate() {
                    let gradient = V::load(self.gradient.add(filter * self.gradient_stride + at));
                    for i in 0..T {
                        sum[i] = pixels[i].multiply_add(gradient, sum[i]);
                    }
                }
            }
            for (filter, sum) in sums.iter().enumerate() {
                for (i, value) in sum.iter().enumerate() {
                    *self.sums.add(filter * self.sum_stride + i) += value.total();
                }
            }
        }
    }
}
