use super::cache::{Lookup, Record};
use super::prepare::{self, Outputs, Prepared, known_inputs};
use super::{EngineError, Store};
use crate::plan::dirty::{DirtyReason, diff};
use crate::plan::manifest::{Manifest, coordinates};
use crate::plan::{Node, Plan};
use serde::Serialize;

/// What a run would do with a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    Cached,
    /// At least one reason. If all are [`DirtyReason::Upstream`], it may turn out to be cached.
    WouldRun {
        reasons: Vec<DirtyReason>,
    },
    /// It would fail at once: a source can't be read.
    Broken {
        error: String,
    },
}

/// A stage before a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeStatus {
    pub id: String,
    pub entry: String,
    pub kind: String,
    #[serde(flatten)]
    pub state: State,
    /// What it took when it last ran.
    pub last_seconds: Option<f64>,
}

impl NodeStatus {
    pub fn cached(&self) -> bool {
        self.state == State::Cached
    }
}

/// What would run and why, in the plan's order, without running anything.
pub fn status(plan: &Plan, store: &Store, force: &[String]) -> Result<Vec<NodeStatus>, EngineError> {
    let forced = super::select::named(plan, force)?;
    let took = store.last_took(&plan.name);
    let mut outputs: Vec<Option<Outputs>> = vec![None; plan.nodes.len()];
    let mut all = Vec::new();
    for (index, node) in plan.nodes.iter().enumerate() {
        let mut last = Last { store, plan, node, read: None };
        let state = match state(plan, index, store, &mut outputs, forced[index], &mut last) {
            Err(error @ EngineError::Source { .. }) => State::Broken { error: error.to_string() },
            state => state?,
        };
        let last_seconds = match took.get(&node.id).map(|took| took.seconds) {
            Some(seconds) => Some(seconds),
            None => last.record()?.map(|record| record.seconds),
        };
        let (id, entry) = (node.id.clone(), node.entry.clone());
        all.push(NodeStatus { id, entry, kind: node.stage.kind().to_owned(), state, last_seconds });
    }
    // What was learnt is worth keeping, but a store that can't be written to answers as well.
    let _ = store.save_memo();
    Ok(all)
}

/// The record of a stage's last success, read if it is asked for.
struct Last<'a> {
    store: &'a Store,
    plan: &'a Plan,
    node: &'a Node,
    read: Option<Option<Record>>,
}

impl Last<'_> {
    fn record(&mut self) -> Result<Option<&Record>, EngineError> {
        if self.read.is_none() {
            self.read = Some(self.store.last_success(&self.plan.name, &self.node.id)?);
        }
        Ok(self.read.as_ref().and_then(Option::as_ref))
    }

    fn manifest(&mut self) -> Result<Option<&Manifest>, EngineError> {
        Ok(self.record()?.map(|record| &record.manifest))
    }
}

fn state(
    plan: &Plan,
    index: usize,
    store: &Store,
    outputs: &mut [Option<Outputs>],
    forced: bool,
    last: &mut Last,
) -> Result<State, EngineError> {
    let node = &plan.nodes[index];
    let (inputs, unknown) = known_inputs(plan, index, outputs);
    if !unknown.is_empty() {
        let is = Manifest::of(node, inputs, prepare::sources(plan, node, store)?);
        let reasons = with_unknown_inputs(plan, index, forced, last.manifest()?, &is, &unknown);
        return Ok(State::WouldRun { reasons });
    }
    let prepared = Prepared::of(plan, index, outputs, store)?;
    if !forced && let Some(known) = prepared.known(node, store) {
        outputs[index] = Some(known);
        return Ok(State::Cached);
    }
    let mut reasons = if forced { vec![DirtyReason::Forced] } else { Vec::new() };
    match prepared.lookup(node, store)? {
        Lookup::Hit(_) if forced => {}
        Lookup::Hit(record) => {
            outputs[index] = Some(record.outputs);
            return Ok(State::Cached);
        }
        Lookup::Lost { what } => reasons.push(DirtyReason::OutputLost { what }),
        Lookup::Miss => match last.manifest()?.map(|last| diff(last, &prepared.manifest)) {
            None => reasons.push(DirtyReason::NeverRun),
            // The record is there, or there would be no manifest to compare with: it was lost meanwhile.
            Some(same) if same.is_empty() => reasons.push(DirtyReason::OutputLost { what: "its record".to_owned() }),
            Some(changes) => reasons.extend(changes),
        },
    }
    Ok(State::WouldRun { reasons })
}

/// What is known to differ, without the inputs that come from stages that run first, and then these stages.
fn with_unknown_inputs(
    plan: &Plan,
    index: usize,
    forced: bool,
    last: Option<&Manifest>,
    is: &Manifest,
    unknown: &[usize],
) -> Vec<DirtyReason> {
    let node = &plan.nodes[index];
    let places: Vec<_> =
        unknown.iter().map(|&place| (&node.inputs[place].port, coordinates(plan, node, place))).collect();
    let unknown_input = |reason: &DirtyReason| match reason {
        DirtyReason::Input { port, coordinates, .. } => places.iter().any(|(p, c)| *p == port && c == coordinates),
        DirtyReason::InputOrder { .. } => true,
        _ => false,
    };
    let mut reasons = if forced { vec![DirtyReason::Forced] } else { Vec::new() };
    match last {
        None => reasons.push(DirtyReason::NeverRun),
        Some(last) => reasons.extend(diff(last, is).into_iter().filter(|reason| !unknown_input(reason))),
    }
    for &place in unknown {
        let upstream = DirtyReason::Upstream { node: plan.nodes[node.inputs[place].from].id.clone() };
        if !reasons.contains(&upstream) {
            reasons.push(upstream);
        }
    }
    reasons
}
