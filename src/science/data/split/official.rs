use super::named::{CaseName, Taken, closest, resolve_all};
use super::{Split, SplitError, Unlisted, sorted};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The lists that came with the paper's code, one file a data set: `{perc25: {split0: {test, validation, train_unsup,
/// train_disc, train_sup}}, perc50: ..}`. `fold` k is `splitk`.
///
/// `train_unsup` and `train_disc` are the two halves of the training cases, the same at all percentages. `train_sup` is the
/// list of cases whose scribbles are used; at 50 % it is `train_unsup`, but the 18 cases at 25 % were drawn from both halves:
/// 11 of them are the discriminator's, so that masks and images of one patient do meet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficialSplit {
    /// The file; its content, not its path, is in the key.
    pub file: PathBuf,
    /// What to make of scribbles of the discriminator's cases. Default `disjoint`, the paper's.
    #[serde(default)]
    pub labelled: Labelled,
    /// What becomes of a case that the lists do not name. Default `fail`.
    #[serde(default)]
    pub unlisted: Unlisted,
}

/// Which cases are labelled at a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Labelled {
    /// No case crosses (IV-A: the images of the discriminator's half are discarded): cases of a list that are the segmentor's
    /// get labels first, those of the smallest list before all others; further ones are drawn, so that there are as many.
    #[default]
    Disjoint,
    /// The lists to the letter, the discriminator's cases too; step (ii) has all images of `train_unsup`.
    AsReleased,
}

/// The content of the file: percentage, split, lists.
pub type OfficialLists = BTreeMap<String, BTreeMap<String, OfficialList>>;

/// The lists of one split at one percentage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialList {
    pub test: Vec<CaseName>,
    pub validation: Vec<CaseName>,
    /// The segmentor's half.
    pub train_unsup: Vec<CaseName>,
    /// The discriminator's half.
    pub train_disc: Vec<CaseName>,
    /// Cases whose scribbles are used.
    pub train_sup: Vec<CaseName>,
}

/// One split's lists by percentage.
type ByPercent<'a> = BTreeMap<u32, (&'a str, &'a OfficialList)>;

impl OfficialSplit {
    pub fn split(
        &self,
        lists: &OfficialLists,
        cases: &[String],
        fold: usize,
        mut rng: ChaCha8Rng,
    ) -> Result<Split, SplitError> {
        let lists = by_percent(lists, fold)?;
        let Some((_, first)) = lists.values().next() else { return Err(SplitError::NoLists) };
        let mut taken = Taken::of(cases);
        let test = taken.take("test", &first.test)?;
        let validation = taken.take("validation", &first.validation)?;
        let mut segmentor = taken.take("train_unsup", &first.train_unsup)?;
        let discriminator = taken.take("train_disc", &first.train_disc)?;
        if self.unlisted == Unlisted::Fail {
            taken.all()?;
        }
        if segmentor.is_empty() {
            return Err(SplitError::Empty { part: "segmentor" });
        }
        let mut labelled = BTreeMap::new();
        for (percent, (_, list)) in &lists {
            labelled.insert(*percent, resolve_all("train_sup", &list.train_sup, cases)?);
        }
        segmentor.sort();
        segmentor.shuffle(&mut rng);
        if self.labelled == Labelled::Disjoint {
            // Stable: the drawn order holds within a list, and for those that are in none.
            segmentor.sort_by_key(|case| labelled.values().position(|list| list.contains(case)).unwrap_or(usize::MAX));
            labelled.clear();
        }
        let (test, validation, discriminator) = (sorted(&test), sorted(&validation), sorted(&discriminator));
        Ok(Split { test, validation, discriminator, segmentor, rounding: Default::default(), labelled })
    }
}

/// The lists of split `fold`, which must share everything but `train_sup`.
fn by_percent(lists: &OfficialLists, fold: usize) -> Result<ByPercent<'_>, SplitError> {
    let split = format!("split{fold}");
    let mut found = ByPercent::new();
    for (name, splits) in lists {
        let percent = name.strip_prefix("perc").and_then(|percent| percent.parse().ok());
        let percent: u32 = percent.ok_or_else(|| missing("perc25", std::iter::once(name)))?;
        let list = splits.get(&split).ok_or_else(|| missing(&split, splits.keys()))?;
        found.insert(percent, (name, list));
    }
    same(&found)?;
    Ok(found)
}

/// One of the lists.
type Part = fn(&OfficialList) -> &Vec<CaseName>;

fn same(lists: &ByPercent) -> Result<(), SplitError> {
    let parts: [(&'static str, Part); 4] = [
        ("test", |list| &list.test),
        ("validation", |list| &list.validation),
        ("train_unsup", |list| &list.train_unsup),
        ("train_disc", |list| &list.train_disc),
    ];
    let set = |cases: &Vec<CaseName>| cases.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    let all: Vec<_> = lists.values().collect();
    for pair in all.windows(2) {
        let [(first, one), (second, other)] = [pair[0], pair[1]];
        if let Some((part, _)) = parts.iter().find(|(_, of)| set(of(one)) != set(of(other))) {
            return Err(SplitError::Differ { part, first: (*first).to_owned(), second: (*second).to_owned() });
        }
    }
    Ok(())
}

fn missing<'a>(name: &str, known: impl Iterator<Item = &'a String> + Clone) -> SplitError {
    let listed: Vec<String> = known.clone().map(|name| format!("`{name}`")).collect();
    SplitError::NoOfficial { name: name.to_owned(), closest: closest(name, known), known: listed.join(", ") }
}
