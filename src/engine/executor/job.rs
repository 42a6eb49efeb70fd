use super::thread;
use crate::contract::{NamedInput, Progress, Stage, StageContext, StageError};
use crate::engine::cache::lock_anyway;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What a child of this program is told: a stage and its context.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    kind: String,
    params: Value,
    seed: u64,
    threads: usize,
    inputs: BTreeMap<String, Vec<NamedInput>>,
    outputs: BTreeMap<String, PathBuf>,
    root: PathBuf,
    workspace: PathBuf,
    scratch: PathBuf,
}

/// What a child says, one JSON a line on its standard output.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Said {
    Progress { done: u64, total: u64, message: String },
    Log { line: String },
    Done,
    Failed { error: String },
    Cancelled,
}

/// What its parent tells a child by its standard input.
pub const CANCEL: &str = "cancel\n";

pub fn write(path: &Path, kind: &str, context: &StageContext) -> Result<(), StageError> {
    let job = Job {
        kind: kind.to_owned(),
        params: context.params.clone(),
        seed: context.seed,
        threads: context.threads,
        inputs: context.inputs.clone(),
        outputs: context.outputs.clone(),
        root: context.root.clone(),
        workspace: context.workspace.clone(),
        scratch: context.scratch.clone(),
    };
    let text = serde_json::to_vec(&job).map_err(StageError::failed)?;
    fs::write(path, text).map_err(|source| StageError::Io { action: "write", path: path.to_owned(), source })
}

/// The life of a child: runs the job in a file, and says on `events` what happens. False if the stage didn't finish.
///
/// Its standard input is its parent's hand: a line `cancel` asks it to stop, and its end says that the parent is gone.
pub fn serve(job: &Path, stages: &[&dyn Stage], events: File) -> Result<bool, String> {
    let text = fs::read(job).map_err(|error| format!("cannot read {}: {error}", job.display()))?;
    let job: Job = serde_json::from_slice(&text).map_err(|error| format!("{} is no job: {error}", job.display()))?;
    let stage = stages.iter().find(|stage| stage.kind() == job.kind);
    let stage = stage.ok_or_else(|| format!("there is no stage kind `{}`", job.kind))?;
    let cancel = Arc::new(AtomicBool::new(false));
    listen(Arc::clone(&cancel));
    let voice = Arc::new(Voice(Mutex::new(events)));
    let context = StageContext {
        params: job.params,
        seed: job.seed,
        threads: job.threads,
        inputs: job.inputs,
        outputs: job.outputs,
        root: job.root,
        workspace: job.workspace,
        scratch: job.scratch,
        progress: Arc::clone(&voice) as Arc<dyn Progress>,
        cancel,
    };
    let said = match thread::run(*stage, &context, None) {
        Ok(()) => Said::Done,
        Err(StageError::Cancelled) => Said::Cancelled,
        Err(error) => Said::Failed { error: error.to_string() },
    };
    let done = said == Said::Done;
    voice.say(&said);
    Ok(done)
}

fn listen(cancel: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if line == CANCEL.trim_end() {
                cancel.store(true, Ordering::Relaxed);
            }
        }
        // The parent is gone: nobody would take the result.
        std::process::exit(1);
    });
}

struct Voice(Mutex<File>);

impl Voice {
    fn say(&self, said: &Said) {
        // A parent that went away doesn't listen: the end of its input ends this process.
        if let Ok(line) = serde_json::to_string(said) {
            let _ = writeln!(lock_anyway(&self.0), "{line}");
        }
    }
}

impl Progress for Voice {
    fn update(&self, done: u64, total: u64, message: &str) {
        self.say(&Said::Progress { done, total, message: message.to_owned() });
    }

    fn log(&self, line: &str) {
        self.say(&Said::Log { line: line.to_owned() });
    }
}
