//! What a plan's stages gave, and what they give when they run once more, beside the store.

use super::cache::{Lookup, Record, remove_all, unfit};
use super::executor::Executor;
use super::prepare::{self, Outputs, Prepared};
use super::{EngineError, Store};
use crate::contract::{NamedInput, Progress, StageContext, StageError};
use crate::plan::Plan;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// For each node, the record of what it gave with the inputs that it has now; `None` where it isn't cached, or reads
/// from one that isn't. Nothing runs. Records in `pinned`, by node id, are taken as they are.
pub fn known(
    plan: &Plan,
    store: &Store,
    pinned: &BTreeMap<String, Record>,
) -> Result<Vec<Option<Record>>, EngineError> {
    let mut outputs: Vec<Option<Outputs>> = vec![None; plan.nodes.len()];
    let mut records = Vec::new();
    for (index, node) in plan.nodes.iter().enumerate() {
        let record = match pinned.get(&node.id) {
            Some(record) => Some(record.clone()),
            None if node.inputs.iter().any(|binding| outputs[binding.from].is_none()) => None,
            None => match Prepared::of(plan, index, &outputs, store)?.lookup(node, store)? {
                Lookup::Hit(record) => Some(*record),
                Lookup::Miss | Lookup::Lost { .. } => None,
            },
        };
        outputs[index] = record.as_ref().map(|record| record.outputs.clone());
        records.push(record);
    }
    store.save_memo()?;
    Ok(records)
}

/// How a stage is run again.
pub struct Again {
    /// This program, for stages that want a process of their own; `None` keeps them in threads.
    pub executable: Option<PathBuf>,
    pub threads: usize,
    pub progress: Arc<dyn Progress>,
    pub cancel: Arc<AtomicBool>,
}

/// What a stage wrote into a temporary folder, which goes with this value.
pub struct Recomputed {
    pub duration: Duration,
    /// Output port → its folder.
    pub folders: BTreeMap<String, PathBuf>,
    folder: PathBuf,
}

impl Drop for Recomputed {
    fn drop(&mut self) {
        // What stays is swept with the store's other temporary folders.
        let _ = remove_all(&self.folder);
    }
}

/// Why a stage could not be run again.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Stage(#[from] StageError),
}

/// Runs a stage whose inputs are in the store, from an empty scratch folder. Its record and outputs stay as they are.
pub fn recompute(
    plan: &Plan,
    store: &Store,
    index: usize,
    record: &Record,
    again: &Again,
) -> Result<Recomputed, AgainError> {
    let node = &plan.nodes[index];
    let folder = store.temporary("again")?;
    let mut recomputed = Recomputed { duration: Duration::ZERO, folders: BTreeMap::new(), folder };
    let workspace = empty(&recomputed.folder.join("work"))?;
    for port in node.outputs() {
        let folder = empty(&workspace.join("outputs").join(port.name.as_ref()))?;
        recomputed.folders.insert(port.name.to_string(), folder);
    }
    let context = StageContext {
        params: prepare::located(plan, node),
        seed: node.seed.unwrap_or_default(),
        threads: again.threads,
        inputs: inputs(plan, store, index, record)?,
        outputs: recomputed.folders.clone(),
        root: plan.root.clone(),
        workspace,
        scratch: empty(&recomputed.folder.join("scratch"))?,
        progress: Arc::clone(&again.progress),
        cancel: Arc::clone(&again.cancel),
    };
    let log = empty(&recomputed.folder.join("log"))?.join("log");
    let executor = Executor { node, executable: again.executable.clone(), log, gpus: Vec::new() };
    let start = Instant::now();
    executor.run(&context)?;
    recomputed.duration = start.elapsed();
    // A run would refuse these too: a listing of files can't stand for them.
    match recomputed.folders.values().find_map(|folder| unfit(folder)) {
        Some(unfit) => Err(StageError::Failed(format!("it left {}: {}", unfit.path.display(), unfit.what)).into()),
        None => Ok(recomputed),
    }
}

fn empty(path: &Path) -> Result<PathBuf, EngineError> {
    fs::create_dir_all(path).map_err(EngineError::io("create", path))?;
    std::path::absolute(path).map_err(EngineError::io("find", path))
}

fn inputs(
    plan: &Plan,
    store: &Store,
    index: usize,
    record: &Record,
) -> Result<BTreeMap<String, Vec<NamedInput>>, EngineError> {
    let node = &plan.nodes[index];
    let mut inputs: BTreeMap<String, Vec<NamedInput>> = BTreeMap::new();
    for (place, (binding, input)) in node.inputs.iter().zip(&record.manifest.inputs).enumerate() {
        let named = prepare::artifact(plan, node, place, input.digest, store)?;
        inputs.entry(binding.port.clone()).or_default().push(named);
    }
    Ok(inputs)
}
