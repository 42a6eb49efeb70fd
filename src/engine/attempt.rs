use super::cache::{Lookup, Record, lock_anyway, machine, now, unfit};
use super::executor::{Executor, panicked};
use super::ledger::By;
use super::prepare::{self, Outputs, Prepared};
use super::workspace::Workspaces;
use super::{EngineError, Store, space};
use crate::contract::{NamedInput, Progress, StageContext, StageError};
use crate::plan::{Node, Plan};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What became of one try at a stage.
pub enum Outcome {
    Ran {
        outputs: Outputs,
        duration: Duration,
    },
    /// Another runner, or an equal stage of this run, was faster.
    Cached {
        outputs: Outputs,
    },
    /// An input's bytes turned out to be missing or corrupt: node `from` has to run again.
    Lost {
        from: usize,
    },
    Failed(String),
    Cancelled,
}

/// From a stage's thread to the run's.
pub enum Message {
    Progress { node: usize, done: u64, total: u64, message: String },
    Log { node: usize, line: String },
    Ended { node: usize, outcome: Outcome },
}

/// One try at a stage on its own thread.
pub struct Attempt<'a> {
    pub plan: &'a Plan,
    pub store: &'a Store,
    pub node: usize,
    pub prepared: Prepared,
    pub threads: usize,
    pub gpus: Vec<usize>,
    /// This program, for stages that run in a process of their own.
    pub executable: Option<PathBuf>,
    pub forced: bool,
    pub stop: Arc<AtomicBool>,
    pub workspaces: Arc<Workspaces>,
    pub sender: Sender<Message>,
}

impl Attempt<'_> {
    pub fn run(self) {
        let outcome = match catch_unwind(AssertUnwindSafe(|| self.outcome())) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(panic) => Outcome::Failed(panicked(&*panic)),
        };
        // The run's end of the channel outlives every attempt.
        let _ = self.sender.send(Message::Ended { node: self.node, outcome });
    }

    fn outcome(&self) -> Result<Outcome, EngineError> {
        let key = self.prepared.key;
        let stop = || self.stop.load(Ordering::Relaxed);
        let Some(_lock) = self.store.lock(key, &stop)? else {
            return Ok(Outcome::Cancelled);
        };
        if !self.forced
            && let Lookup::Hit(record) = self.prepared.obtain(self.node(), self.store)?
        {
            return Ok(Outcome::Cached { outputs: record.outputs });
        }
        let inputs = match self.inputs()? {
            Ok(inputs) => inputs,
            Err(from) => return Ok(Outcome::Lost { from }),
        };
        let scratch = self.store.scratch(key);
        let workspace = self.workspaces.open(self.node(), &scratch, self.store)?;
        let outcome = self.in_workspace(inputs, &workspace, &scratch);
        // Whatever the stage left: results are in the store by now, or are none.
        let succeeded = matches!(outcome, Ok(Outcome::Ran { .. }));
        self.workspaces.close(workspace, self.node(), &scratch, succeeded)?;
        outcome
    }

    /// Folders for the stage to read, or the node whose output is lost.
    fn inputs(&self) -> Result<Result<BTreeMap<String, Vec<NamedInput>>, usize>, EngineError> {
        let node = self.node();
        let mut inputs: BTreeMap<String, Vec<NamedInput>> = BTreeMap::new();
        for (place, (binding, input)) in node.inputs.iter().zip(&self.prepared.manifest.inputs).enumerate() {
            let named = match prepare::artifact(self.plan, node, place, input.digest, self.store) {
                Err(EngineError::Lost { .. }) => return Ok(Err(binding.from)),
                named => named?,
            };
            inputs.entry(binding.port.clone()).or_default().push(named);
        }
        Ok(Ok(inputs))
    }

    fn in_workspace(
        &self,
        inputs: BTreeMap<String, Vec<NamedInput>>,
        workspace: &Path,
        scratch: &Path,
    ) -> Result<Outcome, EngineError> {
        let (node, key) = (self.node(), self.prepared.key);
        let outputs = self.output_folders(workspace)?;
        let reporter = Arc::new(Reporter::open(&self.store.log_path(key), self.node, self.sender.clone())?);
        let absolute = |path: &Path| std::path::absolute(path).map_err(EngineError::io("find", path));
        let context = StageContext {
            params: prepare::located(self.plan, node),
            seed: node.seed.unwrap_or_default(),
            threads: self.threads,
            inputs,
            outputs: outputs.clone(),
            root: self.plan.root.clone(),
            workspace: absolute(workspace)?,
            scratch: absolute(scratch)?,
            progress: Arc::clone(&reporter) as Arc<dyn Progress>,
            // A time-out stops this stage alone.
            cancel: if node.demands.timeout.is_some() { Arc::default() } else { Arc::clone(&self.stop) },
        };
        let log = absolute(&self.store.log_path(key))?;
        let executor = Executor { node, executable: self.executable.clone(), log, gpus: self.gpus.clone() };
        let start = Instant::now();
        let peak_memory = match self.until_stopped(&context, || executor.run(&context)) {
            Ok(peak) => peak,
            Err(StageError::Cancelled) => return Ok(Outcome::Cancelled),
            Err(error) => {
                // The program's own words may have found no place on it.
                let full = space::nearly_full(workspace).map(|said| format!("; {said}")).unwrap_or_default();
                reporter.log(&format!("failed: {error}{full}"));
                return Ok(Outcome::Failed(format!("{error}{full}")));
            }
        };
        let duration = start.elapsed();
        if let Some(parameter) = self.changed_source()? {
            let error =
                format!("its source `{parameter}` changed while it ran: nobody can tell what it read; run again");
            return Ok(Outcome::Failed(error));
        }
        let outputs = self.keep(&outputs, duration, peak_memory)?;
        Ok(Outcome::Ran { outputs, duration })
    }

    /// A source whose content is no longer what the key says.
    fn changed_source(&self) -> Result<Option<String>, EngineError> {
        let now = prepare::sources(self.plan, self.node(), self.store)?;
        let mut pairs = now.into_iter().zip(&self.prepared.manifest.sources);
        Ok(pairs.find(|(now, was)| now != *was).map(|(now, _)| now.parameter))
    }

    fn node(&self) -> &Node {
        &self.plan.nodes[self.node]
    }

    fn output_folders(&self, workspace: &Path) -> Result<BTreeMap<String, PathBuf>, EngineError> {
        let folder = |port: &crate::contract::Port| {
            let path = workspace.join("outputs").join(port.name.as_ref());
            fs::create_dir_all(&path).map_err(EngineError::io("create", &path))?;
            let path = std::path::absolute(&path).map_err(EngineError::io("find", &path))?;
            Ok((port.name.to_string(), path))
        };
        self.node().outputs().iter().map(folder).collect()
    }

    /// A stage with a time-out has a wish to stop of its own, which follows the run's.
    fn until_stopped<T>(&self, context: &StageContext, run: impl FnOnce() -> T) -> T {
        if Arc::ptr_eq(&context.cancel, &self.stop) {
            return run();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if self.stop.load(Ordering::Relaxed) {
                        context.cancel.store(true, Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            let outcome = run();
            done.store(true, Ordering::Relaxed);
            outcome
        })
    }

    /// Objects first, then the record that names them.
    fn keep(
        &self,
        folders: &BTreeMap<String, PathBuf>,
        duration: Duration,
        peak_memory: Option<u64>,
    ) -> Result<Outputs, EngineError> {
        let mut outputs = Outputs::new();
        for (port, folder) in folders {
            if let Some(unfit) = unfit(folder) {
                let path = unfit.path.strip_prefix(folder).unwrap_or(&unfit.path).to_owned();
                let (node, port) = (self.node().id.clone(), port.clone());
                return Err(EngineError::Output { node, port, path, what: unfit.what });
            }
            outputs.insert(port.clone(), self.store.put_tree(folder)?);
        }
        let record = Record {
            key: self.prepared.key,
            manifest: self.prepared.manifest.clone(),
            outputs: outputs.clone(),
            seconds: duration.as_secs_f64(),
            peak_memory,
            finished: now(),
            machine: machine(),
            log_tail: tail(&self.store.log_path(self.prepared.key), 20),
        };
        self.store.note_outputs(record.key, &outputs, By::Run, None)?;
        if self.store.write_record(&record)?.is_some() {
            let line = format!("{} gave other bytes than the last time with the same key", self.node().id);
            self.store.note(line);
        }
        Ok(outputs)
    }
}

/// The last lines of a stage's log; none if it can't be read.
pub fn tail(path: &Path, lines: usize) -> Vec<String> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let mut last = std::collections::VecDeque::new();
    for line in BufReader::new(file).lines().map_while(Result::ok) {
        if last.len() == lines {
            last.pop_front();
        }
        last.push_back(line);
    }
    last.into()
}

/// Passes on what a stage says: progress at most ten times a second, every line of its log.
struct Reporter {
    node: usize,
    log: Mutex<File>,
    sent: Mutex<Option<Instant>>,
    sender: Mutex<Sender<Message>>,
}

const AT_MOST_EVERY: Duration = Duration::from_millis(100);

impl Reporter {
    /// Attempts at the same key append to one log: a training that goes on keeps its beginning.
    fn open(path: &Path, node: usize, sender: Sender<Message>) -> Result<Self, EngineError> {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder).map_err(EngineError::io("create", folder))?;
        let log = File::options().create(true).append(true).open(path).map_err(EngineError::io("open", path))?;
        Ok(Reporter { node, log: Mutex::new(log), sent: Mutex::new(None), sender: Mutex::new(sender) })
    }

    fn send(&self, message: Message) {
        // Nobody listens once the run has given up: then there is nothing to tell.
        let _ = lock_anyway(&self.sender).send(message);
    }
}

impl Progress for Reporter {
    fn update(&self, done: u64, total: u64, message: &str) {
        let mut sent = lock_anyway(&self.sent);
        if done < total && sent.is_some_and(|sent| sent.elapsed() < AT_MOST_EVERY) {
            return;
        }
        *sent = Some(Instant::now());
        drop(sent);
        self.send(Message::Progress { node: self.node, done, total, message: message.to_owned() });
    }

    fn log(&self, line: &str) {
        // A full disk must not fail a stage for the sake of its log.
        let _ = writeln!(lock_anyway(&self.log), "{line}");
        self.send(Message::Log { node: self.node, line: line.to_owned() });
    }
}
