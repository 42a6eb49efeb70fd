//! The objectives of section III-C.

mod adversarial;
mod cross_entropy;
mod dice;
mod logistic;
mod soft_cross_entropy;

pub use adversarial::{dynamic_weight, least_squares_discriminator, least_squares_generator};
pub use cross_entropy::{ClassWeights, LossError, Reduction, Target, partial_cross_entropy};
pub use dice::{DiceOver, soft_dice_loss};
pub use logistic::{AdversarialLoss, logistic_discriminator, logistic_generator};
pub use soft_cross_entropy::{soft_cross_entropy, weighted_one_hot};
