use super::{Store, sharded, write_atomic};
use crate::digest::Digest;
use crate::engine::EngineError;
use crate::plan::manifest::Manifest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

/// What became of a stage with this key. Written after its objects, so that it never promises too much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub key: Digest,
    pub manifest: Manifest,
    /// Output port → digest of its folder.
    pub outputs: BTreeMap<String, Digest>,
    pub seconds: f64,
    /// Of the process of its own that it ran in, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// Seconds since 1970, for people.
    pub finished: u64,
    pub machine: String,
    /// The last lines of the stage's log.
    pub log_tail: Vec<String>,
}

/// What the store knows of a key.
#[derive(Debug)]
pub enum Lookup {
    Hit(Box<Record>),
    Miss,
    /// It ran, but what it wrote, or the record of it, is gone.
    Lost {
        what: String,
    },
}

impl Store {
    fn action(&self, key: Digest) -> PathBuf {
        sharded(&self.root.join("actions"), key).with_extension("json")
    }

    /// The record of a key. One that is torn, or not of this key, is set aside.
    pub fn record(&self, key: Digest) -> Result<Option<Record>, EngineError> {
        let path = self.action(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EngineError::Io { action: "read", path, source }),
        };
        match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.key == key && record.manifest.key() == key => Ok(Some(record)),
            _ => {
                self.set_aside("record", key, &path, &format!("{key}.json"));
                Ok(None)
            }
        }
    }

    /// A hit needs the record and, by presence and size, all the objects that it names.
    pub fn lookup(&self, key: Digest) -> Result<Lookup, EngineError> {
        let had = self.action(key).exists();
        let Some(record) = self.record(key)? else {
            return Ok(if had { Lookup::Lost { what: "its record was corrupt".to_owned() } } else { Lookup::Miss });
        };
        for (port, tree) in &record.outputs {
            if let Some(what) = self.missing(*tree)? {
                return Ok(Lookup::Lost { what: format!("{port}: {what}") });
            }
        }
        Ok(Lookup::Hit(Box::new(record)))
    }

    /// Returns the outputs that an earlier run with the same key had, if they differ.
    pub(crate) fn write_record(&self, record: &Record) -> Result<Option<BTreeMap<String, Digest>>, EngineError> {
        let before = self.record(record.key)?.map(|record| record.outputs);
        let path = self.action(record.key);
        let text = serde_json::to_vec_pretty(record).map_err(io::Error::from);
        write_atomic(&path, &text.map_err(EngineError::io("write", &path))?, true)?;
        Ok(before.filter(|outputs| *outputs != record.outputs))
    }

    fn latest(&self, pipeline: &str, node: &str) -> PathBuf {
        let name = Digest::of_bytes(format!("{pipeline}\n{node}").as_bytes());
        sharded(&self.root.join("latest"), name)
    }

    /// Remembers a stage's last success: `explain` compares with it.
    pub(crate) fn set_latest(&self, pipeline: &str, node: &str, key: Digest) -> Result<(), EngineError> {
        let path = self.latest(pipeline, node);
        let text = key.to_string();
        if fs::read_to_string(&path).is_ok_and(|was| was == text) {
            return Ok(());
        }
        write_atomic(&path, text.as_bytes(), false)
    }

    /// The record of a stage's last success.
    pub fn last_success(&self, pipeline: &str, node: &str) -> Result<Option<Record>, EngineError> {
        let text = fs::read_to_string(self.latest(pipeline, node)).unwrap_or_default();
        text.trim().parse().map_or(Ok(None), |key| self.record(key))
    }
}

/// Host, system and cores, for people: never in a key.
pub(crate) fn machine() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "unknown host" } else { host.trim() };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{host}, {}/{}, {cores} cores", std::env::consts::OS, std::env::consts::ARCH)
}

/// Seconds since 1970; a clock before that reads as 0.
pub(crate) fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs())
}

impl Store {
    /// The key of a stage's last success, without a look at its record.
    pub(super) fn latest_key(&self, pipeline: &str, node: &str) -> Option<Digest> {
        fs::read_to_string(self.latest(pipeline, node)).ok()?.trim().parse().ok()
    }
}
