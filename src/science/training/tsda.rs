use super::adam::Adam;
use super::augmenter::{Augmenter, chosen, network_of, random_vectors};
use super::batches::{Ahead, Batch, Loader, Wanted};
use super::checkpoint::{Checkpoint, CheckpointError};
use super::game::Table;
use super::lesson::{Course, Lesson, Observer, Taught, TrainingError};
use super::losses::Losses;
use super::predict::{mean_dice, network};
use super::sampler::{Stream, generator};
use super::step::Player;
use crate::science::data::UNLABELLED;
use crate::science::loss::{
    AdversarialLoss, LossError, Target, least_squares_discriminator, least_squares_generator, logistic_discriminator,
    logistic_generator, soft_cross_entropy, weighted_one_hot,
};
use crate::science::model::kernel::{Part, part, release_buffers, warp};
use crate::science::model::{Generator, ImageDiscriminator, Mode, Network, Segmentor, Transformation, Weights, values};
use burn::tensor::{Device, Tensor};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Semi-supervised, task-driven data augmentation, TSDA [65] (section V-B): two generators learn deformations and
/// intensity changes that help a segmentor and that make images like the unlabelled ones; then they augment the training.
///
/// Readings of [65] and its authors' code:
/// - the generators are trained each with a discriminator and a segmentor of its own, as there; both in the same steps;
/// - the segmentor's loss reaches the generator through the transformed image and, for deformations, through the labels,
///   warped bilinearly: the paper's min over generator and segmentor. The code feeds both as constants, so that there only
///   the adversarial and the L1 term teach the generator;
/// - the discriminator moves first, then generator and segmentor against it, as in our game; the code does the reverse;
/// - segmentor, class weights, rates, batch size and stopping rule are those of all methods (section IV-B). What is kept
///   are the generators of the epoch whose two segmentors have the best mean validation Dice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TsdaParameters {
    /// Length of the random vector. Default 100.
    pub latent: usize,
    /// Factor of the segmentor's loss. Default 1.
    pub segmentation: f64,
    /// Factor of the adversarial loss. Default 1.
    pub adversarial: f64,
    /// Factor of the mean absolute displacement, in pixels, which is rewarded. Default 0.001.
    pub deformation_size: f64,
    /// Factor of the mean absolute change of intensity, which is rewarded. Default 0.001.
    pub intensity_size: f64,
    /// Default `logistic`.
    pub adversarial_loss: AdversarialLoss,
    /// Steps in which only the segmentors learn, from images as they are. Default 400 (the authors' code).
    pub warm_up_steps: usize,
    /// Share of images that the segmentors see transformed while the generators learn. Default 0.5 (the code: 5 to 15 of 20).
    pub transformed: f64,
    /// Chance that an image of the augmented training is deformed only. Default 0.25, and so for the two below: the code
    /// takes about a quarter of a batch of each kind, and the rest as it is.
    pub deformed: f64,
    /// Chance of other intensities only.
    pub intensity: f64,
    /// Chance of both.
    pub both: f64,
}

impl Default for TsdaParameters {
    fn default() -> Self {
        TsdaParameters {
            latent: 100,
            segmentation: 1.0,
            adversarial: 1.0,
            deformation_size: 1e-3,
            intensity_size: 1e-3,
            adversarial_loss: AdversarialLoss::default(),
            warm_up_steps: 400,
            transformed: 0.5,
            deformed: 0.25,
            intensity: 0.25,
            both: 0.25,
        }
    }
}

impl TsdaParameters {
    fn check(&self) -> Result<(), TrainingError> {
        let wrong = |other, why| Err(TrainingError::Method { method: "tsda", other, why });
        let chances = [self.transformed, self.deformed, self.intensity, self.both];
        match () {
            _ if self.latent == 0 => wrong("a random vector of length 0", "`latent` must be at least 1"),
            _ if chances.iter().any(|chance| !(0.0..=1.0).contains(chance)) => {
                wrong("its chances", "`transformed`, `deformed`, `intensity` and `both` must be from 0 to 1")
            }
            _ if self.deformed + self.intensity + self.both > 1.0 + 1e-9 => {
                wrong("its chances", "`deformed`, `intensity` and `both` must not exceed 1 together")
            }
            _ => Ok(()),
        }
    }
}

/// Trains the generators on annotated and unlabelled images. `table.method` says how the segmentors are built and which
/// class weights they learn with. Returns the best generators so far.
pub fn train_augmenter(
    parameters: &TsdaParameters,
    table: Table,
    observer: &mut dyn Observer,
) -> Result<(Taught, Augmenter), TrainingError> {
    parameters.check()?;
    let Table { training, set, .. } = table;
    match () {
        _ if set.annotated.is_empty() => return Err(TrainingError::Empty("annotated image")),
        _ if set.unlabelled.is_empty() => return Err(TrainingError::Empty("unlabelled image")),
        _ if set.validation.is_empty() => return Err(TrainingError::Empty("validation case")),
        _ if training.batch_size == 0 => return Err(TrainingError::Parameters),
        _ => (),
    }
    let steps_per_epoch = training.steps_per_epoch.unwrap_or(set.images.div_ceil(training.batch_size)).max(1);
    let course = Course { name: "augmenter", score: "validation_dice", training, steps_per_epoch };
    rayon::in_place_scope(|scope| {
        let mut lesson = Augmenting::new(parameters, table, scope, course.steps());
        let taught = course.teach(&mut lesson, observer)?;
        let generators = lesson.branches.map(|branch| (branch.generator.network, branch.best));
        Ok((taught, Augmenter::of(parameters, generators)))
    })
}

struct Augmenting<'s, 'a> {
    parameters: &'a TsdaParameters,
    table: Table<'a>,
    data: Ahead<'s, 'a>,
    network: Network,
    branches: [Branch; 2],
}

/// A generator, the discriminator that judges it, and the segmentor that learns from it.
struct Branch {
    names: &'static Names,
    generator: Player<Generator>,
    discriminator: Player<ImageDiscriminator>,
    segmentor: Player<Segmentor>,
    best: Weights,
}

/// What tells the branches apart.
struct Names {
    transformation: Transformation,
    /// Of weights, of random vectors, of the choice of images.
    streams: [Stream; 3],
    /// In checkpoints.
    generator: &'static str,
    discriminator: &'static str,
    segmentor: &'static str,
    best: &'static str,
    /// In the log.
    supervised_loss: &'static str,
    discriminator_loss: &'static str,
    generator_loss: &'static str,
    size: &'static str,
}

const NAMES: [Names; 2] = [
    Names {
        transformation: Transformation::Deformation,
        streams: [Stream::DeformationWeights, Stream::DeformationVectors, Stream::DeformationChoice],
        generator: "deformation_generator",
        discriminator: "deformation_discriminator",
        segmentor: "deformation_segmentor",
        best: "best_deformation",
        supervised_loss: "deformation_supervised_loss",
        discriminator_loss: "deformation_discriminator_loss",
        generator_loss: "deformation_generator_loss",
        size: "deformation_size",
    },
    Names {
        transformation: Transformation::Intensity,
        streams: [Stream::IntensityWeights, Stream::IntensityVectors, Stream::IntensityChoice],
        generator: "intensity_generator",
        discriminator: "intensity_discriminator",
        segmentor: "intensity_segmentor",
        best: "best_intensity",
        supervised_loss: "intensity_supervised_loss",
        discriminator_loss: "intensity_discriminator_loss",
        generator_loss: "intensity_generator_loss",
        size: "intensity_size",
    },
];

impl<'s, 'a> Augmenting<'s, 'a> {
    fn new(parameters: &'a TsdaParameters, table: Table<'a>, scope: &'s rayon::Scope<'a>, steps: usize) -> Self {
        let Table { method, training, set, seed, .. } = table;
        let network = network(method, training, set.channels, set.classes);
        let loader = Loader {
            set,
            augmentation: &training.augmentation,
            seed,
            batch: training.batch_size,
            wanted: Wanted { annotated: true, unlabelled: true, masks: false },
        };
        let branches = NAMES.each_ref().map(|names| Branch::new(names, parameters, table, &network.segmentor));
        Augmenting { parameters, table, data: Ahead::new(loader, scope, steps), network, branches }
    }

    /// The annotations of a batch as weighted one-hot channels, and the number of annotated pixels of each.
    fn targets(&self, labels: &[Vec<u8>], batch: usize, device: &Device) -> Result<Vec<(Tensor<4>, f64)>, LossError> {
        let Table { method, set, .. } = self.table;
        let shape = [batch, set.classes, set.height, set.width];
        let target = |labels: &Vec<u8>| {
            let target = Target::new(labels, UNLABELLED, shape, method.class_weights, method.reduction)?;
            Ok((weighted_one_hot(labels, &target.weights, shape, device), target.annotated as f64))
        };
        labels.iter().map(target).collect()
    }
}

impl Lesson for Augmenting<'_, '_> {
    fn step(&mut self, step: usize, rate: f64, losses: &mut Losses) -> Result<(), TrainingError> {
        let autodiff = self.table.device.clone().autodiff();
        let batches = self.data.take(step);
        let (annotated, real) = part(Part::Data, || (batches.annotated(&autodiff), batches.unlabelled(&autodiff)));
        let Batch { images, labels } = annotated;
        let targets = self.targets(&labels, images.dims()[0], &autodiff)?;
        let scene = Scene { parameters: self.parameters, images, targets, real, seed: self.table.seed, step, rate };
        for branch in &mut self.branches {
            if step < self.parameters.warm_up_steps {
                branch.warm_up(&scene, losses);
            } else {
                branch.play(&scene, losses);
            }
        }
        Ok(())
    }

    fn score(&mut self) -> Result<f64, TrainingError> {
        let validation = &self.table.set.validation;
        let dice = |branch: &Branch| mean_dice(&self.network, &branch.segmentor.weights, validation, self.table.device);
        let [deformation, intensity] = self.branches.each_ref().map(dice);
        release_buffers();
        Ok((deformation? + intensity?) / 2.0)
    }

    fn keep(&mut self) {
        for branch in &mut self.branches {
            branch.best = branch.generator.weights.clone();
        }
    }

    fn save(&self, checkpoint: &mut Checkpoint) {
        for Branch { names, generator, discriminator, segmentor, best } in &self.branches {
            generator.save(names.generator, checkpoint);
            discriminator.save(names.discriminator, checkpoint);
            segmentor.save(names.segmentor, checkpoint);
            checkpoint.put(names.best, best.to_arrays());
        }
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let device = self.table.device;
        for Branch { names, generator, discriminator, segmentor, best } in &mut self.branches {
            generator.load(names.generator, checkpoint, device)?;
            discriminator.load(names.discriminator, checkpoint, device)?;
            segmentor.load(names.segmentor, checkpoint, device)?;
            best.load_arrays(checkpoint.get(names.best), device)?;
        }
        Ok(())
    }
}

/// Everything that a step of a branch needs.
struct Scene<'a> {
    parameters: &'a TsdaParameters,
    images: Tensor<4>,
    /// For each annotation of the images: weighted one-hot channels, and the number of annotated pixels.
    targets: Vec<(Tensor<4>, f64)>,
    /// Unlabelled images, as many.
    real: Tensor<4>,
    seed: u64,
    step: usize,
    rate: f64,
}

impl Branch {
    fn new(names: &'static Names, parameters: &TsdaParameters, table: Table, segmentor: &Segmentor) -> Self {
        let Table { training, set, seed, device, .. } = table;
        // One draw after the other; the generator's is that of `Augmenter::untrained`.
        let mut rng = generator(seed, names.streams[0], 0);
        let network = network_of(names.transformation, parameters, table);
        let weights = network.init(&mut rng, device);
        let generator = Player { network, optimiser: Adam::new(training.adam, &weights), weights };
        let size = [set.height, set.width];
        let network = ImageDiscriminator { channels: set.channels, width: training.width, size };
        let weights = network.init(&mut rng, device);
        let discriminator = Player { network, optimiser: Adam::new(training.adam, &weights), weights };
        let weights = segmentor.init(&mut rng, device);
        let network = segmentor.clone();
        let segmentor = Player { network, optimiser: Adam::new(training.adam, &weights), weights };
        Branch { names, best: generator.weights.clone(), generator, discriminator, segmentor }
    }

    /// The segmentor alone, on images as they are.
    fn warm_up(&mut self, scene: &Scene, losses: &mut Losses) {
        let Player { network, weights, optimiser } = &mut self.segmentor;
        let tracked = weights.tracked();
        let prediction = network.forward(&tracked, scene.images.clone(), Mode::Train);
        let supervised = supervised_loss(&prediction.logits, &scene.targets, None);
        losses.put(self.names.supervised_loss, scalar(&supervised));
        let loss = supervised.mul_scalar(scene.parameters.segmentation);
        optimiser.step(weights, &tracked, &mut loss.backward(), scene.rate);
        prediction.statistics.into_iter().for_each(|(name, value)| weights.set(&name, value));
    }

    /// First the discriminator on real and transformed images, then generator and segmentor against it by
    /// `L_S + lambda_adv L_adv - lambda_L1 mean |transformation|`. One forward pass of the generator serves both.
    fn play(&mut self, scene: &Scene, losses: &mut Losses) {
        let Names { transformation, streams, .. } = *self.names;
        let (images, device) = (&scene.images, scene.images.device());
        let batch = images.dims()[0];
        let z = {
            let mut rng = generator(scene.seed, streams[1], scene.step);
            random_vectors(batch, scene.parameters.latent, &mut rng, &device)
        };
        let tracked = self.generator.weights.tracked();
        let (transform, statistics) = self.generator.network.forward(&tracked, images.clone(), z, Mode::Train);
        let fake = transformation.apply(images.clone(), transform.clone());
        self.judge(scene, fake.clone().detach(), losses);

        let adversarial = self.fool(scene, fake);
        let size = mean_of_images(transform.clone().abs());
        losses.put(self.names.generator_loss, scalar(&adversarial));
        losses.put(self.names.size, scalar(&size));
        let some = {
            let mut rng = generator(scene.seed, streams[2], scene.step);
            chosen((0..batch).map(|_| rng.random_bool(scene.parameters.transformed)), &device)
        };
        let transform = transform * some;
        let seen = transformation.apply(images.clone(), transform.clone());
        let tracked_segmentor = self.segmentor.weights.tracked();
        let prediction = self.segmentor.network.forward(&tracked_segmentor, seen, Mode::Train);
        let field = (transformation == Transformation::Deformation).then_some(transform);
        let supervised = supervised_loss(&prediction.logits, &scene.targets, field);
        losses.put(self.names.supervised_loss, scalar(&supervised));

        let TsdaParameters { segmentation, adversarial: factor, .. } = *scene.parameters;
        let reward = match transformation {
            Transformation::Deformation => scene.parameters.deformation_size,
            Transformation::Intensity => scene.parameters.intensity_size,
        };
        let loss = supervised.mul_scalar(segmentation) + adversarial.mul_scalar(factor) - size.mul_scalar(reward);
        let mut gradients = loss.backward();
        let Player { weights, optimiser, .. } = &mut self.generator;
        optimiser.step(weights, &tracked, &mut gradients, scene.rate);
        statistics.into_iter().for_each(|(name, value)| weights.set(&name, value));
        let Player { weights, optimiser, .. } = &mut self.segmentor;
        optimiser.step(weights, &tracked_segmentor, &mut gradients, scene.rate);
        prediction.statistics.into_iter().for_each(|(name, value)| weights.set(&name, value));
    }

    /// One step of the discriminator on the unlabelled images and as many transformed ones, scored in one batch.
    fn judge(&mut self, scene: &Scene, fake: Tensor<4>, losses: &mut Losses) {
        let batch = fake.dims()[0];
        let Player { network, weights, optimiser } = &mut self.discriminator;
        let tracked = weights.tracked();
        let scores = network.forward(&tracked, Tensor::cat(vec![scene.real.clone(), fake], 0));
        let (real, fake) = (scores.clone().narrow(0, 0, batch), scores.narrow(0, batch, batch));
        let loss = match scene.parameters.adversarial_loss {
            AdversarialLoss::Logistic => logistic_discriminator(real, fake),
            AdversarialLoss::LeastSquares => {
                least_squares_discriminator(real, fake, &vec![false; batch], &vec![false; batch])
            }
        };
        losses.put(self.names.discriminator_loss, scalar(&loss));
        optimiser.step(weights, &tracked, &mut loss.backward(), scene.rate);
    }

    /// The generator's loss: the discriminator is frozen, and sees the batch that it has learnt from.
    fn fool(&self, scene: &Scene, fake: Tensor<4>) -> Tensor<1> {
        let batch = fake.dims()[0];
        let both = Tensor::cat(vec![scene.real.clone(), fake], 0);
        let scores = self.discriminator.network.forward(&self.discriminator.weights.frozen(), both);
        let fake = scores.narrow(0, batch, batch);
        match scene.parameters.adversarial_loss {
            AdversarialLoss::Logistic => logistic_generator(fake),
            AdversarialLoss::LeastSquares => least_squares_generator(fake),
        }
    }
}

/// Summed over the annotations, whose labels go with the field if there is one.
fn supervised_loss(logits: &Tensor<4>, targets: &[(Tensor<4>, f64)], field: Option<Tensor<4>>) -> Tensor<1> {
    let loss = |(labels, annotated): &(Tensor<4>, f64)| {
        let labels = match &field {
            Some(field) => warp(labels.clone(), field.clone()),
            None => labels.clone(),
        };
        soft_cross_entropy(logits.clone(), labels, *annotated)
    };
    let zero = Tensor::zeros([1], (&logits.device(), logits.dtype()));
    targets.iter().map(loss).fold(zero, |sum, loss| sum + loss)
}

/// The mean of all values, image by image first: in an order that no number of threads changes.
fn mean_of_images(values: Tensor<4>) -> Tensor<1> {
    let dims @ [batch, ..] = values.dims();
    let images: Tensor<2> = values.reshape([batch, dims[1..].iter().product::<usize>()]);
    images.mean_dim(1).reshape([batch]).mean()
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    values(tensor).first().copied().map_or(f64::NAN, f64::from)
}
