use super::StatError;
use super::error::check;
use serde::{Deserialize, Serialize};

/// Divisor of the variance. The paper does not say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// n (NumPy's default, hence likely the paper's).
    #[default]
    Population,
    /// n - 1.
    Sample,
}

/// What a table or a figure says of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub n: usize,
    pub mean: f64,
    /// `None` for the sample deviation of a single value.
    pub deviation: Option<f64>,
    /// deviation / sqrt(n): the error bars of figure 6.
    pub standard_error: Option<f64>,
    pub median: f64,
    /// Between the quartiles.
    pub interquartile_range: f64,
}

pub fn summary(values: &[f64], divisor: Deviation) -> Result<Summary, StatError> {
    check(values)?;
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = match divisor {
        Deviation::Population => Some((squares / n as f64).sqrt()),
        Deviation::Sample => (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt()),
    };
    let at = |share| quantile(values, share).unwrap_or(mean);
    Ok(Summary {
        n,
        mean,
        deviation,
        standard_error: deviation.map(|deviation| deviation / (n as f64).sqrt()),
        median: at(0.5),
        interquartile_range: at(0.75) - at(0.25),
    })
}

impl Summary {
    /// Shares in the paper's style: the mean in percent with one decimal, the deviation in percent as
    /// an integer of two digits: 0.8328 ± 0.0444 gives `("83.3", "04")`.
    pub fn percent_text(&self) -> (String, String) {
        let deviation = self.deviation.map_or("-".to_owned(), |deviation| format!("{:02.0}", 100.0 * deviation));
        (format!("{:.1}", 100.0 * self.mean), deviation)
    }
}

/// Quantile with linear interpolation between order statistics (NumPy's default); `None` of nothing.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = share.clamp(0.0, 1.0) * (sorted.len().checked_sub(1)?) as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    Some(below + (above - below) * position.fract())
}
