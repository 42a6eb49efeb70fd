//! Bundles for reviewers: one file from which a stranger re-makes results, with no data set and no training.
//!
//! A bundle is a `tar` in `zstd`. Its first entry, `manifest.json`, names every other with size and digest, so that who
//! reads it knows what comes before anything is written, and takes nothing else. The same content gives the same bytes.
//! Whoever made it isn't trusted: see `read`, `path` and `replay` for what is refused.

mod agree;
mod choice;
mod confine;
mod contents;
mod create;
mod depth;
mod error;
mod manifest;
mod path;
mod plan_file;
mod read;
mod readme;
mod replay;
mod ro_check;
mod ro_crate;
mod unpack;

pub use agree::{StageAgreement, agreements};
pub use choice::Role;
pub use confine::confine;
pub use contents::Contents;
pub use create::{Request, create};
pub use depth::Depth;
pub use error::{BundleError, printable};
pub use manifest::{BundleManifest, BundledStage};
pub use read::{Limits, manifest};
pub use replay::{Replay, replay};
pub use unpack::{Unpacked, unpack, verify};
