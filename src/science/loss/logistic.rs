use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The game between an image generator and its discriminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdversarialLoss {
    /// Goodfellow's, with the generator's loss that does not saturate: TSDA [65].
    #[default]
    Logistic,
    /// Eq. (2), as in the game of masks.
    LeastSquares,
}

/// `E[log(1 + exp(-D(real)))] + E[log(1 + exp(D(fake)))]` over `[batch]` unbounded scores each.
pub fn logistic_discriminator(real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    log_one_plus_exp(real.neg()).mean() + log_one_plus_exp(fake).mean()
}

/// `E[log(1 + exp(-D(fake)))]`
pub fn logistic_generator(fake: Tensor<1>) -> Tensor<1> {
    log_one_plus_exp(fake.neg()).mean()
}

/// Without overflow: `max(x, 0) + log(1 + exp(-|x|))`.
fn log_one_plus_exp(x: Tensor<1>) -> Tensor<1> {
    x.clone().clamp_min(0.0) + x.abs().neg().exp().log1p()
}
