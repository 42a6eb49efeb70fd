use super::common::{PipelineArgs, print, print_json};
use super::text::{duration, reasons, time};
use crate::engine::{EngineError, NodeStatus, State, Store, is_named, status};
use crate::plan::Plan;
use crate::spec::did_you_mean;
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use std::process::ExitCode;
use std::time::Duration;

/// For each stage that would run, the field that changed: was → is
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  runner explain pipelines/ablation.yaml 'train[method=ours]' --set training.epochs=40")]
pub struct Explain {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// An entry of the pipeline (`train`) or some of its instances (`train[method=ours]`); default: all
    stage: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let store = self.pipeline.store(&plan);
        let mut all = status(&plan, &store, &[]).into_diagnostic()?;
        if let Some(name) = self.stage {
            let mut known: Vec<String> = all.iter().map(|status| status.entry.clone()).collect();
            all.retain(|status| is_named(&status.id, &status.entry, &name));
            if all.is_empty() {
                known.dedup();
                let meant = did_you_mean(name.split('[').next().unwrap_or(&name), &known);
                let error = EngineError::UnknownStage { name, pipeline: plan.name, known };
                return Err(meant.map_or_else(|| miette!("{error}"), |meant| miette!(help = meant, "{error}")));
            }
        }
        if self.json {
            print_json(&all)?;
        } else {
            let text = all.iter().map(|status| explained(&plan, &store, status));
            print(&text.collect::<Result<String, Report>>()?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The reasons, and the last success that they compare with.
fn explained(plan: &Plan, store: &Store, status: &NodeStatus) -> Result<String, Report> {
    let last = store.last_success(&plan.name, &status.id).into_diagnostic()?;
    let Some(last) = last.filter(|_| !matches!(status.state, State::Broken { .. })) else { return Ok(reasons(status)) };
    let took = duration(Duration::from_secs_f64(last.seconds));
    let last = format!("key {}, made {} UTC in {took}", last.key.short(), time(last.finished));
    Ok(match &status.state {
        State::Cached => format!("{}: cached ({last})\n", status.id),
        _ => reasons(status).replacen(": would run\n", &format!(": would run; it last was {last}\n"), 1),
    })
}
