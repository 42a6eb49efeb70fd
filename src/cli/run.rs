use super::common::{PipelineArgs, print};
use super::interrupt::{INTERRUPTED, on_interrupt};
use super::progress::Screen;
use super::text;
use crate::engine::{NodeStatus, Options, Part, Select, run, status};
use clap::Args;
use miette::{IntoDiagnostic, Report};
use std::collections::BTreeMap;
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
    /// Run this stage alone; what it reads has to be cached
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Run this stage and all that it depends on
    #[arg(long, value_name = "STAGE")]
    until: Vec<String>,
    /// Run this stage and all that depends on it; what these read has to be cached
    #[arg(long, value_name = "STAGE")]
    from: Vec<String>,
    /// Go on with what doesn't depend on a stage that failed (the default)
    #[arg(long, conflicts_with = "fail_fast")]
    keep_going: bool,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// Say what would run, and why, and stop there
    #[arg(long)]
    dry_run: bool,
}

impl Run {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let store = self.pipeline.store(&plan);
        let select = Select { only: self.only, until: self.until, from: self.from };
        let parts = select.parts(&plan, &BTreeMap::new()).into_diagnostic()?;
        if self.dry_run {
            let all = status(&plan, &store, &self.force).into_diagnostic()?;
            let takes_part = |(_, part): &(_, &Part)| **part == Part::Run;
            return dry(&all.into_iter().zip(&parts).filter(takes_part).map(|(status, _)| status).collect::<Vec<_>>());
        }
        let mut options = Options {
            force: self.force,
            select,
            fail_fast: self.fail_fast,
            cancel: on_interrupt()?,
            executable: std::env::current_exe().ok(),
            ..Options::default()
        };
        if let Some(jobs) = self.jobs {
            options.jobs = usize::from(jobs);
        }
        let screen = Screen::new(parts.iter().filter(|part| **part != Part::LeftOut).count());
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

fn dry(all: &[NodeStatus]) -> Result<ExitCode, Report> {
    let changed: String = all.iter().filter(|status| !status.cached()).map(text::reasons).collect();
    print(&(changed + &text::counts(all)))?;
    Ok(ExitCode::SUCCESS)
}
