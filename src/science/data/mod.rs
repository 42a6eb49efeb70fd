//! Data sets, their preprocessing and their splits.

mod types;

pub use types::{Image, Labels, UNLABELLED, Volume};
