//! Random roto-translations. The paper says no more than that (V-D); the ranges are the released code's. Its random
//! intensities, of which the paper says nothing, are an option.

use super::intensity::Intensity;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What is drawn anew whenever an image is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Rotation about the image's centre, uniform in ± this many degrees. Default 90.
    pub rotation_degrees: f64,
    /// Translation along rows and along columns, uniform in ± this share of the side. Default 0.1.
    pub translation: f64,
    // The two below are not in the canonical value when they are the default: older keys stay.
    /// Random brightness, contrast and noise of images; `{}` has the released code's ranges. Default `null`: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intensity: Option<Intensity>,
    /// What shares one draw. Default `slice`.
    #[serde(skip_serializing_if = "Drawn::is_slice")]
    pub drawn: Drawn,
}

/// For what pose, brightness and contrast are drawn. Noise is drawn for every pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drawn {
    #[default]
    Slice,
    /// Once for the slices of a case that are in a batch, as the released code does.
    Case,
}

impl Drawn {
    fn is_slice(&self) -> bool {
        *self == Drawn::Slice
    }
}

/// The seeds of one slice's augmentation: what slices may share, and what is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// Of pose, brightness and contrast.
    pub shared: u64,
    /// Of the noise.
    pub own: u64,
}

impl Default for Augmentation {
    fn default() -> Self {
        Augmentation { rotation_degrees: 90.0, translation: 0.1, intensity: None, drawn: Drawn::default() }
    }
}

/// A random version of an image `[channel, row, column]`; with the same seeds, labels go with it ([`augment_labels`]).
pub fn augment_image(augmentation: &Augmentation, frame: Frame, image: &[f32], seeds: Seeds) -> Vec<f32> {
    let pose = random_pose(augmentation, frame, seeds.shared);
    let mut image = pose.map_or_else(|| image.to_vec(), |pose| move_image(frame, image, pose));
    if let Some(intensity) = &augmentation.intensity {
        intensity.apply(&mut image, frame.height * frame.width, seeds);
    }
    image
}

/// Labels `[row, column]` in the pose of the image with the same seeds; `fill_label` where the image ends.
pub fn augment_labels(
    augmentation: &Augmentation,
    frame: Frame,
    labels: &[u8],
    fill_label: u8,
    seeds: Seeds,
) -> Vec<u8> {
    let pose = random_pose(augmentation, frame, seeds.shared);
    pose.map_or_else(|| labels.to_vec(), |pose| move_labels(frame, labels, fill_label, pose))
}

/// Shape of one image, `[channel, row, column]`.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

/// One roto-translation: content turns by `radians` about the centre (from rows towards columns: what
/// points right points up after 90°), then moves by `rows` down and `columns` to the right, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    pub radians: f64,
    pub rows: f64,
    pub columns: f64,
}

/// Moves an image `[channel, row, column]` and its labels `[row, column]` by the same random pose.
///
/// Images are interpolated linearly and go on with their edge values; labels are taken from the nearest
/// pixel, and are `fill_label` where the image ends. Zero ranges return the input bit for bit.
pub fn roto_translate(
    augmentation: &Augmentation,
    frame: Frame,
    image: &[f32],
    labels: &[u8],
    fill_label: u8,
    seed: u64,
) -> (Vec<f32>, Vec<u8>) {
    match random_pose(augmentation, frame, seed) {
        None => (image.to_vec(), labels.to_vec()),
        Some(pose) => (move_image(frame, image, pose), move_labels(frame, labels, fill_label, pose)),
    }
}

/// `None` where both ranges are zero.
fn random_pose(augmentation: &Augmentation, frame: Frame, seed: u64) -> Option<Pose> {
    let Augmentation { rotation_degrees, translation, .. } = *augmentation;
    if rotation_degrees == 0.0 && translation == 0.0 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut within = |range: f64| range * (2.0 * rng.random::<f64>() - 1.0);
    Some(Pose {
        radians: within(rotation_degrees).to_radians(),
        rows: within(translation) * frame.height as f64,
        columns: within(translation) * frame.width as f64,
    })
}

/// Where the pixels of the moved image come from: `source = start + row * row_step + column * column_step`.
struct Inverse {
    start: [f64; 2],
    row_step: [f64; 2],
    column_step: [f64; 2],
}

impl Inverse {
    fn new(frame: Frame, pose: Pose) -> Self {
        let (sin, cos) = pose.radians.sin_cos();
        let (sin, cos) = (snap(sin), snap(cos));
        let centre = [(frame.height as f64 - 1.0) / 2.0, (frame.width as f64 - 1.0) / 2.0];
        let (row, column) = (-centre[0] - pose.rows, -centre[1] - pose.columns);
        Inverse {
            start: [centre[0] + cos * row + sin * column, centre[1] - sin * row + cos * column],
            row_step: [cos, -sin],
            column_step: [sin, cos],
        }
    }

    /// Source of the first pixel of a row.
    fn row(&self, row: usize) -> [f64; 2] {
        let row = row as f64;
        [self.start[0] + row * self.row_step[0], self.start[1] + row * self.row_step[1]]
    }
}

/// Makes quarter turns exact: the cosine of a right angle is not quite zero in floating point.
fn snap(value: f64) -> f64 {
    if (value - value.round()).abs() < 1e-12 { value.round() } else { value }
}

/// Linear interpolation of every channel at the moved positions.
pub fn move_image(frame: Frame, image: &[f32], pose: Pose) -> Vec<f32> {
    let Frame { channels, height, width } = frame;
    let plane = height * width;
    let mut moved = vec![0.0; channels * plane];
    let inverse = Inverse::new(frame, pose);
    let (last_row, last_column) = (height.saturating_sub(1), width.saturating_sub(1));
    for row in 0..height {
        let [mut y, mut x] = inverse.row(row);
        for column in 0..width {
            let (top, down) = cell(y, last_row);
            let (left, right) = cell(x, last_column);
            let (bottom, far) = ((top + 1).min(last_row), (left + 1).min(last_column));
            for channel in 0..channels {
                let source = &image[channel * plane..(channel + 1) * plane];
                let upper = lerp(source[top * width + left], source[top * width + far], right);
                let lower = lerp(source[bottom * width + left], source[bottom * width + far], right);
                moved[channel * plane + row * width + column] = lerp(upper, lower, down);
            }
            y += inverse.column_step[0];
            x += inverse.column_step[1];
        }
    }
    moved
}

/// Labels of the nearest pixels, `fill_label` outside of the image.
pub fn move_labels(frame: Frame, labels: &[u8], fill_label: u8, pose: Pose) -> Vec<u8> {
    let Frame { height, width, .. } = frame;
    let mut moved = vec![fill_label; height * width];
    let inverse = Inverse::new(frame, pose);
    for row in 0..height {
        let [mut y, mut x] = inverse.row(row);
        for label in &mut moved[row * width..(row + 1) * width] {
            let (nearest_row, nearest_column) = ((y + 0.5).floor(), (x + 0.5).floor());
            let inside = nearest_row >= 0.0
                && nearest_column >= 0.0
                && nearest_row < height as f64
                && nearest_column < width as f64;
            if inside {
                *label = labels[nearest_row as usize * width + nearest_column as usize];
            }
            y += inverse.column_step[0];
            x += inverse.column_step[1];
        }
    }
    moved
}

/// The pixel before a clamped coordinate and how far the coordinate is past it, from 0 to 1.
fn cell(coordinate: f64, last: usize) -> (usize, f32) {
    let clamped = coordinate.clamp(0.0, last as f64);
    let before = clamped as usize;
    (before, (clamped - before as f64) as f32)
}

fn lerp(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}
