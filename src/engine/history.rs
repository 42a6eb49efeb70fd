//! What the journals of past runs tell: which runs there were, what each stage last did, how long stages take.

use super::cache::{Entry, read_journal};
use super::{EngineError, Store};
use crate::digest::Digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One run, as its journal has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Name of its journal.
    pub id: String,
    pub pipeline: String,
    /// Seconds since 1970.
    pub started: u64,
    /// Of the last line of the journal.
    pub ended: u64,
    pub end: End,
    /// Version of runner.
    pub runner: String,
    pub stages: usize,
    pub ran: usize,
    pub cached: usize,
    pub failed: usize,
    /// By id of the node.
    #[serde(skip)]
    pub nodes: BTreeMap<String, Part>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Finished,
    Interrupted,
    /// Its journal has no end: it was killed, or runs still.
    Open,
}

/// What a stage did in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    pub key: Option<Digest>,
    /// Seconds since 1970.
    pub at: u64,
    #[serde(flatten)]
    pub did: Did,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Did {
    /// Started, and nothing more was heard of it.
    Start,
    Run {
        seconds: f64,
    },
    /// Its output was there already.
    Cached,
    Fail {
        error: String,
    },
    Skip {
        because: String,
    },
}

impl Run {
    /// From a journal's entries; `None` if it doesn't begin as one.
    pub fn of(id: &str, entries: &[Entry]) -> Option<Run> {
        let Some(Entry::RunStarted { at, pipeline, stages, runner }) = entries.first() else { return None };
        let mut run = Run {
            id: id.to_owned(),
            pipeline: pipeline.clone(),
            started: *at,
            ended: *at,
            end: End::Open,
            runner: runner.clone(),
            stages: *stages,
            ran: 0,
            cached: 0,
            failed: 0,
            nodes: BTreeMap::new(),
        };
        entries.iter().for_each(|entry| run.add(entry));
        run.count();
        Some(run)
    }

    fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Started { at, node, key } => self.set(node, *at, Some(*key), Did::Start),
            Entry::Finished { at, node, key, cached: true, .. } => self.set(node, *at, Some(*key), Did::Cached),
            Entry::Finished { at, node, key, seconds, .. } => {
                self.set(node, *at, Some(*key), Did::Run { seconds: *seconds });
            }
            Entry::Failed { at, node, error } => {
                let key = self.nodes.get(node).and_then(|part| part.key);
                self.set(node, *at, key, Did::Fail { error: error.clone() });
            }
            Entry::Skipped { at, node, because } => self.set(node, *at, None, Did::Skip { because: because.clone() }),
            Entry::RunFinished { at, interrupted, .. } => {
                self.ended = *at;
                self.end = if *interrupted { End::Interrupted } else { End::Finished };
            }
            _ => {}
        }
    }

    fn set(&mut self, node: &str, at: u64, key: Option<Digest>, did: Did) {
        // A clock that goes back doesn't make a run shorter than nothing.
        self.ended = self.ended.max(at);
        self.nodes.insert(node.to_owned(), Part { key, at, did });
    }

    fn count(&mut self) {
        for part in self.nodes.values() {
            match part.did {
                Did::Run { .. } => self.ran += 1,
                Did::Cached => self.cached += 1,
                Did::Fail { .. } => self.failed += 1,
                Did::Start | Did::Skip { .. } => {}
            }
        }
    }

    /// Seconds from its start to its end, or to the last that was heard of it.
    pub fn seconds(&self) -> u64 {
        self.ended.saturating_sub(self.started)
    }

    /// The key of each stage that succeeded.
    pub fn keys(&self) -> BTreeMap<&str, Digest> {
        let succeeded = |part: &Part| matches!(part.did, Did::Run { .. } | Did::Cached);
        let all = self.nodes.iter().filter(|(_, part)| succeeded(part));
        all.filter_map(|(node, part)| Some((node.as_str(), part.key?))).collect()
    }
}

/// All runs of a store, the oldest first.
pub fn runs(store: &Store) -> Result<Vec<Run>, EngineError> {
    let folder = store.root().join("journal");
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    for entry in std::fs::read_dir(&folder).map_err(EngineError::io("read", &folder))? {
        let path = entry.map_err(EngineError::io("read", &folder))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl")
            && let Some(run) = Run::of(&id(&path), &read_journal(&path)?)
        {
            // Runs of one second are told apart by when their journals were written last.
            let written = path.metadata().and_then(|metadata| metadata.modified()).ok();
            found.push((run.started, written, run));
        }
    }
    found.sort_by(|a, b| (a.0, a.1, &a.2.id).cmp(&(b.0, b.1, &b.2.id)));
    Ok(found.into_iter().map(|(_, _, run)| run).collect())
}

fn id(journal: &Path) -> String {
    journal.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// No run has that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownRun {
    #[error("there is no run `{name}`; {}: say `last`, `last~1` or a run's id (`runner log` lists them)", count(*.runs))]
    None { name: String, runs: usize },
    #[error("`{name}` begins the ids of several runs: {}", ids.join(", "))]
    Several { name: String, ids: Vec<String> },
}

fn count(runs: usize) -> String {
    match runs {
        0 => "nothing has run yet".to_owned(),
        1 => "there is one".to_owned(),
        _ => format!("there are {runs}"),
    }
}

/// The run that a name means: `last`, `last~2` (two before it), an id, or how an id begins.
pub fn find<'a>(runs: &'a [Run], name: &str) -> Result<&'a Run, UnknownRun> {
    let none = || UnknownRun::None { name: name.to_owned(), runs: runs.len() };
    if let Some(back) = back(name) {
        return runs.iter().rev().nth(back).ok_or_else(none);
    }
    if let Some(run) = runs.iter().find(|run| run.id == name) {
        return Ok(run);
    }
    let all: Vec<&Run> = runs.iter().filter(|run| !name.is_empty() && run.id.starts_with(name)).collect();
    match all.as_slice() {
        [] => Err(none()),
        [run] => Ok(run),
        _ => Err(UnknownRun::Several { name: name.to_owned(), ids: all.iter().map(|run| run.id.clone()).collect() }),
    }
}

/// `last` is 0, `last~2` is 2.
fn back(name: &str) -> Option<usize> {
    match name.strip_prefix("last")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}

/// What a node last did in any run of its pipeline, and in which. What was skipped did nothing.
pub fn last_part<'a>(runs: &'a [Run], pipeline: &str, node: &str) -> Option<(&'a Run, &'a Part)> {
    let ours = runs.iter().rev().filter(|run| run.pipeline == pipeline);
    let mut parts = ours.filter_map(|run| Some((run, run.nodes.get(node)?)));
    parts.find(|(_, part)| !matches!(part.did, Did::Skip { .. }))
}

/// How long stages took when they ran: by node where that is known, else by entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations {
    nodes: BTreeMap<String, f64>,
    /// Sum and number over the nodes.
    entries: BTreeMap<String, (f64, usize)>,
}

impl Durations {
    /// From the runs of one pipeline; the last time that a node ran counts.
    pub fn of(runs: &[Run], pipeline: &str) -> Self {
        let mut nodes: BTreeMap<String, f64> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.pipeline == pipeline) {
            for (node, part) in &run.nodes {
                if let Did::Run { seconds } = part.did {
                    nodes.insert(node.clone(), seconds);
                }
            }
        }
        let mut entries: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        for (node, seconds) in &nodes {
            let (sum, count) = entries.entry(entry_of(node).to_owned()).or_default();
            *sum += seconds;
            *count += 1;
        }
        Durations { nodes, entries }
    }

    /// Seconds that a node is likely to take; `None` where no node of its entry ever ran.
    pub fn seconds(&self, node: &str) -> Option<f64> {
        let mean = |(sum, count): &(f64, usize)| sum / *count as f64;
        self.nodes.get(node).copied().or_else(|| self.entries.get(entry_of(node)).map(mean))
    }
}

/// `train` of `train[fold=0,method=ours]`.
pub fn entry_of(node: &str) -> &str {
    node.split_once('[').map_or(node, |(entry, _)| entry)
}

/// `fold → 0`, `method → ours` of `train[fold=0,method=ours]`.
pub fn coordinates_of(node: &str) -> BTreeMap<String, String> {
    let inner = node.split_once('[').map_or("", |(_, rest)| rest.strip_suffix(']').unwrap_or(rest));
    let pair = |part: &str| part.split_once('=').map(|(axis, value)| (axis.to_owned(), value.to_owned()));
    inner.split(',').filter_map(pair).collect()
}

/// Time on `cores` of work with durations `seconds`, one core each, where `above[i]` come before `i` (and have
/// smaller indices): no shorter than the longest chain, nor than all cores working all the time.
pub fn elapsed(seconds: &[f64], above: &[Vec<usize>], cores: usize) -> f64 {
    let mut ends = vec![0.0_f64; seconds.len()];
    for (index, took) in seconds.iter().enumerate() {
        let start = above[index].iter().map(|&from| ends[from]).fold(0.0, f64::max);
        ends[index] = start + took;
    }
    let longest = ends.iter().copied().fold(0.0, f64::max);
    longest.max(seconds.iter().sum::<f64>() / cores.max(1) as f64)
}
