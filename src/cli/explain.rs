use super::common::{PipelineArgs, print, print_json};
use super::text;
use crate::engine::{EngineError, is_named, status};
use clap::Args;
use miette::{IntoDiagnostic, Report};
use std::process::ExitCode;

/// For each stage that would run, the field that changed: was → is
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// An entry of the pipeline (`train`) or one of its instances (`train[method=ours]`); default: all
    stage: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let mut all = status(&plan, &self.pipeline.store(&plan), &[]).into_diagnostic()?;
        if let Some(name) = self.stage {
            let mut known: Vec<String> = all.iter().map(|status| status.entry.clone()).collect();
            all.retain(|status| is_named(&status.id, &status.entry, &name));
            if all.is_empty() {
                known.dedup();
                return Err(EngineError::UnknownStage { name, pipeline: plan.name, known }).into_diagnostic();
            }
        }
        if self.json {
            print_json(&all)?;
        } else {
            print(&all.iter().map(text::reasons).collect::<String>())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
