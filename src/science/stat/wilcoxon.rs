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
    /// Pairs that differ; the others are dropped before ranking.
    pub n: usize,
    /// Pairs that do not.
    pub zeros: usize,
    pub method: Calculation,
}

/// Tests the differences `x - y`.
pub fn wilcoxon(x: &[f64], y: &[f64], choice: Choice) -> Result<Wilcoxon, StatError> {
    if x.len() != y.len() {
        return Err(StatError::Length { x: x.len(), y: y.len() });
    }
    check(x)?;
    check(y)?;
    let differences: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).collect();
    wilcoxon_of_differences(&differences, choice)
}

pub fn wilcoxon_of_differences(differences: &[f64], choice: Choice) -> Result<Wilcoxon, StatError> {
    check(differences)?;
    let ranks = SignedRanks::new(differences);
    let n = ranks.n();
    let method = ranks.method(choice, differences.len() - n)?;
    let p = match method {
        Calculation::NoDifference => 1.0,
        Calculation::Exact | Calculation::ExactWithTies => ranks.exact(),
        Calculation::Normal => ranks.normal(0.5),
        Calculation::NormalUncorrected => ranks.normal(0.0),
    };
    let [w_plus, w_minus] = [ranks.sum(true), ranks.sum(false)];
    Ok(Wilcoxon { p, w_plus, w_minus, n, zeros: differences.len() - n, method })
}

/// Twice the mid-ranks of the non-zero |d|, hence integers, each with the sign of its difference.
struct SignedRanks {
    doubled: Vec<(u64, bool)>,
    /// Σ t³ - t over groups of t tied ranks.
    ties: f64,
}

impl SignedRanks {
    fn new(differences: &[f64]) -> SignedRanks {
        let mut sorted: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
        sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let mut ranks = SignedRanks { doubled: Vec::with_capacity(sorted.len()), ties: 0.0 };
        for group in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
            let before = ranks.doubled.len() as u64;
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
        let (n, tied) = (self.n(), self.ties > 0.0);
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
        let n = self.n() as f64;
        let excess = (self.sum(true) - n * (n + 1.0) / 4.0).abs();
        let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - self.ties / 48.0;
        let z = (excess - continuity).max(0.0) / variance.sqrt();
        (2.0 * normal_survival(z)).min(1.0)
    }
}
