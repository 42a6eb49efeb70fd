//! The objectives of section III-C.

mod adversarial;
mod cross_entropy;

pub use adversarial::{dynamic_weight, least_squares_discriminator, least_squares_generator};
pub use cross_entropy::{ClassWeights, LossError, Reduction, Target, partial_cross_entropy};
