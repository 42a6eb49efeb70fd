use super::adam::Adam;
use super::augmenter::Augmenter;
use super::batches::{Ahead, Batch, Batches, Loader, Wanted};
use super::checkpoint::{Checkpoint, CheckpointError};
use super::judge::Judge;
use super::lesson::{Lesson, TrainingError};
use super::losses::Losses;
use super::parameters::TrainingParameters;
use super::predict::{mean_dice, network};
use super::sampler::{Stream, generator};
use super::set::TrainingSet;
use super::step::{Player, Players, Rules};
use crate::science::method::{GameRules, Method};
use crate::science::model::kernel::{Part, part, release_buffers};
use crate::science::model::{Network, Weights};
use burn::tensor::Device;

/// The game of section III-C, or the segmentor's training alone where the method has no discriminator.
pub struct Game<'s, 'a> {
    method: &'a Method,
    training: &'a TrainingParameters,
    set: &'a TrainingSet,
    seed: u64,
    device: &'a Device,
    data: Ahead<'s, 'a>,
    augmenter: Option<&'a Augmenter>,
    players: Players,
    network: Network,
    best: Weights,
}

/// What a game needs besides its threads.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    pub method: &'a Method,
    pub training: &'a TrainingParameters,
    pub set: &'a TrainingSet,
    pub seed: u64,
    /// Outside of autodiff.
    pub device: &'a Device,
}

impl<'s, 'a> Game<'s, 'a> {
    /// `augmenter` makes more of the annotated images; `steps` is the length of the course.
    pub fn new(table: Table<'a>, augmenter: Option<&'a Augmenter>, scope: &'s rayon::Scope<'a>, steps: usize) -> Self {
        let Table { method, training, set, seed, device } = table;
        let network = network(method, training, set.channels, set.classes);
        let weights = network.segmentor.init(&mut generator(seed, Stream::SegmentorWeights, 0), device);
        let optimiser = Adam::new(training.adam, &weights);
        let crf = network.crf_layer().map(|network| {
            let weights = network.init(device);
            Player { network, optimiser: Adam::new(training.adam, &weights), weights }
        });
        let discriminator = Judge::of(method, training, set).map(|network| {
            let weights = network.init(&mut generator(seed, Stream::DiscriminatorWeights, 0), device);
            Player { network, optimiser: Adam::new(training.adam, &weights), weights }
        });
        let plays = discriminator.is_some();
        let loader = Loader {
            set,
            augmentation: &training.augmentation,
            seed,
            batch: training.batch_size,
            wanted: Wanted { annotated: true, unlabelled: plays, masks: plays },
        };
        let ally = discriminator.as_ref().filter(|_| method.game == GameRules::Released);
        let ally = ally.map(|player| Adam::new(training.adam, &player.weights));
        let segmentor = Player { network: network.segmentor.clone(), weights, optimiser };
        let players = Players { segmentor, crf, discriminator, ally };
        let best = players.predictor();
        let data = Ahead::new(loader, scope, steps);
        Game { method, training, set, seed, device, data, augmenter, players, network, best }
    }

    fn annotated(&self, batches: &Batches, step: usize, device: &Device) -> Batch {
        let Batch { images, labels } = batches.annotated(device);
        match self.augmenter {
            Some(augmenter) => {
                let mut rng = generator(self.seed, Stream::TsdaTraining, step);
                let (images, labels) = augmenter.augment(images, &labels, &mut rng);
                Batch { images, labels }
            }
            None => Batch { images, labels },
        }
    }

    pub fn into_best(self) -> Weights {
        self.best
    }
}

impl Lesson for Game<'_, '_> {
    fn step(&mut self, step: usize, rate: f64, losses: &mut Losses) -> Result<(), TrainingError> {
        let autodiff = self.device.clone().autodiff();
        let rules =
            Rules { method: self.method, training: self.training, seed: self.seed, step, rate, device: &autodiff };
        let batches = self.data.take(step);
        let annotated = part(Part::Data, || self.annotated(&batches, step, &autodiff));
        if self.players.ally.is_some() {
            let masks = part(Part::Data, || batches.masks(&autodiff));
            self.players.learn_from_annotations_as_released(&rules, annotated, masks, losses)?;
        } else {
            self.players.learn_from_annotations(&rules, annotated, losses)?;
        }
        if self.players.discriminator.is_some() {
            let (images, masks) = part(Part::Data, || (batches.unlabelled(&autodiff), batches.masks(&autodiff)));
            self.players.play(&rules, images, masks, losses);
        }
        Ok(())
    }

    fn score(&mut self) -> Result<f64, TrainingError> {
        let dice = mean_dice(&self.network, &self.players.predictor(), &self.set.validation, self.device);
        // Volumes end in batches of all sizes, which training never needs again.
        release_buffers();
        Ok(dice?)
    }

    fn keep(&mut self) {
        self.best = self.players.predictor();
    }

    fn save(&self, checkpoint: &mut Checkpoint) {
        self.players.segmentor.save("segmentor", checkpoint);
        checkpoint.put("best", self.best.to_arrays());
        if let Some(player) = &self.players.crf {
            player.save("crf", checkpoint);
        }
        if let Some(player) = &self.players.discriminator {
            player.save("discriminator", checkpoint);
        }
        if let Some(ally) = &self.players.ally {
            let (time, moments) = ally.to_arrays();
            checkpoint.progress.times.insert("ally".to_owned(), time);
            checkpoint.put("ally_adam", moments);
        }
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        self.players.segmentor.load("segmentor", checkpoint, self.device)?;
        self.best.load_arrays(checkpoint.get("best"), self.device)?;
        if let Some(player) = &mut self.players.crf {
            player.load("crf", checkpoint, self.device)?;
        }
        if let Some(player) = &mut self.players.discriminator {
            player.load("discriminator", checkpoint, self.device)?;
        }
        if let Some(ally) = &mut self.players.ally {
            let time = checkpoint.progress.times.get("ally").copied().unwrap_or_default();
            ally.load_arrays(time, checkpoint.get("ally_adam"), self.device)?;
        }
        Ok(())
    }
}
