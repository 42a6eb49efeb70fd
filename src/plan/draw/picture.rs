use super::Detail;
use crate::plan::{Node, Plan};
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::collections::BTreeMap;

/// A plan as boxes and arrows, before it has a format.
pub(super) struct Picture {
    pub graph: DiGraph<Box, Vec<String>>,
}

/// What is written in a box.
pub(super) struct Box {
    pub title: String,
    pub lines: Vec<String>,
}

impl Picture {
    /// An arrow carries the outputs that go along it.
    pub fn of(plan: &Plan, detail: Detail) -> Self {
        let mut graph = DiGraph::new();
        let mut groups: BTreeMap<&str, NodeIndex> = BTreeMap::new();
        let mut boxes = Vec::new();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for node in &plan.nodes {
            *counts.entry(&node.entry).or_default() += 1;
        }
        for node in &plan.nodes {
            let count = counts.get(node.entry.as_str()).copied().unwrap_or(1);
            let key = if detail == Detail::Entries { node.entry.as_str() } else { node.id.as_str() };
            let index = *groups.entry(key).or_insert_with(|| graph.add_node(content(plan, node, count, detail)));
            boxes.push(index);
        }
        let mut arrows: BTreeMap<(NodeIndex, NodeIndex), Vec<String>> = BTreeMap::new();
        for (node, &to) in plan.nodes.iter().zip(&boxes) {
            for input in &node.inputs {
                let outputs = arrows.entry((boxes[input.from], to)).or_default();
                if !outputs.contains(&input.output) {
                    outputs.push(input.output.clone());
                }
            }
        }
        for ((from, to), outputs) in arrows {
            graph.add_edge(from, to, outputs);
        }
        Picture { graph }
    }

    /// The longest path that leads to each box.
    pub fn layers(&self) -> Vec<usize> {
        let mut layers = vec![0; self.graph.node_count()];
        // A plan has no ring, so that the order exists.
        for node in toposort(&self.graph, None).unwrap_or_default() {
            for edge in self.graph.edges(node) {
                let (from, to) = (node.index(), edge.target().index());
                layers[to] = layers[to].max(layers[from] + 1);
            }
        }
        layers
    }

    /// Arrows in the order of their boxes.
    pub fn arrows(&self) -> impl Iterator<Item = (usize, usize, &[String])> {
        self.graph
            .edge_references()
            .map(|edge| (edge.source().index(), edge.target().index(), edge.weight().as_slice()))
    }
}

fn content(plan: &Plan, node: &Node, count: usize, detail: Detail) -> Box {
    let mut lines = Vec::new();
    if node.stage.kind() != node.entry {
        lines.push(node.stage.kind().to_owned());
    }
    let title = match detail {
        Detail::Entries if count > 1 => format!("{} ×{count}", node.entry),
        Detail::Entries => node.entry.clone(),
        Detail::Instances => {
            lines.extend(node.coordinates.iter().map(|(axis, value)| format!("{axis} = {value}")));
            node.entry.clone()
        }
    };
    if detail == Detail::Instances || count == 1 {
        lines.extend(node.publish.values().map(|folder| format!("→ {}", plan.results.join(folder).display())));
    }
    Box { title, lines }
}
