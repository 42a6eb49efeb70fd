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
            Normalisation::None => (),
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

/// [`percentile`] of values in any order, not empty: by counting, which is linear in their number.
fn percentiles<const N: usize>(values: &[f64], q: [f64; N]) -> [f64; N] {
    let places = q.map(|q| place(values.len(), q));
    let last = values.len() - 1;
    let ranks: Vec<usize> = places.iter().flat_map(|(below, _)| [*below, (below + 1).min(last)]).collect();
    let found = ranked(values, &ranks);
    std::array::from_fn(|i| found[2 * i] + (found[2 * i + 1] - found[2 * i]) * places[i].1)
}

/// The values of some ranks (from 0, by `total_cmp`): counts by their leading 16 bits, then selects among the few that share
/// those bits.
fn ranked(values: &[f64], ranks: &[usize]) -> Vec<f64> {
    // Two tables by turns: runs of one value, such as padding, would wait for each other's counts.
    let mut counts = vec![[0_u32; 2]; 1 << 16];
    let (pairs, odd) = values.as_chunks::<2>();
    for [a, b] in pairs {
        counts[leading(*a)][0] += 1;
        counts[leading(*b)][1] += 1;
    }
    odd.iter().for_each(|&x| counts[leading(x)][0] += 1);
    let counts = counts.iter().map(|[a, b]| a + b);
    let mut places = vec![(0, 0); ranks.len()];
    let mut before = 0;
    for (bin, count) in counts.enumerate().filter(|(_, count)| *count > 0) {
        let after = before + count as usize;
        for (place, &rank) in places.iter_mut().zip(ranks).filter(|(_, rank)| (before..after).contains(*rank)) {
            *place = (bin, rank - before);
        }
        before = after;
    }
    let mut bins: Vec<(usize, Vec<f64>)> = places.iter().map(|&(bin, _)| (bin, Vec::new())).collect();
    bins.dedup_by_key(|(bin, _)| *bin);
    let mut slots = vec![u8::MAX; 1 << 16];
    bins.iter().enumerate().for_each(|(slot, (bin, _))| slots[*bin] = slot as u8);
    for &x in values {
        if let Some((_, members)) = bins.get_mut(usize::from(slots[leading(x)])) {
            members.push(x);
        }
    }
    let mut value = |&(bin, rank): &(usize, usize)| {
        let members = &mut bins[usize::from(slots[bin])].1;
        *members.select_nth_unstable_by(rank, f64::total_cmp).1
    };
    places.iter().map(&mut value).collect()
}

/// Leading bits of a number's place in the order of all numbers (`total_cmp`).
fn leading(x: f64) -> usize {
    let bits = x.to_bits() as i64;
    // Numbers below 0 fall as their bits rise.
    let ordered = bits ^ ((bits >> 63) as u64 >> 1) as i64;
    ((ordered as u64) ^ (1 << 63)) as usize >> 48
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
