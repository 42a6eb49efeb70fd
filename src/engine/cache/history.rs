use super::layout::entries;
use super::{Entry, Store, read_journal};
use crate::digest::Digest;
use crate::engine::EngineError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A stage of a pipeline: `ablation`, `train[method=ours]`.
pub type StageName = (String, String);

/// What the journals tell: which stages had which keys, and when each was last used. A journal may be torn or gone:
/// then less is known, and what is unknown is kept.
#[derive(Debug, Default)]
pub(super) struct History {
    pub keys: BTreeMap<Digest, Used>,
    pub journals: Vec<Told>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Used {
    pub stages: BTreeSet<StageName>,
    /// Seconds since 1970.
    pub last: u64,
}

/// A journal: its run's pipeline, and its last event.
#[derive(Debug)]
pub(super) struct Told {
    pub path: PathBuf,
    pub pipeline: Option<String>,
    pub last: u64,
    pub bytes: u64,
    /// Lines that don't parse; the last may be torn by a kill and isn't counted.
    pub unreadable: usize,
}

impl History {
    pub(super) fn read(store: &Store) -> Result<Self, EngineError> {
        let mut history = History::default();
        for path in entries(&store.root().join("journal"))? {
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                history.take(path)?;
            }
        }
        Ok(history)
    }

    fn take(&mut self, path: PathBuf) -> Result<(), EngineError> {
        let mut told = Told { pipeline: None, last: 0, bytes: 0, unreadable: 0, path };
        let bytes = std::fs::read(&told.path).map_err(EngineError::io("read", &told.path))?;
        told.bytes = bytes.len() as u64;
        let events = read_journal(&told.path)?;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        let torn = usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n"));
        told.unreadable = lines.saturating_sub(events.len()).saturating_sub(torn);
        for event in events {
            told.last = told.last.max(at(&event));
            match event {
                Entry::RunStarted { pipeline, .. } => told.pipeline = Some(pipeline),
                Entry::Finished { at, node, key, .. } => {
                    let used = self.keys.entry(key).or_default();
                    used.last = used.last.max(at);
                    used.stages.extend(told.pipeline.clone().map(|pipeline| (pipeline, node)));
                }
                _ => {}
            }
        }
        self.journals.push(told);
        Ok(())
    }

    /// `train[method=ours] of ablation`, or what its manifest tells of a key that no journal names.
    pub(super) fn name(&self, key: Digest, kind: Option<&str>) -> String {
        let stages = self.keys.get(&key).map(|used| &used.stages).filter(|stages| !stages.is_empty());
        let names = |stages: &BTreeSet<StageName>| {
            let names = stages.iter().map(|(pipeline, node)| format!("{node} of {pipeline}"));
            names.collect::<Vec<_>>().join(", ")
        };
        stages.map_or_else(|| format!("a {} stage ({})", kind.unwrap_or("forgotten"), key.short()), names)
    }
}

fn at(entry: &Entry) -> u64 {
    match entry {
        Entry::RunStarted { at, .. }
        | Entry::Started { at, .. }
        | Entry::Finished { at, .. }
        | Entry::Failed { at, .. }
        | Entry::Skipped { at, .. }
        | Entry::Note { at, .. }
        | Entry::RunFinished { at, .. } => *at,
    }
}
