use super::game::Table;
use super::sampler::{Stream, generator};
use super::tsda::TsdaParameters;
use crate::science::model::kernel::{fill_normal, warp};
use crate::science::model::{Arrays, Generator, Mode, Transformation, Weights, WeightsError, values};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use rayon::prelude::*;

/// Trained generators of TSDA [65], frozen: makes more annotated images of those that there are.
#[derive(Debug, Clone)]
pub struct Augmenter {
    parameters: TsdaParameters,
    deformation: (Generator, Weights),
    intensity: (Generator, Weights),
}

/// What happens to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fate {
    deformed: bool,
    changed: bool,
}

impl Augmenter {
    /// With fresh weights: what a training begins with, and what stored weights are put into.
    pub fn untrained(parameters: &TsdaParameters, table: Table) -> Self {
        let make = |transformation, stream| {
            let network = network_of(transformation, parameters, table);
            let weights = network.init(&mut generator(table.seed, stream, 0), table.device);
            (network, weights)
        };
        Augmenter {
            parameters: parameters.clone(),
            deformation: make(Transformation::Deformation, Stream::DeformationWeights),
            intensity: make(Transformation::Intensity, Stream::IntensityWeights),
        }
    }

    pub(super) fn of(parameters: &TsdaParameters, [deformation, intensity]: [(Generator, Weights); 2]) -> Self {
        Augmenter { parameters: parameters.clone(), deformation, intensity }
    }

    /// Each image of a batch by chance as it is, deformed, with other intensities, or both (the second on top of the
    /// first). `images: [batch, channel, h, w]`, in or out of autodiff; the result is on the same device and has no
    /// gradient. Every one of `annotations`, `[batch, h, w]` flat, goes with its image: labels come from the nearest
    /// pixel, and go on with the edge's where the image does. What is drawn depends on `rng` alone.
    pub fn augment(&self, images: Tensor<4>, annotations: &[Vec<u8>], rng: &mut impl Rng) -> (Tensor<4>, Vec<Vec<u8>>) {
        let tracked = images.is_autodiff();
        let images = if tracked { images.inner() } else { images };
        let device = images.device();
        let [batch, _, height, width] = images.dims();
        let fates: Vec<Fate> = (0..batch).map(|_| self.fate(rng.random())).collect();
        let vectors = [(); 2].map(|()| random_vectors(batch, self.parameters.latent, rng, &device));
        let [field, mask] = vectors;
        let (network, weights) = &self.deformation;
        let field = network.forward(weights, images.clone(), field, Mode::Infer).0
            * chosen(fates.iter().map(|fate| fate.deformed), &device);
        let moved = warp(images, field.clone());
        let (network, weights) = &self.intensity;
        let mask = network.forward(weights, moved.clone(), mask, Mode::Infer).0
            * chosen(fates.iter().map(|fate| fate.changed), &device);
        let field = values(&field);
        let labels = annotations.iter().map(|labels| move_labels(labels, &field, &fates, [height, width])).collect();
        let result = moved + mask;
        (if tracked { Tensor::from_inner(result) } else { result }, labels)
    }

    /// `draw`: uniform in 0 to 1.
    fn fate(&self, draw: f64) -> Fate {
        let TsdaParameters { deformed, intensity, both, .. } = self.parameters;
        let (deformed, changed) = match draw {
            draw if draw < deformed => (true, false),
            draw if draw < deformed + intensity => (false, true),
            draw => (draw < deformed + intensity + both, draw < deformed + intensity + both),
        };
        Fate { deformed, changed }
    }

    /// All weights, under `deformation.` and `intensity.`.
    pub fn to_arrays(&self) -> Arrays {
        let named = |prefix: &str, weights: &Weights| -> Arrays {
            weights.to_arrays().into_iter().map(|(name, array)| (format!("{prefix}.{name}"), array)).collect()
        };
        let mut arrays = named("deformation", &self.deformation.1);
        arrays.extend(named("intensity", &self.intensity.1));
        arrays
    }

    /// Takes up what [`Self::to_arrays`] gave.
    pub fn load_arrays(&mut self, arrays: &Arrays, device: &Device) -> Result<(), WeightsError> {
        let below = |prefix: &str| -> Arrays {
            let arrays = arrays.iter().filter_map(|(name, array)| Some((name.strip_prefix(prefix)?, array)));
            arrays.map(|(name, array)| (name.to_owned(), array.clone())).collect()
        };
        self.deformation.1.load_arrays(below("deformation."), device)?;
        self.intensity.1.load_arrays(below("intensity."), device)
    }
}

pub(super) fn network_of(transformation: Transformation, parameters: &TsdaParameters, table: Table) -> Generator {
    let Table { training, set, .. } = table;
    Generator {
        transformation,
        channels: set.channels,
        width: training.width,
        size: [set.height, set.width],
        latent: parameters.latent,
        momentum: training.batch_norm_momentum,
    }
}

/// Normal vectors z, `[batch, latent, 1, 1]`.
pub(super) fn random_vectors(batch: usize, latent: usize, rng: &mut impl Rng, device: &Device) -> Tensor<4> {
    let mut numbers = vec![0.0; batch * latent];
    fill_normal(rng, 1.0, &mut numbers);
    Tensor::from_data(TensorData::new(numbers, [batch, latent, 1, 1]), device)
}

/// 1 for the images that were chosen, 0 for the others: `[batch, 1, 1, 1]`.
pub(super) fn chosen(images: impl Iterator<Item = bool>, device: &Device) -> Tensor<4> {
    let factors: Vec<f32> = images.map(|image| if image { 1.0 } else { 0.0 }).collect();
    let batch = factors.len();
    Tensor::from_data(TensorData::new(factors, [batch, 1, 1, 1]), device)
}

/// `labels: [batch, h, w]`, `field: [batch, 2, h, w]`.
fn move_labels(labels: &[u8], field: &[f32], fates: &[Fate], [height, width]: [usize; 2]) -> Vec<u8> {
    let area = (height * width).max(1);
    let mut moved = labels.to_vec();
    let images = moved.par_chunks_mut(area).zip(labels.par_chunks(area)).zip(field.par_chunks(2 * area));
    images.zip(fates).filter(|(_, fate)| fate.deformed).for_each(|(((moved, labels), field), _)| {
        let (rows, columns) = field.split_at(area);
        let nearest = |position: f32, length: usize| ((position + 0.5).floor().max(0.0) as usize).min(length - 1);
        for (pixel, label) in moved.iter_mut().enumerate() {
            let row = nearest((pixel / width) as f32 + rows[pixel], height);
            let column = nearest((pixel % width) as f32 + columns[pixel], width);
            *label = labels[row * width + column];
        }
    });
    moved
}
