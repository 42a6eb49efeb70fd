use super::Store;
use super::action::now;
use crate::digest::Digest;
use crate::engine::EngineError;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A line of a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    RunStarted { at: u64, pipeline: String, stages: usize, runner: String },
    Started { at: u64, node: String, key: Digest },
    Finished { at: u64, node: String, key: Digest, cached: bool, seconds: f64 },
    Failed { at: u64, node: String, error: String },
    Skipped { at: u64, node: String, because: String },
    Note { at: u64, message: String },
    RunFinished { at: u64, ran: usize, cached: usize, failed: usize, interrupted: bool },
}

/// Append-only events of one run. Nothing depends on it: it tells people what happened, and how long it took.
pub struct Journal {
    path: PathBuf,
    file: BufWriter<File>,
    flushed: Instant,
}

/// A crash loses no more than the lines of this long.
const SOON: Duration = Duration::from_millis(200);

impl Journal {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lines of thousands of cached stages go out together.
    pub fn append(&mut self, entry: &Entry) -> Result<(), EngineError> {
        serde_json::to_writer(&mut self.file, entry).map_err(io::Error::from).map_err(self.failed())?;
        self.file.write_all(b"\n").map_err(self.failed())?;
        if self.flushed.elapsed() < SOON && !matches!(entry, Entry::RunStarted { .. } | Entry::RunFinished { .. }) {
            return Ok(());
        }
        self.flush()
    }

    /// Before a wait, so that who follows the run sees all that happened.
    pub fn flush(&mut self) -> Result<(), EngineError> {
        self.flushed = Instant::now();
        self.file.flush().map_err(self.failed())
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> EngineError {
        EngineError::io("write", &self.path)
    }
}

impl Store {
    pub(crate) fn journal(&self) -> Result<Journal, EngineError> {
        // The run begins: what it finds from now on stays.
        self.share()?;
        let folder = self.root.join("journal");
        fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
        let (time, process) = (now(), std::process::id());
        for count in 0_u32.. {
            let path = folder.join(format!("{time}-{process}-{count}.jsonl"));
            match File::options().append(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Journal { path, file: BufWriter::new(file), flushed: Instant::now() }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(EngineError::Io { action: "create", path, source }),
            }
        }
        Err(EngineError::Cancelled)
    }
}

/// The entries of a journal. A torn line, which a crash leaves at the end, is passed over.
pub fn read_journal(path: &Path) -> Result<Vec<Entry>, EngineError> {
    let bytes = fs::read(path).map_err(EngineError::io("read", path))?;
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}
