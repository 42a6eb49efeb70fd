//! The ledger of determinism: which outputs were ever seen for a key, where, and when. `ledger/ab.jsonl` in the store
//! holds a line for each time, for the keys that begin with `ab`; lines are only added.

use super::cache::{machine, now};
use super::{EngineError, Store};
use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// What made a stage run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Run,
    Verify,
}

/// How the outputs went together with the store's record, where they were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    Identical,
    WithinTolerance,
    Divergent,
}

/// One time that a stage ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub key: Digest,
    /// Output port → digest of its folder.
    pub outputs: BTreeMap<String, Digest>,
    pub machine: String,
    /// Version of the runner.
    pub runner: String,
    /// Seconds since 1970.
    pub at: u64,
    pub by: By,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

impl Store {
    /// Adds what a stage gave just now, on this machine. Call it whenever a stage ran, not for a hit.
    pub fn note_outputs(
        &self,
        key: Digest,
        outputs: &BTreeMap<String, Digest>,
        by: By,
        compared: Option<Compared>,
    ) -> Result<(), EngineError> {
        let runner = env!("CARGO_PKG_VERSION").to_owned();
        let seen = Seen { key, outputs: outputs.clone(), machine: machine(), runner, at: now(), by, compared };
        let path = self.ledger_path(key);
        let folder = self.root().join("ledger");
        fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
        let line = serde_json::to_string(&seen).map_err(io::Error::from);
        let line = line.map_err(EngineError::io("write", &path))? + "\n";
        append(&path, &line).map_err(EngineError::io("write", &path))
    }

    /// All that was seen of a key, oldest first. A torn line is passed over.
    pub fn seen(&self, key: Digest) -> Result<Vec<Seen>, EngineError> {
        let path = self.ledger_path(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(EngineError::Io { action: "read", path, source }),
        };
        let lines = bytes.split(|byte| *byte == b'\n');
        Ok(lines.filter_map(|line| serde_json::from_slice::<Seen>(line).ok()).filter(|seen| seen.key == key).collect())
    }

    fn ledger_path(&self, key: Digest) -> PathBuf {
        self.root().join("ledger").join(format!("{}.jsonl", &key.to_string()[..2]))
    }
}

/// One write, so that two runners don't mix their lines, and a crash tears the last line at most: that one is ended
/// first, or it would take the next with it.
fn append(path: &std::path::Path, line: &str) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).read(true).open(path)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let ended = if last == *b"\n" { line.to_owned() } else { format!("\n{line}") };
    file.write_all(ended.as_bytes())
}
