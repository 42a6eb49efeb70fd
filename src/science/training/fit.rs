use super::adam::Adam;
use super::batches::{Ahead, Loader};
use super::checkpoint::{Checkpoint, CheckpointError, Progress};
use super::parameters::TrainingParameters;
use super::predict::{mean_dice, segmentor};
use super::sampler::{Stream, generator};
use super::set::TrainingSet;
use super::step::{Losses, Player, Players, Rules, judge_of};
use crate::science::loss::LossError;
use crate::science::method::Method;
use crate::science::model::kernel::{Part, ReleaseBuffers, part, release_buffers};
use crate::science::model::{Discriminator, Weights};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// What an epoch was like: means over its steps, by name, and the validation score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// 1 for the first.
    pub epoch: usize,
    pub steps: usize,
    /// Absent where the method has no such part.
    pub values: BTreeMap<String, f64>,
    /// Whether this epoch's weights are the best so far.
    pub best: bool,
}

/// Looks on, and may stop a training between epochs.
pub trait Observer {
    /// After each step of an epoch. Returns false to stop at once; the epoch is then done again later.
    fn step(&mut self, epoch: usize, step: usize, steps: usize, losses: &Losses) -> bool;
    /// After each epoch; `checkpoint` makes the state on demand. Returns false to stop here.
    fn epoch(&mut self, report: &EpochReport, checkpoint: &mut dyn FnMut() -> Checkpoint) -> bool;
}

/// The outcome of [`fit`].
pub struct Fit {
    /// Best weights by validation Dice, outside of autodiff.
    pub weights: Weights,
    pub log: Vec<EpochReport>,
    pub best_epoch: usize,
    pub best_dice: f64,
    /// False if the observer stopped it; a later call goes on from the checkpoint.
    pub finished: bool,
}

/// Why a training cannot go on.
#[derive(Debug, Error)]
pub enum TrainingError {
    #[error("no {0} in the training set; raise `cases` or the label fraction")]
    Empty(&'static str),
    #[error("images of {height}x{width}: both sides must be multiples of 16 and at least 32; change `size`")]
    Size { height: usize, width: usize },
    #[error(
        "batch_size, epochs, steps_per_epoch, width, learning_rate.period and early_stopping.every must be above 0"
    )]
    Parameters,
    #[error("{name} became {value} in epoch {epoch}, step {step}: the training diverged; lower learning_rate.high")]
    Diverged { name: &'static str, value: f64, epoch: usize, step: usize },
    #[error(transparent)]
    Loss(#[from] LossError),
    #[error("cannot go on from the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// Trains a method (section III-C): each iteration takes one batch of annotated images, then one of
/// unlabelled images. `device` is outside of autodiff. Same inputs and seed, same bits.
pub fn fit(
    method: &Method,
    training: &TrainingParameters,
    set: &TrainingSet,
    seed: u64,
    device: &Device,
    resume: Option<Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<Fit, TrainingError> {
    check(method, training, set)?;
    // Before the game, so that it goes last.
    let _release = ReleaseBuffers;
    let mut game = Game::new(method, training, set, seed, device);
    if let Some(checkpoint) = resume {
        game.resume(&checkpoint)?;
    }
    let loader = game.loader();
    let steps = game.steps_per_epoch.saturating_mul(training.epochs);
    let finished = rayon::in_place_scope(|scope| game.play(&mut Ahead::new(loader, scope, steps), observer))?;
    let (best_epoch, best_dice) = game.progress.best.unwrap_or((0, f64::NAN));
    Ok(Fit { weights: game.best, log: game.progress.log, best_epoch, best_dice, finished })
}

struct Game<'a> {
    method: &'a Method,
    training: &'a TrainingParameters,
    set: &'a TrainingSet,
    seed: u64,
    device: &'a Device,
    steps_per_epoch: usize,
    players: Players,
    best: Weights,
    progress: Progress,
}

impl<'a> Game<'a> {
    fn new(
        method: &'a Method,
        training: &'a TrainingParameters,
        set: &'a TrainingSet,
        seed: u64,
        device: &'a Device,
    ) -> Self {
        let network = segmentor(method, training, set.channels, set.classes);
        let weights = network.init(&mut generator(seed, Stream::SegmentorWeights, 0), device);
        let best = weights.clone();
        let optimiser = Adam::new(training.adam, &weights);
        let discriminator = judge_of(method).map(|multi_scale| {
            let size = [set.height, set.width];
            let network = Discriminator { classes: set.classes, width: training.width, size, multi_scale };
            let weights = network.init(&mut generator(seed, Stream::DiscriminatorWeights, 0), device);
            Player { network, optimiser: Adam::new(training.adam, &weights), weights }
        });
        let players = Players { segmentor: Player { network, weights, optimiser }, discriminator };
        let steps_per_epoch = training.steps_per_epoch.unwrap_or(set.images.div_ceil(training.batch_size)).max(1);
        let progress = Progress::default();
        Game { method, training, set, seed, device, steps_per_epoch, players, best, progress }
    }

    fn loader(&self) -> Loader<'a> {
        Loader {
            set: self.set,
            augmentation: &self.training.augmentation,
            seed: self.seed,
            batch: self.training.batch_size,
            plays: self.players.discriminator.is_some(),
        }
    }

    /// Epoch after epoch; returns false if the observer stopped it before its end.
    fn play(&mut self, data: &mut Ahead, observer: &mut dyn Observer) -> Result<bool, TrainingError> {
        while !self.is_over() {
            let Some(report) = self.epoch(data, observer)? else { return Ok(false) };
            if !observer.epoch(&report, &mut || self.checkpoint()) {
                return Ok(self.is_over());
            }
        }
        Ok(true)
    }

    /// One epoch, or nothing if the observer stopped it.
    fn epoch(&mut self, data: &mut Ahead, observer: &mut dyn Observer) -> Result<Option<EpochReport>, TrainingError> {
        let epoch = self.progress.epochs + 1;
        let autodiff = self.device.clone().autodiff();
        let mut sums: BTreeMap<&'static str, (f64, usize)> = BTreeMap::new();
        for done in 0..self.steps_per_epoch {
            let step = self.progress.epochs * self.steps_per_epoch + done;
            let rate = self.training.learning_rate.at_step(step, self.steps_per_epoch);
            let rules =
                Rules { method: self.method, training: self.training, seed: self.seed, step, rate, device: &autodiff };
            let mut losses = Losses::NONE;
            let batches = data.take(step);
            let annotated = part(Part::Data, || batches.annotated(&autodiff));
            self.players.learn_from_annotations(&rules, annotated, &mut losses)?;
            if self.players.discriminator.is_some() {
                let (images, masks) = part(Part::Data, || batches.played(&autodiff));
                self.players.play(&rules, images, masks, &mut losses);
            }
            add(&mut sums, &losses, rate, epoch, done + 1, self.players.discriminator.is_some())?;
            if !observer.step(epoch, done + 1, self.steps_per_epoch, &losses) {
                return Ok(None);
            }
        }
        self.progress.epochs = epoch;
        let mut values: BTreeMap<String, f64> =
            sums.into_iter().map(|(name, (sum, n))| (name.to_owned(), sum / n as f64)).collect();
        let best = self.validate(epoch, &mut values);
        let report = EpochReport { epoch, steps: self.steps_per_epoch, values, best };
        self.progress.log.push(report.clone());
        Ok(Some(report))
    }

    /// Scores the validation cases and keeps the weights if they are the best so far.
    fn validate(&mut self, epoch: usize, values: &mut BTreeMap<String, f64>) -> bool {
        let last = epoch == self.training.epochs;
        if !epoch.is_multiple_of(self.training.early_stopping.every) && !last {
            return false;
        }
        let Player { network, weights, .. } = &self.players.segmentor;
        let dice = mean_dice(network, weights, &self.set.validation, self.device);
        // Volumes end in batches of all sizes, which training never needs again.
        release_buffers();
        values.insert("validation_dice".to_owned(), dice);
        let warm = epoch > self.training.early_stopping.warm_up || last;
        let best = warm && self.progress.best.is_none_or(|(_, best)| dice > best);
        if best {
            self.progress.best = Some((epoch, dice));
            self.best = weights.clone();
        }
        best
    }

    fn is_over(&self) -> bool {
        let done = self.progress.epochs;
        let stale = self.progress.best.is_some_and(|(best, _)| done - best >= self.training.early_stopping.patience);
        done >= self.training.epochs || stale
    }

    fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint { progress: self.progress.clone(), arrays: BTreeMap::new() };
        let Player { weights, optimiser, .. } = &self.players.segmentor;
        let (time, moments) = optimiser.to_arrays();
        checkpoint.progress.segmentor_time = time;
        checkpoint.put("segmentor", weights.to_arrays());
        checkpoint.put("segmentor_adam", moments);
        checkpoint.put("best", self.best.to_arrays());
        if let Some(Player { weights, optimiser, .. }) = &self.players.discriminator {
            let (time, moments) = optimiser.to_arrays();
            checkpoint.progress.discriminator_time = time;
            checkpoint.put("discriminator", weights.to_arrays());
            checkpoint.put("discriminator_adam", moments);
        }
        checkpoint
    }

    fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let device = self.device;
        let Player { weights, optimiser, .. } = &mut self.players.segmentor;
        weights.load_arrays(checkpoint.get("segmentor"), device)?;
        optimiser.load_arrays(checkpoint.progress.segmentor_time, checkpoint.get("segmentor_adam"), device)?;
        self.best.load_arrays(checkpoint.get("best"), device)?;
        if let Some(Player { weights, optimiser, .. }) = &mut self.players.discriminator {
            weights.load_arrays(checkpoint.get("discriminator"), device)?;
            let time = checkpoint.progress.discriminator_time;
            optimiser.load_arrays(time, checkpoint.get("discriminator_adam"), device)?;
        }
        self.progress = checkpoint.progress.clone();
        Ok(())
    }
}

fn check(method: &Method, training: &TrainingParameters, set: &TrainingSet) -> Result<(), TrainingError> {
    let TrainingSet { height, width, .. } = *set;
    if !height.is_multiple_of(16) || !width.is_multiple_of(16) || height.min(width) < 32 {
        return Err(TrainingError::Size { height, width });
    }
    let positive = [training.batch_size, training.epochs, training.width, training.early_stopping.every];
    if positive.contains(&0) || training.steps_per_epoch == Some(0) || training.learning_rate.period <= 0.0 {
        return Err(TrainingError::Parameters);
    }
    let plays = judge_of(method).is_some();
    match () {
        _ if set.annotated.is_empty() => Err(TrainingError::Empty("annotated image")),
        _ if set.validation.is_empty() => Err(TrainingError::Empty("validation case")),
        _ if plays && set.unlabelled.is_empty() => Err(TrainingError::Empty("unlabelled image")),
        _ if plays && set.masks.is_empty() => Err(TrainingError::Empty("mask for the discriminator")),
        _ => Ok(()),
    }
}

/// Adds a step to the epoch's sums; a value that should be finite and is not ends the training.
fn add(
    sums: &mut BTreeMap<&'static str, (f64, usize)>,
    losses: &Losses,
    rate: f64,
    epoch: usize,
    step: usize,
    plays: bool,
) -> Result<(), TrainingError> {
    let expected = |name: &str| plays || matches!(name, "supervised_loss" | "gradient_norm");
    for (name, value) in losses.named().into_iter().chain([("learning_rate", rate)]) {
        if value.is_finite() {
            let (sum, count) = sums.entry(name).or_insert((0.0, 0));
            *sum += value;
            *count += 1;
        } else if expected(name) {
            return Err(TrainingError::Diverged { name, value, epoch, step });
        }
    }
    Ok(())
}
