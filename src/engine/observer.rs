use crate::plan::Node;
use std::path::Path;
use std::time::Duration;

/// How a stage came to its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Cached,
    Ran,
}

/// Something that happened during a run.
pub enum Event<'a> {
    Started {
        node: &'a Node,
        threads: usize,
    },
    /// `done` of `total` units of the stage's own.
    Progress {
        node: &'a Node,
        done: u64,
        total: u64,
        message: &'a str,
    },
    Log {
        node: &'a Node,
        line: &'a str,
    },
    Finished {
        node: &'a Node,
        how: How,
        duration: Duration,
    },
    /// `log`: what the stage said of itself.
    Failed {
        node: &'a Node,
        error: &'a str,
        log: &'a Path,
    },
    /// A stage above it, `because`, failed.
    Skipped {
        node: &'a Node,
        because: &'a str,
    },
    /// How long the run is expected to take from now on, by what its stages took before.
    Remaining {
        duration: Duration,
    },
    Published {
        node: &'a Node,
        path: &'a Path,
    },
    /// Something that the store repaired, or that the user should know.
    Note {
        message: &'a str,
    },
}

/// Told what happens, in order, on the thread that called [`super::run`].
pub trait Observer {
    fn event(&self, event: &Event<'_>);
}

pub struct SilentObserver;

impl Observer for SilentObserver {
    fn event(&self, _: &Event<'_>) {}
}
