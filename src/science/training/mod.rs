//! The game of section III-C: its data, steps, schedule and stopping rule.

mod adam;
mod batches;
mod benchmark;
mod checkpoint;
mod degeneracy;
mod denoising;
mod fit;
mod parameters;
mod predict;
mod sampler;
mod schedule;
mod set;
mod step;

pub use adam::Adam;
pub use batches::{Ahead, Batch, Batches, Loader};
pub use benchmark::{StepBenchmark, StepTimes};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use degeneracy::Degeneracy;
pub use denoising::Degradation;
pub use fit::{EpochReport, Fit, Observer, TrainingError, fit};
pub use parameters::{AdamParameters, EarlyStopping, GameWeights, TrainingParameters};
pub use predict::{Prediction, mean_dice, predict, segmentor};
pub use sampler::{Sampler, Stream, generator};
pub use schedule::{CyclicalRate, Start, Update};
pub use set::{Annotated, Subjects, TrainingSet, Validation};
pub use step::{Losses, Players};
