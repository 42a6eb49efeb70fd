use super::background::{Background, Frame};
use super::thinning::{Thinning, skeletonize_by};
use crate::science::data::{Labels, UNLABELLED};
use serde::{Deserialize, Serialize};

/// How masks become scribbles.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SkeletonParameters {
    pub thinning: Thinning,
    pub background: Background,
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
    for class in foreground(mask) {
        let organ: Vec<bool> = mask.iter().map(|&label| label == class).collect();
        draw(class, &skeletonize_by(parameters.thinning, &organ, frame.height, frame.width));
    }
    draw(0, &parameters.background.stroke(mask, frame, parameters.thinning));
    scribble
}

/// Classes that a slice shows, ascending, without background and unlabelled.
fn foreground(mask: &[u8]) -> Vec<u8> {
    let mut present = [false; 256];
    mask.iter().for_each(|&label| present[usize::from(label)] = true);
    (1..UNLABELLED).filter(|&class| present[usize::from(class)]).collect()
}
