use super::common::{PipelineArgs, print, print_json};
use super::{group, text};
use crate::engine::history::{Durations, elapsed, runs};
use crate::engine::{NodeStatus, status};
use crate::plan::Plan;
use clap::Args;
use miette::{IntoDiagnostic, Report};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;

/// Say what a run would do, why, and how long it would take, without doing it
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  runner plan pipelines/ablation.yaml --set training.epochs=40     what this edit costs")]
pub struct PlanCommand {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// As for `run`
    #[arg(long, value_name = "STAGE")]
    force: Vec<String>,
    /// Every stage and every reason, not one for each entry
    #[arg(long)]
    verbose: bool,
    /// As JSON: the stages with their reasons, and the cost
    #[arg(long)]
    json: bool,
}

impl PlanCommand {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let store = self.pipeline.store(&plan);
        let all = status(&plan, &store, &self.force).into_diagnostic()?;
        let durations = Durations::of(&runs(&store).into_diagnostic()?, &plan.name);
        let cost = Cost::of(&plan, &all, &durations);
        if self.json {
            print_json(&serde_json::json!({"stages": all, "cost": cost}))?;
        } else {
            let changed = all.iter().filter(|status| !status.cached());
            let why = if self.verbose { changed.map(text::reasons).collect() } else { group::would_run(&all) };
            print(&(why + &text::tally(&all) + &cost.text()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What would run, with the time that it took before.
#[derive(Debug, Serialize)]
struct Cost {
    entries: Vec<EntryCost>,
    /// Of core time, where stages ran before.
    seconds: f64,
    /// Stages of entries that never ran.
    unknown: usize,
    cores: usize,
    /// On that many cores.
    elapsed_seconds: f64,
}

#[derive(Debug, Serialize)]
struct EntryCost {
    entry: String,
    stages: usize,
    seconds: f64,
}

impl Cost {
    fn of(plan: &Plan, all: &[NodeStatus], durations: &Durations) -> Self {
        let known = |status: &NodeStatus| status.last_seconds.or_else(|| durations.seconds(&status.id));
        let would = |status: &NodeStatus| if status.cached() { Some(0.0) } else { known(status) };
        let seconds: Vec<f64> = all.iter().map(|status| would(status).unwrap_or(0.0)).collect();
        let above = |node: &crate::plan::Node| node.inputs.iter().map(|binding| binding.from).collect();
        let above: Vec<Vec<usize>> = plan.nodes.iter().map(above).collect();
        let mut entries: Vec<EntryCost> = Vec::new();
        for (status, seconds) in
            all.iter().zip(&seconds).filter(|(status, _)| known(status).is_some() && !status.cached())
        {
            match entries.iter_mut().find(|cost| cost.entry == status.entry) {
                Some(cost) => {
                    cost.stages += 1;
                    cost.seconds += seconds;
                }
                None => entries.push(EntryCost { entry: status.entry.clone(), stages: 1, seconds: *seconds }),
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Cost {
            entries,
            seconds: seconds.iter().sum(),
            unknown: all.iter().filter(|status| would(status).is_none()).count(),
            cores,
            elapsed_seconds: elapsed(&seconds, &above, cores),
        }
    }

    /// Entries that take a second or a tenth of the whole, and the sum.
    fn text(&self) -> String {
        if self.seconds == 0.0 {
            return String::new();
        }
        let took = |seconds: f64| text::duration(Duration::from_secs_f64(seconds));
        let worth = |cost: &&EntryCost| cost.seconds >= 1.0_f64.min(self.seconds / 10.0);
        let line = |cost: &EntryCost| {
            let each = if cost.stages == 1 {
                String::new()
            } else {
                format!("{} x ~{} = ", cost.stages, took(cost.seconds / cost.stages as f64))
            };
            vec![format!("    {}", cost.entry), format!("{each}{}", took(cost.seconds))]
        };
        let lines = text::columns(&self.entries.iter().filter(worth).map(line).collect::<Vec<_>>());
        let cores = text::plural(self.cores, "core");
        let elapsed = took(self.elapsed_seconds);
        let mut text =
            format!("by what it took before: {} of core time, about {elapsed} on {cores}\n{lines}", took(self.seconds));
        if self.unknown > 0 {
            text += &format!("    {} never ran, and would add to this\n", text::plural(self.unknown, "stage"));
        }
        text
    }
}
