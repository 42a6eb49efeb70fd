//! Slices that lie in files of their own, and the volume that they make.

use super::{DataError, Image, Labels, Place, UNLABELLED, Volume};

/// One slice with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// `[row, column]` in mm.
    pub spacing: [f64; 2],
    /// `[channel, row, column]`.
    pub image: Vec<f32>,
    /// `[row, column]`; none: not annotated.
    pub mask: Option<Vec<u8>>,
    pub scribble: Option<Vec<u8>>,
}

/// Whose slices they are.
pub(super) struct Name<'a> {
    pub case: &'a str,
    pub volume: &'a str,
    pub group: Option<String>,
}

impl Plane {
    fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// Whether both can be slices of one volume. Headers write the same spacing with different digits.
    pub fn fits(&self, other: &Plane) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-3 * a.abs();
        self.shape() == other.shape() && (0..2).all(|i| near(self.spacing[i], other.spacing[i]))
    }
}

/// Stacks slices of one size in their order; none: no slice. A slice without mask is [`UNLABELLED`] in it; there is a
/// scribble if any slice has one.
pub(super) fn stack(name: &Name, planes: &[Plane]) -> Result<Option<Volume>, DataError> {
    let Some(first) = planes.first() else { return Ok(None) };
    if let Some((index, other)) = planes.iter().enumerate().find(|(_, plane)| !first.fits(plane)) {
        let place = Place::new(name.case, format_args!("volume {}", name.volume));
        let reason = format!("slice {} is {}, and slice 1 {}", index + 1, described(other), described(first));
        return Err(DataError::Unfit { place, reason });
    }
    let (slices, height, width) = (planes.len(), first.height, first.width);
    let blank = vec![UNLABELLED; height * width];
    let labels = |of: fn(&Plane) -> &Option<Vec<u8>>| {
        let data = planes.iter().flat_map(|plane| of(plane).as_ref().unwrap_or(&blank).iter().copied()).collect();
        Labels { slices, height, width, data }
    };
    let is_scribbled = planes.iter().any(|plane| plane.scribble.is_some());
    let data = planes.iter().flat_map(|plane| plane.image.iter().copied()).collect();
    Ok(Some(Volume {
        case: name.case.to_owned(),
        name: name.volume.to_owned(),
        group: name.group.clone(),
        spacing: first.spacing,
        image: Image { slices, channels: first.channels, height, width, data },
        mask: labels(|plane| &plane.mask),
        scribble: is_scribbled.then(|| labels(|plane| &plane.scribble)),
    }))
}

/// `24 x 20 pixels of 1.6 x 1.6 mm in 1 channel`
fn described(plane: &Plane) -> String {
    let Plane { height, width, channels, spacing: [down, across], .. } = plane;
    format!("{height} x {width} pixels of {down} x {across} mm with {channels} channel(s)")
}

/// A mask at another size: each pixel takes the label of the nearest one.
pub(super) fn resized<T: Copy>(values: &[T], from: [usize; 2], to: [usize; 2]) -> Vec<T> {
    if from == to {
        return values.to_vec();
    }
    super::preprocess::Resampling::between(from, to).nearest(values)
}

/// `[row, column, channel]` → `[channel, row, column]`.
pub(super) fn channels_first<T: Copy>(values: &[T], channels: usize) -> Vec<T> {
    (0..channels).flat_map(|channel| values.iter().skip(channel).step_by(channels.max(1)).copied()).collect()
}
