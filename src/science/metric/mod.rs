//! How well a segmentation agrees with the truth (section IV-C: Dice; supplement: Hausdorff distance).

mod dice;
mod distance;
mod error;
mod hausdorff;
mod score;
mod soft;

pub use dice::{EmptyDice, Overlap, VolumeDice, class_dice, mean_class_dice, multi_class_dice, overlaps, volume_dice};
pub use distance::{Plane, squared_distances};
pub use error::MetricError;
pub use hausdorff::{BothEmpty, Directed, Hausdorff, OneEmpty, Points, Statistic};
pub use score::{Measure, Scoring, Value, VolumeScores};
pub use soft::{SoftDenominator, most_probable, soft_dice};
