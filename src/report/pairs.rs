//! What a paired test pairs: cases, volumes or slices, of all runs together or of each.

use super::ReportError;
use super::scores::Score;
use super::table::{PerCase, Selection, per_case};
use serde::{Deserialize, Serialize};

/// What a pair of scores stands for. The paper says "over test data"; with 15 % of CHAOS's 20 subjects, three, no exact p
/// gets below 0.25.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A case: the mean over its rows.
    #[default]
    Case,
    /// A volume of a case. Volumes of one case are alike: the test takes them for independent all the same.
    Volume,
    /// A slice, with the same reservation.
    Slice,
}

/// What becomes of a unit that several runs scored, as folds do whose test sets meet, or seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// One pair: the mean over its runs. Folds that share no case are pooled so.
    #[default]
    Mean,
    /// A pair for each run.
    Separate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pairs {
    pub unit: Unit,
    pub repeats: Repeats,
}

impl Unit {
    /// Where it is not the default.
    pub(super) fn name(self) -> Option<String> {
        match self {
            Unit::Case => None,
            Unit::Volume => Some("volume".to_owned()),
            Unit::Slice => Some("slice".to_owned()),
        }
    }

    /// The unit of a row, e.g. `patient001 frame01/3`.
    fn of(self, score: &Score) -> Result<String, ReportError> {
        let Score { case, volume, .. } = score;
        match self {
            Unit::Case => Ok(case.clone()),
            Unit::Volume if !volume.is_empty() => {
                Ok(format!("{case} {}", volume.split_once('/').map_or(volume.as_str(), |(volume, _)| volume)))
            }
            Unit::Slice if volume.contains('/') => Ok(format!("{case} {volume}")),
            Unit::Volume => Err(ReportError::Unit { unit: "volume", rows: "volume" }),
            Unit::Slice => Err(ReportError::Unit { unit: "slice", rows: "slice" }),
        }
    }
}

impl Pairs {
    /// Scores by (row, column) and unit.
    pub(super) fn of(self, scores: &[Score], selection: &Selection) -> Result<PerCase, ReportError> {
        if self == Pairs::default() {
            return per_case(scores, selection);
        }
        let unit = |score: &Score| Ok(Score { case: self.key(score, selection)?, ..score.clone() });
        let of_selection = scores.iter().filter(|s| s.metric == selection.metric && s.class == selection.class);
        per_case(&of_selection.map(unit).collect::<Result<Vec<Score>, ReportError>>()?, selection)
    }

    fn key(self, score: &Score, selection: &Selection) -> Result<String, ReportError> {
        let unit = self.unit.of(score)?;
        if self.repeats == Repeats::Mean {
            return Ok(unit);
        }
        let run =
            score.coordinates.iter().filter(|(key, _)| **key != selection.row_key && **key != selection.column_key);
        let run: Vec<String> = run.map(|(key, value)| format!("{key}={value}")).collect();
        Ok(format!("{unit} {}", run.join(" ")))
    }
}
