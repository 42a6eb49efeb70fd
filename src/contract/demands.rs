use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What an entry asks of the scheduler. Never part of a key: no output may depend on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demands {
    /// Instead of the stage's own wish.
    pub cpus: Option<usize>,
    /// Bytes of memory that it is expected to take.
    pub memory: u64,
    pub gpus: usize,
    /// It is ended when it takes longer.
    pub timeout: Option<Duration>,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// Those with more go first.
    pub priority: i64,
}
