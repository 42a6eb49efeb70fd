//! What the stages of a run measured: tables, scores, tests, and `metrics.json` of programs of the user's own.

use crate::engine::history::Run;
use crate::engine::{EngineError, Store};
use crate::report::ReportError;
use crate::report::change::{Decision, Moved, cells, decisions};
use crate::report::significance::{self, Significance};
use crate::report::table::{Value, read_csv};
use crate::report::{scores, scores::Score};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("cannot read {path}: {source}")]
    Io { path: String, source: std::io::Error },
}

/// By name of what holds them, e.g. `table.tables/ablation.csv`.
#[derive(Debug, Default)]
pub struct Measured {
    pub tables: BTreeMap<String, Vec<Value>>,
    pub tests: BTreeMap<String, Vec<Significance>>,
}

/// What changed between two runs.
#[derive(Debug, Default, Serialize)]
pub struct Metrics {
    pub tables: Vec<Table>,
    pub decisions: Vec<Decision>,
}

#[derive(Debug, Serialize)]
pub struct Table {
    pub name: String,
    pub cells: usize,
    pub moved: Vec<Moved>,
}

impl Metrics {
    /// Of what both runs have.
    pub fn of(was: &Measured, is: &Measured) -> Self {
        let tables = is.tables.iter().filter_map(|(name, is)| {
            let moved = cells(was.tables.get(name)?, is);
            Some(Table { name: name.clone(), cells: is.len(), moved })
        });
        let tests = is.tests.iter().filter_map(|(name, is)| Some(decisions(was.tests.get(name)?, is)));
        Metrics { tables: tables.collect(), decisions: tests.flatten().collect() }
    }
}

/// Everything that a run measured and the store still has. Scores count where no table sums them up.
pub fn read(store: &Store, run: &Run) -> Result<Measured, MetricsError> {
    let (mut measured, mut means) = (Measured::default(), Vec::new());
    for (node, key) in run.keys() {
        let outputs = store.record(key)?.map(|record| record.outputs).unwrap_or_default();
        for (port, tree) in outputs {
            let files = match store.listing(tree) {
                Err(EngineError::Lost { .. }) => continue,
                listing => listing?.files,
            };
            for file in files {
                let object = store.object(file.sha256);
                let name = format!("{node}.{port}/{}", file.path);
                match file.path.rsplit('/').next().unwrap_or_default() {
                    _ if !object.is_file() => {}
                    "scores.parquet" => means.extend(mean_of(node, &beside(&object, "scores.parquet", scores::read)?)),
                    "significance.parquet" => {
                        let tests = beside(&object, "significance.parquet", significance::read)?;
                        measured.tests.insert(name, tests);
                    }
                    "metrics.json" => {
                        measured.tables.insert(name, flat(&bytes(&object)?));
                    }
                    csv if csv.ends_with(".csv") => {
                        if let Some(values) = read_csv(&String::from_utf8_lossy(&bytes(&object)?)) {
                            measured.tables.insert(name, values);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    if measured.tables.is_empty() && !means.is_empty() {
        measured.tables.insert("mean Dice".to_owned(), means);
    }
    Ok(measured)
}

fn bytes(path: &Path) -> Result<Vec<u8>, MetricsError> {
    fs::read(path).map_err(|source| MetricsError::Io { path: path.display().to_string(), source })
}

/// The readers of `report` want a folder and a name; objects have digests for names.
fn beside<T>(object: &Path, name: &str, read: impl Fn(&Path) -> Result<T, ReportError>) -> Result<T, MetricsError> {
    let io = |source| MetricsError::Io { path: object.display().to_string(), source };
    let folder = tempfile::tempdir().map_err(io)?;
    fs::copy(object, folder.path().join(name)).map_err(io)?;
    Ok(read(folder.path())?)
}

/// The mean over cases of the multi-class Dice.
fn mean_of(node: &str, scores: &[Score]) -> Option<Value> {
    let wanted = |score: &&Score| score.metric == "dice" && score.class == "all";
    let values: Vec<f64> = scores.iter().filter(wanted).filter_map(|score| score.value).collect();
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    mean.map(|mean| value(node, "dice", mean))
}

fn value(row: &str, column: &str, mean: f64) -> Value {
    Value {
        row: row.to_owned(),
        column: column.to_owned(),
        label: row.to_owned(),
        metric: column.to_owned(),
        class: String::new(),
        unit: String::new(),
        mean: Some(mean),
        stars: String::new(),
    }
}

/// The numbers of any JSON, by their dotted path.
fn flat(json: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut open = vec![(String::new(), serde_json::from_slice(json).unwrap_or_default())];
    while let Some((path, tree)) = open.pop() {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match tree {
            serde_json::Value::Number(number) => values.extend(number.as_f64().map(|x| value(&path, "", x))),
            serde_json::Value::Object(map) => open.extend(map.into_iter().map(|(name, tree)| (below(&name), tree))),
            serde_json::Value::Array(all) => {
                open.extend(all.into_iter().enumerate().map(|(index, tree)| (below(&index.to_string()), tree)));
            }
            _ => {}
        }
    }
    values.sort_by(|a, b| a.row.cmp(&b.row));
    values
}
