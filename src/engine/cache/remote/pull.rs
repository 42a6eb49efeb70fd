use super::fetch::Batch;
use super::transfer::list;
use super::{Remote, RemoteError};
use crate::digest::Digest;
use crate::engine::EngineError;
use crate::engine::cache::verify::Meter;
use crate::engine::cache::{Lookup, Store};
use crate::engine::prepare::{Outputs, Prepared};
use crate::plan::Plan;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a pull brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// Stages, or records, that came.
    pub arrived: u64,
    /// Those that were here already.
    pub here: u64,
    pub objects: u64,
    pub bytes: u64,
    /// Stages that the remote hasn't, and those below them, whose keys can't be known then.
    pub absent: Vec<String>,
    /// What was thrown away, and why.
    pub refused: Vec<String>,
}

impl Pulled {
    fn add(&mut self, batch: Batch) {
        self.arrived += batch.arrived.len() as u64;
        self.objects += batch.objects;
        self.bytes += batch.bytes;
        self.refused.extend(batch.refused);
    }
}

impl Store {
    /// Brings what a run of this plan would find. Keys become known level by level, as outputs do.
    pub fn pull_plan(&self, remote: &Remote, plan: &Plan, meter: Meter<'_>) -> Result<Pulled, RemoteError> {
        let mut pulled = Pulled::default();
        let mut outputs: Vec<Option<Outputs>> = vec![None; plan.nodes.len()];
        let mut looked: BTreeSet<usize> = BTreeSet::new();
        loop {
            let known = |index: &usize| plan.nodes[*index].inputs.iter().all(|input| outputs[input.from].is_some());
            let ready: Vec<usize> = (0..plan.nodes.len()).filter(|i| !looked.contains(i)).filter(known).collect();
            if ready.is_empty() {
                break;
            }
            looked.extend(&ready);
            let wanted = self.missing_keys(plan, &ready, &mut outputs, &mut pulled)?;
            let keys: BTreeSet<Digest> = wanted.iter().map(|(_, prepared)| prepared.key).collect();
            let keys: Vec<Digest> = keys.into_iter().collect();
            pulled.add(self.fetch_keys(remote, &keys, meter)?);
            for (index, prepared) in wanted {
                if let Lookup::Hit(record) = prepared.lookup(&plan.nodes[index], self)? {
                    outputs[index] = Some(record.outputs);
                }
            }
        }
        let absent = plan.nodes.iter().zip(&outputs).filter(|(_, outputs)| outputs.is_none());
        pulled.absent = absent.map(|(node, _)| node.id.clone()).collect();
        self.save_memo()?;
        Ok(pulled)
    }

    /// Those of these nodes that are not here; the outputs of the others become known.
    fn missing_keys(
        &self,
        plan: &Plan,
        ready: &[usize],
        outputs: &mut [Option<Outputs>],
        pulled: &mut Pulled,
    ) -> Result<Vec<(usize, Prepared)>, EngineError> {
        let mut wanted = Vec::new();
        for &index in ready {
            let prepared = match Prepared::of(plan, index, outputs, self) {
                Ok(prepared) => prepared,
                // Its files aren't here: the stage can't be asked for, nor run.
                Err(EngineError::Source { .. }) => continue,
                Err(error) => return Err(error),
            };
            match prepared.lookup(&plan.nodes[index], self)? {
                Lookup::Hit(record) => {
                    pulled.here += 1;
                    outputs[index] = Some(record.outputs);
                }
                Lookup::Miss | Lookup::Lost { .. } => wanted.push((index, prepared)),
            }
        }
        Ok(wanted)
    }

    /// Brings all that the remote has.
    pub fn pull_all(&self, remote: &Remote, meter: Meter<'_>) -> Result<Pulled, RemoteError> {
        if remote.plain_http {
            return Err(RemoteError::NoListing { url: remote.url.clone() });
        }
        let folder = remote.below(&["actions"]);
        let listed = remote.runtime.block_on(list(Arc::clone(&remote.store), folder.clone()));
        let listed = listed.map_err(|fault| remote.failed(fault))?;
        let mut pulled = Pulled::default();
        let mut keys = Vec::new();
        for path in listed.keys() {
            let name: String =
                path.prefix_match(&folder).into_iter().flatten().map(|p| p.as_ref().to_owned()).collect();
            let Some(key) = name.strip_suffix(".json").and_then(|name| name.parse().ok()) else { continue };
            if self.is_whole(key)? {
                pulled.here += 1;
            } else {
                keys.push(key);
            }
        }
        // In parts: what came stays when this is cut short.
        for keys in keys.chunks(500) {
            pulled.add(self.fetch_keys(remote, keys, meter)?);
        }
        self.save_memo()?;
        Ok(pulled)
    }
}
