use super::choice::Role;
use super::unpack::Unpacked;
use super::{BundleError, plan_file, printable};
use crate::contract::Place;
use crate::engine::cache::Record;
use crate::plan::{Node, Plan};
use serde_json::Value;
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
    let command = node.stage.place() == Place::Program || node.stage.kind() == "command";
    if command && !allow_commands {
        return Err(BundleError::Command { node: node.id.clone(), pipeline: bundle.pipeline() });
    }
    if let Some(source) = node.stage.sources(&node.params).into_iter().next() {
        return Err(BundleError::Source { node: node.id.clone(), path: source.path });
    }
    if command {
        return Ok(());
    }
    // Stages make file names of names that they are given, such as a table's or a coordinate's.
    let texts = texts(&node.params).into_iter().chain(node.coordinates.values().map(String::as_str));
    match texts.into_iter().find(|text| leads_away(text)) {
        Some(text) => Err(BundleError::LeadsAway { node: node.id.clone(), text: printable(text) }),
        None => Ok(()),
    }
}

/// All texts in parameters, and the names of their fields.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => {
            map.iter().flat_map(|(name, value)| texts(value).into_iter().chain([name.as_str()])).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a text, as a part of a path, could lead out of a folder. An ordinary slash in a title doesn't.
fn leads_away(text: &str) -> bool {
    let separator = |c: char| c == '/' || c == '\\';
    let drive = text.get(1..).is_some_and(|rest| rest.starts_with(":/") || rest.starts_with(":\\"));
    text.starts_with(separator) || drive || text.contains('\0') || text.split(separator).any(|part| part == "..")
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
