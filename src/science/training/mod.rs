//! The game of section III-C: its data, steps, schedule and stopping rule.

mod adam;
mod batches;
mod benchmark;
mod checkpoint;
mod fit;
mod game;
mod lesson;
mod losses;
mod parameters;
mod predict;
mod released;
mod roles;
mod sampler;
mod schedule;
mod set;
mod step;
mod warning;

pub use adam::Adam;
pub use batches::{Ahead, Batch, Batches, Loader, Wanted};
pub use benchmark::{StepBenchmark, StepTimes};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use fit::{Fit, fit};
pub use lesson::{Course, EpochReport, Lesson, Observer, Taught, TrainingError};
pub use losses::Losses;
pub use parameters::{AdamParameters, EarlyStopping, GameWeights, TrainingParameters};
pub use predict::{Prediction, mean_dice, network, predict};
pub use roles::{Annotation, Roles};
pub use sampler::{Sampler, Stream, generator};
pub use schedule::{CyclicalRate, Start, Update};
pub use set::{Annotated, Subjects, TrainingSet, Validation};
pub use step::{Player, Players};
pub use warning::warnings;
