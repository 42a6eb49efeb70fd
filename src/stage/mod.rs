//! One thin file per stage kind: open inputs, call one science or report function, write outputs.

mod bench;
mod command;
mod coverage;
mod device;
mod evaluate;
mod inspect;
mod plot_samples;
mod plot_scores;
mod plot_scribbles;
mod plot_training;
mod predict;
mod preprocess;
mod scribble;
mod significance;
mod slices;
mod split;
mod study;
mod table;
mod table_priors;
mod train;

pub use crate::science::model::kernel::check_vectors;
pub use bench::{TrainBench, TrainSpeed};
pub use inspect::{ClassShare, Inspect, Inspection, Size, layouts};
pub use predict::{Amount, Outcome, Predict, PredictError, Predictor, PredictorError, TargetError, Written};

use crate::contract::Stage;

/// Every stage kind, by hand: adding one is a file here and a row in this table.
pub const ALL: &[&dyn Stage] = &[
    &preprocess::Preprocess,
    &scribble::Scribble,
    &coverage::Coverage,
    &split::Split,
    &train::Train,
    &evaluate::Evaluate,
    &significance::Significance,
    &table::Table,
    &table_priors::TablePriors,
    &plot_scores::PlotScores,
    &plot_samples::PlotSamples,
    &plot_scribbles::PlotScribbles,
    &plot_training::PlotTraining,
    &command::Command,
];

/// Stands in the metadata of figures.
const MADE_BY: &str = concat!("runner ", env!("CARGO_PKG_VERSION"));
