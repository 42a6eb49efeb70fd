use crate::plan::{Node, Plan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// From where on a reviewer re-makes the results. What lies deeper comes as it was recorded, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Nothing is re-made: final outputs, to look at and to check.
    Figures,
    /// Statistics, tables and figures from the scores of each case.
    Scores,
    /// Also the figures that show predictions on images.
    Predictions,
    /// Also predictions and scores, from the trained weights.
    Weights,
}

impl Depth {
    pub const ALL: [Depth; 4] = [Depth::Figures, Depth::Scores, Depth::Predictions, Depth::Weights];

    pub fn name(self) -> &'static str {
        match self {
            Depth::Figures => "figures",
            Depth::Scores => "scores",
            Depth::Predictions => "predictions",
            Depth::Weights => "weights",
        }
    }

    pub(super) fn rank(self) -> Rank {
        match self {
            Depth::Figures => Rank::Results,
            Depth::Scores => Rank::Scores,
            Depth::Predictions => Rank::Predictions,
            Depth::Weights => Rank::Weights,
        }
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Depth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Depth::ALL.into_iter().find(|depth| depth.name() == text).ok_or_else(|| format!("there is no depth `{text}`"))
    }
}

/// How far an artifact is from the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Results,
    Scores,
    Predictions,
    Weights,
    /// What trainings read: never re-made from a bundle.
    Data,
}

/// What an artifact's word says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub rank: Rank,
    /// Holds the cases' images, or drawings on them: to be handed out with care.
    pub images: bool,
}

/// Artifact words of `stage::ALL`. All others: see [`derived`].
const KINDS: &[(&str, Kind)] = &[
    ("figures", Kind { rank: Rank::Results, images: false }),
    ("tables", Kind { rank: Rank::Results, images: false }),
    ("significance", Kind { rank: Rank::Results, images: false }),
    ("scores", Kind { rank: Rank::Scores, images: false }),
    ("log", Kind { rank: Rank::Scores, images: false }),
    ("predictions", Kind { rank: Rank::Predictions, images: false }),
    ("weights", Kind { rank: Rank::Weights, images: false }),
    ("split", Kind { rank: Rank::Data, images: false }),
    ("faults", Kind { rank: Rank::Data, images: false }),
    ("slices", Kind { rank: Rank::Data, images: true }),
    ("scribbles", Kind { rank: Rank::Data, images: true }),
];

/// A word of the user's own counts as one step nearer to the results than the nearest of what its stage reads, and
/// as data where that reads nothing. What may be images is taken for images.
fn derived(inputs: &[Kind]) -> Kind {
    let nearest = inputs.iter().map(|kind| kind.rank).min().unwrap_or(Rank::Data);
    let rank = match nearest {
        Rank::Results | Rank::Scores => Rank::Results,
        Rank::Predictions => Rank::Scores,
        Rank::Weights => Rank::Predictions,
        Rank::Data if inputs.is_empty() => Rank::Data,
        Rank::Data => Rank::Weights,
    };
    Kind { rank, images: rank == Rank::Data }
}

/// For each node, its output ports with what they hold.
pub(super) fn kinds(plan: &Plan) -> Vec<BTreeMap<String, Kind>> {
    let mut all: Vec<BTreeMap<String, Kind>> = Vec::new();
    for node in &plan.nodes {
        let inputs: Vec<Kind> =
            node.inputs.iter().filter_map(|binding| all[binding.from].get(&binding.output).copied()).collect();
        let kind = |artifact: &str| {
            KINDS.iter().find(|(word, _)| *word == artifact).map_or_else(|| derived(&inputs), |(_, kind)| *kind)
        };
        all.push(outputs(node).into_iter().map(|(port, artifact)| (port, kind(&artifact))).collect());
    }
    all
}

/// Output ports with their artifact words.
pub(super) fn outputs(node: &Node) -> Vec<(String, String)> {
    node.outputs().iter().map(|port| (port.name.to_string(), port.artifact.to_string())).collect()
}
