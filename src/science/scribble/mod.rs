//! Scribbles made from masks (section IV-A), and what share of the image they cover.

mod background;
mod coverage;
mod skeleton;
mod thinning;

pub use background::{Background, Ring};
pub use coverage::coverage;
pub use skeleton::{SkeletonParameters, skeleton_scribble};
pub use thinning::{Thinning, skeletonize, skeletonize_by};

use serde::{Deserialize, Serialize};

/// Where scribbles come from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scribbler {
    /// Drawn by hand, distributed with the data set (ACDC).
    Expert,
    /// Thinned masks (CHAOS, PPSS; here also the phantoms).
    Skeleton(SkeletonParameters),
}
