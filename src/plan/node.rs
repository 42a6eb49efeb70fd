use crate::contract::Stage;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

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
    /// Canonical parameters.
    pub params: Value,
    pub seed: Option<u64>,
    /// In the order of the stage's ports, then in the pipeline's order.
    pub inputs: Vec<Binding>,
    /// Output port -> folder below the plan's `results` that gets a copy.
    pub publish: BTreeMap<String, PathBuf>,
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
