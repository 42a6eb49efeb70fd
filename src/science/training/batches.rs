//! Augmented batches, prepared ahead of the trainer.
//!
//! What a batch holds depends on the seed and the step alone. Each of its images is made once, by whoever comes first: a
//! thread of the pool that has nothing else to do while the step before computes, or the trainer when it needs it.

use super::sampler::{Sampler, Stream, generator};
use super::set::{Annotated, TrainingSet};
use crate::science::data::{Augmentation, Drawn, Frame, Seeds, UNLABELLED, augment_image, augment_labels};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// A batch of annotated images: for each annotation of the images, its labels, `[batch, h, w]` flat.
pub struct Batch {
    pub images: Tensor<4>,
    pub labels: Vec<Vec<u8>>,
}

/// Draws and augments batches.
#[derive(Clone, Copy)]
pub struct Loader<'a> {
    pub set: &'a TrainingSet,
    pub augmentation: &'a Augmentation,
    pub seed: u64,
    pub batch: usize,
    pub wanted: Wanted,
}

/// Which batches a step needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub annotated: bool,
    pub unlabelled: bool,
    pub masks: bool,
}

/// Which slice, and the seeds of its augmentation.
type Draw = (usize, Seeds);

/// Slices of one kind: what was drawn, and what has been made of it.
struct Items<T> {
    draws: Vec<Draw>,
    made: Vec<OnceLock<T>>,
}

impl<T> Items<T> {
    fn new(draws: Vec<Draw>) -> Self {
        let made = draws.iter().map(|_| OnceLock::new()).collect();
        Items { draws, made }
    }

    fn get(&self, position: usize, make: impl Fn(Draw) -> T) -> &T {
        self.made[position].get_or_init(|| make(self.draws[position]))
    }

    fn missing(&self) -> impl Iterator<Item = usize> {
        self.made.iter().enumerate().filter(|(_, made)| made.get().is_none()).map(|(position, _)| position)
    }
}

/// All batches of one step.
pub struct Batches<'a> {
    loader: Loader<'a>,
    annotated: Items<(Vec<f32>, Vec<Vec<u8>>)>,
    unlabelled: Items<Vec<f32>>,
    masks: Items<Vec<f32>>,
}

/// A slice of one of the batches.
#[derive(Clone, Copy)]
enum Slice {
    Annotated(usize),
    Unlabelled(usize),
    Mask(usize),
}

impl<'a> Loader<'a> {
    /// The batches of a step, nothing made yet.
    pub fn batches(self, step: usize) -> Batches<'a> {
        let TrainingSet { annotated, unlabelled, masks, subjects, .. } = self.set;
        let draws = |wanted: bool, [order, augmentation]: [Stream; 2], length: usize, subjects: &[usize]| {
            let sampler = Sampler { seed: self.seed, stream: order, length };
            if wanted { self.draws(step, sampler, augmentation, subjects) } else { Vec::new() }
        };
        let of_annotated = [Stream::AnnotatedOrder, Stream::AnnotatedAugmentation];
        let of_unlabelled = [Stream::UnlabelledOrder, Stream::UnlabelledAugmentation];
        let of_masks = [Stream::MaskOrder, Stream::MaskAugmentation];
        let wanted = self.wanted;
        Batches {
            loader: self,
            annotated: Items::new(draws(wanted.annotated, of_annotated, annotated.len(), &subjects.annotated)),
            unlabelled: Items::new(draws(wanted.unlabelled, of_unlabelled, unlabelled.len(), &subjects.unlabelled)),
            masks: Items::new(draws(wanted.masks, of_masks, masks.len(), &subjects.masks)),
        }
    }

    fn draws(&self, step: usize, sampler: Sampler, stream: Stream, subjects: &[usize]) -> Vec<Draw> {
        let mut rng = generator(self.seed, stream, step);
        let chosen = sampler.batch(step, self.batch);
        let own: Vec<u64> = chosen.iter().map(|_| rng.random()).collect();
        let common: u64 = rng.random();
        let seeds = |(&slice, own): (&usize, u64)| {
            let shared = match (self.augmentation.drawn, subjects.get(slice)) {
                (Drawn::Case, Some(&subject)) => seed_of(common, subject),
                _ => own,
            };
            (slice, Seeds { shared, own })
        };
        chosen.iter().zip(own).map(seeds).collect()
    }
}

fn seed_of(common: u64, subject: usize) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(common);
    rng.set_stream(subject as u64);
    rng.random()
}

impl Batches<'_> {
    /// The weakly annotated batch of step (i).
    pub fn annotated(&self, device: &Device) -> Batch {
        self.make_all(self.annotated.missing().map(Slice::Annotated));
        let slices: Vec<_> = (0..self.annotated.draws.len()).map(|i| self.annotated_slice(i)).collect();
        let images: Vec<&[f32]> = slices.iter().map(|(image, _)| image.as_slice()).collect();
        let annotations = slices.first().map_or(0, |(_, labels)| labels.len());
        let of = |annotation: usize| slices.iter().flat_map(|(_, labels)| &labels[annotation]).copied().collect();
        let labels = (0..annotations).map(of).collect();
        Batch { images: self.tensor(&images, self.loader.set.channels, device), labels }
    }

    /// The unlabelled images of step (ii).
    pub fn unlabelled(&self, device: &Device) -> Tensor<4> {
        self.make_all(self.unlabelled.missing().map(Slice::Unlabelled));
        let images: Vec<&[f32]> = (0..self.unlabelled.draws.len()).map(|i| self.unlabelled_slice(i)).collect();
        self.tensor(&images, self.loader.set.channels, device)
    }

    /// Real masks for the discriminator, one-hot `[batch, class, h, w]`.
    pub fn masks(&self, device: &Device) -> Tensor<4> {
        self.make_all(self.masks.missing().map(Slice::Mask));
        let masks: Vec<&[f32]> = (0..self.masks.draws.len()).map(|i| self.mask(i)).collect();
        self.tensor(&masks, self.loader.set.classes, device)
    }

    /// Those that nobody has made or begun yet are made on all threads.
    fn make_all(&self, slices: impl Iterator<Item = Slice>) {
        let slices: Vec<Slice> = slices.collect();
        if rayon::current_num_threads() > 1 {
            slices.into_par_iter().for_each(|slice| self.make(slice));
        }
    }

    fn slices(&self) -> impl Iterator<Item = Slice> + use<> {
        let [annotated, unlabelled, masks] =
            [self.annotated.draws.len(), self.unlabelled.draws.len(), self.masks.draws.len()];
        let annotated = (0..annotated).map(Slice::Annotated);
        annotated.chain((0..unlabelled).map(Slice::Unlabelled)).chain((0..masks).map(Slice::Mask))
    }

    /// Nothing in here works in parallel: a thread that began a slice ends it, and never waits.
    fn make(&self, slice: Slice) {
        match slice {
            Slice::Annotated(position) => _ = self.annotated_slice(position),
            Slice::Unlabelled(position) => _ = self.unlabelled_slice(position),
            Slice::Mask(position) => _ = self.mask(position),
        }
    }

    fn annotated_slice(&self, position: usize) -> &(Vec<f32>, Vec<Vec<u8>>) {
        let Loader { set, augmentation, .. } = self.loader;
        self.annotated.get(position, |(index, seeds)| {
            let Annotated { image, labels } = &set.annotated[index];
            let image = augment_image(augmentation, set.frame(), image, seeds);
            let moved = |labels: &Vec<u8>| augment_labels(augmentation, set.frame(), labels, UNLABELLED, seeds);
            (image, labels.iter().map(moved).collect())
        })
    }

    fn unlabelled_slice(&self, position: usize) -> &[f32] {
        let Loader { set, augmentation, .. } = self.loader;
        self.unlabelled
            .get(position, |(index, seeds)| augment_image(augmentation, set.frame(), &set.unlabelled[index], seeds))
    }

    fn mask(&self, position: usize) -> &[f32] {
        let Loader { set, augmentation, .. } = self.loader;
        self.masks.get(position, |(index, seeds)| {
            let frame = Frame { channels: 1, ..set.frame() };
            // Outside of the image there is background: a mask has no unlabelled pixels.
            one_hot(&augment_labels(augmentation, frame, &set.masks[index], 0, seeds), set.classes)
        })
    }

    fn tensor(&self, planes: &[&[f32]], channels: usize, device: &Device) -> Tensor<4> {
        let TrainingSet { height, width, .. } = *self.loader.set;
        Tensor::from_data(TensorData::new(planes.concat(), [planes.len(), channels, height, width]), device)
    }
}

/// `[h, w]` labels → `[class, h, w]`.
pub(super) fn one_hot(labels: &[u8], classes: usize) -> Vec<f32> {
    let mut planes = vec![0.0; classes * labels.len()];
    for (pixel, &label) in labels.iter().enumerate() {
        planes[usize::from(label) * labels.len() + pixel] = 1.0;
    }
    planes
}

/// Hands out the batches of step after step, and has those of the next one made meanwhile, on the threads that the trainer
/// has and no others. On a single thread nothing is made ahead: there is nobody to do it.
pub struct Ahead<'s, 'scope> {
    loader: Loader<'scope>,
    scope: &'s rayon::Scope<'scope>,
    /// Steps of the whole training: none is prepared beyond.
    steps: usize,
    next: Option<(usize, Arc<Batches<'scope>>)>,
}

impl<'s, 'scope> Ahead<'s, 'scope> {
    pub fn new(loader: Loader<'scope>, scope: &'s rayon::Scope<'scope>, steps: usize) -> Self {
        Ahead { loader, scope, steps, next: None }
    }

    pub fn take(&mut self, step: usize) -> Arc<Batches<'scope>> {
        let prepared = self.next.take().filter(|(of, _)| *of == step);
        let now = prepared.map_or_else(|| Arc::new(self.loader.batches(step)), |(_, batches)| batches);
        if rayon::current_num_threads() > 1 && step + 1 < self.steps {
            self.next = Some((step + 1, self.begin(step + 1)));
        }
        now
    }

    fn begin(&self, step: usize) -> Arc<Batches<'scope>> {
        let batches = Arc::new(self.loader.batches(step));
        for slice in batches.slices() {
            let batches = batches.clone();
            self.scope.spawn(move |_| batches.make(slice));
        }
        batches
    }
}
