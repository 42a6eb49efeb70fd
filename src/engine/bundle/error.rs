use crate::engine::EngineError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A stranger's text for the terminal: what could move its cursor or change its colours is replaced.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Why a bundle can't be made, read, unpacked or run.
#[derive(Debug, Error)]
pub enum BundleError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("stage `{node}` is not cached, so that there is nothing to pack: run the pipeline first")]
    NotRun { node: String },
    #[error("`{}` can't stand in a bundle: {what}", printable(path))]
    Path { path: String, what: &'static str },
    #[error("at this depth the pipeline has nothing to pack; publish an output, or choose a greater depth")]
    Nothing,
    #[error("this is no bundle of runner: {what}")]
    NotABundle { what: String },
    #[error("the bundle has format {found}; this runner reads format {known}: use a newer runner")]
    Format { found: u32, known: u32 },
    #[error("the bundle says that it holds {declared} bytes, more than the limit of {limit}; allow it by --max-size")]
    TooLarge { declared: u64, limit: u64 },
    #[error("the bundle holds {declared} bytes, but only {free} are free at {}", path.display())]
    NoSpace { declared: u64, free: u64, path: PathBuf },
    #[error("entry {index} of the bundle should be `{expected}`, but is {}", printable(found))]
    Entry { index: usize, expected: String, found: String },
    #[error("`{path}` in the bundle is not what the bundle's manifest says: its SHA-256 is {found}, not {expected}")]
    Digest { path: String, expected: crate::digest::Digest, found: crate::digest::Digest },
    #[error("`{}` in the bundle is inconsistent: {}", printable(path), printable(what))]
    Inconsistent { path: String, what: String },
    #[error("{} is not empty and holds another bundle or something else; choose a folder with --into", path.display())]
    NotEmpty { path: PathBuf },
    #[error(
        "stage `{node}` would run a command of the bundle: look at {}, and if you trust it, allow it by \
         --allow-commands",
        pipeline.display()
    )]
    Command { node: String, pipeline: PathBuf },
    #[error("stage `{node}` would read {}, which is no part of the bundle; no bundle may do that", path.display())]
    Source { node: String, path: PathBuf },
    #[error(
        "a parameter or coordinate of stage `{node}` is `{text}`: as a file's name, it would lead out of the folder"
    )]
    LeadsAway { node: String, text: String },
    #[error("stage `{node}` of the bundle is unknown to the bundle's own pipeline")]
    UnknownStage { node: String },
    #[error("stage `{node}` needs the output `{port}` of `{from}`, which the bundle doesn't hold")]
    Unpacked { node: String, from: String, port: String },
    #[error("the bundle's pipeline would read or write at {}, outside of the bundle's folder", path.display())]
    Outside { path: PathBuf },
}

impl BundleError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BundleError {
        let path = path.to_owned();
        move |source| BundleError::Io { action, path, source }
    }

    pub(super) fn inconsistent(path: &str, what: impl Into<String>) -> BundleError {
        BundleError::Inconsistent { path: path.to_owned(), what: what.into() }
    }
}
