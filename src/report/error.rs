use polars_core::prelude::PolarsError;
use std::path::PathBuf;
use thiserror::Error;

/// Why a table or a figure could not be made.
#[derive(Debug, Error)]
pub enum ReportError {
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// `what` says which data: a path, or the step of a table that failed.
    #[error("{what}: {source}")]
    Frame { what: String, source: PolarsError },
    #[error("a coordinate may not be called `{key}`: scores have a column of that name; rename the matrix axis")]
    ReservedColumn { key: String },
    #[error("the scores have no coordinate `{key}`; they have {}", known.join(", "))]
    UnknownCoordinate { key: String, known: Vec<String> },
    #[error("two values for coordinate `{key}` of case `{case}`: `{was}` in the scores, `{is}` from their stage")]
    Conflict { key: String, case: String, was: String, is: String },
    #[error("{metric} of case `{case}`, class `{class}` is {value}: a score that does not exist must be left empty")]
    NotFinite { case: String, class: String, metric: String, value: f64 },
    #[error("{what}: {found} values where {expected} are needed")]
    Length { what: String, found: usize, expected: usize },
    #[error("the significance test of column `{column}` failed: {message}")]
    Test { column: String, message: String },
    #[error("the scores have no rows by {unit}: set `rows: {rows}` at the stage that evaluates")]
    Unit { unit: &'static str, rows: &'static str },
    #[error("drawing failed: {0}")]
    Draw(String),
}

impl ReportError {
    pub(crate) fn frame(what: impl Into<String>) -> impl FnOnce(PolarsError) -> ReportError {
        let what = what.into();
        move |source| ReportError::Frame { what, source }
    }

    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> ReportError {
        let path = path.to_owned();
        move |source| ReportError::Io { action, path, source }
    }

    pub(crate) fn draw(error: impl std::fmt::Display) -> ReportError {
        ReportError::Draw(error.to_string())
    }
}
