use super::sampler::{Sampler, Stream, generator};
use crate::science::data::{Augmentation, Frame, Labels, UNLABELLED, Volume, roto_translate};
use crate::science::method::Supervision;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rayon::prelude::*;

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
}

/// A batch of images, maybe with labels, `[batch, h, w]` flat.
pub struct Batch {
    pub images: Tensor<4>,
    pub labels: Vec<u8>,
}

/// Draws and augments batches; what it gives depends on the seed and the step alone.
pub struct Loader<'a> {
    pub set: &'a TrainingSet,
    pub augmentation: &'a Augmentation,
    pub seed: u64,
    pub batch: usize,
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

    fn frame(&self) -> Frame {
        Frame { channels: self.channels, height: self.height, width: self.width }
    }
}

impl Loader<'_> {
    /// A weakly annotated batch for step (i).
    pub fn annotated(&self, step: usize, device: &Device) -> Batch {
        let sampler = Sampler { seed: self.seed, stream: Stream::AnnotatedOrder, length: self.set.annotated.len() };
        let seeds = self.seeds(Stream::AnnotatedAugmentation, step);
        let chosen = sampler.batch(step, self.batch);
        let slices: Vec<_> = chosen
            .into_par_iter()
            .zip(seeds)
            .map(|(index, seed)| {
                let Annotated { image, labels } = &self.set.annotated[index];
                roto_translate(self.augmentation, self.set.frame(), image, labels, UNLABELLED, seed)
            })
            .collect();
        let (images, labels): (Vec<_>, Vec<_>) = slices.into_iter().unzip();
        Batch { images: self.images(images, device), labels: labels.concat() }
    }

    /// A batch of unlabelled images for step (ii).
    pub fn unlabelled(&self, step: usize, device: &Device) -> Tensor<4> {
        let sampler = Sampler { seed: self.seed, stream: Stream::UnlabelledOrder, length: self.set.unlabelled.len() };
        let seeds = self.seeds(Stream::UnlabelledAugmentation, step);
        let nothing = vec![0; self.set.height * self.set.width];
        let images = sampler
            .batch(step, self.batch)
            .into_par_iter()
            .zip(seeds)
            .map(|(index, seed)| {
                let image = &self.set.unlabelled[index];
                roto_translate(self.augmentation, self.set.frame(), image, &nothing, 0, seed).0
            })
            .collect();
        self.images(images, device)
    }

    /// Real masks for the discriminator, one-hot `[batch, class, h, w]`.
    pub fn masks(&self, step: usize, device: &Device) -> Tensor<4> {
        let sampler = Sampler { seed: self.seed, stream: Stream::MaskOrder, length: self.set.masks.len() };
        let seeds = self.seeds(Stream::MaskAugmentation, step);
        let TrainingSet { height, width, classes, .. } = *self.set;
        let frame = Frame { channels: 1, height, width };
        let nothing = vec![0.0; height * width];
        let masks: Vec<Vec<f32>> = sampler
            .batch(step, self.batch)
            .into_par_iter()
            .zip(seeds)
            .map(|(index, seed)| {
                // Outside of the image there is background: a mask has no unlabelled pixels.
                let (_, mask) = roto_translate(self.augmentation, frame, &nothing, &self.set.masks[index], 0, seed);
                one_hot(&mask, classes)
            })
            .collect();
        Tensor::from_data(TensorData::new(masks.concat(), [self.batch, classes, height, width]), device)
    }

    fn images(&self, images: Vec<Vec<f32>>, device: &Device) -> Tensor<4> {
        let shape = [images.len(), self.set.channels, self.set.height, self.set.width];
        Tensor::from_data(TensorData::new(images.concat(), shape), device)
    }

    fn seeds(&self, stream: Stream, step: usize) -> Vec<u64> {
        let mut rng = generator(self.seed, stream, step);
        (0..self.batch).map(|_| rng.random()).collect()
    }
}

/// `[h, w]` labels → `[class, h, w]`.
fn one_hot(labels: &[u8], classes: usize) -> Vec<f32> {
    let mut planes = vec![0.0; classes * labels.len()];
    for (pixel, &label) in labels.iter().enumerate() {
        planes[usize::from(label) * labels.len() + pixel] = 1.0;
    }
    planes
}
