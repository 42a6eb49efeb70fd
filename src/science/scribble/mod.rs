//! Scribbles made from masks (section IV-A), and what share of the image they cover.

mod background;
mod components;
mod coverage;
mod enlarge;
mod random_walk;
mod skeleton;
mod thicken;
mod thinning;

pub use background::{Background, Ring};
pub use coverage::coverage;
pub use enlarge::enlarged;
pub use random_walk::{
    Author, Moves, Per, RandomWalkParameters, Until, WalkBackground, random_walk, random_walk_scribble,
};
pub use skeleton::{SkeletonParameters, Stroke, skeleton_scribble};
pub use thinning::{Thinning, skeletonize, skeletonize_by};

use crate::science::data::{Labels, UNLABELLED, Volume};
use serde::{Deserialize, Serialize};

/// Where scribbles come from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scribbler {
    /// Drawn by hand, distributed with the data set (ACDC).
    Expert,
    /// Thinned masks (CHAOS, PPSS; here also the phantoms).
    Skeleton(SkeletonParameters),
    /// Random walks in the masks (LVSC).
    RandomWalk(RandomWalkParameters),
}

impl Scribbler {
    /// The scribble of a volume by the annotator of that number, from 0; `None` where an expert's is asked for and
    /// there is none.
    pub fn draw(&self, volume: &Volume, seed: u64, annotator: u32) -> Option<Labels> {
        let author = Author { seed, case: &volume.case, volume: &volume.name, annotator };
        match self {
            Scribbler::Expert => volume.scribble.clone(),
            Scribbler::Skeleton(parameters) => Some(skeleton_scribble(&volume.mask, parameters)),
            Scribbler::RandomWalk(parameters) => Some(random_walk_scribble(&volume.mask, parameters, author)),
        }
    }

    /// Says what makes no sense.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Scribbler::RandomWalk(RandomWalkParameters { until, .. }) => until.check(),
            Scribbler::Expert | Scribbler::Skeleton(_) => Ok(()),
        }
    }

    /// Whether two annotators draw differently.
    pub fn is_random(&self) -> bool {
        matches!(self, Scribbler::RandomWalk(_))
    }
}

/// Classes that a slice shows, ascending, background first, without [`UNLABELLED`].
fn classes(labels: &[u8]) -> Vec<u8> {
    let mut present = [false; 256];
    labels.iter().for_each(|&label| present[usize::from(label)] = true);
    (0..UNLABELLED).filter(|&class| present[usize::from(class)]).collect()
}
