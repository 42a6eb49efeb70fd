use super::named::{CaseName, Taken};
use super::{Split, SplitError, halves, sorted};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The user's own lists: here, or in a file with the same keys (`.yaml`, `.yml`, `.json`), or of lines `CASE PART` (any other).
/// A case is named by its name, or by the number at the end of its name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListSplit {
    /// The file that holds the lists; its content, not its path, is in the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The lists themselves, where there is no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cases: Option<CaseLists>,
    pub unlisted: Unlisted,
}

/// Which case serves what, as far as lists say. Either `train`, whose halves are drawn, or both halves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CaseLists {
    pub test: Vec<CaseName>,
    pub validation: Vec<CaseName>,
    /// All training cases; they are halved by chance. Left out, with no half listed either: all other cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<Vec<CaseName>>,
    /// Those whose images and scribbles train the segmentor, in the order in which they get labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segmentor: Option<Vec<CaseName>>,
    /// Those whose masks train the discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<Vec<CaseName>>,
}

/// What becomes of a case that no list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unlisted {
    /// An error: a case that is forgotten in a list would go unseen.
    #[default]
    Fail,
    /// It serves nothing.
    LeaveOut,
}

impl ListSplit {
    pub fn split(&self, lists: &CaseLists, cases: &[String], mut rng: ChaCha8Rng) -> Result<Split, SplitError> {
        let mut taken = Taken::of(cases);
        let test = taken.take("test", &lists.test)?;
        let validation = taken.take("validation", &lists.validation)?;
        let (segmentor, discriminator) = match (&lists.train, &lists.segmentor, &lists.discriminator) {
            (None, None, None) => halves(taken.rest(), &mut rng),
            (Some(train), None, None) => halves(sorted(&taken.take("train", train)?), &mut rng),
            (None, segmentor, discriminator) => {
                let of = |list: &Option<Vec<CaseName>>| list.clone().unwrap_or_default();
                let segmentor = taken.take("segmentor", &of(segmentor))?;
                (segmentor, sorted(&taken.take("discriminator", &of(discriminator))?))
            }
            (Some(_), _, _) => {
                let why = "`train` is halved by chance, the others are its halves";
                return Err(SplitError::Both { first: "train", second: "segmentor or discriminator", why });
            }
        };
        let halved = lists.train.is_none() && lists.segmentor.is_none() && lists.discriminator.is_none();
        if self.unlisted == Unlisted::Fail && !halved {
            taken.all()?;
        }
        for (part, list) in [("test", &test), ("validation", &validation), ("segmentor", &segmentor)] {
            if list.is_empty() {
                return Err(SplitError::Empty { part });
            }
        }
        Ok(Split {
            test: sorted(&test),
            validation: sorted(&validation),
            discriminator,
            segmentor,
            rounding: Default::default(),
            labelled: Default::default(),
        })
    }
}

impl CaseLists {
    /// Lines `CASE PART`, apart by spaces, a tab or a comma; empty lines and those that begin with `#` are passed over, and so
    /// is a heading `case,part`.
    pub fn from_lines(text: &str) -> Result<Self, SplitError> {
        let mut lists = CaseLists::default();
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split([' ', '\t', ',', ';']).filter(|word| !word.is_empty()).collect();
            let wrong = || SplitError::Line { line: index + 1, text: line.trim().to_owned() };
            match words[..] {
                [] | ["case", "part"] => {}
                [first, ..] if first.starts_with('#') => {}
                [case, part] => lists.part(part).ok_or_else(wrong)?.push(CaseName::Name(case.to_owned())),
                _ => return Err(wrong()),
            }
        }
        Ok(lists)
    }

    fn part(&mut self, name: &str) -> Option<&mut Vec<CaseName>> {
        match name {
            "test" => Some(&mut self.test),
            "validation" => Some(&mut self.validation),
            "train" => Some(self.train.get_or_insert_default()),
            "segmentor" => Some(self.segmentor.get_or_insert_default()),
            "discriminator" => Some(self.discriminator.get_or_insert_default()),
            _ => None,
        }
    }
}
