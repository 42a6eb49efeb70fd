//! The fully connected conditional random field of the baseline "UNet with CRF as RNN" [24], by the sum itself.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Mean field of a dense CRF (Krähenbühl and Koltun 2011; as layers of a network: Zheng et al. 2015, the paper's [24]):
///
/// `Q <- softmax(U - mu (w_a Ka Q + w_s Ks Q))`, from `Q = softmax(U)`, with Potts' `mu` (1 between two classes, 0 within one),
/// `Ka[i, j] = exp(-|p_i - p_j|² / 2 alpha² - |I_i - I_j|² / 2 beta²)` and `Ks[i, j] = exp(-|p_i - p_j|² / 2 gamma²)`:
/// positions p in pixels, intensities I as they stand in the image.
///
/// The defaults are the paper's for ACDC; CHAOS and PPSS have `sigma_gamma` 3. The paper names neither the weights of the
/// kernels (which [24] learns: 1 here) nor the scale of the intensities: `sigma_beta` 3 is for 0..255, and is nearly without
/// effect on images normalised by median and interquartile range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Crf {
    /// Reach of the appearance kernel, in pixels.
    pub sigma_alpha: f64,
    /// Its reach in intensity.
    pub sigma_beta: f64,
    /// Reach of the smoothness kernel, in pixels.
    pub sigma_gamma: f64,
    /// w_a.
    pub appearance: f64,
    /// w_s.
    pub smoothness: f64,
    pub iterations: usize,
    pub self_term: SelfTerm,
    pub normalisation: KernelNormalisation,
}

/// Whether a pixel hears itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelfTerm {
    /// As the filters of [24] have it.
    #[default]
    Included,
    /// The equation of Krähenbühl and Koltun.
    Excluded,
}

/// What the rows of a kernel are divided by. A pixel that hears nobody gets no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelNormalisation {
    /// By their sums: what the filters of [24] do with a map of ones.
    #[default]
    Row,
    /// `D^-1/2 K D^-1/2`, D the sums of the rows (the default of densecrf).
    Symmetric,
    None,
}

impl Default for Crf {
    fn default() -> Self {
        Crf {
            sigma_alpha: 160.0,
            sigma_beta: 3.0,
            sigma_gamma: 10.0,
            appearance: 1.0,
            smoothness: 1.0,
            iterations: 5,
            self_term: SelfTerm::default(),
            normalisation: KernelNormalisation::default(),
        }
    }
}

/// Arrays that do not fit together, or settings that mean nothing.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CrfError {
    #[error("{what} hold {is} values, which is no whole number of planes of {height} x {width}")]
    Planes { what: &'static str, is: usize, height: usize, width: usize },
    #[error("the CRF's {name} is {value}: it must be a finite number above 0")]
    Sigma { name: &'static str, value: f64 },
    #[error("the CRF's weights {appearance} and {smoothness} must be finite numbers")]
    Weights { appearance: f64, smoothness: f64 },
}

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
        self.check(logits, image, [height, width])?;
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

    fn check(&self, logits: &[f64], image: &[f64], [height, width]: [usize; 2]) -> Result<(), CrfError> {
        let count = height.checked_mul(width).unwrap_or(0);
        for (what, values) in [("logits", logits), ("intensities", image)] {
            if count == 0 || values.is_empty() || !values.len().is_multiple_of(count) {
                return Err(CrfError::Planes { what, is: values.len(), height, width });
            }
        }
        let Crf { sigma_alpha, sigma_beta, sigma_gamma, appearance, smoothness, .. } = *self;
        for (name, value) in [("sigma_alpha", sigma_alpha), ("sigma_beta", sigma_beta), ("sigma_gamma", sigma_gamma)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(CrfError::Sigma { name, value });
            }
        }
        match appearance.is_finite() && smoothness.is_finite() {
            true => Ok(()),
            false => Err(CrfError::Weights { appearance, smoothness }),
        }
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
