//! The sum itself, over all pairs of pixels.

use super::{Crf, CrfError, KernelNormalisation, SelfTerm};
use rayon::prelude::*;

/// An image, for the distances between its pixels.
struct Pixels<'a> {
    image: &'a [f64],
    width: usize,
    count: usize,
}

impl Pixels<'_> {
    /// Squared distance in pixels.
    fn apart(&self, i: usize, j: usize) -> f64 {
        let rows = (i / self.width).abs_diff(j / self.width) as f64;
        let columns = (i % self.width).abs_diff(j % self.width) as f64;
        rows * rows + columns * columns
    }

    /// Squared distance in intensity, over all channels.
    fn contrast(&self, i: usize, j: usize) -> f64 {
        self.image.chunks_exact(self.count).map(|channel| (channel[i] - channel[j]).powi(2)).sum()
    }
}

impl Crf {
    /// Probabilities `[class, row, column]` after the iterations, from `logits` `[class, row, column]` (minus the unary energies)
    /// and `image` `[channel, row, column]`.
    ///
    /// The sum over all pairs of pixels: for small images, and to hold a filter against. Memory goes with the pixels alone.
    pub fn mean_field(&self, logits: &[f64], image: &[f64], [height, width]: [usize; 2]) -> Result<Vec<f64>, CrfError> {
        self.check_arrays(logits, image, [height, width])?;
        let pixels = Pixels { image, width, count: height * width };
        let factors = Kernel::ALL.map(|kernel| self.factors(kernel, &pixels));
        let logits = by_pixel(logits, pixels.count);
        let mut beliefs = logits.clone();
        beliefs.iter_mut().for_each(|belief| softmax(belief));
        for _ in 0..self.iterations {
            let update = |(i, logits): (usize, &Vec<f64>)| self.update(i, logits, &beliefs, &pixels, &factors);
            beliefs = logits.par_iter().enumerate().map(update).collect();
        }
        let classes = beliefs.first().map_or(0, Vec::len);
        Ok((0..classes).flat_map(|class| beliefs.iter().map(move |belief| belief[class])).collect())
    }

    fn check_arrays(&self, logits: &[f64], image: &[f64], [height, width]: [usize; 2]) -> Result<(), CrfError> {
        let count = height.checked_mul(width).unwrap_or(0);
        for (what, values) in [("logits", logits), ("intensities", image)] {
            if count == 0 || values.is_empty() || !values.len().is_multiple_of(count) {
                return Err(CrfError::Planes { what, is: values.len(), height, width });
            }
        }
        self.check()
    }

    fn kernel(&self, kernel: Kernel, pixels: &Pixels, i: usize, j: usize) -> f64 {
        if i == j && self.self_term == SelfTerm::Excluded {
            return 0.0;
        }
        let half = |squared: f64, sigma: f64| squared / (2.0 * sigma * sigma);
        let apart = pixels.apart(i, j);
        match kernel {
            Kernel::Appearance => (-half(apart, self.sigma_alpha) - half(pixels.contrast(i, j), self.sigma_beta)).exp(),
            Kernel::Smoothness => (-half(apart, self.sigma_gamma)).exp(),
        }
    }

    /// What the row and the column of each pixel are multiplied by.
    fn factors(&self, kernel: Kernel, pixels: &Pixels) -> Vec<[f64; 2]> {
        let sum = |i: usize| (0..pixels.count).map(|j| self.kernel(kernel, pixels, i, j)).sum::<f64>();
        let factor = |i: usize| match (self.normalisation, sum(i)) {
            (KernelNormalisation::None, _) => [1.0, 1.0],
            (_, sum) if sum <= 0.0 => [0.0, 0.0],
            (KernelNormalisation::Row, sum) => [1.0 / sum, 1.0],
            (KernelNormalisation::Symmetric, sum) => [1.0 / sum.sqrt(); 2],
        };
        (0..pixels.count).into_par_iter().map(factor).collect()
    }

    /// The new belief of pixel `i`: what it hears speaks against all *other* classes.
    fn update(
        &self,
        i: usize,
        logits: &[f64],
        beliefs: &[Vec<f64>],
        pixels: &Pixels,
        factors: &[Vec<[f64; 2]>; 2],
    ) -> Vec<f64> {
        let mut heard = vec![0.0; logits.len()];
        for (kernel, factors) in Kernel::ALL.into_iter().zip(factors) {
            let weight = kernel.weight(self) * factors[i][0];
            for (j, belief) in beliefs.iter().enumerate() {
                let share = weight * factors[j][1] * self.kernel(kernel, pixels, i, j);
                heard.iter_mut().zip(belief).for_each(|(heard, belief)| *heard += share * belief);
            }
        }
        let all: f64 = heard.iter().sum();
        let mut belief: Vec<f64> = logits.iter().zip(&heard).map(|(logit, own)| logit - (all - own)).collect();
        softmax(&mut belief);
        belief
    }
}

#[derive(Clone, Copy)]
enum Kernel {
    Appearance,
    Smoothness,
}

impl Kernel {
    const ALL: [Kernel; 2] = [Kernel::Appearance, Kernel::Smoothness];

    fn weight(self, crf: &Crf) -> f64 {
        match self {
            Kernel::Appearance => crf.appearance,
            Kernel::Smoothness => crf.smoothness,
        }
    }
}

/// `[class, pixel]` → one vector of classes a pixel.
fn by_pixel(planes: &[f64], count: usize) -> Vec<Vec<f64>> {
    (0..count).map(|pixel| planes[pixel..].iter().step_by(count).copied().collect()).collect()
}

fn softmax(values: &mut [f64]) {
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter_mut().for_each(|value| *value = (*value - greatest).exp());
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|value| *value /= sum);
}
