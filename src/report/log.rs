//! The log of a training: one row a value, `log.parquet`.

use super::{ReportError, frame};
use polars_core::prelude::*;
use std::path::Path;

const FILE: &str = "log.parquet";

/// One logged value.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Optimiser steps done so far.
    pub step: i64,
    /// Epochs done so far; a fraction within an epoch.
    pub epoch: f64,
    /// E.g. `supervised`, `validation_dice`.
    pub name: String,
    pub value: f64,
}

/// Writes `log.parquet` into `folder`.
pub fn write(folder: &Path, rows: &[Row]) -> Result<(), ReportError> {
    let columns = vec![
        Column::new("step".into(), rows.iter().map(|row| row.step).collect::<Vec<i64>>()),
        Column::new("epoch".into(), rows.iter().map(|row| row.epoch).collect::<Vec<f64>>()),
        Column::new("name".into(), rows.iter().map(|row| row.name.as_str()).collect::<Vec<&str>>()),
        Column::new("value".into(), rows.iter().map(|row| row.value).collect::<Vec<f64>>()),
    ];
    frame::write(&folder.join(FILE), &mut frame::of("log", columns)?)
}

/// Reads `log.parquet` of `folder`, in the order in which it was written.
pub fn read(folder: &Path) -> Result<Vec<Row>, ReportError> {
    let frame = frame::read(&folder.join(FILE))?;
    let steps = frame::integers(&frame, "step")?;
    let epochs = frame::numbers(&frame, "epoch")?;
    let names = frame::names(&frame, "name")?;
    let values = frame::numbers(&frame, "value")?;
    let rows = steps.into_iter().zip(epochs).zip(names.into_iter().zip(values));
    let row = |((step, epoch), (name, value)): ((i64, Option<f64>), (String, Option<f64>))| Row {
        step,
        epoch: epoch.unwrap_or(f64::NAN),
        name,
        value: value.unwrap_or(f64::NAN),
    };
    Ok(rows.map(row).collect())
}
