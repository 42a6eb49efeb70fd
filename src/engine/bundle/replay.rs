use super::choice::Role;
use super::unpack::Unpacked;
use super::{BundleError, plan_file};
use crate::engine::cache::Record;
use crate::plan::{Node, Plan};
use std::collections::BTreeMap;
use std::path::Path;

/// The part of a bundle's pipeline that runs, and what stands for the rest.
pub struct Replay {
    /// The bundle's stages alone. Those that stand as recorded read nothing.
    pub plan: Plan,
    /// For `engine::Options`: records of the stages that don't run, with their packed outputs alone.
    pub pinned: BTreeMap<String, Record>,
    /// Of the stages that run, as the bundle's maker had them, by node id.
    pub recorded: BTreeMap<String, Record>,
    /// What this runner plans otherwise than the bundle's maker did, one a line.
    pub differences: Vec<String>,
}

/// Prepares to run what `plan`, made from the unpacked pipeline, has of the bundle's stages. Refuses what would leave
/// the bundle's folder, and commands unless they are allowed.
pub fn replay(bundle: &Unpacked, plan: &Plan, allow_commands: bool) -> Result<Replay, BundleError> {
    let same = |a: &Path, b: &Path| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if !same(&plan.root, &bundle.folder) {
        return Err(BundleError::Outside { path: plan.root.clone() });
    }
    let contents = &bundle.contents;
    let mut replay = Replay {
        plan: Plan { nodes: Vec::new(), ..plan.clone() },
        pinned: BTreeMap::new(),
        recorded: BTreeMap::new(),
        differences: plan_file::differences(&contents.plan, plan),
    };
    // Index in `plan` → index among the bundle's stages.
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for (stage, record) in contents.manifest.stages.iter().zip(&contents.records) {
        let unknown = || BundleError::UnknownStage { node: stage.id.clone() };
        let index = plan.nodes.iter().position(|node| node.id == stage.id).ok_or_else(unknown)?;
        let mut node = plan.nodes[index].clone();
        match stage.role {
            Role::Recorded => {
                node.inputs.clear();
                let mut record = record.clone();
                record.outputs.clone_from(&stage.packed);
                replay.pinned.insert(node.id.clone(), record);
            }
            Role::Recomputed => {
                admit(&node, bundle, allow_commands)?;
                rebind(&mut node, plan, &places, &replay)?;
                replay.recorded.insert(node.id.clone(), record.clone());
            }
        }
        places.insert(index, replay.plan.nodes.len());
        replay.plan.nodes.push(node);
    }
    Ok(replay)
}

/// Opening a bundle never executes what a stranger wrote, nor reads what is the user's.
fn admit(node: &Node, bundle: &Unpacked, allow_commands: bool) -> Result<(), BundleError> {
    if node.stage.kind() == "command" && !allow_commands {
        return Err(BundleError::Command { node: node.id.clone(), pipeline: bundle.pipeline() });
    }
    match node.stage.sources(&node.params).into_iter().next() {
        Some(source) => Err(BundleError::Source { node: node.id.clone(), path: source.path }),
        None => Ok(()),
    }
}

/// Inputs come from earlier stages of the bundle, by outputs that it holds.
fn rebind(node: &mut Node, plan: &Plan, places: &BTreeMap<usize, usize>, replay: &Replay) -> Result<(), BundleError> {
    for binding in &mut node.inputs {
        let from = &plan.nodes[binding.from].id;
        let held = match replay.pinned.get(from) {
            Some(record) => record.outputs.contains_key(&binding.output),
            None => replay.recorded.contains_key(from),
        };
        match places.get(&binding.from).filter(|_| held) {
            Some(place) => binding.from = *place,
            None => {
                let (node, from, port) = (node.id.clone(), from.clone(), binding.output.clone());
                return Err(BundleError::Unpacked { node, from, port });
            }
        }
    }
    Ok(())
}
