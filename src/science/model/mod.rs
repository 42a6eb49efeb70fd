//! The networks of section III-B, written as functions of explicit [`Weights`].
//!
//! Nothing here hides state: running statistics of batch norm and the vectors of spectral
//! normalisation are entries of [`Weights`] that a training forward returns anew. So a snapshot is a
//! plain copy, and a checkpoint holds all there is.

mod attention_gate;
mod crf;
mod discriminator;
pub mod kernel;
mod layer;
mod segmentor;
mod weights;

pub use attention_gate::{Gate, attention_gate};
pub use crf::{
    Crf, CrfError, CrfLayer, CrfParameters, Filter, Intensities, KernelNormalisation, KernelWeights, SelfTerm,
};
pub use discriminator::{Discriminator, MaskPyramid, mask_pyramid};
pub use kernel::{SpectralNorm, spectral_norm};
pub use layer::Mode;
pub use segmentor::{Segmentation, Segmentor};
pub use weights::{Arrays, Entry, Kind, Weights, WeightsError, arrays_from_bytes, arrays_to_bytes, values};
