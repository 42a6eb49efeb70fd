//! The networks of section III-B, written as functions of explicit [`Weights`].
//!
//! Nothing here hides state: running statistics of batch norm and the vectors of spectral
//! normalisation are entries of [`Weights`] that a training forward returns anew. So a snapshot is a
//! plain copy, and a checkpoint holds all there is.

mod attention_gate;
mod augmenter;
mod crf;
mod denoiser;
mod discriminator;
pub mod kernel;
mod layer;
mod network;
mod patch_discriminator;
mod released;
mod segmentor;
mod strided;
mod weights;

pub use attention_gate::{Gate, attention_gate};
pub use augmenter::{Generator, ImageDiscriminator, Transformation};
pub use crf::{
    Crf, CrfError, CrfLayer, CrfParameters, Filter, Intensities, KernelNormalisation, KernelWeights, SelfTerm,
};
pub use denoiser::{Denoiser, DenoiserInput};
pub use discriminator::{Discriminator, MaskPyramid, mask_pyramid};
pub use kernel::{SpectralNorm, spectral_norm};
pub use layer::{Mode, Statistics};
pub use network::{Network, NetworkError};
pub use patch_discriminator::PatchDiscriminator;
pub use segmentor::{Design, Segmentation, Segmentor};
pub use strided::Normalisation;
pub use weights::{Arrays, Entry, Kind, Weights, WeightsError, arrays_from_bytes, arrays_to_bytes, values};
