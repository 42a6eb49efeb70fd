use serde::{Deserialize, Serialize};

/// How the intensities of a volume are brought to a common scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// `(x - median) / (q75 - q25)` (ACDC, LVSC). A volume whose quartiles are equal only loses its median.
    #[default]
    MedianIqr,
    /// Least to -1, greatest to 1 (CHAOS). A constant volume becomes 0.
    MinMax,
    /// `x / max` (PPSS). A volume whose greatest value is not above 0 stays as it is.
    Max,
    None,
}

impl Normalisation {
    /// Normalises all values of a volume together; they are finite.
    pub fn apply(self, values: &mut [f64]) {
        let (shift, scale) = self.shift_and_scale(values);
        match self {
            Normalisation::MinMax => values.iter_mut().for_each(|x| *x = 2.0 * ((*x - shift) / scale) - 1.0),
            _ => values.iter_mut().for_each(|x| *x = (*x - shift) / scale),
        }
    }

    fn shift_and_scale(self, values: &[f64]) -> (f64, f64) {
        let sorted = sorted(values);
        let (Some(&least), Some(&greatest)) = (sorted.first(), sorted.last()) else { return (0.0, 1.0) };
        match self {
            Normalisation::MedianIqr => {
                let iqr = percentile(&sorted, 75.0) - percentile(&sorted, 25.0);
                (percentile(&sorted, 50.0), if iqr > 0.0 { iqr } else { 1.0 })
            }
            // Half a unit below the value, so that 2 * 0.5 - 1 = 0.
            Normalisation::MinMax if greatest == least => (least - 0.5, 1.0),
            Normalisation::MinMax => (least, greatest - least),
            Normalisation::Max if greatest > 0.0 => (0.0, greatest),
            Normalisation::Max | Normalisation::None => (0.0, 1.0),
        }
    }
}

/// Limits the values to two of their percentiles, as the released code does before it normalises.
pub fn clip(values: &mut [f64], percentiles: [f64; 2]) {
    let sorted = sorted(values);
    if sorted.is_empty() {
        return;
    }
    let [low, high] = percentiles.map(|q| percentile(&sorted, q));
    values.iter_mut().for_each(|x| *x = x.max(low).min(high));
}

/// Percentile of sorted values, not empty, with linear interpolation between them (NumPy's default).
pub fn percentile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = (q / 100.0).clamp(0.0, 1.0) * last as f64;
    let below = (position as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}
