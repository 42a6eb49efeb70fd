//! Sums that are the same on every processor: side by side, then folded.

use super::lanes::vectorised;

/// Sums that are taken side by side, so that they fill a vector.
pub(super) const LANES: usize = 32;

#[inline(always)]
pub(super) fn fold(sums: [f32; LANES]) -> f32 {
    let mut sums = sums;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

vectorised! {
    pub(super) fn total(values: &[f32]) -> f32 {
        let mut sums = [0.0; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest: f32 = chunks.remainder().iter().sum();
        for chunk in chunks {
            for lane in 0..LANES {
                sums[lane] += chunk[lane];
            }
        }
        fold(sums) + rest
    }
}
