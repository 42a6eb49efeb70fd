use super::named::closest;
use super::{Member, Split, SplitError, halves, round_half_up, sorted};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// By what the owners of the data set divide it by. PPSS: images of the last 71 cameras test, those of the first 100 train,
/// "from which we use 10% of images for validation" (IV-A).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSplit {
    /// Groups that test: names, or ranges of numbers `101-171` and `101-`. Default `[101-]`, PPSS's.
    pub test: Vec<String>,
    /// Share of the other cases that validate. Default 0.1.
    pub validation: f64,
    /// What the validation share counts. Default `case`.
    pub validation_unit: ValidationUnit,
}

/// What is drawn for validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValidationUnit {
    /// Single cases, as the paper says ("10% of images"): a group may train and validate.
    #[default]
    Case,
    /// Whole groups: none trains and validates.
    Group,
}

impl Default for GroupSplit {
    fn default() -> Self {
        let test = vec!["101-".to_owned()];
        GroupSplit { test, validation: 0.1, validation_unit: ValidationUnit::default() }
    }
}

impl GroupSplit {
    /// `members` in order of their names.
    pub fn split(&self, members: &[Member], mut rng: ChaCha8Rng) -> Result<Split, SplitError> {
        if !(self.validation > 0.0 && self.validation < 1.0) {
            return Err(SplitError::ValidationShare { share: self.validation });
        }
        let groups = groups_of(members)?;
        for pattern in &self.test {
            if !groups.iter().any(|group| covers(pattern, group)) {
                let closest = closest(pattern, &groups);
                return Err(SplitError::UnknownGroup { group: pattern.clone(), closest });
            }
        }
        let tests = |member: &Member| self.test.iter().any(|pattern| covers(pattern, group_of(member)));
        let (test, rest): (Vec<&Member>, Vec<&Member>) = members.iter().partition(|member| tests(member));
        let (validation, train) = self.validation_of(rest, &mut rng);
        let (segmentor, discriminator) = halves(names(&train), &mut rng);
        for (part, empty) in [("test", test.is_empty()), ("segmentor", segmentor.is_empty())] {
            if empty {
                return Err(SplitError::Empty { part });
            }
        }
        Ok(Split {
            test: names(&test),
            validation: sorted(&names(&validation)),
            discriminator,
            segmentor,
            rounding: Default::default(),
            labelled: Default::default(),
        })
    }

    fn validation_of<'a>(&self, mut rest: Vec<&'a Member>, rng: &mut ChaCha8Rng) -> (Vec<&'a Member>, Vec<&'a Member>) {
        let count = |of: usize| round_half_up(self.validation * of as f64).max(1).min(of);
        match self.validation_unit {
            ValidationUnit::Case => {
                rest.shuffle(rng);
                let mut train = rest.split_off(count(rest.len()));
                train.sort_by(|a, b| a.case.cmp(&b.case));
                (rest, train)
            }
            ValidationUnit::Group => {
                let mut groups: Vec<&str> = rest.iter().map(|member| group_of(member)).collect();
                groups.sort_unstable();
                groups.dedup();
                groups.shuffle(rng);
                groups.truncate(count(groups.len()));
                rest.into_iter().partition(|member| groups.contains(&group_of(member)))
            }
        }
    }
}

fn names(members: &[&Member]) -> Vec<String> {
    members.iter().map(|member| member.case.clone()).collect()
}

fn group_of(member: &Member) -> &str {
    member.group.as_deref().unwrap_or_default()
}

/// All groups, each once.
fn groups_of(members: &[Member]) -> Result<Vec<String>, SplitError> {
    let group = |member: &Member| member.group.clone().ok_or_else(|| SplitError::NoGroup { case: member.case.clone() });
    let mut groups = members.iter().map(group).collect::<Result<Vec<String>, SplitError>>()?;
    groups.sort();
    groups.dedup();
    Ok(groups)
}

/// Whether a name or a range of numbers means a group.
fn covers(pattern: &str, group: &str) -> bool {
    let range = || {
        let (first, last) = pattern.split_once('-')?;
        let first: u64 = first.trim().parse().ok()?;
        let last = if last.trim().is_empty() { u64::MAX } else { last.trim().parse().ok()? };
        let number: u64 = group.parse().ok()?;
        Some((first..=last).contains(&number))
    };
    pattern == group || range().unwrap_or(false)
}
