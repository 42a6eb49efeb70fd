use super::Table;
use crate::report::significance::Significance;

/// The sentences under a table: what a cell is, how many cases, what the marks mean. Plain text.
pub fn notes(table: &Table) -> Vec<String> {
    let layout = &table.layout;
    let mut notes = vec![format!(
        "Mean (standard deviation) of the {} over test cases, in {}; the best of a column in bold{}.",
        layout.measure,
        layout.unit,
        bounds(table)
    )];
    notes.extend(cases(table));
    if table.all_cells().any(Option::is_none) {
        notes.push("—: no score.".to_owned());
    }
    if !table.tests.is_empty() {
        notes.push(stars(table));
        notes.push(format!("{}.", table.tests.iter().map(|test| p_value(table, test)).collect::<Vec<_>>().join("; ")));
    }
    notes
}

/// What is no competitor.
fn bounds(table: &Table) -> String {
    let labels: Vec<&str> = table.bounds.iter().map(|key| label(table, key)).collect();
    match labels.split_last() {
        None => String::new(),
        Some((only, [])) => format!(", but for the upper bound {only}"),
        Some((last, others)) => format!(", but for the upper bounds {} and {last}", others.join(", ")),
    }
}

/// `n = 15 cases.`, or the range where cells differ.
fn cases(table: &Table) -> Option<String> {
    let counts = || table.all_cells().flatten().map(|cell| cell.n);
    let (low, high) = (counts().min()?, counts().max()?);
    let noun = if high == 1 { "case" } else { "cases" };
    Some(if low == high { format!("n = {high} {noun} in each cell.") } else { format!("n = {low} to {high} cases.") })
}

fn stars(table: &Table) -> String {
    let first = table.tests.first();
    let reference = first.map_or("", |test| label(table, &test.reference));
    let columns = || table.tests.iter().map(|test| &test.column);
    let several = columns().zip(columns().skip(1)).any(|(column, next)| column == next);
    let others = if several { "each other" } else { "the best other" };
    let unit = first.and_then(|test| test.unit.as_deref()).unwrap_or("case");
    let correction = match first.is_some_and(|test| test.adjusted.is_some()) {
        true => "with a correction for several tests",
        false => "without correction for several columns",
    };
    format!(
        "** p ≤ 0.01, * p ≤ 0.05: {reference} against {others} of the column, two-sided Wilcoxon signed-rank test, \
         paired by {unit}, {correction}."
    )
}

/// `25 %: p = 0.031 against #1 (wilcoxon exact, n = 15)`.
fn p_value(table: &Table, test: &Significance) -> String {
    let column = table.layout.columns.iter().find(|column| column.key == test.column);
    let column = column.map_or(test.column.as_str(), |column| &column.label);
    let competitor = label(table, &test.competitor);
    let worse = if table.layout.better.than(0.0, test.difference) { ", which is better" } else { "" };
    let adjusted = test.adjusted.map_or_else(String::new, |p| format!(", corrected {}", short(p)));
    format!("{column}: p = {}{adjusted} against {competitor}{worse} ({}, n = {})", short(test.p), test.method, test.n)
}

/// Two significant digits, never rounded to nothing.
fn short(p: f64) -> String {
    match p {
        p if p >= 0.1 => format!("{p:.2}"),
        p if p >= 0.01 => format!("{p:.3}"),
        p if p >= 0.001 => format!("{p:.4}"),
        p => format!("{p:.1e}"),
    }
}

fn label<'a>(table: &'a Table, key: &'a str) -> &'a str {
    table.layout.rows.iter().find(|row| row.key == key).map_or(key, |row| &row.label)
}
