//! From what a list says to the cases of the data set: each found, and in one part only.

use super::SplitError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A case as a list may name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum CaseName {
    /// Its number: that of the digits at the end of its name (7 is `patient007`).
    Number(u64),
    Name(String),
}

/// The digits at the end of a name.
fn number_of(name: &str) -> Option<u64> {
    let start = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    name[start..].parse().ok()
}

/// The name that was most likely meant.
pub fn closest<'a>(typed: &str, known: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let distance = |name: &String| strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase());
    let (distance, name) =
        known.into_iter().map(|name| (distance(name), name)).min_by_key(|(distance, _)| *distance)?;
    (distance <= (typed.chars().count() / 3).max(2)).then(|| name.clone())
}

impl CaseName {
    /// The case of the data set that it means.
    fn resolve(&self, part: &str, cases: &[String]) -> Result<String, SplitError> {
        let unknown = |case: String, closest| Err(SplitError::Unknown { part: part.to_owned(), case, closest });
        match self {
            CaseName::Name(name) if cases.contains(name) => Ok(name.clone()),
            CaseName::Name(name) => unknown(name.clone(), closest(name, cases)),
            CaseName::Number(number) => {
                let mut found = cases.iter().filter(|case| number_of(case) == Some(*number));
                match (found.next(), found.next()) {
                    (Some(case), None) => Ok(case.clone()),
                    (Some(first), Some(second)) => Err(SplitError::Ambiguous {
                        part: part.to_owned(),
                        number: *number,
                        first: first.clone(),
                        second: second.clone(),
                    }),
                    (None, _) => unknown(number.to_string(), None),
                }
            }
        }
    }
}

/// Cases that were given a part, with the part of each.
pub struct Taken<'a> {
    cases: &'a [String],
    parts: BTreeMap<String, String>,
}

impl<'a> Taken<'a> {
    pub fn of(cases: &'a [String]) -> Self {
        Taken { cases, parts: BTreeMap::new() }
    }

    /// The cases that a list names, in its order. Names no case that another list, or it itself, named before.
    pub fn take(&mut self, part: &str, names: &[CaseName]) -> Result<Vec<String>, SplitError> {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let case = name.resolve(part, self.cases)?;
            match self.parts.insert(case.clone(), part.to_owned()) {
                None => found.push(case),
                Some(first) if first == part => return Err(SplitError::Twice { case }),
                Some(first) => return Err(SplitError::Crosses { case, first, second: part.to_owned() }),
            }
        }
        Ok(found)
    }

    /// The cases that no list named.
    pub fn rest(&self) -> Vec<String> {
        self.cases.iter().filter(|case| !self.parts.contains_key(*case)).cloned().collect()
    }

    /// An error if there is one.
    pub fn all(&self) -> Result<(), SplitError> {
        let rest = self.rest();
        match rest.first() {
            Some(case) => Err(SplitError::Missing { case: case.clone(), count: rest.len() }),
            None => Ok(()),
        }
    }
}

/// Cases that a list names, whether or not another list names them too.
pub fn resolve_all(part: &str, names: &[CaseName], cases: &[String]) -> Result<Vec<String>, SplitError> {
    Taken::of(cases).take(part, names)
}
