use super::common::{StoreArgs, print, print_json};
use super::group::{brief, group};
use super::metrics::{self, Metrics};
use super::text::{columns, plural, time};
use crate::engine::Store;
use crate::engine::difference::{Changed, Comparison, compare};
use crate::engine::history::{Run, find};
use crate::report::change::{Decision, Moved, Outcome, Verdict};
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use std::process::ExitCode;

/// Compare two runs: their parameters, their metrics, and what is concluded from them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  runner diff last~1 last
  runner diff 1764060000-1234-0 last --json      (ids are those of `runner log`)")]
pub struct Diff {
    /// The run before: an id or its beginning, `last`, `last~1`
    was: String,
    /// The run after
    #[arg(default_value = "last")]
    is: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Also say which inputs changed of stages that only follow from other changes
    #[arg(long)]
    verbose: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let (store, runs) = self.store.runs()?;
        let (was, is) = (find(&runs, &self.was).into_diagnostic()?, find(&runs, &self.is).into_diagnostic()?);
        let comparison = compare(&store, was, is).into_diagnostic()?;
        let metrics = metrics(&store, was, is)?;
        if self.json {
            print_json(&serde_json::json!({"was": was, "is": is, "stages": comparison, "metrics": metrics}))?;
        } else {
            let head = format!("was: {}\nis:  {}\n", line(was), line(is));
            print(&(head + &parameters(&comparison, self.verbose) + &measured(&metrics)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn metrics(store: &Store, was: &Run, is: &Run) -> Result<Metrics, Report> {
    let (old, new) = (metrics::read(store, was), metrics::read(store, is));
    let (old, new) = (old.map_err(|e| miette!("{e}"))?, new.map_err(|e| miette!("{e}"))?);
    Ok(Metrics::of(&old, &new))
}

fn line(run: &Run) -> String {
    format!("{} of {}, {} UTC, {} ran, {} cached", run.id, run.pipeline, time(run.started), run.ran, run.cached)
}

fn parameters(comparison: &Comparison, verbose: bool) -> String {
    let mut text = format!("\nstages: {} the same, {} changed", comparison.same, comparison.changed.len());
    for (word, nodes) in [("only before", &comparison.only_was), ("only after", &comparison.only_is)] {
        if !nodes.is_empty() {
            text += &format!(", {} {word}", nodes.len());
        }
    }
    text += "\n";
    let (follow, own): (Vec<&Changed>, Vec<&Changed>) = comparison.changed.iter().partition(|c| c.follows && !verbose);
    let lines = |changed: &Changed| {
        let mut lines = why(changed, verbose);
        if changed.same_output {
            lines.push("and made the same bytes nevertheless".to_owned());
        }
        lines
    };
    for group in group(own.iter().map(|changed| (changed.entry(), lines(changed)))) {
        text += &format!("  {} ({})\n", group.entry, plural(group.count, "stage"));
        text += &group.text();
    }
    let names: Vec<String> = group(follow.iter().map(|changed| (changed.entry(), Vec::new())))
        .iter()
        .map(|group| if group.count == 1 { group.entry.to_owned() } else { format!("{} {}", group.entry, group.count) })
        .collect();
    if !names.is_empty() {
        text += &format!("  what follows from these: {}\n", names.join(", "));
    }
    for (word, nodes) in [("only before", &comparison.only_was), ("only after", &comparison.only_is)] {
        nodes.iter().for_each(|node| text += &format!("  {word}: {node}\n"));
    }
    text
}

fn why(changed: &Changed, verbose: bool) -> Vec<String> {
    match changed.reasons.as_slice() {
        [] => vec!["its record is gone from the store, so that what changed is not known".to_owned()],
        reasons if verbose => brief(reasons),
        reasons => brief(reasons).into_iter().filter(|line| !line.starts_with("input ")).collect(),
    }
}

fn measured(metrics: &Metrics) -> String {
    let mut text = String::new();
    let tables = metrics.tables.iter().filter(|table| !table.moved.is_empty());
    for table in tables {
        text += &format!("\n{}: {} of {} moved\n", table.name, table.moved.len(), plural(table.cells, "cell"));
        text += &indented(&columns(&table.moved.iter().map(cell).collect::<Vec<_>>()));
    }
    let flips: Vec<&Decision> = metrics.decisions.iter().filter(|decision| decision.flipped).collect();
    let moved: usize = metrics.tables.iter().map(|table| table.moved.len()).sum();
    if metrics.tables.is_empty() && metrics.decisions.is_empty() {
        return text + "\nno metrics that both runs have: neither table nor scores nor metrics.json\n";
    }
    let of = format!("{} flipped", plural(flips.len(), "decision"));
    text += &format!("\nconclusions: {} moved, {of}", plural(moved, "cell"));
    text += if metrics.decisions.is_empty() { " (there is no test)\n" } else { "\n" };
    flips.iter().for_each(|flip| text += &format!("  {}\n", decision(flip)));
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn cell(moved: &Moved) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or("(none)".to_owned(), |value| format!("{value:.4}"));
    let change =
        moved.was.zip(moved.is).map_or(String::new(), |(was, is)| format!("({:+.4} {})", is - was, moved.unit));
    let change = change.replace(" )", ")");
    let name = if moved.label == moved.row { moved.row.clone() } else { format!("{} ({})", moved.label, moved.row) };
    vec![name, moved.column.clone(), format!("{} → {}", number(moved.was), number(moved.is)), change]
}

fn decision(flip: &Decision) -> String {
    let outcome = |outcome: &Option<Outcome>| {
        let Some(Outcome { competitor, p, verdict }) = outcome else { return "no test".to_owned() };
        let word = match verdict {
            Verdict::ReferenceHigher => "significantly above",
            Verdict::CompetitorHigher => "significantly below",
            Verdict::Undecided => "not told apart from",
        };
        format!("{word} {competitor} (p = {p:.3})")
    };
    format!("{} at {}: {} → {}", flip.reference, flip.column, outcome(&flip.was), outcome(&flip.is))
}
