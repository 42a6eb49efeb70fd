use super::kernel::{self, attend};
use super::layer::convolve;
use burn::tensor::Tensor;

/// What an attention gate makes of a level's features (Fig. 3).
#[derive(Debug, Clone)]
pub struct Gate {
    /// Class scores before the softmax, `[batch, class, h, w]`.
    pub logits: Tensor<4>,
    /// Foreground probabilities, `[batch, class - 1, h, w]`: what the discriminator sees.
    pub foreground: Tensor<4>,
    /// The features, multiplied by the attention where the gate is active.
    pub features: Tensor<4>,
}

impl Gate {
    /// Sum of the foreground probabilities, `[batch, 1, h, w]`, outside of autodiff.
    pub fn attention(&self) -> Tensor<4> {
        let foreground = self.foreground.clone();
        if foreground.is_autodiff() { foreground.inner() } else { foreground }.sum_dim(1)
    }
}

/// Adversarial attention gate (section III-B).
///
/// `features: [batch, channel, h, w]` is M(d), the output of the level's second convolution;
/// `weight: [class, channel, 1, 1]` and `bias: [class]` are the 1x1 classifier. With `gating` off the
/// classifier is kept (its output may feed the discriminator) and the features pass unchanged.
///
/// The attention is the sum of the foreground channels, not `1 - background`: the two are equal on
/// paper, but the difference loses all digits once the background saturates.
pub fn attention_gate(features: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, gating: bool) -> Gate {
    let logits = convolve(features.clone(), weight, Some(bias), 1);
    let foreground = kernel::foreground(logits.clone());
    let features = if gating { attend(features, foreground.clone()) } else { features };
    Gate { logits, foreground, features }
}
