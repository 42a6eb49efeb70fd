//! What tells one method of the paper from another: settings of one model, not copies.

use crate::science::loss::{ClassWeights, Reduction};
use crate::science::model::{CrfParameters, Design, MaskPyramid, Normalisation};
use crate::science::training::{DenoiserParameters, TsdaParameters};
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
    // Those below are not in the canonical value when they are the default: older keys stay.
    /// Of the blocks of a `patch` discriminator.
    #[serde(skip_serializing_if = "is_default")]
    pub patch_normalisation: Normalisation,
    /// Whose description segmentor and discriminator follow.
    #[serde(skip_serializing_if = "is_default")]
    pub networks: Design,
    /// Whose rules the game follows.
    #[serde(skip_serializing_if = "is_default")]
    pub game: GameRules,
    /// A dense CRF behind the segmentor, as layers of the network that learn with it (CRF as RNN).
    #[serde(skip_serializing_if = "is_default")]
    pub crf: Option<CrfParameters>,
    /// Trains twice: on the annotations, then anew on what the network of the first time makes of the annotated images, whose
    /// annotated pixels keep their labels (the two steps of TS-UNet_CRF).
    #[serde(skip_serializing_if = "is_default")]
    pub two_steps: bool,
    /// An autoencoder of masks makes predictions plausible (PostDAE): its training.
    #[serde(skip_serializing_if = "is_default")]
    pub denoiser: Option<DenoiserParameters>,
    /// Learnt augmentation of the annotated images (TSDA): its training.
    #[serde(skip_serializing_if = "is_default")]
    pub tsda: Option<TsdaParameters>,
    /// Whose scribbles teach, where a case has several: their losses are summed (section V-E).
    #[serde(skip_serializing_if = "is_default")]
    pub annotators: Annotators,
    /// Pixels by which scribbles are enlarged within their class (footnote 6).
    #[serde(skip_serializing_if = "is_default")]
    pub enlarge_px: u32,
    /// Number of annotated cases, where it is not the label fraction that says it (section V-B: two).
    #[serde(skip_serializing_if = "is_default")]
    pub annotated_cases: Option<usize>,
    /// Percent of the training cases whose masks train the discriminator, rounded down; 50 is all of them (section V-D).
    #[serde(skip_serializing_if = "is_all_masks")]
    pub unpaired_masks: f64,
    /// Whether step (ii) has images without annotation; if not, it has those with, a second time (section V-D).
    #[serde(skip_serializing_if = "is_true")]
    pub unpaired_images: bool,
}

/// What is not the same in the paper and in the authors' code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GameRules {
    /// On annotated images the segmentor plays V_LS of the segmentor, which a0 is made of too. Label noise turns the labels
    /// of single images, for the discriminator alone.
    #[default]
    Paper,
    /// On annotated images a0 and the a1 term are V_LS of the discriminator (real masks against predictions), and both networks
    /// move to lower it: the code's optimiser has no list of weights there. Label noise turns the sign of all scores of a
    /// batch, but not of their gradient, wherever the discriminator is asked.
    Released,
}

/// The annotators of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Annotators {
    /// The first alone.
    #[default]
    First,
    /// All that there are.
    All,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_all_masks(percent: &f64) -> bool {
    *percent == 50.0
}

fn is_true(value: &bool) -> bool {
    *value
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
    /// Scores patches of the full-resolution prediction (PatchGAN, as ACCL).
    Patch,
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
            patch_normalisation: Normalisation::Batch,
            networks: Design::Paper,
            game: GameRules::Paper,
            crf: None,
            two_steps: false,
            denoiser: None,
            tsda: None,
            annotators: Annotators::First,
            enlarge_px: 0,
            annotated_cases: None,
            unpaired_masks: 50.0,
            unpaired_images: true,
        }
    }
}

impl Method {
    /// Whether there is a classifier at every decoder level, not at the first alone.
    pub fn deep_classifiers(&self) -> bool {
        self.attention_gating || self.discriminator == DiscriminatorKind::MultiScale
    }
}
