//! Train, validation and test cases (IV-A), always by case: slices of one subject are alike and would leak.

mod error;
mod groups;
mod labels;
mod list;
mod named;
mod official;
mod shares;

pub use error::SplitError;
pub use groups::{GroupSplit, ValidationUnit};
pub use labels::Rounding;
pub use list::{CaseLists, ListSplit, Unlisted};
pub use named::CaseName;
pub use official::{Labelled, OfficialList, OfficialLists, OfficialSplit};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which cases serve what. By default shares of the cases: whole numbers of cases are got by rounding (half up), with at
/// least one case each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SplitParameters {
    /// Share of the cases for testing. Default 0.15.
    pub test: f64,
    /// Share of the cases for validation. Default 0.15.
    pub validation: f64,
    /// How many folds there are: their test sets share no case. Default 3.
    pub folds: usize,
    /// Which fold this is, from 0. Default 0. Official lists have one split a fold; by groups and lists it draws other halves.
    pub fold: usize,
    // The two below are not in the canonical value when they are the default: older keys stay.
    /// What decides: `shares` (default), `{official: ..}`, `{groups: ..}` or `{list: ..}`.
    #[serde(skip_serializing_if = "Scheme::is_shares")]
    pub by: Scheme,
    /// Whole numbers of labelled cases. Default `half_up`.
    #[serde(skip_serializing_if = "Rounding::is_half_up")]
    pub rounding: Rounding,
}

impl Default for SplitParameters {
    fn default() -> Self {
        SplitParameters {
            test: 0.15,
            validation: 0.15,
            folds: 3,
            fold: 0,
            by: Scheme::default(),
            rounding: Rounding::default(),
        }
    }
}

/// What decides where a case goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Chance, by the shares `test` and `validation`.
    #[default]
    Shares,
    /// The lists that came with the paper's code.
    Official(OfficialSplit),
    /// What the owners of the data set divide it by (PPSS: cameras).
    Groups(GroupSplit),
    /// The user's own lists.
    List(ListSplit),
}

impl Scheme {
    pub fn is_shares(&self) -> bool {
        *self == Scheme::Shares
    }
}

/// A case as a split sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub case: String,
    /// What the owners of its data set split by.
    pub group: Option<String>,
}

/// What a file named by the parameters says.
#[derive(Debug, Clone, PartialEq)]
pub enum Lists {
    Official(OfficialLists),
    Cases(CaseLists),
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
    #[serde(default, skip_serializing_if = "Rounding::is_half_up")]
    pub rounding: Rounding,
    /// Percent → the cases whose scribbles are used, where lists say so and may name the discriminator's
    /// ([`Labelled::AsReleased`]); empty everywhere else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labelled: BTreeMap<u32, Vec<String>>,
}

/// Splits cases by seed, and by what a file of the parameters says (`lists`, read by the caller). The order in which the
/// cases are listed does not matter.
pub fn split(
    members: &[Member],
    parameters: &SplitParameters,
    lists: Option<&Lists>,
    seed: u64,
) -> Result<Split, SplitError> {
    let SplitParameters { folds, fold, .. } = *parameters;
    if fold >= folds {
        return Err(SplitError::Fold { fold, folds });
    }
    let members = in_order(members)?;
    let cases: Vec<String> = members.iter().map(|member| member.case.clone()).collect();
    let rng = generator(seed, 1 + fold as u64);
    let mut parts = match (&parameters.by, lists) {
        (Scheme::Shares, _) => shares::split(cases, parameters, seed),
        (Scheme::Groups(groups), _) => groups.split(&members, rng),
        (Scheme::List(list), Some(Lists::Cases(file))) => list.split(file, &cases, rng),
        (Scheme::List(list), _) => list.split(list.cases.as_ref().ok_or(SplitError::NoLists)?, &cases, rng),
        (Scheme::Official(official), Some(Lists::Official(lists))) => official.split(lists, &cases, fold, rng),
        (Scheme::Official(_), _) => Err(SplitError::NoLists),
    }?;
    parts.rounding = parameters.rounding;
    Ok(parts)
}

/// By name, each once.
fn in_order(members: &[Member]) -> Result<Vec<Member>, SplitError> {
    let mut members = members.to_vec();
    members.sort_by(|a, b| a.case.cmp(&b.case));
    match members.windows(2).find(|pair| pair[0].case == pair[1].case) {
        Some(pair) => Err(SplitError::Twice { case: pair[0].case.clone() }),
        None => Ok(members),
    }
}

/// Halves for the segmentor, in random order, and the discriminator. An odd case goes to the segmentor.
fn halves(mut training: Vec<String>, rng: &mut ChaCha8Rng) -> (Vec<String>, Vec<String>) {
    training.shuffle(rng);
    let discriminator = training.split_off(training.len().div_ceil(2));
    (training, sorted(&discriminator))
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
    (nine_digits(count) + 0.5).floor().max(0.0) as usize
}

fn nine_digits(count: f64) -> f64 {
    (count * 1e9).round() / 1e9
}
