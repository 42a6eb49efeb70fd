use super::cache::Record;
use super::schedule::Budget;
use super::select::Select;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How to run a plan.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cores that stages may keep busy at the same time.
    pub jobs: usize,
    /// Bytes of memory that stages may ask for at the same time.
    pub memory: u64,
    /// Graphics cards that there are.
    pub gpus: usize,
    /// Entries or nodes that run although they are cached.
    pub force: Vec<String>,
    /// Stages that take part; the default is all.
    pub select: Select,
    /// Nodes whose outputs are given, by id: they count as cached, and what is above them isn't looked at.
    pub pinned: BTreeMap<String, Record>,
    /// Stop at the first failure instead of going on with what doesn't depend on it.
    pub fail_fast: bool,
    /// This program, for stages that want a process of their own; `None` keeps them in threads.
    pub executable: Option<PathBuf>,
    /// The command line that reproduces this run; a failed stage is told with it, and its own name.
    pub again: Option<String>,
    /// Set to stop: what runs is asked to checkpoint, and nothing else starts.
    pub cancel: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        let Budget { cpus, memory, gpus } = Budget::default();
        Options {
            jobs: cpus,
            memory,
            gpus,
            force: Vec::new(),
            select: Select::default(),
            pinned: BTreeMap::new(),
            fail_fast: false,
            executable: None,
            again: None,
            cancel: Arc::default(),
        }
    }
}

/// A stage that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub node: String,
    pub error: String,
    pub log: PathBuf,
    pub log_tail: Vec<String>,
    /// The command that runs this stage alone.
    pub again: Option<String>,
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub ran: Vec<String>,
    pub cached: Vec<String>,
    pub failed: Vec<Failure>,
    /// A node, and the failed node above it.
    pub skipped: Vec<(String, String)>,
    /// Asked to stop, or never started because of that.
    pub cancelled: Vec<String>,
    pub interrupted: bool,
    pub duration: Duration,
    /// Files of the results, relative to the project's root.
    pub published: Vec<PathBuf>,
    pub results: PathBuf,
}

impl Summary {
    pub fn succeeded(&self) -> bool {
        self.failed.is_empty() && self.cancelled.is_empty() && !self.interrupted
    }
}
