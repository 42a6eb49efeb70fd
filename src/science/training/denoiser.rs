use super::adam::Adam;
use super::batches::{self, Ahead, Loader, Wanted};
use super::checkpoint::{Checkpoint, CheckpointError};
use super::denoising::Degradation;
use super::game::Table;
use super::lesson::{Course, Lesson, Observer, Taught, TrainingError};
use super::losses::Losses;
use super::predict::argmax;
use super::sampler::{Stream, generator};
use super::step::Player;
use crate::science::data::Frame;
use crate::science::loss::{DiceOver, soft_dice_loss};
use crate::science::metric::{EmptyDice, multi_class_dice};
use crate::science::model::kernel::{Part, part, release_buffers};
use crate::science::model::{Denoiser, DenoiserInput, Mode, Weights, values};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The denoising autoencoder of PostDAE [14] and its training. Batch size, rates and stopping rule are those of the
/// segmentor (section IV-B).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DenoiserParameters {
    /// Numbers in the bottleneck. Default 512.
    pub code: usize,
    /// How masks are spoilt for training.
    pub degradation: Degradation,
    /// What one ratio of the Dice loss is taken over. Default `image`.
    pub dice_over: DiceOver,
    /// Pixels added above and below in the Dice loss. Default 1.
    pub smoothing: f64,
    /// What the autoencoder is given of a prediction. Default `labels`.
    pub input: DenoiserInput,
}

impl Default for DenoiserParameters {
    fn default() -> Self {
        DenoiserParameters {
            code: 512,
            degradation: Degradation::default(),
            dice_over: DiceOver::default(),
            smoothing: 1.0,
            input: DenoiserInput::default(),
        }
    }
}

/// Slices of one inference batch.
const BATCH: usize = 12;

/// Trains the autoencoder on the unpaired masks alone. Its score is the mean Dice of the validation cases' masks, spoilt
/// once and for all, after denoising. Returns the best weights so far, outside of autodiff.
pub fn train_denoiser(
    parameters: &DenoiserParameters,
    table: Table,
    observer: &mut dyn Observer,
) -> Result<(Taught, Denoiser, Weights), TrainingError> {
    let Table { training, set, .. } = table;
    match () {
        _ if set.masks.is_empty() => return Err(TrainingError::Empty("mask for the autoencoder")),
        _ if set.validation.is_empty() => return Err(TrainingError::Empty("validation case")),
        _ if parameters.code == 0 || training.batch_size == 0 => return Err(TrainingError::Parameters),
        _ => (),
    }
    let steps_per_epoch = training.steps_per_epoch.unwrap_or(set.masks.len().div_ceil(training.batch_size)).max(1);
    let course = Course { name: "denoiser", score: "validation_denoised_dice", training, steps_per_epoch };
    rayon::in_place_scope(|scope| {
        let mut lesson = Denoising::new(parameters, table, scope, course.steps());
        let taught = course.teach(&mut lesson, observer)?;
        Ok((taught, lesson.player.network, lesson.best))
    })
}

struct Denoising<'s, 'a> {
    parameters: &'a DenoiserParameters,
    table: Table<'a>,
    data: Ahead<'s, 'a>,
    player: Player<Denoiser>,
    best: Weights,
    validation: Vec<Spoilt<'a>>,
}

/// A slice of a validation case.
struct Spoilt<'a> {
    case: &'a str,
    labels: Vec<u8>,
    truth: &'a [u8],
}

impl<'s, 'a> Denoising<'s, 'a> {
    fn new(parameters: &'a DenoiserParameters, table: Table<'a>, scope: &'s rayon::Scope<'a>, steps: usize) -> Self {
        let Table { training, set, seed, device, .. } = table;
        let network = Denoiser {
            classes: set.classes,
            width: training.width,
            size: [set.height, set.width],
            code: parameters.code,
            momentum: training.batch_norm_momentum,
        };
        let weights = network.init(&mut generator(seed, Stream::DenoiserWeights, 0), device);
        let loader = Loader {
            set,
            augmentation: &training.augmentation,
            seed,
            batch: training.batch_size,
            wanted: Wanted { annotated: false, unlabelled: false, masks: true },
        };
        Denoising {
            parameters,
            table,
            data: Ahead::new(loader, scope, steps),
            best: weights.clone(),
            player: Player { network, optimiser: Adam::new(training.adam, &weights), weights },
            validation: spoilt_validation(parameters, table),
        }
    }

    /// Spoilt copies of one-hot masks `[batch, class, h, w]`, on the same device.
    fn spoil(&self, masks: &Tensor<4>, step: usize) -> Tensor<4> {
        let Table { set, seed, .. } = self.table;
        let frame = Frame { channels: 1, ..set.frame() };
        let mut rng = generator(seed, Stream::Degradation, step);
        let seeds: Vec<u64> = (0..masks.dims()[0]).map(|_| rng.random()).collect();
        let labels = most_probable(&values(masks), masks.dims());
        let spoilt = labels.par_iter().zip(seeds);
        let spoilt: Vec<Vec<u8>> =
            spoilt.map(|(labels, seed)| self.parameters.degradation.spoil(frame, labels, set.classes, seed)).collect();
        one_hot(&spoilt, masks.dims(), &masks.device())
    }
}

impl Lesson for Denoising<'_, '_> {
    fn step(&mut self, step: usize, rate: f64, losses: &mut Losses) -> Result<(), TrainingError> {
        let autodiff = self.table.device.clone().autodiff();
        let batches = self.data.take(step);
        let (masks, spoilt) = part(Part::Data, || {
            let masks = batches.masks(&autodiff);
            let spoilt = self.spoil(&masks, step);
            (masks, spoilt)
        });
        let Player { network, weights, optimiser } = &mut self.player;
        let tracked = weights.tracked();
        let (logits, statistics) = network.forward(&tracked, spoilt, Mode::Train);
        let loss = soft_dice_loss(logits, masks, self.parameters.dice_over, self.parameters.smoothing);
        losses.put("denoiser_loss", values(&loss).first().copied().map_or(f64::NAN, f64::from));
        losses.put("denoiser_gradient_norm", optimiser.step(weights, &tracked, &mut loss.backward(), rate));
        statistics.into_iter().for_each(|(name, value)| weights.set(&name, value));
        Ok(())
    }

    fn score(&mut self) -> Result<f64, TrainingError> {
        let Player { network, weights, .. } = &self.player;
        let spoilt: Vec<&[u8]> = self.validation.iter().map(|slice| slice.labels.as_slice()).collect();
        let mut cases: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (slice, labels) in self.validation.iter().zip(denoise(network, weights, &spoilt, self.table.device)) {
            let dice = multi_class_dice(&labels, slice.truth, network.classes, EmptyDice::One);
            cases.entry(slice.case).or_default().push(dice.ok().flatten().unwrap_or(f64::NAN));
        }
        release_buffers();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        Ok(mean(&cases.values().map(|dice| mean(dice)).collect::<Vec<f64>>()))
    }

    fn keep(&mut self) {
        self.best = self.player.weights.clone();
    }

    fn save(&self, checkpoint: &mut Checkpoint) {
        self.player.save("denoiser", checkpoint);
        checkpoint.put("best", self.best.to_arrays());
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        self.player.load("denoiser", checkpoint, self.table.device)?;
        Ok(self.best.load_arrays(checkpoint.get("best"), self.table.device)?)
    }
}

fn spoilt_validation<'a>(parameters: &DenoiserParameters, table: Table<'a>) -> Vec<Spoilt<'a>> {
    let Table { set, seed, .. } = table;
    let frame = Frame { channels: 1, ..set.frame() };
    let volumes = set.validation.iter();
    let slices = volumes.flat_map(|v| (0..v.volume.mask.slices).map(|i| (v.case.as_str(), v.volume.mask.slice(i))));
    slices
        .enumerate()
        .map(|(index, (case, truth))| {
            let own = generator(seed, Stream::ValidationDegradation, index).random();
            Spoilt { case, labels: parameters.degradation.spoil(frame, truth, set.classes, own), truth }
        })
        .collect()
}

/// Labels `[h, w]` of slices, brought back to plausible ones.
pub fn denoise(network: &Denoiser, weights: &Weights, slices: &[&[u8]], device: &Device) -> Vec<Vec<u8>> {
    let [height, width] = network.size;
    let batches = slices.chunks(BATCH);
    batches
        .flat_map(|batch| {
            let shape = [batch.len(), network.classes, height, width];
            let (logits, _) = network.forward(weights, one_hot(batch, shape, device), Mode::Infer);
            most_probable(&values(&logits), shape)
        })
        .collect()
}

/// `[batch][h, w]` labels → `[batch, class, h, w]`.
fn one_hot<L: AsRef<[u8]>>(labels: &[L], shape: [usize; 4], device: &Device) -> Tensor<4> {
    let channels: Vec<f32> = labels.iter().flat_map(|labels| batches::one_hot(labels.as_ref(), shape[1])).collect();
    Tensor::from_data(TensorData::new(channels, shape), device)
}

/// The class of the largest score of each pixel, the lowest on ties, image by image.
fn most_probable(scores: &[f32], [_, classes, height, width]: [usize; 4]) -> Vec<Vec<u8>> {
    scores.chunks((classes * height * width).max(1)).map(|scores| argmax(scores, classes)).collect()
}
