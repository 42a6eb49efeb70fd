use super::common::{PipelineArgs, print, print_json};
use super::text;
use crate::engine::status;
use clap::Args;
use miette::{IntoDiagnostic, Report};
use std::process::ExitCode;

/// Say what a run would do, and why, without doing it
#[derive(Debug, Args)]
pub struct PlanCommand {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// As for `run`
    #[arg(long, value_name = "STAGE")]
    force: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl PlanCommand {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let all = status(&plan, &self.pipeline.store(&plan), &self.force).into_diagnostic()?;
        if self.json {
            print_json(&all)?;
        } else {
            let changed: String = all.iter().filter(|status| !status.cached()).map(text::reasons).collect();
            print(&(changed + &text::counts(&all)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
