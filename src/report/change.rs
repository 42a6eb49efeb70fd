//! Two versions of a study: which cells of its tables moved, and which decisions flipped.

use super::significance::Significance;
use super::table::Value;
use serde::Serialize;

/// A cell of a table that is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    pub label: String,
    pub row: String,
    pub column: String,
    pub unit: String,
    pub was: Option<f64>,
    pub is: Option<f64>,
}

/// Cells that differ, in the new table's order, and then those that it no longer has.
pub fn cells(was: &[Value], is: &[Value]) -> Vec<Moved> {
    let place = |value: &Value| (value.row.clone(), value.column.clone(), value.metric.clone(), value.class.clone());
    let of =
        |all: &[Value], wanted: &Value| all.iter().find(|other| place(other) == place(wanted)).and_then(|v| v.mean);
    let moved = |value: &Value| {
        let (was, is) = (of(was, value), of(is, value));
        let (label, row, column) = (value.label.clone(), value.row.clone(), value.column.clone());
        (was != is).then(|| Moved { label, row, column, unit: value.unit.clone(), was, is })
    };
    let gone = was.iter().filter(|value| !is.iter().any(|other| place(other) == place(value)));
    is.iter().chain(gone).filter_map(moved).collect()
}

/// What a test decides at the level of 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The reference's scores are higher.
    ReferenceHigher,
    CompetitorHigher,
    Undecided,
}

/// The level of one asterisk.
const LEVEL: f64 = 0.05;

pub fn verdict(test: &Significance) -> Verdict {
    match test {
        test if test.p > LEVEL || test.p.is_nan() => Verdict::Undecided,
        test if test.difference > 0.0 => Verdict::ReferenceHigher,
        _ => Verdict::CompetitorHigher,
    }
}

/// One column's test, before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    pub column: String,
    pub reference: String,
    /// The competitor, p and verdict; `None` where there was no test.
    pub was: Option<Outcome>,
    pub is: Option<Outcome>,
    pub flipped: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    pub competitor: String,
    pub p: f64,
    pub verdict: Verdict,
}

/// Every test of either side, in the new order. One that only one side has is no flip.
pub fn decisions(was: &[Significance], is: &[Significance]) -> Vec<Decision> {
    let same = |a: &Significance, b: &Significance| a.column == b.column && a.reference == b.reference;
    let outcome =
        |test: &Significance| Outcome { competitor: test.competitor.clone(), p: test.p, verdict: verdict(test) };
    let gone = was.iter().filter(|test| !is.iter().any(|other| same(other, test)));
    let decision = |test: &Significance| {
        let find = |all: &[Significance]| all.iter().find(|other| same(other, test)).map(outcome);
        let (was, is) = (find(was), find(is));
        let flipped = matches!((&was, &is), (Some(was), Some(is)) if was.verdict != is.verdict);
        Decision { column: test.column.clone(), reference: test.reference.clone(), was, is, flipped }
    };
    is.iter().chain(gone).map(decision).collect()
}
