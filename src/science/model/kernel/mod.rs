//! The operations that a training step spends its time in, written for the processor's cache and
//! vector units, each with its own backward pass.
//!
//! Every function here takes and returns plain tensors. It serves f32 tensors on burn's flex backend,
//! in and out of autodiff, and hands all others (f64, other backends) to burn's own operation, or to
//! libtorch's where that is the backend. Results on flex do not depend on the number of threads: work is
//! split by shape alone and summed in a fixed order.

mod adam;
mod array;
mod attention;
mod batch_norm;
pub(super) mod blur;
mod buffer;
mod clock;
mod convolution;
mod correlation;
mod cross_entropy;
mod exponential;
mod grid;
mod join;
mod lanes;
#[cfg(feature = "tch")]
mod libtorch;
mod linear;
mod max_pool;
mod normal;
mod operation;
mod peak;
mod place;
mod product;
mod reduction;
mod scratch;
mod softmax;
mod spectral_norm;
mod tanh;
mod task;
mod transpose;
mod upsample;
mod warp;
mod winograd;

pub use adam::{AdamRule, Moved, Moving, adam};
pub use attention::{attend, foreground};
pub use batch_norm::{Normalised, batch_norm_relu, normalise_relu};
pub use buffer::{ReleaseBuffers, release_buffers};
pub use clock::{Part, Times, part, take_times};
pub use convolution::{convolution, upsampled_convolution};
pub use cross_entropy::{PixelLabels, cross_entropy};
pub use join::join;
pub use lanes::check_vectors;
pub(super) use linear::{Linear, linear};
pub use max_pool::max_pool;
pub use normal::fill_normal;
pub use operation::with_burn_alone;
pub use peak::multiply_adds_per_second;
pub use softmax::softmax;
pub use spectral_norm::{SpectralNorm, spectral_norm};
pub use tanh::tanh;
pub use upsample::upsample;
pub use warp::warp;
