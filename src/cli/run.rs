use super::common::{PipelineArgs, print, this_program};
use super::interrupt::{INTERRUPTED, on_interrupt};
use super::progress::Screen;
use super::remote::RemoteArgs;
use super::{group, text};
use crate::engine::{Options, Part, Select, run, status};
use crate::plan;
use clap::Args;
use miette::{IntoDiagnostic, Report};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Run a pipeline: what is cached stays, the rest runs, results are published
#[derive(Debug, Args)]
#[command(mut_arg("pipeline", super::bundle::unless_from_bundle))]
pub struct Run {
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[command(flatten)]
    bundle: super::bundle::FromBundle,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Cores to keep busy [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Memory that stages may ask for at the same time, e.g. 12GiB [default: all]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// Graphics cards that stages may use
    #[arg(long, value_name = "N", default_value_t = 0)]
    gpus: usize,
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
    /// Read every source and record again, whatever their times say: for disks whose times lie
    #[arg(long)]
    paranoid: bool,
}

impl Run {
    pub fn exec(self) -> Result<ExitCode, Report> {
        if let Some(file) = self.bundle.from_bundle.clone() {
            return self.bundle.run(&file, self.jobs.map(usize::from));
        }
        let plan = self.pipeline.plan()?;
        let store = self.remote.attach(self.pipeline.store(&plan).paranoid(self.paranoid))?;
        let select = Select { only: self.only, until: self.until, from: self.from };
        let parts = select.parts(&plan, &BTreeMap::new()).into_diagnostic()?;
        if self.dry_run {
            let all = status(&plan, &store, &self.force).into_diagnostic()?;
            let takes_part = |(_, part): &(_, &Part)| **part == Part::Run;
            let all: Vec<_> = all.into_iter().zip(&parts).filter(takes_part).map(|(status, _)| status).collect();
            print(&(group::would_run(&all) + &text::tally(&all)))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut options = Options {
            force: self.force,
            select,
            fail_fast: self.fail_fast,
            gpus: self.gpus,
            cancel: on_interrupt()?,
            executable: this_program(),
            again: Some(self.pipeline.command_line("run")),
            ..Options::default()
        };
        if let Some(jobs) = self.jobs {
            options.jobs = usize::from(jobs);
        }
        if let Some(memory) = self.memory {
            options.memory = memory;
        }
        let screen = Screen::new(parts.iter().filter(|part| **part != Part::LeftOut).count());
        let summary = run(&plan, &store, &options, &screen).into_diagnostic()?;
        screen.clear();
        print(&text::summary(&summary))?;
        if let Some(fetched) = store.fetched() {
            print(&format!("{fetched}\n"))?;
        }
        Ok(if summary.interrupted {
            ExitCode::from(INTERRUPTED)
        } else if summary.succeeded() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        })
    }
}

fn parse_size(text: &str) -> Result<u64, String> {
    plan::size(text).ok_or_else(|| format!("`{text}` is no size: say e.g. 512MiB or 12GiB"))
}
