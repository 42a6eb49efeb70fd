//! Data frames to and from Parquet.

use super::ReportError;
use polars_core::prelude::*;
use polars_io::prelude::*;
use std::fs;
use std::path::Path;

/// Writes through memory, so that a file is whole or absent. Parquet holds no time stamp: same values, same bytes.
pub fn write(path: &Path, frame: &mut DataFrame) -> Result<(), ReportError> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(frame).map_err(ReportError::frame(path.display().to_string()))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(ReportError::io("create", folder))?;
    }
    fs::write(path, bytes).map_err(ReportError::io("write", path))
}

pub fn read(path: &Path) -> Result<DataFrame, ReportError> {
    let file = fs::File::open(path).map_err(ReportError::io("open", path))?;
    ParquetReader::new(file).finish().map_err(ReportError::frame(path.display().to_string()))
}

/// From columns of one length.
pub fn of(what: &str, columns: Vec<Column>) -> Result<DataFrame, ReportError> {
    DataFrame::new_infer_height(columns).map_err(ReportError::frame(what))
}

/// A text column; `None` where the value is null.
pub fn texts(frame: &DataFrame, name: &str) -> Result<Vec<Option<String>>, ReportError> {
    let get = || Ok(frame.column(name)?.str()?.iter().map(|value| value.map(str::to_owned)).collect());
    get().map_err(ReportError::frame(format!("column `{name}`")))
}

/// A text column without nulls; a null reads as empty.
pub fn names(frame: &DataFrame, name: &str) -> Result<Vec<String>, ReportError> {
    Ok(texts(frame, name)?.into_iter().map(Option::unwrap_or_default).collect())
}

pub fn numbers(frame: &DataFrame, name: &str) -> Result<Vec<Option<f64>>, ReportError> {
    let get = || Ok(frame.column(name)?.f64()?.iter().collect());
    get().map_err(ReportError::frame(format!("column `{name}`")))
}

pub fn integers(frame: &DataFrame, name: &str) -> Result<Vec<i64>, ReportError> {
    let get = || Ok(frame.column(name)?.i64()?.iter().map(Option::unwrap_or_default).collect());
    get().map_err(ReportError::frame(format!("column `{name}`")))
}
