use super::common::{PipelineArgs, print};
use super::interrupt::{INTERRUPTED, on_interrupt};
use super::progress::Screen;
use super::text;
use crate::engine::{Options, run};
use clap::Args;
use miette::{IntoDiagnostic, Report};
use std::process::ExitCode;

/// Run a pipeline: what is cached stays, the rest runs, results are published
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Cores to keep busy [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Run this stage although it is cached: an entry (`train`) or an instance (`train[method=ours]`)
    #[arg(long, value_name = "STAGE")]
    force: Vec<String>,
    /// Stop at the first failure instead of going on with what doesn't depend on it
    #[arg(long)]
    fail_fast: bool,
}

impl Run {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let store = self.pipeline.store(&plan);
        let mut options =
            Options { force: self.force, fail_fast: self.fail_fast, cancel: on_interrupt()?, ..Options::default() };
        if let Some(jobs) = self.jobs {
            options.jobs = usize::from(jobs);
        }
        let screen = Screen::new(plan.nodes.len());
        let summary = run(&plan, &store, &options, &screen).into_diagnostic()?;
        screen.clear();
        print(&text::summary(&summary))?;
        Ok(if summary.interrupted {
            ExitCode::from(INTERRUPTED)
        } else if summary.succeeded() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        })
    }
}
