use super::fault::{Fault, PlanError};
use super::wire::Wire;
use crate::spec::{Experiment, Located};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// A topological order of the entries: of those that can come next, the one that is written first.
pub(super) fn order(experiment: &Experiment, wires: &[Vec<Wire>]) -> Result<Vec<usize>, PlanError> {
    let graph = graph(wires);
    if let Some(ring) = ring(&graph) {
        return Err(circle(experiment, wires, &ring));
    }
    let mut waiting: Vec<usize> = graph.node_indices().map(|n| graph.edges_directed(n, INTO).count()).collect();
    let mut ready: BinaryHeap<Reverse<usize>> = (0..waiting.len()).filter(|&i| waiting[i] == 0).map(Reverse).collect();
    let mut order = Vec::new();
    while let Some(Reverse(entry)) = ready.pop() {
        order.push(entry);
        for next in graph.neighbors(NodeIndex::new(entry)) {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                ready.push(Reverse(next.index()));
            }
        }
    }
    Ok(order)
}

const INTO: petgraph::Direction = petgraph::Direction::Incoming;

/// Entries, with an edge along each wire.
fn graph(wires: &[Vec<Wire>]) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    let nodes: Vec<NodeIndex> = wires.iter().map(|_| graph.add_node(())).collect();
    for (to, wires) in wires.iter().enumerate() {
        for wire in wires {
            graph.add_edge(nodes[wire.from], nodes[to], ());
        }
    }
    graph
}

/// A shortest ring through the first entry that is on one: `[a, b]` for a → b → a.
fn ring(graph: &DiGraph<(), ()>) -> Option<Vec<usize>> {
    let on_ring = |component: &Vec<NodeIndex>| component.len() > 1 || graph.contains_edge(component[0], component[0]);
    let start = tarjan_scc(graph).into_iter().filter(on_ring).flatten().min()?;
    let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        let mut next: Vec<NodeIndex> = graph.neighbors(node).collect();
        next.sort();
        for next in next {
            if next == start {
                return Some(trace(start, node, &came_from));
            }
            if let Entry::Vacant(place) = came_from.entry(next) {
                place.insert(node);
                queue.push_back(next);
            }
        }
    }
    None
}

fn trace(start: NodeIndex, end: NodeIndex, came_from: &BTreeMap<NodeIndex, NodeIndex>) -> Vec<usize> {
    let mut ring = vec![end.index()];
    let mut node = end;
    while node != start {
        let Some(&before) = came_from.get(&node) else { break };
        node = before;
        ring.push(node.index());
    }
    ring.reverse();
    ring
}

fn circle(experiment: &Experiment, wires: &[Vec<Wire>], ring: &[usize]) -> PlanError {
    let name = |&entry: &usize| experiment.entries[entry].name.text.clone();
    let closing = ring.last().and_then(|last| wires[ring[0]].iter().find(|wire| wire.from == *last));
    let mark = closing.map_or(&experiment.mark, |wire| &wire.mark);
    Located::new(mark, Fault::Cycle { ring: ring.iter().chain(ring.first()).map(name).collect() })
}
