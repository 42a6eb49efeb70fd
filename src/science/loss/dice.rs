use crate::science::model::kernel::foreground;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What one ratio of the Dice loss is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiceOver {
    /// All foreground channels of an image together: section IV-B's multi-class Dice, made soft.
    #[default]
    Image,
    /// Each foreground channel of an image by itself; a class that an image lacks counts like any other.
    Class,
}

/// The Dice loss of PostDAE [14]: mean of `1 - (2 sum(p y) + smoothing) / (sum(p) + sum(y) + smoothing)` over images,
/// or over images and classes.
///
/// `logits, one_hot: [batch, class, h, w]`, background first; p is the softmax of the logits. [14] writes `-Dice`, which
/// has the same gradient. `smoothing`, in pixels, lets an image without foreground teach; [14] names none.
pub fn soft_dice_loss(logits: Tensor<4>, one_hot: Tensor<4>, over: DiceOver, smoothing: f64) -> Tensor<1> {
    let [batch, classes, height, width] = logits.dims();
    let rows = match over {
        DiceOver::Image => batch,
        DiceOver::Class => batch * (classes - 1),
    };
    let values = batch * (classes - 1) * height * width;
    let flat = |channels: Tensor<4>| -> Tensor<2> { channels.reshape([rows, values / rows.max(1)]) };
    let (predicted, truth) = (flat(foreground(logits)), flat(one_hot.narrow(1, 1, classes - 1)));
    let both = (predicted.clone() * truth.clone()).sum_dim(1).mul_scalar(2.0).add_scalar(smoothing);
    let sizes = (predicted + truth).sum_dim(1).add_scalar(smoothing);
    (both / sizes).neg().add_scalar(1.0).mean()
}
