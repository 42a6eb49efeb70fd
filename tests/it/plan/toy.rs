//! Toy stages of the shape of the real ones: they have ports and parameters, and never run.

use crate::spec::project::Project;
use runner::contract::{ParameterError, Port, Stage, StageContext, StageError, canonical};
use runner::plan::{Plan, PlanError, resolve};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct Toy {
    kind: &'static str,
    inputs: &'static [Port],
    outputs: &'static [Port],
    canonical: fn(&Value) -> Result<Value, ParameterError>,
}

impl Stage for Toy {
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn summary(&self) -> &'static str {
        "a toy"
    }
    fn revision(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [Port] {
        self.inputs
    }
    fn outputs(&self) -> &'static [Port] {
        self.outputs
    }
    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        (self.canonical)(with)
    }
    fn run(&self, _: &StageContext) -> Result<(), StageError> {
        Ok(())
    }
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Nothing {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrepareParameters {
    #[serde(default)]
    dataset: Value,
    #[serde(default = "size")]
    size: usize,
}

fn size() -> usize {
    224
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainParameters {
    method: Method,
    #[serde(default)]
    training: Training,
    #[serde(default)]
    label_fraction: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Method {
    gating: bool,
    discriminator: String,
}

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Training {
    epochs: usize,
    learning_rate: LearningRate,
}

impl Default for Training {
    fn default() -> Self {
        Training { epochs: 450, learning_rate: LearningRate { low: 1e-5, high: 1e-4 } }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LearningRate {
    low: f64,
    high: f64,
}

const SLICES: Port = Port::one("slices", "slices");
const SPLIT: Port = Port::one("split", "split");

pub static STAGES: &[&dyn Stage] = &[
    &Toy { kind: "preprocess", inputs: &[], outputs: &[SLICES], canonical: canonical::<PrepareParameters> },
    &Toy {
        kind: "scribble",
        inputs: &[SLICES],
        outputs: &[Port::one("scribbles", "scribbles")],
        canonical: canonical::<Nothing>,
    },
    &Toy { kind: "split", inputs: &[SLICES], outputs: &[SPLIT], canonical: canonical::<Nothing> },
    &Toy {
        kind: "train",
        inputs: &[SLICES, Port::one("scribbles", "scribbles"), SPLIT, Port::optional("start", "weights")],
        outputs: &[Port::one("weights", "weights"), Port::one("log", "log")],
        canonical: canonical::<TrainParameters>,
    },
    &Toy {
        kind: "evaluate",
        inputs: &[Port::one("weights", "weights"), SLICES, SPLIT],
        outputs: &[Port::one("scores", "scores")],
        canonical: canonical::<Nothing>,
    },
    &Toy {
        kind: "table",
        inputs: &[Port::many("scores", "scores"), Port::many("logs", "log")],
        outputs: &[Port::one("tables", "tables")],
        canonical: canonical::<Nothing>,
    },
    // Two outputs of one sort.
    &Toy {
        kind: "halves",
        inputs: &[SLICES],
        outputs: &[Port::one("left", "slices"), Port::one("right", "slices")],
        canonical: canonical::<Nothing>,
    },
];

/// The plan of a pipeline in the toy project.
pub fn plan(pipeline: &str, set: &[&str]) -> Result<Plan, PlanError> {
    resolve(&Project::new(pipeline).load(None, set).unwrap(), STAGES)
}

/// The shape of the paper's ablation.
pub const ABLATION: &str = "\
title: Ablation
settings: { dataset: phantom, data_root: null, seed: 1, size: 64 }
matrix:
  method: [ours, plain]
  label_fraction: [5, 50]
  fold: [0]
stages:
  table:
    stage: table
    inputs: { scores: evaluate }
    publish: { tables: tables }
  prepare:
    stage: preprocess
    with: { dataset: '${datasets.${dataset}}', size: '${size}' }
  scribble:
    stage: scribble
    inputs: { slices: prepare }
  split:
    stage: split
    for_each: fold
    inputs: { slices: prepare }
    seed: ${seed}
  train:
    stage: train
    for_each: [fold, method, label_fraction]
    inputs: { slices: prepare, scribbles: scribble, split: split }
    seed: ${seed}
    with:
      method: ${methods.${matrix.method}.with}
      training: ${training}
      label_fraction: ${matrix.label_fraction}
  evaluate:
    stage: evaluate
    for_each: [method, label_fraction, fold]
    inputs: { weights: train, slices: prepare, split: split }
";

/// One line a node: id, seed, parameters, inputs, what it publishes.
pub fn listing(plan: &Plan) -> String {
    let mut text = format!("{} ({}) -> {}\n", plan.name, plan.title, plan.results.display());
    for node in &plan.nodes {
        text += &format!("{} = {} {}", node.id, node.stage.kind(), node.params);
        if let Some(seed) = node.seed {
            text += &format!(" seed {seed}");
        }
        for input in &node.inputs {
            text += &format!("\n    {} <- {} of {}", input.port, input.output, plan.nodes[input.from].id);
        }
        for (port, folder) in &node.publish {
            text += &format!("\n    {port} -> {}", folder.display());
        }
        text.push('\n');
    }
    text
}
