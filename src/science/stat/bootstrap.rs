use super::error::check;
use super::{StatError, normal_quantile, normal_survival};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A bootstrap confidence interval of a mean (Efron and Tibshirani, "An introduction to the bootstrap", 1993): the values are
/// drawn again, with replacement, as often as `resamples` says. Same seed, same bits. The paper has none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Interval {
    /// Default 0.95.
    pub confidence: f64,
    /// Default 10,000.
    pub resamples: usize,
    pub method: IntervalMethod,
    pub seed: u64,
}

/// How the limits are read off the resamples' means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Bias-corrected and accelerated: right to second order (chapter 14).
    #[default]
    Bca,
    /// Their percentiles (chapter 13).
    Percentile,
}

impl Default for Interval {
    fn default() -> Self {
        Interval { confidence: 0.95, resamples: 10_000, method: IntervalMethod::default(), seed: 0 }
    }
}

impl Interval {
    /// Lower and upper limit of the mean of `values`. Equal values have no width.
    pub fn of_mean(&self, values: &[f64]) -> Result<[f64; 2], StatError> {
        check(values)?;
        let Interval { confidence, resamples, .. } = *self;
        if !(confidence > 0.0 && confidence < 1.0 && (100..=10_000_000).contains(&resamples)) {
            return Err(StatError::Interval { confidence, resamples });
        }
        if values.iter().all(|value| *value == values[0]) {
            return Ok([values[0]; 2]);
        }
        let means = self.resampled(values);
        let tail = 0.5 * (1.0 - confidence);
        let shares = match self.method {
            IntervalMethod::Percentile => [tail, 1.0 - tail],
            IntervalMethod::Bca => accelerated(values, &means, tail),
        };
        Ok(shares.map(|share| sorted_quantile(&means, share)))
    }

    /// Means of the resamples, in rising order.
    fn resampled(&self, values: &[f64]) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let n = values.len();
        let mut mean = || (0..n).map(|_| values[rng.random_range(0..n)]).sum::<f64>() / n as f64;
        let mut means: Vec<f64> = (0..self.resamples).map(|_| mean()).collect();
        means.sort_by(f64::total_cmp);
        means
    }
}

/// The shares at which BCa reads the limits: equation (14.10), with the acceleration from the jackknife, (14.15). Resamples
/// that equal the mean, but for rounding, count half on each side.
fn accelerated(values: &[f64], means: &[f64], tail: f64) -> [f64; 2] {
    let n = values.len() as f64;
    let sum: f64 = values.iter().sum();
    let mean = sum / n;
    let rounding = 1e-12 * values.iter().fold(0.0_f64, |greatest, x| greatest.max(x.abs()));
    let below = means.partition_point(|resampled| *resampled < mean - rounding);
    let equal = means.partition_point(|resampled| *resampled <= mean + rounding) - below;
    let share = (below as f64 + 0.5 * equal as f64) / means.len() as f64;
    let bias = normal_quantile(share);
    // Leaving value x out gives (sum - x) / (n - 1), which lies (mean - x) / (n - 1) from their common mean.
    let apart = |power: i32| values.iter().map(|x| ((x - mean) / (n - 1.0)).powi(power)).sum::<f64>();
    let acceleration = apart(3) / (6.0 * apart(2).powf(1.5));
    [tail, 1.0 - tail].map(|share| {
        let z = bias + normal_quantile(share);
        let shifted = bias + z / (1.0 - acceleration * z);
        if shifted.is_finite() { 1.0 - normal_survival(shifted) } else { share }
    })
}

/// With linear interpolation between neighbours.
fn sorted_quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}
