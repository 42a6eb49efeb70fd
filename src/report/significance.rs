//! Does the reference method beat the best of the others? One test a column of a table, on the cases that both have.

use super::scores::Score;
use super::table::{Layout, per_case};
use super::{ReportError, frame};
use polars_core::prelude::*;
use polars_io::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = "significance.parquet";
const CSV: &str = "significance.csv";

/// What a paired test says.
#[derive(Debug, Clone, PartialEq)]
pub struct TestOutcome {
    /// Two-sided.
    pub p: f64,
    /// How p was found, e.g. `wilcoxon exact`.
    pub method: String,
}

/// The test of one column, e.g. of one label fraction.
#[derive(Debug, Clone, PartialEq)]
pub struct Significance {
    /// Key of the column, e.g. `25`.
    pub column: String,
    pub reference: String,
    /// The other row with the best mean.
    pub competitor: String,
    /// Mean over the pairs of reference - competitor, in the unit of the scores.
    pub difference: f64,
    pub p: f64,
    /// Pairs: cases that both have.
    pub n: usize,
    pub method: String,
}

impl Significance {
    /// `**` for p <= 0.01, `*` for p <= 0.05 (paper, section IV-B), else empty.
    pub fn stars(&self) -> &'static str {
        stars(self.p)
    }
}

/// `**` for p <= 0.01, `*` for p <= 0.05 (paper, section IV-B), else empty.
pub fn stars(p: f64) -> &'static str {
    match p {
        p if p <= 0.01 => "**",
        p if p <= 0.05 => "*",
        _ => "",
    }
}

/// Tests row `reference` of `layout` against the best other row, column by column. `test` gets the paired scores of the
/// reference and of the competitor, by name of case. A column without the reference, a competitor or a common case has no entry.
pub fn against_best<E: std::fmt::Display>(
    scores: &[Score],
    layout: &Layout,
    reference: &str,
    test: impl Fn(&[f64], &[f64]) -> Result<TestOutcome, E>,
) -> Result<Vec<Significance>, ReportError> {
    let cases = per_case(scores, &layout.selection)?;
    let of = |row: &str, column: &str| cases.get(&(row.to_owned(), column.to_owned()));
    let mut found = Vec::new();
    for column in layout.columns.iter().map(|column| column.key.as_str()) {
        let others = layout.rows.iter().map(|row| row.key.as_str()).filter(|row| *row != reference);
        let others = others.filter_map(|row| of(row, column).map(|values| (row, values)));
        let best = others.reduce(|best, next| if layout.better.than(mean(next.1), mean(best.1)) { next } else { best });
        let (Some(ours), Some((competitor, theirs))) = (of(reference, column), best) else { continue };
        let (x, y): (Vec<f64>, Vec<f64>) =
            ours.iter().filter_map(|(case, x)| theirs.get(case).map(|y| (*x, *y))).unzip();
        if x.is_empty() {
            continue;
        }
        let outcome = test(&x, &y)
            .map_err(|error| ReportError::Test { column: column.to_owned(), message: error.to_string() })?;
        found.push(Significance {
            column: column.to_owned(),
            reference: reference.to_owned(),
            competitor: competitor.to_owned(),
            difference: x.iter().zip(&y).map(|(x, y)| x - y).sum::<f64>() / x.len() as f64,
            p: outcome.p,
            n: x.len(),
            method: outcome.method,
        });
    }
    Ok(found)
}

fn mean(cases: &BTreeMap<String, f64>) -> f64 {
    cases.values().sum::<f64>() / cases.len() as f64
}

/// Writes `significance.parquet` and, for people, `significance.csv` into `folder`.
pub fn write(folder: &Path, tests: &[Significance]) -> Result<(), ReportError> {
    let text = |name: &str, get: fn(&Significance) -> &str| {
        Column::new(name.into(), tests.iter().map(get).collect::<Vec<&str>>())
    };
    let number = |name: &str, get: fn(&Significance) -> f64| {
        Column::new(name.into(), tests.iter().map(get).collect::<Vec<f64>>())
    };
    let columns = vec![
        text("column", |test| &test.column),
        text("reference", |test| &test.reference),
        text("competitor", |test| &test.competitor),
        number("difference", |test| test.difference),
        number("p", |test| test.p),
        text("stars", Significance::stars),
        Column::new("n".into(), tests.iter().map(|test| test.n as i64).collect::<Vec<i64>>()),
        text("method", |test| &test.method),
    ];
    let mut frame = frame::of("significance", columns)?;
    frame::write(&folder.join(FILE), &mut frame)?;
    let mut csv = Vec::new();
    CsvWriter::new(&mut csv).finish(&mut frame).map_err(ReportError::frame(CSV))?;
    let path = folder.join(CSV);
    std::fs::write(&path, csv).map_err(ReportError::io("write", &path))
}

/// Reads `significance.parquet` of `folder`.
pub fn read(folder: &Path) -> Result<Vec<Significance>, ReportError> {
    let frame = frame::read(&folder.join(FILE))?;
    let names = |name| frame::names(&frame, name).map(Vec::into_iter);
    let numbers = |name| frame::numbers(&frame, name).map(|all| all.into_iter().map(|x| x.unwrap_or(f64::NAN)));
    let who = names("column")?.zip(names("reference")?).zip(names("competitor")?);
    let what = numbers("difference")?.zip(numbers("p")?).zip(frame::integers(&frame, "n")?).zip(names("method")?);
    let test = |(((column, reference), competitor), (((difference, p), n), method))| Significance {
        column,
        reference,
        competitor,
        difference,
        p,
        n: usize::try_from(n).unwrap_or_default(),
        method,
    };
    Ok(who.zip(what).map(test).collect())
}
