use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a run could not go on at all. A stage that fails is no such error: it is in the summary.
#[derive(Debug, Error)]
pub enum EngineError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("no stage `{name}` in pipeline `{pipeline}`; it has {}", known.join(", "))]
    UnknownStage { name: String, pipeline: String, known: Vec<String> },
    #[error("stage `{node}` reads {}, named by its parameter `{parameter}`: {source}", path.display())]
    Source { node: String, parameter: String, path: PathBuf, source: io::Error },
    #[error("object {digest} is missing from the store or corrupt")]
    Lost { digest: crate::digest::Digest },
    #[error("stage `{node}` left {} in its output `{port}`: {what}", path.display())]
    Output { node: String, port: String, path: PathBuf, what: &'static str },
    #[error("both `{one}` and `{other}` publish {}; give one of them another folder", path.display())]
    PublishedTwice { one: String, other: String, path: PathBuf },
    #[error("stage `{node}` would publish to {}, which is outside of the results folder", path.display())]
    PublishOutside { node: String, path: PathBuf },
    #[error("stopped on request")]
    Cancelled,
}

impl EngineError {
    /// For `map_err`: `fs::rename(a, b).map_err(EngineError::io("rename", a))`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EngineError {
        let path = path.to_owned();
        move |source| EngineError::Io { action, path, source }
    }
}
