//! Train, validation and test cases (IV-A), always by case: slices of one subject are alike and would leak.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Shares of the cases. Whole numbers of cases are got by rounding (half up), with at least one case each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SplitParameters {
    /// Share of the cases for testing. Default 0.15.
    pub test: f64,
    /// Share of the cases for validation. Default 0.15.
    pub validation: f64,
    /// How many folds there are: their test sets share no case. Default 3.
    pub folds: usize,
    /// Which fold this is, from 0. Default 0.
    pub fold: usize,
}

impl Default for SplitParameters {
    fn default() -> Self {
        SplitParameters { test: 0.15, validation: 0.15, folds: 3, fold: 0 }
    }
}

/// Which case serves what. Every case is in exactly one list; the first three parts are sorted,
/// `segmentor` is in the random order in which cases get labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    pub test: Vec<String>,
    pub validation: Vec<String>,
    /// Training cases whose masks train the discriminator; their images are discarded.
    pub discriminator: Vec<String>,
    /// Training cases whose images train the segmentor.
    pub segmentor: Vec<String>,
}

/// The cases cannot be split as asked.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SplitError {
    #[error("test {test} and validation {validation} must be above 0 and leave room for training below 1")]
    Shares { test: f64, validation: f64 },
    #[error("fold {fold} does not exist: there are {folds} folds, counted from 0")]
    Fold { fold: usize, folds: usize },
    #[error("{cases} cases are too few: {needed} are needed for {folds} folds with two training cases left")]
    TooFew { cases: usize, needed: usize, folds: usize },
    #[error("case `{case}` is listed twice")]
    Twice { case: String },
}

impl Split {
    /// The first segmentor cases, whose scribbles are used.
    ///
    /// `fraction_percent` counts all training cases (segmentor's and discriminator's), so 50 is all of the
    /// segmentor's (V-C). Half a case counts as one, and there is at least one. A smaller fraction's cases are
    /// among a larger one's. Rounded half up: 5 % of ACDC's 70 training cases are 4, 25 % are 18 as in the
    /// released lists; the paper's "5 % of the unpaired masks (3 ACDC patients)" rounds down.
    pub fn labelled(&self, fraction_percent: f64) -> &[String] {
        let (labelled, _) = self.segmentor.split_at(self.labelled_count(fraction_percent));
        labelled
    }

    /// The other segmentor cases, whose images serve without scribbles in step (ii).
    ///
    /// Where every case is labelled (50 %) that would leave step (ii) without images, which the paper does not
    /// speak of: then the images of all segmentor cases serve a second time, without their scribbles.
    pub fn unlabelled(&self, fraction_percent: f64) -> &[String] {
        let (_, unlabelled) = self.segmentor.split_at(self.labelled_count(fraction_percent));
        if unlabelled.is_empty() { &self.segmentor } else { unlabelled }
    }

    fn labelled_count(&self, fraction_percent: f64) -> usize {
        let training = self.segmentor.len() + self.discriminator.len();
        let count = round_half_up(fraction_percent / 100.0 * training as f64);
        count.max(1).min(self.segmentor.len())
    }
}

/// Splits cases by seed. The order in which the cases are listed does not matter.
///
/// Fold `k` tests the `k`-th block of one shuffled list. Blocks have the size that `test` asks for; where that
/// many blocks do not fit, the list is cut into `folds` blocks of nearly equal size, which then cover all cases.
pub fn split(cases: &[String], parameters: &SplitParameters, seed: u64) -> Result<Split, SplitError> {
    let shuffled = shuffled(cases, seed)?;
    let (test, validation) = counts(shuffled.len(), parameters)?;
    let (first, last) = test_block(shuffled.len(), test, parameters);
    let mut rest = [&shuffled[..first], &shuffled[last..]].concat();
    rest.shuffle(&mut generator(seed, 1 + parameters.fold as u64));
    let training = rest.split_off(validation);
    // An odd case goes to the segmentor.
    let (segmentor, discriminator) = training.split_at(training.len().div_ceil(2));
    Ok(Split {
        test: sorted(&shuffled[first..last]),
        validation: sorted(&rest),
        discriminator: sorted(discriminator),
        segmentor: segmentor.to_vec(),
    })
}

fn shuffled(cases: &[String], seed: u64) -> Result<Vec<String>, SplitError> {
    let mut all = sorted(cases);
    if let Some(pair) = all.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(SplitError::Twice { case: pair[0].clone() });
    }
    all.shuffle(&mut generator(seed, 0));
    Ok(all)
}

/// Numbers of test and validation cases that the shares ask for.
fn counts(cases: usize, parameters: &SplitParameters) -> Result<(usize, usize), SplitError> {
    let SplitParameters { test, validation, folds, fold } = *parameters;
    let shares_fit = test > 0.0 && validation > 0.0 && test + validation < 1.0;
    if !shares_fit {
        return Err(SplitError::Shares { test, validation });
    }
    if fold >= folds {
        return Err(SplitError::Fold { fold, folds });
    }
    let count = |share: f64| round_half_up(share * cases as f64).max(1);
    let (test, validation) = (count(test), count(validation));
    let needed = (test + validation + 2).max(folds);
    if cases < needed {
        return Err(SplitError::TooFew { cases, needed, folds });
    }
    Ok((test, validation))
}

/// First and past-the-last position of the fold's test cases in the shuffled list.
fn test_block(cases: usize, test: usize, parameters: &SplitParameters) -> (usize, usize) {
    let SplitParameters { folds, fold, .. } = *parameters;
    if test.saturating_mul(folds) <= cases {
        (fold * test, (fold + 1) * test)
    } else {
        (fold * cases / folds, (fold + 1) * cases / folds)
    }
}

fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

fn sorted(cases: &[String]) -> Vec<String> {
    let mut cases = cases.to_vec();
    cases.sort();
    cases
}

/// Nine digits are kept before rounding, so that 0.15 of 10 is the 1.5 that it reads as.
fn round_half_up(count: f64) -> usize {
    ((count * 1e9).round() / 1e9 + 0.5).floor().max(0.0) as usize
}
