use crate::science::data::{Frame, Labels, Volume};

/// A slice with its annotations, `[h, w]` each: the scribble, one of each annotator, or the mask. All slices of a set have as
/// many; one that has nothing to say leaves every pixel unlabelled. Their losses are summed (section V-E).
#[derive(Debug, Clone)]
pub struct Annotated {
    pub image: Vec<f32>,
    pub labels: Vec<Vec<u8>>,
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
    /// Images of all segmentor cases, annotated or not, each counted once: an epoch is a pass over as many.
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
    /// Slices of one volume, each with its labels in every one of the annotations.
    pub fn annotated_slices(volume: &Volume, annotations: &[Labels]) -> Vec<Annotated> {
        let labels = |i: usize| annotations.iter().map(|labels| labels.slice(i).to_vec()).collect();
        let slices = 0..volume.image.slices;
        slices.map(|i| Annotated { image: volume.image.slice(i).to_vec(), labels: labels(i) }).collect()
    }

    pub(super) fn frame(&self) -> Frame {
        Frame { channels: self.channels, height: self.height, width: self.width }
    }
}
