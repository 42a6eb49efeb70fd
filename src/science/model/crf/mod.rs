//! The fully connected conditional random field of the baselines "UNet with CRF as RNN" [24]: its parameters, the sum itself
//! ([`Crf::mean_field`]), a filter that comes close to it ([`Filter`]), and the layer of a network ([`CrfLayer`]).

mod axis;
mod bilateral;
mod exact;
mod filter;
mod intensity;
mod layer;
mod parameters;
mod smooth;
mod tensors;
mod weighted;

pub use filter::Filter;
pub use layer::CrfLayer;
pub use parameters::{CrfParameters, Intensities, KernelWeights};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Mean field of a dense CRF (Krähenbühl and Koltun 2011; as layers of a network: Zheng et al. 2015, the paper's [24]):
///
/// `Q <- softmax(U - mu (w_a Ka Q + w_s Ks Q))`, from `Q = softmax(U)`, with Potts' `mu` (1 between two classes, 0 within one),
/// `Ka[i, j] = exp(-|p_i - p_j|² / 2 alpha² - |I_i - I_j|² / 2 beta²)` and `Ks[i, j] = exp(-|p_i - p_j|² / 2 gamma²)`:
/// positions p in pixels, intensities I of 0..255 where the sigmas are the paper's (see [`Intensities`]).
///
/// The defaults are the paper's for ACDC and LVSC; the others have `sigma_gamma` 3. The paper does not say the weights of the
/// kernels, which [24] learns: they start at 1 here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Crf {
    /// Reach of the appearance kernel, in pixels.
    pub sigma_alpha: f64,
    /// Its reach in intensity.
    pub sigma_beta: f64,
    /// Reach of the smoothness kernel, in pixels.
    pub sigma_gamma: f64,
    /// w_a; where the layer learns it, the first value.
    pub appearance: f64,
    /// w_s; where the layer learns it, the first value.
    pub smoothness: f64,
    pub iterations: usize,
    pub self_term: SelfTerm,
    pub normalisation: KernelNormalisation,
}

/// Whether a pixel hears itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelfTerm {
    /// As the filters of [24] have it.
    #[default]
    Included,
    /// The equation of Krähenbühl and Koltun.
    Excluded,
}

/// What the rows of a kernel are divided by. A pixel that hears nobody gets no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelNormalisation {
    /// By their sums: what the filters of [24] do with a map of ones.
    #[default]
    Row,
    /// `D^-1/2 K D^-1/2`, D the sums of the rows (the default of densecrf).
    Symmetric,
    None,
}

impl Default for Crf {
    fn default() -> Self {
        Crf {
            sigma_alpha: 160.0,
            sigma_beta: 3.0,
            sigma_gamma: 10.0,
            appearance: 1.0,
            smoothness: 1.0,
            iterations: 5,
            self_term: SelfTerm::default(),
            normalisation: KernelNormalisation::default(),
        }
    }
}

impl Crf {
    /// Refuses settings that mean nothing.
    pub fn check(&self) -> Result<(), CrfError> {
        let Crf { sigma_alpha, sigma_beta, sigma_gamma, appearance, smoothness, .. } = *self;
        for (name, value) in [("sigma_alpha", sigma_alpha), ("sigma_beta", sigma_beta), ("sigma_gamma", sigma_gamma)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(CrfError::Sigma { name, value });
            }
        }
        match appearance.is_finite() && smoothness.is_finite() {
            true => Ok(()),
            false => Err(CrfError::Weights { appearance, smoothness }),
        }
    }
}

/// Arrays that do not fit together, or settings that mean nothing.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CrfError {
    #[error("{what} hold {is} values, which is no whole number of planes of {height} x {width}")]
    Planes { what: &'static str, is: usize, height: usize, width: usize },
    #[error("the CRF's {name} is {value}: it must be a finite number above 0")]
    Sigma { name: &'static str, value: f64 },
    #[error("the CRF's weights {appearance} and {smoothness} must be finite numbers")]
    Weights { appearance: f64, smoothness: f64 },
    #[error("the CRF's cell is {0}: it must be above 0 and at most 1, in sigmas")]
    Cell(f64),
    #[error("the CRF's rate_factor is {0}: it must be a finite number, 0 or above")]
    RateFactor(f64),
    #[error("the CRF's every is 0: its weights learn at every 1st, 2nd, .. step")]
    Every,
    #[error(
        "the CRF for {classes} classes does not fit logits {logits:?} and images {images:?}: it takes [batch, class, h, w] and \
         [batch, channel, h, w] of the same batch and size"
    )]
    Shapes { classes: usize, logits: [usize; 4], images: [usize; 4] },
    #[error("image {image} of the batch has an intensity that is no finite number: the CRF cannot compare it")]
    Intensity { image: usize },
    #[error(
        "the CRF's grid would have {cells} cells, more than {limit}: take a larger `cell`, larger sigmas, a smaller range of \
         intensities or fewer channels"
    )]
    Grid { cells: f64, limit: usize },
}
