use super::schedule::CyclicalRate;
use crate::science::data::Augmentation;
use serde::{Deserialize, Serialize};

/// Everything about training that is not the method. Defaults are the paper's (section III-C).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingParameters {
    /// Upper limit; the paper trains until its stopping rule fires, the released code 450 epochs.
    pub epochs: usize,
    /// Iterations of an epoch; null: one pass over the segmentor's images, annotated or not, so that
    /// every label fraction gets the same number of updates.
    pub steps_per_epoch: Option<usize>,
    pub batch_size: usize,
    /// Channels of the first level of segmentor and discriminator.
    pub width: usize,
    pub learning_rate: CyclicalRate,
    pub adam: AdamParameters,
    pub game: GameWeights,
    /// Probability that the discriminator is shown a turned label [52].
    pub label_noise: f64,
    /// Standard deviation of the noise on the discriminator's full-resolution input [53].
    pub instance_noise: f64,
    /// Share of a batch in the running statistics of batch norm (the paper is silent).
    pub batch_norm_momentum: f64,
    pub early_stopping: EarlyStopping,
    pub augmentation: Augmentation,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdamParameters {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
}

/// The factors of the losses; a0 is dynamic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GameWeights {
    /// Adversarial term on annotated batches.
    pub a1: f64,
    /// Discriminator on unlabelled batches.
    pub a2: f64,
    /// Segmentor on unlabelled batches.
    pub a3: f64,
}

/// Stops when the loss between predicted and real masks (1 - Dice) of the validation cases no longer
/// falls. The weights of the best epoch are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without a new best before training stops.
    pub patience: usize,
    /// Epochs between validations.
    pub every: usize,
    /// Epochs before a result may be kept as the best.
    pub warm_up: usize,
}

impl Default for TrainingParameters {
    fn default() -> Self {
        TrainingParameters {
            epochs: 450,
            steps_per_epoch: None,
            batch_size: 12,
            width: 32,
            learning_rate: CyclicalRate::default(),
            adam: AdamParameters::default(),
            game: GameWeights::default(),
            label_noise: 0.1,
            instance_noise: 0.2,
            batch_norm_momentum: 0.1,
            early_stopping: EarlyStopping::default(),
            augmentation: Augmentation::default(),
        }
    }
}

impl Default for AdamParameters {
    fn default() -> Self {
        AdamParameters { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Default for GameWeights {
    fn default() -> Self {
        GameWeights { a1: 0.1, a2: 0.2, a3: 0.2 }
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping { patience: 100, every: 1, warm_up: 0 }
    }
}
