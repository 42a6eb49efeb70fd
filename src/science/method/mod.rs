//! What tells one method of the paper from another: settings of one model, not copies.

use crate::science::loss::{ClassWeights, Reduction};
use crate::science::model::MaskPyramid;
use serde::{Deserialize, Serialize};

/// A method of section IV-B or an ablation of Table III. The default is the paper's own, "Ours".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Method {
    /// What the segmentor learns from on annotated images.
    pub supervision: Supervision,
    /// w_i of eq. (1).
    pub class_weights: ClassWeights,
    /// How pixel losses become one number.
    pub reduction: Reduction,
    /// Multiply decoder features by the attention maps.
    pub attention_gating: bool,
    /// `multi_scale` is adversarial deep supervision (ADS): the classifier of every level is judged.
    pub discriminator: DiscriminatorKind,
    /// How real masks are brought to the lower levels.
    pub mask_pyramid: MaskPyramid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Supervision {
    Scribbles,
    /// Full masks: the upper bounds.
    Masks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscriminatorKind {
    /// No adversarial signal at all.
    None,
    /// Sees the full-resolution prediction only.
    Vanilla,
    /// Sees the predictions of all levels.
    MultiScale,
}

impl Default for Method {
    fn default() -> Self {
        Method {
            supervision: Supervision::Scribbles,
            class_weights: ClassWeights::PerImage,
            reduction: Reduction::MeanOverAnnotatedPixels,
            attention_gating: true,
            discriminator: DiscriminatorKind::MultiScale,
            mask_pyramid: MaskPyramid::Area,
        }
    }
}

impl Method {
    /// Whether there is a classifier at every decoder level, not at the first alone.
    pub fn deep_classifiers(&self) -> bool {
        self.attention_gating || self.discriminator == DiscriminatorKind::MultiScale
    }
}
