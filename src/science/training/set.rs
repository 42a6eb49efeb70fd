use crate::science::data::{Frame, Labels, Volume};
use crate::science::method::Supervision;

/// A slice with its supervision: scribble or mask, `[h, w]`.
#[derive(Debug, Clone)]
pub struct Annotated {
    pub image: Vec<f32>,
    pub labels: Vec<u8>,
}

/// A validation volume: what the stopping rule looks at.
#[derive(Debug, Clone)]
pub struct Validation {
    pub case: String,
    pub volume: Volume,
}

/// The slices that a training may see, already split.
#[derive(Debug, Clone)]
pub struct TrainingSet {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// Background included.
    pub classes: usize,
    /// Images of all segmentor cases, annotated or not, each counted once.
    pub images: usize,
    /// Images of the labelled segmentor cases.
    pub annotated: Vec<Annotated>,
    /// Images of the other segmentor cases, `[channel, h, w]` each.
    pub unlabelled: Vec<Vec<f32>>,
    /// Masks of the discriminator cases, `[h, w]` each; their images were discarded.
    pub masks: Vec<Vec<u8>>,
    pub validation: Vec<Validation>,
    pub subjects: Subjects,
}

/// The case of each slice, as a number: slices of one may share a draw of the augmentation. Where a list is too short, a slice
/// is a case of its own.
#[derive(Debug, Clone, Default)]
pub struct Subjects {
    pub annotated: Vec<usize>,
    pub unlabelled: Vec<usize>,
    pub masks: Vec<usize>,
}

impl TrainingSet {
    /// Slices of one volume, each with its labels.
    pub fn annotated_slices(volume: &Volume, scribble: &Labels, supervision: Supervision) -> Vec<Annotated> {
        let labels = match supervision {
            Supervision::Scribbles => scribble,
            Supervision::Masks => &volume.mask,
        };
        (0..volume.image.slices)
            .map(|i| Annotated { image: volume.image.slice(i).to_vec(), labels: labels.slice(i).to_vec() })
            .collect()
    }

    pub(super) fn frame(&self) -> Frame {
        Frame { channels: self.channels, height: self.height, width: self.width }
    }
}
