use super::BundleError;
use super::replay::Replay;
use super::unpack::Unpacked;
use crate::digest;
use crate::engine::compare::{self, Comparer, FileAgreement, RecordedOutput, Verdict};
use crate::engine::{Store, recompute};
use serde::Serialize;
use std::collections::BTreeMap;

/// A stage that ran again, beside its record in the bundle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageAgreement {
    pub id: String,
    pub kind: String,
    pub verdict: Verdict,
    pub files: Vec<FileAgreement>,
}

/// Compares, after a run, every recomputed output with the bundle's record of it. A stage that failed is left out:
/// the run's summary has it.
pub fn agreements(
    bundle: &Unpacked,
    replay: &Replay,
    store: &Store,
    comparer: &dyn Comparer,
) -> Result<Vec<StageAgreement>, BundleError> {
    let now = recompute::known(&replay.plan, store, &replay.pinned)?;
    let mut verdicts: BTreeMap<usize, Verdict> = BTreeMap::new();
    let mut all = Vec::new();
    for (index, (node, now)) in replay.plan.nodes.iter().zip(&now).enumerate() {
        let (Some(was), Some(now)) = (replay.recorded.get(&node.id), now) else { continue };
        let mut files = Vec::new();
        for (port, tree) in &now.outputs {
            let Some(&digest) = was.outputs.get(port) else { continue };
            let listing = store.listing(*tree)?;
            let recorded = RecordedOutput { port, digest, listing: bundle.contents.listings.get(&digest).cloned() };
            let place = |file: &digest::Entry| store.object(file.sha256);
            files.extend(compare::output(store, &recorded, (&listing, &place), comparer));
        }
        let moved = |from: &usize| verdicts.get(from).is_some_and(|verdict| *verdict != Verdict::Identical);
        let moved = node.inputs.iter().any(|binding| moved(&binding.from));
        let verdict = compare::verdict(&files, moved);
        verdicts.insert(index, verdict);
        all.push(StageAgreement { id: node.id.clone(), kind: node.stage.kind().to_owned(), verdict, files });
    }
    Ok(all)
}
