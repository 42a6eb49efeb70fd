use super::StageError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One artifact on an input port, with the matrix coordinates of the stage that made it where the port takes many.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NamedInput {
    /// E.g. `{"method": "ours", "label_fraction": "25"}`, values as text.
    pub coordinates: BTreeMap<String, String>,
    pub path: PathBuf,
}

/// Receives what a running stage says of itself. Never affects results.
pub trait Progress: Send + Sync {
    /// `done` of `total` units (epochs, cases), and a short line such as `loss 0.31`.
    fn update(&self, done: u64, total: u64, message: &str);
    /// A line for the stage's log.
    fn log(&self, line: &str);
}

pub struct SilentProgress;

impl Progress for SilentProgress {
    fn update(&self, _: u64, _: u64, _: &str) {}
    fn log(&self, _: &str) {}
}

/// All that a stage may touch while it runs.
pub struct StageContext {
    /// Canonical parameters.
    pub params: Value,
    pub seed: u64,
    /// Threads that the scheduler granted.
    pub threads: usize,
    /// Port name -> artifacts. `One` has exactly one, `Optional` at most one.
    pub inputs: BTreeMap<String, Vec<NamedInput>>,
    /// Port name -> empty folder to fill.
    pub outputs: BTreeMap<String, PathBuf>,
    /// The project's root.
    pub root: PathBuf,
    /// Empty, and gone when the stage ends: the working folder of its program.
    pub workspace: PathBuf,
    /// Kept between attempts at the same key, so that a training can go on from its checkpoint.
    pub scratch: PathBuf,
    pub progress: Arc<dyn Progress>,
    pub cancel: Arc<AtomicBool>,
}

impl StageContext {
    /// The parameters as the stage's own struct. They were canonicalised, so this only fails on a bug.
    pub fn parameters<P: serde::de::DeserializeOwned>(&self) -> Result<P, StageError> {
        serde_json::from_value(self.params.clone()).map_err(StageError::failed)
    }

    /// The folder on a `One` port.
    pub fn input(&self, port: &str) -> Result<&Path, StageError> {
        self.optional_input(port).ok_or_else(|| StageError::Failed(format!("input port `{port}` is empty")))
    }

    /// The folder on an `Optional` port.
    pub fn optional_input(&self, port: &str) -> Option<&Path> {
        self.inputs.get(port).and_then(|all| all.first()).map(|input| input.path.as_path())
    }

    /// Everything on a `Many` port, in the pipeline's order.
    pub fn all_inputs(&self, port: &str) -> &[NamedInput] {
        self.inputs.get(port).map_or(&[], Vec::as_slice)
    }

    /// The empty folder for an output.
    pub fn output(&self, port: &str) -> Result<&Path, StageError> {
        self.outputs
            .get(port)
            .map(PathBuf::as_path)
            .ok_or_else(|| StageError::Failed(format!("no output port `{port}`")))
    }

    /// True once the user asked to stop: checkpoint, then return [`StageError::Cancelled`].
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}
