//! The operations that a training step spends its time in, written for the processor's cache and
//! vector units, each with its own backward pass.
//!
//! Every function here takes and returns plain tensors. It serves f32 tensors on burn's flex backend,
//! in and out of autodiff, and hands all others (f64, other backends) to burn's own operation. Results
//! do not depend on the number of threads: work is split by shape alone and summed in a fixed order.

mod array;
mod batch_norm;
mod clock;
mod convolution;
mod correlation;
mod grid;
mod lanes;
mod operation;
mod peak;
mod reduction;
mod scratch;
mod tanh;

pub use batch_norm::{Normalised, batch_norm_relu};
pub use clock::{Part, Times, part, take_times};
pub use convolution::{convolution, upsampled_convolution};
pub use operation::with_burn_alone;
pub use peak::multiply_adds_per_second;
pub use tanh::tanh;
