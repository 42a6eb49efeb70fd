use crate::contract::{Arity, Demands, Port, Ports, Stage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// One concrete stage: an entry of the pipeline at one point of its matrix.
#[derive(Clone)]
pub struct Node {
    /// `entry` alone, or with coordinates: `train[label_fraction=5,method=ours]`.
    pub id: String,
    /// Name of the entry in the pipeline.
    pub entry: String,
    /// Matrix coordinates as text.
    pub coordinates: BTreeMap<String, String>,
    pub stage: &'static dyn Stage,
    /// Canonical parameters, shared with the manifest.
    pub params: Arc<Value>,
    pub seed: Option<u64>,
    /// In the order of the stage's ports, then in the pipeline's order.
    pub inputs: Vec<Binding>,
    /// Output port -> folder below the plan's `results` that gets a copy.
    pub publish: BTreeMap<String, PathBuf>,
    /// Ports that its entry declares; `None`: the stage's own.
    pub ports: Option<Arc<Ports>>,
    /// What it asks of the scheduler.
    pub demands: Demands,
}

impl Node {
    pub fn outputs(&self) -> &[Port] {
        self.ports.as_ref().map_or(self.stage.outputs(), |ports| &ports.outputs)
    }

    /// Whether an input port gathers any number of artifacts.
    pub fn gathers(&self, port: &str) -> bool {
        let inputs = self.ports.as_ref().map_or(self.stage.inputs(), |ports| &ports.inputs);
        inputs.iter().any(|input| input.name == port && input.arity == Arity::Many)
    }
}

/// An input of a node: one output of an earlier node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub port: String,
    /// Index into [`Plan::nodes`].
    pub from: usize,
    pub output: String,
}

/// All stages of a pipeline, in a topological order that keeps the pipeline's own order where it can.
#[derive(Clone)]
pub struct Plan {
    pub name: String,
    pub title: String,
    pub nodes: Vec<Node>,
    /// Where results go, relative to the project's root.
    pub results: PathBuf,
    /// The project's root: `pipelines/` and `experiments/` stand in it.
    pub root: PathBuf,
}
