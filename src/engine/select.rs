use super::prepare::is_named;
use super::{EngineError, cache::Record};
use crate::plan::{Node, Plan};
use std::collections::BTreeMap;

/// Which stages take part in a run. Empty lists leave nothing out; several lists are met together.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// These stages alone.
    pub only: Vec<String>,
    /// These stages and all that they depend on.
    pub until: Vec<String>,
    /// These stages and all that depends on them.
    pub from: Vec<String>,
}

/// What a run does with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Looked up, and run on a miss.
    Run,
    /// Its output is read by what runs, but it was left out itself: it has to be cached.
    LookUp,
    LeftOut,
}

impl Select {
    /// The part of each node. Nothing above a pinned node is looked at for its sake.
    pub fn parts(&self, plan: &Plan, pinned: &BTreeMap<String, Record>) -> Result<Vec<Part>, EngineError> {
        let mut chosen = vec![true; plan.nodes.len()];
        for (names, reach) in [(&self.only, Reach::Itself), (&self.until, Reach::Above), (&self.from, Reach::Below)] {
            if !names.is_empty() {
                let named = reach.spread(plan, named(plan, names)?);
                chosen.iter_mut().zip(named).for_each(|(chosen, named)| *chosen &= named);
            }
        }
        let mut parts: Vec<Part> = chosen.iter().map(|&c| if c { Part::Run } else { Part::LeftOut }).collect();
        // What only feeds pinned nodes serves nothing, unless it is asked for by name.
        let asked = !(self.only.is_empty() && self.until.is_empty() && self.from.is_empty());
        let mut needed = vec![false; parts.len()];
        let read = read_by_others(plan);
        for (index, node) in plan.nodes.iter().enumerate().rev() {
            let wanted = asked || pinned.is_empty() || needed[index] || !read[index] || !node.publish.is_empty();
            let part = match parts[index] {
                Part::Run if wanted => Part::Run,
                _ if needed[index] => Part::LookUp,
                _ => Part::LeftOut,
            };
            parts[index] = part;
            if part != Part::LeftOut && !pinned.contains_key(&node.id) {
                node.inputs.iter().for_each(|binding| needed[binding.from] = true);
            }
        }
        Ok(parts)
    }
}

/// Whether any node reads from each.
fn read_by_others(plan: &Plan) -> Vec<bool> {
    let mut read = vec![false; plan.nodes.len()];
    plan.nodes.iter().flat_map(|node| &node.inputs).for_each(|binding| read[binding.from] = true);
    read
}

enum Reach {
    Itself,
    Above,
    Below,
}

impl Reach {
    /// The plan is in topological order, so that one pass reaches everything.
    fn spread(&self, plan: &Plan, mut named: Vec<bool>) -> Vec<bool> {
        match self {
            Reach::Itself => {}
            Reach::Above => {
                for (index, node) in plan.nodes.iter().enumerate().rev() {
                    if named[index] {
                        node.inputs.iter().for_each(|binding| named[binding.from] = true);
                    }
                }
            }
            Reach::Below => {
                for (index, node) in plan.nodes.iter().enumerate() {
                    named[index] |= node.inputs.iter().any(|binding| named[binding.from]);
                }
            }
        }
        named
    }
}

/// The nodes that a list of names means; each name must be an entry's or a node's.
pub fn named(plan: &Plan, names: &[String]) -> Result<Vec<bool>, EngineError> {
    let is = |node: &Node, name: &String| is_named(&node.id, &node.entry, name);
    if let Some(name) = names.iter().find(|name| !plan.nodes.iter().any(|node| is(node, name))) {
        let mut known: Vec<String> = plan.nodes.iter().map(|node| node.entry.clone()).collect();
        known.dedup();
        return Err(EngineError::UnknownStage { name: name.clone(), pipeline: plan.name.clone(), known });
    }
    Ok(plan.nodes.iter().map(|node| names.iter().any(|name| is(node, name))).collect())
}
