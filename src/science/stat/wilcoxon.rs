use super::StatError;
use super::error::check;
use super::normal_survival;
use serde::{Deserialize, Serialize};

/// Most pairs that the exact distribution is computed for: its cost grows with their cube.
pub const LARGEST_EXACT: usize = 500;

/// Most pairs that `auto` treats exactly.
const LARGEST_AUTOMATIC: usize = 50;

/// How p is to be found; the paper does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Exact without ties and zeros up to 50 pairs, else normal with tie and continuity correction
    /// (R's `wilcox.test`, but for its limit of n < 50).
    #[default]
    Auto,
    /// Exact given the observed mid-ranks, ties or not; zeros dropped.
    Exact,
    Normal,
    /// The normal approximation without continuity correction.
    NormalUncorrected,
}

/// What becomes of pairs that do not differ; the paper does not say. The exact p is the same by the last two: it is
/// conditional on the ranks of the pairs that do differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Zeros {
    /// Dropped before ranking (Wilcoxon 1945; R's and SciPy's default).
    #[default]
    Wilcox,
    /// Ranked, then dropped (Pratt 1959).
    Pratt,
    /// Ranked, and half of their ranks counts for each side.
    Zsplit,
}

/// How p was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calculation {
    Exact,
    /// Exact, conditional on tied ranks.
    ExactWithTies,
    Normal,
    NormalUncorrected,
    /// All differences are zero: p = 1 by convention.
    NoDifference,
}

/// Two-sided Wilcoxon signed-rank test of paired scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wilcoxon {
    pub p: f64,
    /// Sum of the ranks of positive differences.
    pub w_plus: f64,
    pub w_minus: f64,
    /// Pairs that differ.
    pub n: usize,
    /// Pairs that do not.
    pub zeros: usize,
    pub method: Calculation,
}

impl Wilcoxon {
    /// The matched-pairs rank-biserial correlation, (W+ - W-) / (W+ + W-): from -1 (every pair falls) over 0 to 1 (every
    /// pair rises). Kerby, "The simple difference formula", Comprehensive Psychology 3 (2014). 0 if no pair differs.
    pub fn rank_biserial(&self) -> f64 {
        let sum = self.w_plus + self.w_minus;
        if sum > 0.0 { (self.w_plus - self.w_minus) / sum } else { 0.0 }
    }
}

/// Tests the differences `x - y`; zeros are dropped.
pub fn wilcoxon(x: &[f64], y: &[f64], choice: Choice) -> Result<Wilcoxon, StatError> {
    wilcoxon_with(x, y, choice, Zeros::default())
}

/// Tests the differences `x - y`.
pub fn wilcoxon_with(x: &[f64], y: &[f64], choice: Choice, zeros: Zeros) -> Result<Wilcoxon, StatError> {
    if x.len() != y.len() {
        return Err(StatError::Length { x: x.len(), y: y.len() });
    }
    check(x)?;
    check(y)?;
    let differences: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).collect();
    wilcoxon_of_differences(&differences, choice, zeros)
}

pub fn wilcoxon_of_differences(differences: &[f64], choice: Choice, zeros: Zeros) -> Result<Wilcoxon, StatError> {
    check(differences)?;
    let ranks = SignedRanks::new(differences, zeros);
    let n = ranks.n();
    let method = ranks.method(choice, differences.len() - n)?;
    let p = match method {
        Calculation::NoDifference => 1.0,
        Calculation::Exact | Calculation::ExactWithTies => ranks.exact(),
        Calculation::Normal => ranks.normal(0.5),
        Calculation::NormalUncorrected => ranks.normal(0.0),
    };
    let [w_plus, w_minus] = [true, false].map(|positive| ranks.sum(positive) + ranks.split);
    Ok(Wilcoxon { p, w_plus, w_minus, n, zeros: differences.len() - n, method })
}

/// Twice the mid-ranks of the non-zero |d|, hence integers, each with the sign of its difference.
struct SignedRanks {
    doubled: Vec<(u64, bool)>,
    /// Σ t³ - t over groups of t tied ranks.
    ties: f64,
    /// Values that were ranked, and how many of them were zeros that were dropped afterwards.
    ranked: usize,
    dropped: usize,
    /// What zeros give to each side.
    split: f64,
}

impl SignedRanks {
    fn new(differences: &[f64], zeros: Zeros) -> SignedRanks {
        let mut sorted: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
        sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let first = if zeros == Zeros::Wilcox { 0 } else { differences.len() - sorted.len() };
        let mut ranks = SignedRanks {
            doubled: Vec::with_capacity(sorted.len()),
            ties: 0.0,
            ranked: first + sorted.len(),
            dropped: if zeros == Zeros::Pratt { first } else { 0 },
            split: 0.0,
        };
        if zeros == Zeros::Zsplit {
            // Ranks 1 to `first`, half of them each.
            let first = first as f64;
            (ranks.split, ranks.ties) = (first * (first + 1.0) / 4.0, first.powi(3) - first);
        }
        for group in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
            let before = (first + ranks.doubled.len()) as u64;
            let size = group.len() as u64;
            // Mean of before + 1 ..= before + size, twice.
            let doubled = 2 * before + size + 1;
            ranks.doubled.extend(group.iter().map(|d| (doubled, *d > 0.0)));
            ranks.ties += (size as f64).powi(3) - size as f64;
        }
        ranks
    }

    fn n(&self) -> usize {
        self.doubled.len()
    }

    fn method(&self, choice: Choice, zeros: usize) -> Result<Calculation, StatError> {
        let tied = self.doubled.windows(2).any(|pair| pair[0].0 == pair[1].0);
        let n = self.n();
        Ok(match choice {
            _ if n == 0 => Calculation::NoDifference,
            Choice::Exact if n > LARGEST_EXACT => return Err(StatError::TooMany { n, limit: LARGEST_EXACT }),
            Choice::Exact if tied => Calculation::ExactWithTies,
            Choice::Exact => Calculation::Exact,
            Choice::Auto if !tied && zeros == 0 && n <= LARGEST_AUTOMATIC => Calculation::Exact,
            Choice::Auto | Choice::Normal => Calculation::Normal,
            Choice::NormalUncorrected => Calculation::NormalUncorrected,
        })
    }

    fn doubled_sum(&self, positive: bool) -> u64 {
        self.doubled.iter().filter(|(_, sign)| *sign == positive).map(|(rank, _)| rank).sum()
    }

    fn sum(&self, positive: bool) -> f64 {
        self.doubled_sum(positive) as f64 / 2.0
    }

    /// Twice the smaller tail of W+ when each sign is a fair coin. The distribution is symmetric, so
    /// the smaller tail is P(W <= min(W+, W-)).
    fn exact(&self) -> f64 {
        let least = self.doubled_sum(true).min(self.doubled_sum(false)) as usize;
        let tail: f64 = self.distribution()[..=least].iter().sum();
        (2.0 * tail).min(1.0)
    }

    /// P(2W+ = s), s = 0.. . Halving at each rank keeps the numbers below 1 for any n.
    fn distribution(&self) -> Vec<f64> {
        let total: u64 = self.doubled.iter().map(|(rank, _)| rank).sum();
        let mut probability = vec![0.0; total as usize + 1];
        probability[0] = 1.0;
        let mut reached = 0;
        for (rank, _) in &self.doubled {
            let rank = *rank as usize;
            reached += rank;
            for sum in (0..=reached).rev() {
                let with = if sum >= rank { probability[sum - rank] } else { 0.0 };
                probability[sum] = 0.5 * (probability[sum] + with);
            }
        }
        probability
    }

    /// Normal approximation, variance corrected for ties; `continuity` moves W+ towards its mean.
    fn normal(&self, continuity: f64) -> f64 {
        let (n, dropped) = (self.ranked as f64, self.dropped as f64);
        let mean = (n * (n + 1.0) - dropped * (dropped + 1.0)) / 4.0;
        let excess = (self.sum(true) + self.split - mean).abs();
        let squares = |n: f64| n * (n + 1.0) * (2.0 * n + 1.0);
        let variance = (squares(n) - squares(dropped)) / 24.0 - self.ties / 48.0;
        let z = (excess - continuity).max(0.0) / variance.sqrt();
        (2.0 * normal_survival(z)).min(1.0)
    }
}
