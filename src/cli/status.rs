use super::common::{PipelineArgs, print, print_json};
use super::text;
use crate::engine::{State, status};
use clap::Args;
use miette::{IntoDiagnostic, Report};
use std::process::ExitCode;

/// One line a stage: cached, or would run
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let all = status(&plan, &self.pipeline.store(&plan), &[]).into_diagnostic()?;
        if self.json {
            print_json(&all)?;
            return Ok(ExitCode::SUCCESS);
        }
        let line = |status: &crate::engine::NodeStatus| {
            let word = match status.state {
                State::Cached => "cached",
                State::WouldRun { .. } => "would run",
                State::Broken { .. } => "would fail",
            };
            format!("{word:<10}  {}\n", status.id)
        };
        print(&(all.iter().map(line).collect::<String>() + &text::counts(&all)))?;
        Ok(ExitCode::SUCCESS)
    }
}
