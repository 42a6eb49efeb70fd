use super::common::{StoreArgs, print, print_json, unknown_stage};
use super::text::{columns, duration, plural, time};
use crate::engine::history::{self, Did, End, Part, Run, entry_of};
use crate::engine::{Store, is_named};
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// What a stage said when it last ran; without a stage, the runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  runner log                                      all runs, the newest last
  runner log pipelines/ablation.yaml              those of one pipeline
  runner log 'train[method=ours]' --tail 20       the end of what these trainings said
  runner log pipelines/ablation.yaml evaluate     where several pipelines have a stage of that name")]
pub struct Log {
    /// A pipeline, a stage (an entry such as `train`, or `train[method=ours]`), or both
    #[arg(value_name = "PIPELINE|STAGE", num_args = 0..=2)]
    what: Vec<String>,
    /// What it said in this run: an id, `last` or `last~1` [default: the last in which it started]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only so many lines of each log [default: all, or 5 where there are several]
    #[arg(long, value_name = "LINES")]
    tail: Option<usize>,
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What is known of a stage's last time.
#[derive(Debug, Serialize)]
struct Said<'a> {
    node: &'a str,
    pipeline: &'a str,
    run: &'a str,
    #[serde(flatten)]
    part: &'a Part,
    /// Of the attempt that made the output, if it succeeded, then or before.
    made: Option<Made>,
    /// Lines that were left out.
    left_out: usize,
    log: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Made {
    seconds: f64,
    finished: u64,
    machine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory: Option<u64>,
}

impl Log {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let (pipeline, stage) = split(&self.what)?;
        let store = self.store.open(Path::new(pipeline.unwrap_or(".")));
        let mut runs = history::runs(&store).into_diagnostic()?;
        if let Some(name) = &self.run {
            runs = vec![history::find(&runs, name).into_diagnostic()?.clone()];
        }
        if let Some(pipeline) = pipeline {
            let name = Path::new(pipeline).file_stem().unwrap_or_default().to_string_lossy();
            runs.retain(|run| run.pipeline == name);
        }
        match (stage, self.json) {
            (None, true) => print_json(&runs)?,
            (None, false) => print(&listed(&runs))?,
            (Some(stage), json) => {
                let said = self.said(&store, &runs, stage)?;
                if json {
                    print_json(&said)?;
                } else {
                    print(&said.iter().map(text).collect::<Vec<_>>().join("\n"))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn said<'a>(&self, store: &Store, runs: &'a [Run], stage: &str) -> Result<Vec<Said<'a>>, Report> {
        let found = latest(runs, stage);
        if found.is_empty() {
            return Err(unknown_stage(runs, stage));
        }
        let most = self.tail.unwrap_or(if found.len() > 1 { 5 } else { usize::MAX });
        let said = |(run, node, part): (&'a Run, &'a str, &'a Part)| {
            let record = part.key.map_or(Ok(None), |key| store.record(key)).into_diagnostic()?;
            let whole = part.key.and_then(|key| std::fs::read_to_string(store.log_path(key)).ok());
            // Where the log is gone, its record keeps the end of it.
            let ends = || record.as_ref().map(|record| record.log_tail.clone()).unwrap_or_default();
            let lines: Vec<String> = whole.map_or_else(ends, |text| text.lines().map(str::to_owned).collect());
            let left_out = lines.len().saturating_sub(most);
            let made = record.map(|record| Made {
                seconds: record.seconds,
                finished: record.finished,
                machine: record.machine,
                peak_memory: record.peak_memory,
            });
            let log = lines.into_iter().skip(left_out).collect();
            Ok(Said { node, pipeline: &run.pipeline, run: &run.id, part, made, left_out, log })
        };
        found.into_iter().map(said).collect()
    }
}

/// A pipeline is known by its file's ending.
fn split(what: &[String]) -> Result<(Option<&str>, Option<&str>), Report> {
    let is_pipeline = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml");
    match what {
        [] => Ok((None, None)),
        [one] if is_pipeline(one) => Ok((Some(one), None)),
        [one] => Ok((None, Some(one))),
        [pipeline, stage] if is_pipeline(pipeline) => Ok((Some(pipeline), Some(stage))),
        _ => Err(miette!(
            help = "for example `runner log pipelines/ablation.yaml train`",
            "`{}` is no pipeline",
            what[0]
        )),
    }
}

/// The last time that each node of that name did something, by order of the name.
fn latest<'a>(runs: &'a [Run], stage: &str) -> Vec<(&'a Run, &'a str, &'a Part)> {
    let mut nodes: Vec<(&str, &str)> = Vec::new();
    for run in runs {
        let named = run.nodes.keys().filter(|node| is_named(node, entry_of(node), stage));
        nodes.extend(named.map(|node| (run.pipeline.as_str(), node.as_str())));
    }
    nodes.sort_unstable();
    nodes.dedup();
    let last = |(pipeline, node): (&str, &'a str)| {
        history::last_part(runs, pipeline, node).map(|(run, part)| (run, node, part))
    };
    nodes.into_iter().filter_map(last).collect()
}

fn listed(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "nothing has run yet\n".to_owned();
    }
    let head = ["run", "started (UTC)", "pipeline", "ran", "cached", "failed", "took", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for run in runs {
        let end = match run.end {
            End::Finished => "",
            End::Interrupted => "interrupted",
            End::Open => "killed, or running still",
        };
        let counts = [run.ran, run.cached, run.failed].map(|count| count.to_string());
        let took = duration(Duration::from_secs(run.seconds()));
        let before = [run.id.clone(), time(run.started), run.pipeline.clone()];
        rows.push(before.into_iter().chain(counts).chain([took, end.to_owned()]).collect());
    }
    columns(&rows)
}

fn text(said: &Said<'_>) -> String {
    let at = time(said.part.at);
    let what = match &said.part.did {
        Did::Start => format!("started {at} UTC, and did not end: it was killed, or runs still"),
        Did::Run { seconds } => format!("ran in {}, until {at} UTC", duration(Duration::from_secs_f64(*seconds))),
        Did::Cached => format!("was cached {at} UTC"),
        Did::Fail { error } => format!("failed {at} UTC: {error}"),
        Did::Skip { because } => format!("was skipped {at} UTC: {because} failed"),
    };
    let mut text = format!("{}: {what}\n", said.node);
    if let Some(made) = &said.made {
        if said.part.did == Did::Cached {
            let took = duration(Duration::from_secs_f64(made.seconds));
            text += &format!("    it ran in {took}, until {} UTC\n", time(made.finished));
        }
        let memory =
            made.peak_memory.map_or(String::new(), |peak| format!(", {} of memory at most", super::text::bytes(peak)));
        text += &format!("    on {}{memory}\n", made.machine);
    }
    text += &format!("    pipeline {}, run {}", said.pipeline, said.run);
    text += &said.part.key.map_or("\n".to_owned(), |key| format!(", key {}\n", key.short()));
    if said.left_out > 0 {
        text += &format!("    | ({} before this)\n", plural(said.left_out, "line"));
    }
    if said.log.is_empty() && said.left_out == 0 {
        text += "    it said nothing\n";
    }
    said.log.iter().for_each(|line| text += &format!("    | {line}\n"));
    text
}
