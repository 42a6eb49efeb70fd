//! The smoothness kernel.

use super::axis::gaussian;
use super::weighted::Symmetric;
use crate::science::model::kernel::blur::{blur_axis, blur_rows};

/// `sum_j exp(-|p_i - p_j|² / 2 gamma²) x_j`, along rows and then along columns, without distances where either of the two
/// factors is below 1e-4.
#[derive(Debug)]
pub(super) struct Smooth {
    pub taps: Vec<f32>,
    pub size: [usize; 2],
}

impl Smooth {
    pub fn new(size: [usize; 2], gamma: f64) -> Self {
        let longest = size[0].max(size[1]);
        Smooth { taps: gaussian(gamma, longest).into_iter().map(|tap| tap as f32).collect(), size }
    }
}

impl Symmetric for Smooth {
    fn apply(&self, planes: &mut [f32]) {
        let [height, width] = self.size;
        let mut blurred = vec![0.0; planes.len()];
        blur_rows(planes, width, &self.taps, &mut blurred);
        blur_axis(&blurred, height, width, &self.taps, planes);
    }

    fn echo(&self, _: usize) -> f32 {
        1.0
    }
}
