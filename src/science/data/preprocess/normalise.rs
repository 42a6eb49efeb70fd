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
        if values.is_empty() {
            return (0.0, 1.0);
        }
        let extreme = |better: fn(f64, f64) -> f64| values.iter().copied().reduce(better).unwrap_or(0.0);
        match self {
            Normalisation::MedianIqr => {
                let [lower, median, upper] = percentiles(values, [25.0, 50.0, 75.0]);
                (median, if upper > lower { upper - lower } else { 1.0 })
            }
            Normalisation::MinMax => match (extreme(f64::min), extreme(f64::max)) {
                // Half a unit below the value, so that 2 * 0.5 - 1 = 0.
                (least, greatest) if greatest == least => (least - 0.5, 1.0),
                (least, greatest) => (least, greatest - least),
            },
            Normalisation::Max => match extreme(f64::max) {
                greatest if greatest > 0.0 => (0.0, greatest),
                _ => (0.0, 1.0),
            },
            Normalisation::None => (0.0, 1.0),
        }
    }
}

/// Limits the values to two of their percentiles, as the released code does before it normalises.
pub fn clip(values: &mut [f64], limits: [f64; 2]) {
    if values.is_empty() {
        return;
    }
    let [low, high] = percentiles(values, limits);
    values.iter_mut().for_each(|x| *x = x.max(low).min(high));
}

/// [`percentile`] of values in any order, not empty: by selection, which is linear in their number.
fn percentiles<const N: usize>(values: &[f64], q: [f64; N]) -> [f64; N] {
    let mut values = values.to_vec();
    q.map(|q| {
        let (below, share) = place(values.len(), q);
        let (_, &mut at, after) = values.select_nth_unstable_by(below, f64::total_cmp);
        let next = after.iter().copied().min_by(f64::total_cmp).unwrap_or(at);
        at + (next - at) * share
    })
}

/// Percentile of sorted values, not empty, with linear interpolation between them (NumPy's default).
pub fn percentile(sorted: &[f64], q: f64) -> f64 {
    let (below, share) = place(sorted.len(), q);
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * share
}

/// The order statistic below a percentile, and the share of the way to the next.
fn place(length: usize, q: f64) -> (usize, f64) {
    let last = length - 1;
    let position = (q / 100.0).clamp(0.0, 1.0) * last as f64;
    let below = (position as usize).min(last);
    (below, position - below as f64)
}
