use super::adam::Adam;
use super::batches::Batch;
use super::parameters::TrainingParameters;
use super::sampler::{Stream, generator};
use crate::science::data::UNLABELLED;
use crate::science::loss::{
    LossError, Target, dynamic_weight, least_squares_discriminator, least_squares_generator, partial_cross_entropy,
};
use crate::science::method::{DiscriminatorKind, Method};
use crate::science::model::kernel::{Part, fill_normal, part};
use crate::science::model::{Discriminator, Gate, Mode, Segmentor, Weights, mask_pyramid, values};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// A network, its weights and its optimiser.
#[derive(Clone)]
pub struct Player<N> {
    pub network: N,
    pub weights: Weights,
    pub optimiser: Adam,
}

/// Both sides of the game.
#[derive(Clone)]
pub struct Players {
    pub segmentor: Player<Segmentor>,
    pub discriminator: Option<Player<Discriminator>>,
}

/// What a step saw; NaN where the step has no such part. Means over steps make the log of an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// L_SUP, before a0.
    pub supervised: f64,
    /// V_LS of the segmentor on the annotated batch.
    pub adversarial: f64,
    /// The dynamic factor a0.
    pub a0: f64,
    /// V_LS of the discriminator.
    pub discriminator: f64,
    /// V_LS of the segmentor on the unlabelled batch, after the discriminator's step.
    pub generator: f64,
    /// Share of real masks, and of fake ones, on the right side of 0.
    pub accuracy_real: f64,
    pub accuracy_fake: f64,
    /// Norm of the segmentor's gradient on the annotated batch.
    pub gradient: f64,
    /// Mean of the attention map of the lowest-resolution gate, over the unlabelled batch.
    pub attention: f64,
}

impl Losses {
    pub const NONE: Losses = Losses {
        supervised: f64::NAN,
        adversarial: f64::NAN,
        a0: f64::NAN,
        discriminator: f64::NAN,
        generator: f64::NAN,
        accuracy_real: f64::NAN,
        accuracy_fake: f64::NAN,
        gradient: f64::NAN,
        attention: f64::NAN,
    };

    /// By name, in the order of the log.
    pub fn named(&self) -> [(&'static str, f64); 9] {
        [
            ("supervised_loss", self.supervised),
            ("adversarial_loss", self.adversarial),
            ("a0", self.a0),
            ("discriminator_loss", self.discriminator),
            ("generator_loss", self.generator),
            ("accuracy_real", self.accuracy_real),
            ("accuracy_fake", self.accuracy_fake),
            ("gradient_norm", self.gradient),
            ("attention_mean", self.attention),
        ]
    }
}

/// Everything a step needs besides players and batch.
pub struct Rules<'a> {
    pub method: &'a Method,
    pub training: &'a TrainingParameters,
    pub seed: u64,
    pub step: usize,
    pub rate: f64,
    /// An autodiff device.
    pub device: &'a Device,
}

impl Players {
    /// Step (i): L = a0 L_SUP + a1 V_LS on a weakly annotated batch; L = L_SUP without a discriminator.
    pub fn learn_from_annotations(
        &mut self,
        rules: &Rules,
        batch: Batch,
        losses: &mut Losses,
    ) -> Result<(), LossError> {
        let Player { network, weights, optimiser } = &mut self.segmentor;
        let tracked = weights.tracked();
        let prediction = part(Part::Segmentor, || network.forward(&tracked, batch.images, Mode::Train));
        let supervised = part(Part::Loss, || {
            let target = Target::new(
                &batch.labels,
                UNLABELLED,
                prediction.logits.dims(),
                rules.method.class_weights,
                rules.method.reduction,
            )?;
            Ok(partial_cross_entropy(prediction.logits.clone(), &target))
        })?;
        losses.supervised = scalar(&supervised);
        let loss = match &self.discriminator {
            None => supervised,
            Some(judge) => {
                let adversarial = judge.fooled(rules, &prediction.gates, Stream::AnnotatedNoise);
                losses.adversarial = scalar(&adversarial);
                losses.a0 = dynamic_weight(losses.adversarial, losses.supervised);
                supervised.mul_scalar(losses.a0) + adversarial.mul_scalar(rules.training.game.a1)
            }
        };
        losses.gradient = optimiser.step(weights, &tracked, loss.backward(), rules.rate);
        prediction.statistics.into_iter().for_each(|(name, value)| weights.set(&name, value));
        Ok(())
    }

    /// Step (ii): on unlabelled images, first the discriminator by a2 V_LS, then the segmentor by a3 V_LS
    /// against the discriminator just moved. One forward pass of the segmentor serves both: its weights
    /// do not change in between. Without a discriminator there is nothing to do.
    pub fn play(&mut self, rules: &Rules, images: Tensor<4>, real: Tensor<4>, losses: &mut Losses) {
        let Some(judge) = &mut self.discriminator else { return };
        let Player { network, weights, optimiser } = &mut self.segmentor;
        let tracked = weights.tracked();
        let prediction = part(Part::Segmentor, || network.forward(&tracked, images, Mode::Train));
        let deepest = &prediction.gates[prediction.gates.len() - 1];
        losses.attention = scalar(&deepest.attention().mean());

        judge.learn(rules, &prediction.gates, real, losses);
        let generator = judge.fooled(rules, &prediction.gates, Stream::GeneratorNoise);
        losses.generator = scalar(&generator);
        let loss = generator.mul_scalar(rules.training.game.a3);
        optimiser.step(weights, &tracked, loss.backward(), rules.rate);
        prediction.statistics.into_iter().for_each(|(name, value)| weights.set(&name, value));
    }
}

impl Player<Discriminator> {
    /// V_LS of the segmentor: the discriminator is frozen, gradients pass through it to the masks.
    fn fooled(&self, rules: &Rules, gates: &[Gate], noise: Stream) -> Tensor<1> {
        let mut masks = self.visible(gates.iter().map(|gate| gate.foreground.clone()));
        masks[0] = add_instance_noise(masks[0].clone(), rules, noise);
        let frozen = self.weights.frozen();
        least_squares_generator(part(Part::Discriminator, || self.network.forward(&frozen, &masks).0))
    }

    /// One step by a2 V_LS on as many real masks as predictions, scored in one batch (nothing in the
    /// discriminator mixes images).
    fn learn(&mut self, rules: &Rules, gates: &[Gate], real: Tensor<4>, losses: &mut Losses) {
        let batch = real.dims()[0];
        let fake = self.visible(gates.iter().map(|gate| gate.foreground.clone().detach()));
        let real = self.visible(mask_pyramid(real, rules.method.mask_pyramid).into_iter());
        let mut masks: Vec<Tensor<4>> = real.into_iter().zip(fake).map(|(r, f)| Tensor::cat(vec![r, f], 0)).collect();
        masks[0] = add_instance_noise(masks[0].clone(), rules, Stream::DiscriminatorNoise);

        let tracked = self.weights.tracked();
        let (scores, statistics) = part(Part::Discriminator, || self.network.forward(&tracked, &masks));
        let (real, fake) = (scores.clone().narrow(0, 0, batch), scores.narrow(0, batch, batch));
        losses.accuracy_real = share(&real, |score| score > 0.0);
        losses.accuracy_fake = share(&fake, |score| score < 0.0);
        let mut rng = generator(rules.seed, Stream::LabelNoise, rules.step);
        let mut flips = || (0..batch).map(|_| rng.random_bool(rules.training.label_noise)).collect::<Vec<bool>>();
        let (flip_real, flip_fake) = (flips(), flips());
        let value = least_squares_discriminator(real, fake, &flip_real, &flip_fake);
        losses.discriminator = scalar(&value);
        let loss = value.mul_scalar(rules.training.game.a2);
        self.optimiser.step(&mut self.weights, &tracked, loss.backward(), rules.rate);
        statistics.into_iter().for_each(|(name, value)| self.weights.set(&name, value));
    }

    /// The levels that this discriminator looks at.
    fn visible(&self, masks: impl Iterator<Item = Tensor<4>>) -> Vec<Tensor<4>> {
        masks.take(if self.network.multi_scale { usize::MAX } else { 1 }).collect()
    }
}

/// Gaussian noise on the full-resolution input (section III-B: "the highest resolution input", so real
/// and fake alike). It belongs to the discriminator, so the segmentor plays against it too.
fn add_instance_noise(mask: Tensor<4>, rules: &Rules, stream: Stream) -> Tensor<4> {
    let deviation = rules.training.instance_noise as f32;
    if deviation == 0.0 {
        return mask;
    }
    let shape = mask.dims();
    let mut rng = generator(rules.seed, stream, rules.step);
    let seeds: Vec<u64> = (0..shape[0]).map(|_| rng.random()).collect();
    let mut noise = vec![0.0; shape.iter().product()];
    noise.par_chunks_mut(shape[1..].iter().product()).zip(seeds).for_each(|(noise, seed)| {
        fill_normal(&mut ChaCha8Rng::seed_from_u64(seed), deviation, noise);
    });
    mask + Tensor::from_data(TensorData::new(noise, shape), rules.device)
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    values(tensor).first().copied().map_or(f64::NAN, f64::from)
}

fn share(scores: &Tensor<1>, right: impl Fn(f32) -> bool) -> f64 {
    let scores = values(scores);
    scores.iter().filter(|&&score| right(score)).count() as f64 / scores.len() as f64
}

/// Whether a method plays the game at all, and with how many scales.
pub fn judge_of(method: &Method) -> Option<bool> {
    match method.discriminator {
        DiscriminatorKind::None => None,
        DiscriminatorKind::Vanilla => Some(false),
        DiscriminatorKind::MultiScale => Some(true),
    }
}
