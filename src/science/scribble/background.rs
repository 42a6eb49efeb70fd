use super::thinning::{Thinning, skeletonize_by};
use crate::science::data::UNLABELLED;
use crate::science::metric::{Plane, squared_distances};
use serde::{Deserialize, Serialize};

/// How the background is annotated.
///
/// What the experts drew on ACDC (1902 slices, measured on the released scribbles):
/// - on the 1841 slices that show the heart, one stroke around it: a closed loop on 64 % of them, else
///   open; 2 to 3 pixels thick; half of it within 15 mm of the nearest foreground pixel, 90 % between
///   8 and 31 mm (medians over slices), whatever the heart's size (correlation 0.1);
/// - on the 61 slices without foreground, a zigzag of four to six legs over the middle of the image,
///   where the heart would be: about 92 x 82 pixels of 224 x 224, covering 0.8 (0.3) %. No slice is
///   left without a background scribble.
///
/// Both together cover 0.7 (0.3) % at 224 x 224, not the 10.4 (8.4) % of section IV-A. That number
/// comes back (10.1 (8.4) %) when the pixels added by padding are counted as background.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Background {
    /// "An ulterior scribble approximately around the heart" (section IV-A, ACDC): a band around all
    /// foreground together. A slice without foreground gets the experts' zigzag instead.
    Ring(Ring),
    /// Thinned like any other class ("for each object", CHAOS and PPSS).
    Skeleton,
    /// The background stays unlabelled.
    None,
}

impl Default for Background {
    fn default() -> Self {
        Background::Ring(Ring::default())
    }
}

/// Pixels whose distance to the nearest foreground pixel is from `nearest` to `farthest`, both as
/// shares of the image side (the root of height times width), so that small profiles draw alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ring {
    pub nearest: f64,
    pub farthest: f64,
}

impl Default for Ring {
    /// Covers near 10 % on ACDC at 224 x 224 and 1.51 mm, as section IV-A states: 8 to 38 mm from the
    /// heart. Starts where the experts' strokes do.
    fn default() -> Self {
        Ring { nearest: 0.024, farthest: 0.113 }
    }
}

impl Ring {
    /// As the experts drew: 13 to 16 mm from the heart, three pixels at 224 x 224, 0.8 % of the image.
    pub const AS_DRAWN: Ring = Ring { nearest: 0.0384, farthest: 0.0474 };
}

/// Rows and columns of a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub height: usize,
    pub width: usize,
}

impl Background {
    /// Background pixels to annotate, `[row, column]`; all of them are background in `mask`.
    pub(super) fn stroke(&self, mask: &[u8], frame: Frame, thinning: Thinning) -> Vec<bool> {
        let background: Vec<bool> = mask.iter().map(|&label| label == 0).collect();
        let drawn = match self {
            Background::None => vec![false; mask.len()],
            Background::Skeleton => skeletonize_by(thinning, &background, frame.height, frame.width),
            Background::Ring(ring) => ring.stroke(mask, frame),
        };
        drawn.into_iter().zip(background).map(|(drawn, background)| drawn && background).collect()
    }
}

impl Ring {
    /// Pixels of the band, or of the zigzag; some may be no background.
    pub(super) fn stroke(&self, mask: &[u8], frame: Frame) -> Vec<bool> {
        let foreground: Vec<bool> = mask.iter().map(|&label| label != 0 && label != UNLABELLED).collect();
        if !foreground.contains(&true) {
            return zigzag(frame);
        }
        let side = ((frame.height * frame.width) as f64).sqrt();
        let band = (self.nearest * side).powi(2)..=(self.farthest * side).powi(2);
        let squared = squared_distances(&foreground, Plane::pixels(frame.height, frame.width));
        squared.iter().map(|distance| band.contains(distance)).collect()
    }
}

/// Corners of the zigzag as shares of the frame, `(row, column)`.
const ZIGZAG: [(f64, f64); 5] = [(0.30, 0.32), (0.70, 0.41), (0.30, 0.50), (0.70, 0.59), (0.30, 0.68)];

/// Four legs over the middle of the image, one pixel wide.
fn zigzag(frame: Frame) -> Vec<bool> {
    let mut drawn = vec![false; frame.height * frame.width];
    let corner = |(row, column): (f64, f64)| {
        let along = |share: f64, size: usize| share * size.saturating_sub(1) as f64;
        (along(row, frame.height), along(column, frame.width))
    };
    for leg in ZIGZAG.windows(2) {
        let (from, to) = (corner(leg[0]), corner(leg[1]));
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0);
        for step in 0..=steps as usize {
            let share = step as f64 / steps;
            let row = (from.0 + share * (to.0 - from.0)).round() as usize;
            let column = (from.1 + share * (to.1 - from.1)).round() as usize;
            if let Some(pixel) = drawn.get_mut(row * frame.width + column) {
                *pixel = true;
            }
        }
    }
    drawn
}
