use super::cache::Lookup;
use super::{EngineError, Store};
use crate::contract::NamedInput;
use crate::digest::Digest;
use crate::plan::manifest::{Input, Manifest, SourceContent, coordinates};
use crate::plan::{Node, Plan};
use serde_json::Value;
use std::collections::BTreeMap;

/// Output port → digest of its folder.
pub type Outputs = BTreeMap<String, Digest>;

/// A stage whose inputs are all known.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub manifest: Manifest,
    pub key: Digest,
}

impl Prepared {
    /// `outputs[i]` are those of `plan.nodes[i]`; all that `node` reads must be there.
    pub fn of(plan: &Plan, index: usize, outputs: &[Option<Outputs>], store: &Store) -> Result<Self, EngineError> {
        let node = &plan.nodes[index];
        let (inputs, _) = known_inputs(plan, index, outputs);
        let manifest = Manifest::of(node, inputs, sources(plan, node, store)?);
        let key = manifest.key();
        Ok(Prepared { manifest, key })
    }

    /// The outputs, if they can be told without reading the record again.
    pub fn known(&self, node: &Node, store: &Store) -> Option<Outputs> {
        store.known(self.key).filter(|outputs| are_outputs_of(node, outputs))
    }

    /// What the store knows of it. A record that names other outputs than the stage has is none.
    pub fn lookup(&self, node: &Node, store: &Store) -> Result<Lookup, EngineError> {
        Ok(of_stage(node, store.lookup(self.key)?))
    }

    /// As `lookup`, but what this store lacks is fetched from its remote. A remote that doesn't answer is a note, and
    /// the run goes on without it. Call it with the key's lock held.
    pub fn obtain(&self, node: &Node, store: &Store) -> Result<Lookup, EngineError> {
        match self.lookup(node, store)? {
            Lookup::Hit(record) => Ok(Lookup::Hit(record)),
            missing if !store.fetch(self.key)? => Ok(missing),
            _ => self.lookup(node, store),
        }
    }
}

fn of_stage(node: &Node, found: Lookup) -> Lookup {
    match found {
        Lookup::Hit(record) if !are_outputs_of(node, &record.outputs) => {
            Lookup::Lost { what: "its record names other outputs".to_owned() }
        }
        found => found,
    }
}

fn are_outputs_of(node: &Node, named: &Outputs) -> bool {
    let outputs = node.outputs();
    outputs.len() == named.len() && outputs.iter().all(|port| named.contains_key(port.name.as_ref()))
}

/// The inputs whose bytes are known, and the bindings whose bytes are not.
pub fn known_inputs(plan: &Plan, index: usize, outputs: &[Option<Outputs>]) -> (Vec<Input>, Vec<usize>) {
    let node = &plan.nodes[index];
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (place, binding) in node.inputs.iter().enumerate() {
        let digest = outputs[binding.from].as_ref().and_then(|outputs| outputs.get(&binding.output));
        match digest {
            Some(&digest) => {
                known.push(Input { port: binding.port.clone(), coordinates: coordinates(plan, node, place), digest })
            }
            None => unknown.push(place),
        }
    }
    (known, unknown)
}

/// An artifact that a node reads, in a folder of its own: `place` is its binding's.
pub fn artifact(
    plan: &Plan,
    node: &Node,
    place: usize,
    digest: Digest,
    store: &Store,
) -> Result<NamedInput, EngineError> {
    let path = store.checkout(digest)?;
    let path = std::path::absolute(&path).map_err(EngineError::io("find", &path))?;
    Ok(NamedInput { coordinates: coordinates(plan, node, place), path })
}

/// The parameters as the stage gets them: a source's path starts at the project's root, where its digest was
/// taken, not at the folder that the program happens to run in.
pub fn located(plan: &Plan, node: &Node) -> Value {
    let mut params = Value::clone(&node.params);
    for source in node.stage.sources(&node.params) {
        let pointer = format!("/{}", source.parameter.replace('.', "/"));
        if let Some(value) = params.pointer_mut(&pointer) {
            *value = plan.root.join(&source.path).to_string_lossy().into_owned().into();
        }
    }
    params
}

/// Digests of what a node reads from outside the store.
pub fn sources(plan: &Plan, node: &Node, store: &Store) -> Result<Vec<SourceContent>, EngineError> {
    let sources = node.stage.sources(&node.params);
    let digest = |source: crate::contract::Source| {
        let path = plan.root.join(&source.path);
        let digest = store.source_digest(&path).map_err(|error| EngineError::Source {
            node: node.id.clone(),
            parameter: source.parameter.clone(),
            path: path.clone(),
            source: error,
        })?;
        Ok(SourceContent { parameter: source.parameter, digest })
    };
    sources.into_iter().map(digest).collect()
}

/// For each node, the nodes that read from it, without repeats.
pub fn dependents(plan: &Plan) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); plan.nodes.len()];
    for (index, node) in plan.nodes.iter().enumerate() {
        let above: std::collections::BTreeSet<usize> = node.inputs.iter().map(|binding| binding.from).collect();
        above.into_iter().for_each(|from| dependents[from].push(index));
    }
    dependents
}

/// Whether a name given by the user means this node: its entry (`train`), its id, or its entry with some of its
/// coordinates (`train[method=ours]`).
pub fn is_named(id: &str, entry: &str, name: &str) -> bool {
    let parts = |text: &str| -> Option<(String, Vec<String>)> {
        let (entry, rest) = text.strip_suffix(']')?.split_once('[')?;
        Some((entry.to_owned(), rest.split(',').map(|part| part.trim().to_owned()).collect()))
    };
    name == entry
        || name == id
        || parts(name).zip(parts(id)).is_some_and(|((entry, wanted), (own_entry, own))| {
            entry == own_entry && wanted.iter().all(|part| own.contains(part))
        })
}
