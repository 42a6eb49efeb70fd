use super::common::{PipelineArgs, print};
use super::compare::{Numbers, counted, difference};
use super::interrupt::{INTERRUPTED, on_interrupt};
use super::text::duration;
use crate::contract::SilentProgress;
use crate::engine::cache::{Record, machine};
use crate::engine::compare::{FileAgreement, Verdict, folders, verdict};
use crate::engine::recompute::{Again, AgainError, known, recompute};
use crate::engine::sample::{bound, draw};
use crate::engine::{By, Compared, Seen, Store};
use crate::plan::Plan;
use crate::report::compare::TOLERANCE;
use clap::Args;
use miette::{IntoDiagnostic, Report};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Run cached stages once more, beside the store, and compare what comes out with what is cached
///
/// Stages are drawn at random, the likelier the longer they took. Where bytes differ, numbers of Parquet, CSV, JSON,
/// Markdown, LaTeX and tensor files are compared. Nothing that is cached is replaced. Without --sample, says what the store's
/// ledger knows: which outputs were ever seen of each stage, and on which machines.
///
/// Exit code 1 if a stage diverges.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner verify pipelines/ablation.yaml --sample 5\n  \
                        runner verify pipelines/ablation.yaml --sample 5 --seed 7   the same five again\n  \
                        runner verify pipelines/ablation.yaml                       what the ledger knows")]
pub struct Verify {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// How many stages run again
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Which stages are drawn: the same seed draws the same [default: by the clock]
    #[arg(long)]
    seed: Option<u64>,
    /// Two numbers agree if they differ by at most this times the larger of 1 and their sizes
    #[arg(long, default_value_t = TOLERANCE)]
    tolerance: f64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What became of one stage.
#[derive(Debug, Serialize)]
struct Checked {
    id: String,
    kind: String,
    key: crate::digest::Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    /// Why it could not run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileAgreement>,
    recorded_on: String,
    recorded_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// All that the ledger knows of it.
    ledger: Ledger,
}

/// What was ever seen of a key, beside its record.
#[derive(Debug, Default, Serialize)]
struct Ledger {
    runs: usize,
    machines: BTreeSet<String>,
    /// Runs with the record's own bits, with close numbers, and with others.
    identical: usize,
    within_tolerance: usize,
    divergent: usize,
    /// Where other bits than the record's came out.
    elsewhere: BTreeSet<String>,
}

#[derive(Debug, Serialize)]
struct Findings {
    cached: usize,
    stages: usize,
    seed: Option<u64>,
    tolerance: f64,
    machine: String,
    checked: Vec<Checked>,
    /// With 95 % confidence, less than this share of the cached work diverges. Only if nothing did.
    bound: Option<f64>,
}

impl Verify {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let store = self.pipeline.store(&plan);
        let records = known(&plan, &store, &BTreeMap::new()).into_diagnostic()?;
        let cached: Vec<(usize, &Record)> =
            records.iter().enumerate().filter_map(|(index, record)| Some((index, record.as_ref()?))).collect();
        let seed = self.sample.map(|_| self.seed.unwrap_or_else(by_the_clock));
        let cancel = on_interrupt()?;
        let mut checked = Vec::new();
        for (index, record) in self.chosen(&cached, seed) {
            if cancel.load(Ordering::Relaxed) {
                break;
            }
            let mut one = begin(&plan, index, record);
            if self.sample.is_some() {
                eprintln!("running {} again; it took {}", one.id, duration(seconds(record.seconds)));
                self.again(&plan, &store, index, record, &cancel, &mut one)?;
            }
            one.ledger = ledger(record, &store.seen(record.key).into_diagnostic()?);
            checked.push(one);
        }
        let interrupted = cancel.load(Ordering::Relaxed);
        let clean = checked.iter().all(|one| one.error.is_none() && one.verdict != Some(Verdict::Divergent));
        let bounded = self.sample.is_some() && clean && !interrupted && !checked.is_empty();
        let bound = bounded.then(|| bound(checked.len()));
        let (cached, stages, tolerance) = (cached.len(), plan.nodes.len(), self.tolerance);
        let findings = Findings { cached, stages, seed, tolerance, machine: machine(), checked, bound };
        let json = || serde_json::to_string_pretty(&findings).map(|text| text + "\n");
        print(&if self.json { json().into_diagnostic()? } else { text(&findings) })?;
        Ok(match (interrupted, clean) {
            (true, _) => ExitCode::from(INTERRUPTED),
            (false, true) => ExitCode::SUCCESS,
            (false, false) => ExitCode::from(1),
        })
    }

    /// A sample, or, without one, all for a look into the ledger.
    fn chosen<'a>(&self, cached: &[(usize, &'a Record)], seed: Option<u64>) -> Vec<(usize, &'a Record)> {
        let (Some(count), Some(seed)) = (self.sample, seed) else { return cached.to_vec() };
        let costs: Vec<f64> = cached.iter().map(|(_, record)| record.seconds).collect();
        draw(&costs, count, seed).into_iter().map(|place| cached[place]).collect()
    }

    fn again(
        &self,
        plan: &Plan,
        store: &Store,
        index: usize,
        record: &Record,
        cancel: &Arc<AtomicBool>,
        one: &mut Checked,
    ) -> Result<(), Report> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let executable = super::common::this_program();
        let again = Again { executable, threads, progress: Arc::new(SilentProgress), cancel: Arc::clone(cancel) };
        let outputs = match recompute(plan, store, index, record, &again) {
            Ok(outputs) => outputs,
            Err(AgainError::Engine(error)) => return Err(error).into_diagnostic(),
            Err(error) => {
                one.error = Some(error.to_string());
                return Ok(());
            }
        };
        let comparer = Numbers { tolerance: self.tolerance };
        let (files, digests) = folders(store, &record.outputs, &outputs.folders, &comparer).into_diagnostic()?;
        let verdict = verdict(&files, false);
        let compared = match verdict {
            Verdict::Identical => Compared::Identical,
            Verdict::WithinTolerance => Compared::WithinTolerance,
            Verdict::Divergent => Compared::Divergent,
        };
        store.note_outputs(record.key, &digests, By::Verify, Some(compared)).into_diagnostic()?;
        one.verdict = Some(verdict);
        one.seconds = Some(outputs.duration.as_secs_f64());
        one.files = files;
        Ok(())
    }
}

fn begin(plan: &Plan, index: usize, record: &Record) -> Checked {
    let node = &plan.nodes[index];
    Checked {
        id: node.id.clone(),
        kind: node.stage.kind().to_owned(),
        key: record.key,
        verdict: None,
        error: None,
        files: Vec::new(),
        recorded_on: record.machine.clone(),
        recorded_seconds: record.seconds,
        seconds: None,
        ledger: Ledger::default(),
    }
}

fn ledger(record: &Record, seen: &[Seen]) -> Ledger {
    let mut ledger = Ledger { runs: seen.len(), ..Ledger::default() };
    for seen in seen {
        ledger.machines.insert(seen.machine.clone());
        if seen.outputs == record.outputs {
            ledger.identical += 1;
            continue;
        }
        ledger.elsewhere.insert(format!("{}, runner {}", seen.machine, seen.runner));
        match seen.compared {
            Some(Compared::WithinTolerance) => ledger.within_tolerance += 1,
            // Not compared by numbers, or compared with a record that is gone: other bits.
            _ => ledger.divergent += 1,
        }
    }
    ledger
}

fn by_the_clock() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos() as u64 % 1_000_000)
}

fn seconds(seconds: f64) -> std::time::Duration {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn text(findings: &Findings) -> String {
    let one = |one: &Checked| {
        let mut lines = vec![format!("{:<17} {}", word(one), one.id)];
        lines
            .extend(one.error.iter().chain(&one.files.iter().filter_map(difference).collect::<Vec<_>>()).map(indented));
        lines.push(indented(&machines(one, &findings.machine)));
        lines.extend(sightings(&one.ledger).iter().map(indented));
        lines.join("\n") + "\n"
    };
    findings.checked.iter().map(one).collect::<String>() + &closing(findings)
}

fn indented(line: &String) -> String {
    format!("    {line}")
}

fn word(one: &Checked) -> &'static str {
    match (&one.error, one.verdict) {
        (Some(_), _) => "failed",
        (None, Some(Verdict::Identical)) => "identical",
        (None, Some(Verdict::WithinTolerance)) => "within tolerance",
        (None, Some(Verdict::Divergent)) => "DIVERGENT",
        (None, None) if one.ledger.divergent > 0 => "other bits seen",
        (None, None) if one.ledger.within_tolerance > 0 => "close bits seen",
        (None, None) if one.ledger.runs > 1 => "same bits",
        (None, None) if one.ledger.runs == 1 => "seen once",
        (None, None) => "not in the ledger",
    }
}

/// The machine of the record, and this one.
fn machines(one: &Checked, here: &str) -> String {
    let recorded = format!("recorded on {} in {}", one.recorded_on, duration(seconds(one.recorded_seconds)));
    let now = one.seconds.map(|took| format!("; now on {here} in {}", duration(seconds(took))));
    recorded + &now.unwrap_or_default()
}

fn sightings(ledger: &Ledger) -> Vec<String> {
    if ledger.runs == 0 {
        return Vec::new();
    }
    let Ledger { runs, machines, identical, within_tolerance, divergent, elsewhere } = ledger;
    let (runs, machines) = (counted(*runs, "run"), counted(machines.len(), "machine"));
    let counts = format!("{identical} identical, {within_tolerance} within tolerance, {divergent} divergent");
    let mut lines = vec![format!("ledger: {runs} on {machines}: {counts}")];
    lines.extend(elsewhere.iter().map(|place| format!("other bits on {place}")));
    lines
}

fn closing(findings: &Findings) -> String {
    let Findings { cached, stages, tolerance, checked, .. } = findings;
    let Some(seed) = findings.seed else {
        return format!("{cached} of {stages} stages are cached; --sample N runs N of them again\n");
    };
    let k = checked.len();
    let count = |verdict: Verdict| checked.iter().filter(|one| one.verdict == Some(verdict)).count();
    let mut text = format!("{k} of {cached} cached stages ran again ({stages} in the pipeline, seed {seed}): ");
    text += &format!("{} identical, ", count(Verdict::Identical));
    text += &format!("{} within tolerance {tolerance:e}, ", count(Verdict::WithinTolerance));
    text += &format!("{} divergent", count(Verdict::Divergent));
    match checked.iter().filter(|one| one.error.is_some()).count() {
        0 => text += "\n",
        failed => text += &format!(", {failed} failed\n"),
    }
    if let Some(bound) = findings.bound {
        let percent = 100.0 * bound;
        text += &format!("0 of {k} diverge: with 95 % confidence, less than {percent:.1} % of the cached work does ");
        text += &format!("(1 - 0.05^(1/{k}), by its cost)\n");
    }
    text
}
