use super::parameters::TrainingParameters;
use super::set::TrainingSet;
use crate::science::method::{DiscriminatorKind, Method};
use crate::science::model::{Discriminator, PatchDiscriminator, Statistics, Weights};
use burn::tensor::{Device, Tensor};
use rand::Rng;

/// Whom a segmentor plays against.
#[derive(Debug, Clone)]
pub enum Judge {
    Masks(Discriminator),
    Patches(PatchDiscriminator),
}

impl Judge {
    /// That of a method, if it plays at all.
    pub fn of(method: &Method, training: &TrainingParameters, set: &TrainingSet) -> Option<Judge> {
        let (classes, width, size) = (set.classes, training.width, [set.height, set.width]);
        let masks =
            |multi_scale| Judge::Masks(Discriminator { classes, width, size, multi_scale, design: method.networks });
        match method.discriminator {
            DiscriminatorKind::None => None,
            DiscriminatorKind::Vanilla => Some(masks(false)),
            DiscriminatorKind::MultiScale => Some(masks(true)),
            DiscriminatorKind::Patch => {
                let normalisation = method.patch_normalisation;
                Some(Judge::Patches(PatchDiscriminator { classes, width, size, normalisation }))
            }
        }
    }

    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        match self {
            Judge::Masks(network) => network.init(rng, device),
            Judge::Patches(network) => network.init(rng, device),
        }
    }

    /// `[batch * scores]` and the new statistics, from the foreground by level.
    pub fn forward(&self, weights: &Weights, masks: &[Tensor<4>]) -> (Tensor<1>, Statistics) {
        match self {
            Judge::Masks(network) => network.forward(weights, masks),
            Judge::Patches(network) => network.forward(weights, masks),
        }
    }

    /// Scores of one image.
    pub fn scores(&self) -> usize {
        match self {
            Judge::Masks(_) => 1,
            Judge::Patches(network) => network.patches(),
        }
    }

    /// How many levels it looks at.
    pub fn levels(&self) -> usize {
        match self {
            Judge::Masks(Discriminator { multi_scale: true, .. }) => usize::MAX,
            _ => 1,
        }
    }

    /// Whether an image's scores depend on the others of its batch.
    pub fn mixes_images(&self) -> bool {
        matches!(self, Judge::Patches(network) if network.mixes_images())
    }

    /// Multiply-adds of a forward pass for one image's masks.
    pub fn multiply_adds(&self) -> u64 {
        match self {
            Judge::Masks(network) => network.multiply_adds(),
            Judge::Patches(network) => network.multiply_adds(),
        }
    }
}
