use super::{Better, Cell, Layout, Selection, Table};
use crate::report::ReportError;
use crate::report::scores::Score;
use std::collections::{BTreeMap, BTreeSet};

/// (row, column) -> case -> value.
pub type PerCase = BTreeMap<(String, String), BTreeMap<String, f64>>;

/// Means over the rows of each case (its volumes and folds), grouped by row and column of the table. Undefined values are
/// left out; a case without any is absent. Summed in the order of the rows: the last bit depends on no thread.
pub fn per_case(scores: &[Score], selection: &Selection) -> Result<PerCase, ReportError> {
    known(scores, &selection.row_key)?;
    known(scores, &selection.column_key)?;
    let mut values: BTreeMap<(String, String), BTreeMap<String, Vec<f64>>> = BTreeMap::new();
    for score in scores.iter().filter(|score| score.metric == selection.metric && score.class == selection.class) {
        let coordinate = |key: &String| score.coordinates.get(key).cloned();
        let place = coordinate(&selection.row_key).zip(coordinate(&selection.column_key));
        if let (Some(place), Some(value)) = (place, score.value) {
            values.entry(place).or_default().entry(score.case.clone()).or_default().push(value);
        }
    }
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let means =
        |cases: BTreeMap<String, Vec<f64>>| cases.into_iter().map(|(case, values)| (case, mean(values))).collect();
    Ok(values.into_iter().map(|(place, cases)| (place, means(cases))).collect())
}

/// A key that no score has is a slip in the pipeline, not an empty table.
fn known(scores: &[Score], key: &str) -> Result<(), ReportError> {
    if scores.is_empty() || scores.iter().any(|score| score.coordinates.contains_key(key)) {
        return Ok(());
    }
    let keys: BTreeSet<&String> = scores.iter().flat_map(|score| score.coordinates.keys()).collect();
    Err(ReportError::UnknownCoordinate { key: key.to_owned(), known: keys.into_iter().cloned().collect() })
}

/// Fills `layout` from scores. The unit of mean and standard deviation is the case.
pub fn build(scores: &[Score], layout: &Layout) -> Result<Table, ReportError> {
    let cases = per_case(scores, &layout.selection)?;
    let cell = |row: &str, column: &str| {
        cases.get(&(row.to_owned(), column.to_owned())).map(|cases| summary(cases, layout.scale))
    };
    let row = |row: &super::Row| layout.columns.iter().map(|column| cell(&row.key, &column.key)).collect();
    let mut table = Table {
        layout: layout.clone(),
        cells: layout.rows.iter().map(row).collect(),
        tests: Vec::new(),
        bounds: Vec::new(),
    };
    table.mark_best();
    Ok(table)
}

fn summary(cases: &BTreeMap<String, f64>, scale: f64) -> Cell {
    let n = cases.len() as f64;
    let mean = cases.values().sum::<f64>() / n;
    let variance = cases.values().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    Cell { mean: scale * mean, std: scale * variance.sqrt(), n: cases.len(), best: false, p: None }
}

impl Table {
    /// Upper bounds, by the keys of their rows: what learns from more than the others is not the best of a column.
    pub fn with_upper_bounds(mut self, keys: &[String]) -> Table {
        self.bounds = self.layout.rows.iter().map(|row| row.key.clone()).filter(|key| keys.contains(key)).collect();
        self.mark_best();
        self
    }

    fn mark_best(&mut self) {
        let Table { layout, cells, bounds, .. } = self;
        let competes: Vec<bool> = layout.rows.iter().map(|row| !bounds.contains(&row.key)).collect();
        (0..layout.columns.len()).for_each(|column| mark_best(cells, &competes, column, layout.better));
    }
}

/// Equal bests are all marked; a column where one competes has no best.
fn mark_best(cells: &mut [Vec<Option<Cell>>], competes: &[bool], column: usize, better: Better) {
    let competing = cells.iter().zip(competes).filter(|(_, competes)| **competes);
    let means: Vec<f64> = competing.filter_map(|(row, _)| row[column].as_ref().map(|cell| cell.mean)).collect();
    let best = means.iter().copied().reduce(|best, mean| if better.than(mean, best) { mean } else { best });
    for (row, competes) in cells.iter_mut().zip(competes) {
        if let Some(cell) = &mut row[column] {
            cell.best = *competes && means.len() > 1 && Some(cell.mean) == best;
        }
    }
}
