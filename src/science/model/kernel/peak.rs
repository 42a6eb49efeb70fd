use super::lanes::{ANY_WIDTH, Lanes, Vectorised};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// Sums that hide the latency of one multiply-add behind the others, on every processor of today.
const SUMS: usize = 12;
const ROUNDS: usize = 1 << 21;

/// What the processor's vector units can do at most: fused multiply-adds of f32 a second on all threads of
/// the current pool, measured in registers for some tenths of a second.
pub fn multiply_adds_per_second() -> f64 {
    let threads = rayon::current_num_threads();
    let rate = || {
        let start = Instant::now();
        let lanes: usize = (0..threads).into_par_iter().with_max_len(1).map(|_| run()).sum();
        (lanes * SUMS * ROUNDS) as f64 / start.elapsed().as_secs_f64()
    };
    (0..5).map(|_| rate()).fold(0.0, f64::max)
}

/// One thread's share; returns the lanes of a vector.
fn run() -> usize {
    let mut lanes = 0;
    // SAFETY: registers alone.
    unsafe { Peak(&mut lanes).run_widest(ANY_WIDTH) };
    lanes
}

struct Peak<'a>(&'a mut usize);

impl Vectorised for Peak<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        unsafe {
            let (factor, mut sums) = (V::splat(black_box(0.5)), [V::splat(black_box(1.0)); SUMS]);
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = sum.multiply_add(factor, *sum);
                }
            }
            for sum in sums {
                black_box(sum.total());
            }
        }
        *self.0 = V::WIDTH;
    }
}
