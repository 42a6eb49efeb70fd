//! From a result down to what it was made of, by digests alone.

use super::history::coordinates_of;
use crate::digest::Digest;
use crate::plan::manifest::{Input, Manifest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `provenance.json`, as [`super::run`] writes it beside the results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub pipeline: String,
    #[serde(default)]
    pub title: String,
    /// Version of runner.
    pub runner: String,
    pub nodes: Vec<Made>,
}

/// A stage that succeeded, and what it made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    pub id: String,
    pub kind: String,
    pub key: Digest,
    pub manifest: Manifest,
    /// Output port → digest of its folder.
    pub outputs: BTreeMap<String, Digest>,
}

impl Provenance {
    pub fn node(&self, id: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    /// The stage and output that made a folder with this digest.
    pub fn maker(&self, tree: Digest) -> Option<(usize, &str)> {
        self.nodes.iter().enumerate().find_map(|(index, node)| Some((index, node.output(tree)?)))
    }

    /// Every output by its digest.
    fn makers(&self) -> BTreeMap<Digest, Vec<(usize, &str)>> {
        let mut makers: BTreeMap<Digest, Vec<(usize, &str)>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            node.outputs.iter().for_each(|(port, tree)| makers.entry(*tree).or_default().push((index, port)));
        }
        makers
    }
}

impl Made {
    fn output(&self, tree: Digest) -> Option<&str> {
        self.outputs.iter().find(|(_, digest)| **digest == tree).map(|(port, _)| port.as_str())
    }
}

/// A stage in the tree below a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    pub id: String,
    pub kind: String,
    pub key: Digest,
    /// The output that is read, and its digest.
    pub output: String,
    pub digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    pub inputs: Vec<Link>,
    /// Files from outside: the parameter that names them, and their digest.
    pub sources: BTreeMap<String, Digest>,
    /// Its inputs stand where it first appears.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

/// What came in by a port.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    pub port: String,
    #[serde(flatten)]
    pub to: Target,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Step(Box<Step>),
    /// Artifacts that are no part of the answer, by how many.
    LeftOut {
        count: usize,
    },
    /// No stage in the provenance made it.
    Unknown {
        digest: Digest,
    },
}

/// Whether an artifact that a stage gathers is part of the answer, by its coordinates.
pub type Keep<'a> = &'a dyn Fn(&BTreeMap<String, String>) -> bool;

/// The tree below output `output` of node `root`. Of what the root gathers, only what `keep` wants; with a `keep`,
/// what other stages gather (a test over all methods, say) is counted, not followed.
pub fn trace(provenance: &Provenance, root: usize, output: &str, keep: Option<Keep<'_>>) -> Option<Step> {
    let digest = *provenance.nodes.get(root)?.outputs.get(output)?;
    let mut walk = Walk { provenance, makers: provenance.makers(), keep, seen: vec![false; provenance.nodes.len()] };
    Some(walk.step(root, output, digest, true))
}

struct Walk<'a> {
    provenance: &'a Provenance,
    makers: BTreeMap<Digest, Vec<(usize, &'a str)>>,
    keep: Option<Keep<'a>>,
    seen: Vec<bool>,
}

impl<'a> Walk<'a> {
    fn step(&mut self, index: usize, output: &str, digest: Digest, is_root: bool) -> Step {
        let provenance = self.provenance;
        let node = &provenance.nodes[index];
        let repeated = std::mem::replace(&mut self.seen[index], true);
        let inputs = if repeated { Vec::new() } else { self.links(node, is_root) };
        Step {
            id: node.id.clone(),
            kind: node.kind.clone(),
            key: node.key,
            output: output.to_owned(),
            digest,
            seed: node.manifest.seed,
            inputs,
            sources: node.manifest.sources.iter().map(|s| (s.parameter.clone(), s.digest)).collect(),
            repeated,
        }
    }

    /// Who made an input of `reader`. Where several made the same bytes, the one at the reader's own coordinates.
    fn maker(&self, reader: &Made, input: &Input) -> Option<(usize, &'a str)> {
        let mut wanted = coordinates_of(&reader.id);
        wanted.extend(input.coordinates.clone());
        let fits = |index: usize| {
            let own = coordinates_of(&self.provenance.nodes[index].id);
            let agree = own.iter().all(|(axis, value)| wanted.get(axis).is_none_or(|wanted| wanted == value));
            agree && (input.coordinates.is_empty() || own == input.coordinates)
        };
        let made = self.makers.get(&input.digest)?;
        let others = || made.iter().copied().filter(|(index, _)| self.provenance.nodes[*index].key != reader.key);
        others().find(|(index, _)| fits(*index)).or_else(|| others().next())
    }

    fn links(&mut self, node: &Made, is_root: bool) -> Vec<Link> {
        let mut links = Vec::new();
        let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
        for input in &node.manifest.inputs {
            let gathered = !input.coordinates.is_empty();
            if gathered && self.keep.is_some_and(|keep| !is_root || !keep(&input.coordinates)) {
                *left_out.entry(&input.port).or_default() += 1;
                continue;
            }
            let to = match self.maker(node, input) {
                Some((index, output)) => Target::Step(Box::new(self.step(index, output, input.digest, false))),
                None => Target::Unknown { digest: input.digest },
            };
            links.push(Link { port: input.port.clone(), to });
        }
        let left_out = left_out.into_iter();
        links.extend(left_out.map(|(port, count)| Link { port: port.to_owned(), to: Target::LeftOut { count } }));
        links
    }
}

/// All stages of a tree, each once, from the top.
pub fn steps(root: &Step) -> Vec<&Step> {
    let mut all: Vec<&Step> = Vec::new();
    let mut open = vec![root];
    while let Some(step) = open.pop() {
        if !step.repeated {
            all.push(step);
        }
        open.extend(step.inputs.iter().rev().filter_map(|link| match &link.to {
            Target::Step(step) => Some(&**step),
            _ => None,
        }));
    }
    all
}
