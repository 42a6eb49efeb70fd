//! Does the reference method beat the best of the others? One test a column of a table, on the cases that both have.

use super::pairs::Pairs;
use super::scores::Score;
use super::table::Layout;
use super::{ReportError, frame};
use polars_core::prelude::*;
use polars_io::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = "significance.parquet";
const CSV: &str = "significance.csv";

/// What a paired test says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestOutcome {
    /// Two-sided.
    pub p: f64,
    /// How p was found, e.g. `wilcoxon exact`.
    pub method: String,
    /// Size of the effect, where asked for.
    pub effect: Option<f64>,
    /// Limits of the mean difference, where asked for.
    pub interval: Option<[f64; 2]>,
}

/// The test of one column, e.g. of one label fraction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Significance {
    /// Key of the column, e.g. `25`.
    pub column: String,
    pub reference: String,
    /// The other row with the best mean, or any other ([`Against::All`]).
    pub competitor: String,
    /// Mean over the pairs of reference - competitor, in the unit of the scores.
    pub difference: f64,
    pub p: f64,
    /// Pairs: cases that both have.
    pub n: usize,
    pub method: String,
    /// p after the correction for several tests. This and what follows are columns of the file only where asked for.
    pub adjusted: Option<f64>,
    pub effect: Option<f64>,
    pub interval: Option<[f64; 2]>,
    /// What a pair is, where that is not a case.
    pub unit: Option<String>,
}

impl Significance {
    /// The p that counts: the corrected one, if there is one.
    pub fn deciding_p(&self) -> f64 {
        self.adjusted.unwrap_or(self.p)
    }

    /// `**` for p <= 0.01, `*` for p <= 0.05 (paper, section IV-B), else empty.
    pub fn stars(&self) -> &'static str {
        stars(self.deciding_p())
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

/// Whom the reference is tested against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The best of the others by mean, as in the paper (IV-B), which so avoids several comparisons.
    #[default]
    Best,
    /// Each of the others.
    All,
}

/// What is paired, and tested against whom.
#[derive(Debug, Clone, Copy, Default)]
pub struct Design {
    pub pairs: Pairs,
    pub against: Against,
}

/// Tests row `reference` of `layout` against the best other row, column by column. `test` gets the paired scores of the
/// reference and of the competitor, by name of case. A column without the reference, a competitor or a common case has no entry.
pub fn against_best<E: std::fmt::Display>(
    scores: &[Score],
    layout: &Layout,
    reference: &str,
    test: impl Fn(&[f64], &[f64]) -> Result<TestOutcome, E>,
) -> Result<Vec<Significance>, ReportError> {
    compare(scores, layout, reference, Design::default(), test)
}

/// [`against_best`] by any design.
pub fn compare<E: std::fmt::Display>(
    scores: &[Score],
    layout: &Layout,
    reference: &str,
    design: Design,
    test: impl Fn(&[f64], &[f64]) -> Result<TestOutcome, E>,
) -> Result<Vec<Significance>, ReportError> {
    let units = design.pairs.of(scores, &layout.selection)?;
    let of = |row: &str, column: &str| units.get(&(row.to_owned(), column.to_owned()));
    let mut found = Vec::new();
    for column in layout.columns.iter().map(|column| column.key.as_str()) {
        let others = layout.rows.iter().map(|row| row.key.as_str()).filter(|row| *row != reference);
        let others = others.filter_map(|row| of(row, column).map(|values| (row, values)));
        let better =
            |best, next| if layout.better.than(mean(unit_values(next)), mean(unit_values(best))) { next } else { best };
        let others: Vec<_> = match design.against {
            Against::Best => others.reduce(better).into_iter().collect(),
            Against::All => others.collect(),
        };
        let Some(ours) = of(reference, column) else { continue };
        for (competitor, theirs) in others {
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
                adjusted: None,
                effect: outcome.effect,
                interval: outcome.interval,
                unit: design.pairs.unit.name(),
            });
        }
    }
    Ok(found)
}

/// Corrects p for several tests by `adjust`, which gets all that belong together: those of a column, or all.
pub fn adjust<E: std::fmt::Display>(
    tests: &mut [Significance],
    by_column: bool,
    adjust: impl Fn(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<(), ReportError> {
    for family in tests.chunk_by_mut(|a, b| !by_column || a.column == b.column) {
        let p: Vec<f64> = family.iter().map(|test| test.p).collect();
        let failed = |error: E| ReportError::Test { column: family[0].column.clone(), message: error.to_string() };
        let adjusted = adjust(&p).map_err(failed)?;
        family.iter_mut().zip(adjusted).for_each(|(test, p)| test.adjusted = Some(p));
    }
    Ok(())
}

fn unit_values<'a>((_, values): (&str, &'a BTreeMap<String, f64>)) -> &'a BTreeMap<String, f64> {
    values
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
    let optional = |name: &str, get: fn(&Significance) -> Option<f64>| {
        let asked = tests.iter().any(|test| get(test).is_some());
        asked.then(|| Column::new(name.into(), tests.iter().map(get).collect::<Vec<Option<f64>>>()))
    };
    let mut columns = vec![
        text("column", |test| &test.column),
        text("reference", |test| &test.reference),
        text("competitor", |test| &test.competitor),
        number("difference", |test| test.difference),
        number("p", |test| test.p),
        text("stars", Significance::stars),
        Column::new("n".into(), tests.iter().map(|test| test.n as i64).collect::<Vec<i64>>()),
        text("method", |test| &test.method),
    ];
    columns.extend(optional("p_adjusted", |test| test.adjusted));
    columns.extend(optional("rank_biserial", |test| test.effect));
    columns.extend(optional("low", |test| test.interval.map(|[low, _]| low)));
    columns.extend(optional("high", |test| test.interval.map(|[_, high]| high)));
    if tests.iter().any(|test| test.unit.is_some()) {
        columns.push(text("unit", |test| test.unit.as_deref().unwrap_or("case")));
    }
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
    let has = |name: &str| frame.get_column_index(name).is_some();
    let optional = |name: &str| match has(name) {
        true => frame::numbers(&frame, name),
        false => Ok(vec![None; frame.height()]),
    };
    let units = if has("unit") { frame::texts(&frame, "unit")? } else { vec![None; frame.height()] };
    let more = optional("p_adjusted")?.into_iter().zip(optional("rank_biserial")?).zip(units);
    let limits = optional("low")?.into_iter().zip(optional("high")?);
    let test = |(((column, reference), competitor), (((difference, p), n), method))| Significance {
        column,
        reference,
        competitor,
        difference,
        p,
        n: usize::try_from(n).unwrap_or_default(),
        method,
        ..Significance::default()
    };
    let tests = who.zip(what).map(test).zip(more.zip(limits));
    Ok(tests
        .map(|(test, (((adjusted, effect), unit), (low, high)))| Significance {
            adjusted,
            effect,
            interval: low.zip(high).map(|(low, high)| [low, high]),
            unit: unit.filter(|unit| unit != "case"),
            ..test
        })
        .collect())
}
