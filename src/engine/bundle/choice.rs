use super::depth::{Depth, Kind, Rank, kinds};
use crate::plan::{Node, Plan};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a stage of the bundle at the reviewer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It runs again, and its outputs are compared with the recorded ones.
    Recomputed,
    /// Its recorded outputs stand for it.
    Recorded,
}

/// A stage that a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub node: usize,
    pub role: Role,
    /// Output ports whose files are packed.
    pub packed: BTreeSet<String>,
}

/// What a bundle of some depth holds, in the plan's order.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    pub kept: Vec<Kept>,
    /// What the user should think of before the bundle is handed out.
    pub warnings: Vec<String>,
}

/// Chooses the stages that are re-made from `depth` on, and what they need.
pub(super) fn choose(plan: &Plan, depth: Depth) -> Choice {
    let kinds = kinds(plan);
    let recomputed = recomputed(plan, &kinds, depth);
    let mut packed: Vec<BTreeSet<String>> = vec![BTreeSet::new(); plan.nodes.len()];
    let mut read = vec![false; plan.nodes.len()];
    for (index, node) in plan.nodes.iter().enumerate() {
        packed[index].extend(node.publish.keys().cloned());
        for binding in &node.inputs {
            read[binding.from] = true;
            if recomputed[index] && !recomputed[binding.from] {
                packed[binding.from].insert(binding.output.clone());
            }
        }
    }
    for index in 0..plan.nodes.len() {
        // The recorded values that recomputed ones are compared with; large ones are compared by digest.
        let most = if recomputed[index] { Rank::Scores } else { depth.rank() };
        if recomputed[index] || !read[index] {
            let near = kinds[index].iter().filter(|(_, kind)| kind.rank <= most);
            packed[index].extend(near.map(|(port, _)| port.clone()));
        }
    }
    let role = |node: usize| if recomputed[node] { Role::Recomputed } else { Role::Recorded };
    let all = packed.into_iter().enumerate().filter(|(node, packed)| recomputed[*node] || !packed.is_empty());
    let kept: Vec<Kept> = all.map(|(node, packed)| Kept { node, role: role(node), packed }).collect();
    Choice { warnings: warnings(plan, &kinds, &kept), kept }
}

/// Whether each stage can run at the reviewer's: it makes something nearer to the results than `depth`, from what the
/// bundle holds alone.
fn recomputed(plan: &Plan, kinds: &[BTreeMap<String, Kind>], depth: Depth) -> Vec<bool> {
    let mut recomputed = vec![false; plan.nodes.len()];
    for (index, node) in plan.nodes.iter().enumerate() {
        let nearer = kinds[index].values().all(|kind| kind.rank < depth.rank());
        let inputs = node.inputs.iter().all(|binding| {
            let kind = kinds[binding.from].get(&binding.output);
            recomputed[binding.from] || kind.is_some_and(|kind| may_be_packed(*kind, depth))
        });
        recomputed[index] = nearer && inputs && node.stage.sources(&node.params).is_empty();
    }
    recomputed
}

/// Images enter a bundle only where figures of predictions are asked for.
fn may_be_packed(kind: Kind, depth: Depth) -> bool {
    match kind.rank {
        Rank::Data => depth >= Depth::Predictions || depth >= Depth::Scores && !kind.images,
        rank => rank <= depth.rank(),
    }
}

fn warnings(plan: &Plan, kinds: &[BTreeMap<String, Kind>], kept: &[Kept]) -> Vec<String> {
    let holds = |node: usize, port: &String| kinds[node].get(port).is_some_and(|kind| kind.images);
    let drawn_from = |node: &Node| node.inputs.iter().any(|binding| holds(binding.from, &binding.output));
    let (mut images, mut drawn) = (BTreeSet::new(), BTreeSet::new());
    for Kept { node: index, packed, .. } in kept {
        let node = &plan.nodes[*index];
        for port in packed {
            if holds(*index, port) {
                images.insert(format!("{}.{port}", node.entry));
            } else if drawn_from(node) && kinds[*index].get(port).is_some_and(|kind| kind.rank == Rank::Results) {
                drawn.insert(format!("{}.{port}", node.entry));
            }
        }
    }
    let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
    let mut warnings = Vec::new();
    if !images.is_empty() {
        let of = list(images);
        warnings.push(format!(
            "the bundle holds images of the cases ({of}): are these patients, and may you hand them out?"
        ));
    }
    if !drawn.is_empty() {
        let of = list(drawn);
        warnings.push(format!("the bundle holds figures that show images of the cases ({of}): may you hand them out?"));
    }
    warnings
}
