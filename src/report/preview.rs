//! The first rows of a Parquet file, for people.

use super::{ReportError, frame};
use serde::Serialize;
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    pub columns: Vec<String>,
    /// The first rows, as text; nulls are empty.
    pub rows: Vec<Vec<String>>,
    /// Of the whole file.
    pub height: usize,
}

/// At most `most` rows of any Parquet file.
pub fn parquet(path: &Path, most: usize) -> Result<Preview, ReportError> {
    let whole = frame::read(path)?;
    let head = whole.head(Some(most));
    let text = |value: polars_core::prelude::AnyValue<'_>| match value {
        polars_core::prelude::AnyValue::Null => String::new(),
        polars_core::prelude::AnyValue::String(text) => text.to_owned(),
        other => other.to_string(),
    };
    let row = |index: usize| {
        let cells = head.columns().iter().map(|column| column.get(index).map(text));
        cells.collect::<Result<Vec<_>, _>>().map_err(ReportError::frame(path.display().to_string()))
    };
    let columns = head.get_column_names().into_iter().map(|name| name.as_str().to_owned()).collect();
    Ok(Preview { columns, rows: (0..head.height()).map(row).collect::<Result<_, _>>()?, height: whole.height() })
}
