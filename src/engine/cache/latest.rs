use super::layout::entries;
use super::{Record, Sealed, Store, lock_anyway, read_sealed, seal, write_atomic};
use crate::digest::Digest;
use crate::engine::EngineError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The keys of the last successes of a pipeline's stages, which `explain` compares with and `cache gc` protects. One
/// file a pipeline in `latest/`, so that a run with thousands of stages reads and writes one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Latest {
    pub pipeline: String,
    /// By the stage's id.
    pub keys: BTreeMap<String, Digest>,
}

/// What this process knows of a pipeline's.
pub(super) struct Known {
    pub keys: BTreeMap<String, Digest>,
    /// By this process.
    seen: BTreeMap<String, Digest>,
    changed: bool,
    saved: Instant,
}

/// How much of a long run a crash makes the next one ask for again.
const OFTEN: Duration = Duration::from_secs(5);

impl Store {
    /// Remembers a stage's last success. It reaches the disk with others.
    pub(crate) fn set_latest(&self, pipeline: &str, node: &str, key: Digest) -> Result<(), EngineError> {
        self.recall(pipeline);
        let mut latest = lock_anyway(&self.latest);
        let Some(known) = latest.get_mut(pipeline) else { return Ok(()) };
        if known.keys.get(node) != Some(&key) {
            known.keys.insert(node.to_owned(), key);
            known.seen.insert(node.to_owned(), key);
            known.changed = true;
        }
        let due = known.changed && known.saved.elapsed() > OFTEN;
        drop(latest);
        if due { self.save_recent() } else { Ok(()) }
    }

    pub(super) fn latest_key(&self, pipeline: &str, node: &str) -> Option<Digest> {
        self.recall(pipeline);
        lock_anyway(&self.latest).get(pipeline)?.keys.get(node).copied()
    }

    /// The record of a stage's last success.
    pub fn last_success(&self, pipeline: &str, node: &str) -> Result<Option<Record>, EngineError> {
        self.latest_key(pipeline, node).map_or(Ok(None), |key| self.record(key))
    }

    pub(super) fn recall_latest(&self, pipeline: &str) {
        let mut latest = lock_anyway(&self.latest);
        if latest.contains_key(pipeline) {
            return;
        }
        let path = self.latest_path(pipeline);
        let keys = match read_sealed::<Latest>(&path) {
            Ok(Sealed::Whole(latest)) => latest.keys,
            Ok(Sealed::Absent) => BTreeMap::new(),
            Ok(Sealed::Broken) | Err(_) => {
                self.note(format!("{} cannot be read: what each stage did last is learnt anew", path.display()));
                BTreeMap::new()
            }
        };
        let known = Known { keys, seen: BTreeMap::new(), changed: false, saved: Instant::now() };
        latest.insert(pipeline.to_owned(), known);
    }

    /// Saves what was learnt, beside what another process saved meanwhile.
    pub(super) fn save_latest(&self) -> Result<(), EngineError> {
        let mut latest = lock_anyway(&self.latest);
        for (pipeline, known) in latest.iter_mut().filter(|(_, known)| known.changed) {
            let path = self.latest_path(pipeline);
            // One process at a time reads, adds and writes.
            let _lock = self.lock(Digest::of_bytes(pipeline.as_bytes()), &|| false)?;
            let mut keys = match read_sealed::<Latest>(&path)? {
                Sealed::Whole(other) => other.keys,
                Sealed::Absent | Sealed::Broken => known.keys.clone(),
            };
            keys.extend(known.seen.iter().map(|(node, key)| (node.clone(), *key)));
            write(&path, &Latest { pipeline: pipeline.clone(), keys })?;
            (known.changed, known.saved) = (false, Instant::now());
        }
        Ok(())
    }

    /// Takes away those that `goes` says; a file without any goes too. Returns how many went.
    pub(super) fn forget_latest(&self, goes: &dyn Fn(Digest) -> bool) -> Result<u64, EngineError> {
        let mut gone = 0;
        for (path, seen) in self.all_latest()?.into_iter().filter_map(|(path, latest)| Some((path, latest?))) {
            let _lock = self.lock(Digest::of_bytes(seen.pipeline.as_bytes()), &|| false)?;
            let Sealed::Whole(mut latest) = read_sealed::<Latest>(&path)? else { continue };
            let before = latest.keys.len();
            latest.keys.retain(|_, key| !goes(*key));
            let left = latest.keys.len();
            gone += (before - left) as u64;
            if left == 0 {
                fs::remove_file(&path).map_err(EngineError::io("remove", &path))?;
            } else if left < before {
                write(&path, &latest)?;
            }
        }
        Ok(gone)
    }

    /// Every file of `latest/`; `None` for one that can't be read.
    pub(super) fn all_latest(&self) -> Result<Vec<(PathBuf, Option<Latest>)>, EngineError> {
        let mut all = Vec::new();
        for path in entries(&self.root().join("latest"))? {
            if path.extension().is_some_and(|extension| extension == "json") {
                match read_sealed(&path)? {
                    Sealed::Whole(latest) => all.push((path, Some(latest))),
                    Sealed::Broken => all.push((path, None)),
                    Sealed::Absent => {}
                }
            }
        }
        Ok(all)
    }

    fn latest_path(&self, pipeline: &str) -> PathBuf {
        self.root().join("latest").join(format!("{}.json", Digest::of_bytes(pipeline.as_bytes())))
    }
}

fn write(path: &Path, latest: &Latest) -> Result<(), EngineError> {
    write_atomic(path, &seal(latest).map_err(EngineError::io("write", path))?, false)
}
