use super::file::read_with_stat;
use super::stat::Stat;
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
    pub(super) fn action(&self, key: Digest) -> PathBuf {
        sharded(&self.root.join("actions"), key).with_extension("json")
    }

    /// The record of a key. One that is torn, or not of this key, is set aside.
    pub fn record(&self, key: Digest) -> Result<Option<Record>, EngineError> {
        Ok(self.read_record(key)?.map(|(_, record)| record))
    }

    fn read_record(&self, key: Digest) -> Result<Option<(Stat, Record)>, EngineError> {
        let path = self.action(key);
        let (stat, bytes) = match read_with_stat(&path) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EngineError::Io { action: "read", path, source }),
        };
        match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.key == key && record.manifest.key() == key => Ok(Some((stat, record))),
            _ => {
                self.set_aside("record", key, &path, &format!("{key}.json"));
                Ok(None)
            }
        }
    }

    /// A hit needs the record and, by presence and size, all the objects that it names.
    pub fn lookup(&self, key: Digest) -> Result<Lookup, EngineError> {
        let had = self.action(key).exists();
        let Some((stat, record)) = self.read_record(key)? else {
            return Ok(if had { Lookup::Lost { what: "its record was corrupt".to_owned() } } else { Lookup::Miss });
        };
        for (port, tree) in &record.outputs {
            if let Some(what) = self.missing(*tree)? {
                return Ok(Lookup::Lost { what: format!("{port}: {what}") });
            }
        }
        self.learn_record(&record, stat);
        Ok(Lookup::Hit(Box::new(record)))
    }

    /// Waits until all that the record names is on the disk, then writes it.
    /// Returns the outputs that an earlier run with the same key had, if they differ.
    pub(crate) fn write_record(&self, record: &Record) -> Result<Option<BTreeMap<String, Digest>>, EngineError> {
        let before = self.record(record.key)?.map(|record| record.outputs);
        let path = self.action(record.key);
        let text = serde_json::to_vec_pretty(record).map_err(io::Error::from);
        self.settle_objects(record)?;
        write_atomic(&path, &text.map_err(EngineError::io("write", &path))?, false)?;
        if let Some(stat) = Stat::at(&path) {
            self.learn_record(record, stat);
        }
        self.settle_record(record, path)?;
        Ok(before.filter(|outputs| *outputs != record.outputs))
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
