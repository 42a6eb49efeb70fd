//! A store elsewhere: objects and records below a URL, under the names that they have here.
//!
//! A remote is never trusted with more than it is asked: what arrives is held against its digest and the size that
//! was declared, and what doesn't fit is thrown away and said so. What no digest can tell is whether a record's
//! outputs are what its stage makes of its inputs: for that one recomputes a sample.

mod check;
mod fetch;
mod open;
mod pull;
mod push;
mod transfer;

pub use check::Refusal;
pub(crate) use check::check_listing;
pub use pull::Pulled;
pub use push::Pushed;

use super::usage::shown_bytes;
use super::{Store, lock_anyway};
use crate::digest::Digest;
use crate::engine::EngineError;
use object_store::ObjectStore;
use object_store::path::{Path, PathPart};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// A remote that can be reached by a URL: `file:///folder`, `s3://bucket/prefix`, `https://host/path` (read-only).
pub struct Remote {
    /// As the user wrote it, without a password.
    url: String,
    store: Arc<dyn ObjectStore>,
    /// What all its names begin with.
    prefix: Path,
    /// One thread: the engine calls in and waits.
    runtime: Runtime,
    /// Plain HTTP servers neither take files nor list them.
    plain_http: bool,
    /// It failed to answer: not asked again by this process.
    down: AtomicBool,
    fetched: Mutex<Fetched>,
}

/// What came from a remote while a run looked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    pub from: String,
    pub stages: u64,
    pub bytes: u64,
}

impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.stages == 1 { "" } else { "s" };
        write!(f, "{} stage{s} ({}) fetched from {}", self.stages, shown_bytes(self.bytes), self.from)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("`{url}` is no remote: {what}; write file:///folder, s3://bucket/prefix or https://host/path")]
    Url { url: String, what: String },
    #[error("remote {url} cannot be used: {what}")]
    Open { url: String, what: String },
    #[error("remote {url} does not answer: {what}")]
    Transport { url: String, what: String },
    #[error("remote {url} is read-only; push to a file:// or s3:// remote, and let the server show that")]
    ReadOnly { url: String },
    #[error("remote {url} cannot list what it holds; name a pipeline, so that its keys are asked for")]
    NoListing { url: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Remote {
    /// The URL, without a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn at(&self, kind: &str, digest: Digest, extension: &str) -> Path {
        let text = digest.to_string();
        let name = format!("{}{extension}", &text[2..]);
        self.below(&[kind, &text[..2], &name])
    }

    fn below(&self, parts: &[&str]) -> Path {
        self.prefix.parts().chain(parts.iter().map(|part| PathPart::from(*part))).collect()
    }

    fn object_at(&self, digest: Digest) -> Path {
        self.at("objects", digest, "")
    }

    fn record_at(&self, key: Digest) -> Path {
        self.at("actions", key, ".json")
    }

    fn transport(&self, what: String) -> RemoteError {
        RemoteError::Transport { url: self.url.clone(), what }
    }
}

impl Store {
    /// Looks for what is missing in a remote too, before it is made again.
    #[must_use]
    pub fn with_remote(mut self, remote: Remote) -> Self {
        self.remote = Some(remote);
        self
    }

    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// What came from the remote so far; `None` if nothing did.
    pub fn fetched(&self) -> Option<Fetched> {
        let remote = self.remote.as_ref()?;
        let fetched = lock_anyway(&remote.fetched).clone();
        (fetched.stages > 0).then(|| Fetched { from: remote.url.clone(), ..fetched })
    }

    /// Whether the remote had what belongs to a key, and it is here now. A remote that doesn't answer is a note.
    pub(crate) fn fetch(&self, key: Digest) -> Result<bool, EngineError> {
        let Some(remote) = self.remote.as_ref().filter(|remote| !remote.down.load(Ordering::Relaxed)) else {
            return Ok(false);
        };
        match self.fetch_keys(remote, &[key], &|_, _| {}) {
            Ok(batch) => {
                batch.refused.into_iter().for_each(|refused| self.note(refused));
                let mut fetched = lock_anyway(&remote.fetched);
                fetched.stages += batch.arrived.len() as u64;
                fetched.bytes += batch.bytes;
                Ok(!batch.arrived.is_empty())
            }
            Err(RemoteError::Engine(error)) => Err(error),
            Err(error) => {
                if !remote.down.swap(true, Ordering::Relaxed) {
                    self.note(format!("{error}; going on without it"));
                }
                Ok(false)
            }
        }
    }
}
