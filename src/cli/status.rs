use super::common::{PipelineArgs, print, print_json};
use super::{group, text};
use crate::engine::{NodeStatus, State, status};
use clap::Args;
use miette::{IntoDiagnostic, Report};
use std::process::ExitCode;

/// What is cached, and what would run
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// A line for each stage, also where there are many
    #[arg(long)]
    long: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// More stages than this are counted by entry.
const FEW: usize = 30;

impl Status {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let all = status(&plan, &self.pipeline.store(&plan), &[]).into_diagnostic()?;
        if self.json {
            print_json(&all)?;
            return Ok(ExitCode::SUCCESS);
        }
        let lines = if self.long || all.len() <= FEW {
            all.iter().map(line).collect()
        } else {
            text::columns(&group::counts_by_entry(&all))
        };
        print(&(lines + &text::counts(&all)))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn line(status: &NodeStatus) -> String {
    let word = match status.state {
        State::Cached => "cached",
        State::WouldRun { .. } => "would run",
        State::Broken { .. } => "would fail",
    };
    format!("{word:<10}  {}\n", status.id)
}
