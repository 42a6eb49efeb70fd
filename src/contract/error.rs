use thiserror::Error;

/// A parameter of a stage is unknown or ill-typed.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("`{path}`: ") })]
pub struct ParameterError {
    /// Dotted path below `with:`, e.g. `schedule.period_epochs`; empty for the whole.
    pub path: String,
    pub message: String,
}

impl ParameterError {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        ParameterError { path: path.into(), message: message.into() }
    }
}

impl From<serde_path_to_error::Error<serde_json::Error>> for ParameterError {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        ParameterError { path, message: error.inner().to_string() }
    }
}

/// Why a stage did not finish.
#[derive(Debug, Error)]
pub enum StageError {
    #[error("{0}")]
    Failed(String),
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: std::path::PathBuf, source: std::io::Error },
    /// The run was asked to stop; the scratch folder keeps what the next run goes on from.
    #[error("stopped on request")]
    Cancelled,
}

impl StageError {
    /// From any error of a layer below, with its chain of causes in one line.
    pub fn failed(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        StageError::Failed(text)
    }
}
