use super::background::{Background, Frame};
use super::thicken::thickened;
use super::thinning::{Thinning, skeletonize_by};
use crate::science::data::{Labels, UNLABELLED};
use serde::{Deserialize, Serialize};

/// How masks become scribbles.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SkeletonParameters {
    pub thinning: Thinning,
    pub background: Background,
    #[serde(skip_serializing_if = "Stroke::is_thin")]
    pub stroke: Stroke,
}

/// How wide the lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stroke {
    /// The skeleton itself, one pixel: the paper.
    #[default]
    Thin,
    /// The released code: the skeleton closed, dilated and cut to its mask.
    ClosedAndDilated,
}

impl Stroke {
    // By reference, as serde wants it.
    fn is_thin(&self) -> bool {
        *self == Stroke::Thin
    }

    fn drawn(self, skeleton: Vec<bool>, mask: &[bool], frame: Frame) -> Vec<bool> {
        match self {
            Stroke::Thin => skeleton,
            Stroke::ClosedAndDilated => thickened(&skeleton, mask, [frame.height, frame.width]),
        }
    }
}

/// Scribbles of a mask, `[slice, row, column]`: each foreground class that a slice shows is thinned by
/// itself, the background is drawn as [`Background`] says, and the rest is [`UNLABELLED`].
/// Deterministic, as section IV-A asks. Pixels unlabelled in `mask` stay so.
pub fn skeleton_scribble(mask: &Labels, parameters: &SkeletonParameters) -> Labels {
    let frame = Frame { height: mask.height, width: mask.width };
    let data = (0..mask.slices).flat_map(|slice| scribble_slice(mask.slice(slice), frame, parameters)).collect();
    Labels { data, ..*mask }
}

fn scribble_slice(mask: &[u8], frame: Frame, parameters: &SkeletonParameters) -> Vec<u8> {
    let mut scribble = vec![UNLABELLED; mask.len()];
    let mut draw = |class: u8, stroke: &[bool]| {
        for (pixel, _) in stroke.iter().enumerate().filter(|(_, drawn)| **drawn) {
            scribble[pixel] = class;
        }
    };
    for class in super::classes(mask).into_iter().filter(|&class| class > 0) {
        let organ: Vec<bool> = mask.iter().map(|&label| label == class).collect();
        let skeleton = skeletonize_by(parameters.thinning, &organ, frame.height, frame.width);
        draw(class, &parameters.stroke.drawn(skeleton, &organ, frame));
    }
    let background = parameters.background.stroke(mask, frame, parameters.thinning);
    if parameters.background == Background::Skeleton {
        let outside: Vec<bool> = mask.iter().map(|&label| label == 0).collect();
        draw(0, &parameters.stroke.drawn(background, &outside, frame));
    } else {
        draw(0, &background);
    }
    scribble
}
