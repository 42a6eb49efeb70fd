use super::crf::{CrfError, CrfLayer, CrfParameters};
use super::denoiser::{Denoiser, DenoiserInput};
use super::segmentor::Segmentor;
use super::weights::{Weights, WeightsError};
use burn::tensor::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// All that predicts: the segmentor, and what a method puts behind it. Stored as `model.json`; the weights are in one file, those
/// of the other parts under `crf.` and `denoiser.`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    pub segmentor: Segmentor,
    /// Mean field behind the segmentor (UNet_CRF).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crf: Option<CrfParameters>,
    /// Makes predictions plausible (PostDAE).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denoiser: Option<Denoiser>,
    #[serde(default, skip_serializing_if = "is_labels")]
    pub denoiser_input: DenoiserInput,
}

fn is_labels(input: &DenoiserInput) -> bool {
    *input == DenoiserInput::Labels
}

/// Images that the parts behind the segmentor can't be asked about.
#[derive(Debug, Error)]
pub enum NetworkError {
    #[error(transparent)]
    Crf(#[from] CrfError),
    #[error(
        "the autoencoder is for {} classes of {}x{} pixels, not for {} of {}x{}: its dense layers hold for one size; prepare \
         the images as those of its training",
        expected.0, expected.1[0], expected.1[1], found.0, found.1[0], found.1[1]
    )]
    Denoiser { expected: (usize, [usize; 2]), found: (usize, [usize; 2]) },
}

const DENOISER: &str = "denoiser";

impl Network {
    /// Fresh weights of all parts.
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        let mut weights = self.segmentor.init(rng, device);
        if let Some(crf) = self.crf_layer() {
            weights.put(&crf.init(device));
        }
        if let Some(denoiser) = &self.denoiser {
            weights.put_under(DENOISER, &denoiser.init(rng, device));
        }
        weights
    }

    /// Stored weights; names and shapes must be exactly the network's.
    pub fn load(&self, bytes: &[u8], device: &Device) -> Result<Weights, WeightsError> {
        let mut weights = self.init(&mut ChaCha8Rng::seed_from_u64(0), device);
        weights.load(bytes, device)?;
        Ok(weights)
    }

    /// Puts a trained autoencoder behind the segmentor.
    pub fn with_denoiser(self, denoiser: Denoiser, input: DenoiserInput, of: &Weights, weights: &mut Weights) -> Self {
        weights.put_under(DENOISER, of);
        Network { denoiser: Some(denoiser), denoiser_input: input, ..self }
    }

    pub fn crf_layer(&self) -> Option<CrfLayer> {
        self.crf.map(|parameters| CrfLayer { classes: self.segmentor.classes, parameters })
    }

    /// What the other parts make of the segmentor's class scores, `[batch, class, h, w]`, of images `[batch, channel, h, w]`;
    /// all outside of autodiff.
    pub fn refine(&self, weights: &Weights, logits: Tensor<4>, images: Tensor<4>) -> Result<Tensor<4>, NetworkError> {
        let logits = match self.crf_layer() {
            Some(crf) => crf.forward(weights, logits, images)?,
            None => logits,
        };
        let Some(denoiser) = &self.denoiser else { return Ok(logits) };
        let [_, classes, height, width] = logits.dims();
        if denoiser.classes != classes || denoiser.size != [height, width] {
            let [expected, found] = [(denoiser.classes, denoiser.size), (classes, [height, width])];
            return Err(NetworkError::Denoiser { expected, found });
        }
        Ok(denoiser.correct(&weights.under(DENOISER), logits, self.denoiser_input))
    }
}
