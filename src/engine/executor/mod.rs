//! Runs one stage, in a thread of this process or in a process of its own.
//!
//! | file | what it is |
//! | --- | --- |
//! | `thread` | light stages |
//! | `job` | what a child of this program is told, and says back; [`serve`] is that child |
//! | `process` | starts a child, listens to it, and ends it: with its run, at its time-out, on request |
//! | `guard` | ends what children started, should this process be killed |
//! | `sandbox` | what a child may read and write (Landlock) |

mod guard;
mod job;
mod process;
mod sandbox;
mod thread;
mod tidy;

pub use job::serve;
pub use process::Ended;
pub use thread::panicked;

use crate::contract::{Place, StageContext, StageError};
use crate::plan::Node;
use process::Child;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How a stage is run.
pub struct Executor<'a> {
    pub node: &'a Node,
    /// This program, for stages that want a process of their own; `None` keeps them in threads.
    pub executable: Option<PathBuf>,
    /// What children say goes there.
    pub log: PathBuf,
    /// Indices of the graphics cards that it got.
    pub gpus: Vec<usize>,
}

impl Executor<'_> {
    /// The peak memory of a child in bytes, where there was one.
    pub fn run(&self, context: &StageContext) -> Result<Option<u64>, StageError> {
        match (self.node.stage.place(), &self.executable) {
            (Place::Program, _) => self.program(context),
            (Place::Process, Some(executable)) => self.process(context, executable.clone()),
            _ => self.thread(context),
        }
    }

    fn thread(&self, context: &StageContext) -> Result<Option<u64>, StageError> {
        let start = Instant::now();
        let ended = thread::run(self.node.stage, context, self.node.demands.timeout);
        match self.node.demands.timeout.filter(|limit| start.elapsed() > *limit) {
            Some(limit) => Err(late(limit)),
            None => ended.map(|()| None),
        }
    }

    fn process(&self, context: &StageContext, executable: PathBuf) -> Result<Option<u64>, StageError> {
        let job = context.workspace.join("job.json");
        job::write(&job, self.node.stage.kind(), context)?;
        let restricted = self.node.stage.reads(context)?;
        let access = sandbox::Access::of_stage(context, restricted.as_deref(), self.node, &executable);
        let ended = Child {
            argv: vec![executable.into(), "exec".into(), job.into()],
            environment: std::env::vars_os().collect(),
            folder: context.workspace.clone(),
            access: Some(access),
            log: self.log.clone(),
            gpus: self.gpus.clone(),
            timeout: self.node.demands.timeout,
            talks: true,
        }
        .run(context)?;
        self.judge(ended, restricted.is_some())
    }

    fn program(&self, context: &StageContext) -> Result<Option<u64>, StageError> {
        let program = self.node.stage.program(context)?;
        let own = tidy::lay_out(context, &program)?;
        let ended = Child {
            argv: program.argv.clone(),
            environment: program.environment.iter().map(|(name, value)| (name.into(), value.clone())).collect(),
            folder: context.workspace.clone(),
            access: program.sandbox.then(|| sandbox::Access::of_program(context, &program)),
            log: self.log.clone(),
            gpus: self.gpus.clone(),
            timeout: self.node.demands.timeout,
            talks: false,
        }
        .run(context)?;
        let peak = self.judge(ended, false)?;
        tidy::check(context, &own)?;
        Ok(peak)
    }

    fn judge(&self, ended: Ended, restricted: bool) -> Result<Option<u64>, StageError> {
        let peak = Some(ended.peak_memory).filter(|bytes| *bytes > 0);
        match ended.outcome {
            Ok(()) => Ok(peak),
            Err(StageError::Failed(error)) if restricted && error.contains("ermission denied") => {
                let leak = "it opened a file of its inputs that it must not see, such as one of a test case (leakage)";
                Err(StageError::Failed(format!("{error}: {leak}")))
            }
            Err(error) => Err(error),
        }
    }
}

fn late(limit: Duration) -> StageError {
    StageError::Failed(format!("took longer than its time-out of {} s", limit.as_secs_f64()))
}
