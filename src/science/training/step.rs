use super::adam::Adam;
use super::batches::Batch;
use super::checkpoint::{Checkpoint, CheckpointError};
use super::judge::Judge;
use super::lesson::TrainingError;
use super::losses::Losses;
use super::parameters::TrainingParameters;
use super::released::turned;
use super::sampler::{Stream, generator};
use crate::science::data::UNLABELLED;
use crate::science::loss::{
    LossError, Target, dynamic_weight, least_squares_discriminator, least_squares_generator, partial_cross_entropy,
};
use crate::science::method::{GameRules, Method};
use crate::science::model::kernel::{Part, fill_normal, part};
use crate::science::model::{
    CrfLayer, CrfParameters, Gate, Mode, Segmentor, Statistics, Weights, mask_pyramid, values,
};
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
    /// Behind the segmentor, on its side.
    pub crf: Option<Player<CrfLayer>>,
    pub discriminator: Option<Player<Judge>>,
    /// Moves the discriminator in step (i), by the released code's rules alone.
    pub ally: Option<Adam>,
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
    /// The weights of all that predicts.
    pub fn predictor(&self) -> Weights {
        let mut weights = self.segmentor.weights.clone();
        if let Some(crf) = &self.crf {
            weights.put(&crf.weights);
        }
        weights
    }

    /// Step (i): L = a0 L_SUP + a1 V_LS on a weakly annotated batch; L = L_SUP without a discriminator.
    pub fn learn_from_annotations(
        &mut self,
        rules: &Rules,
        batch: Batch,
        losses: &mut Losses,
    ) -> Result<(), TrainingError> {
        let Player { network, weights, optimiser } = &mut self.segmentor;
        let tracked = weights.tracked();
        let prediction = part(Part::Segmentor, || network.forward(&tracked, batch.images.clone(), Mode::Train));
        let mut logits = prediction.logits.clone();
        let crf = self.crf.as_mut().map(|crf| (crf.weights.tracked(), crf));
        if let Some((tracked, crf)) = &crf {
            logits = crf.network.forward(tracked, logits, batch.images)?;
        }
        let supervised = part(Part::Loss, || supervised_loss(rules.method, &logits, &batch.labels))?;
        let value = scalar(&supervised);
        losses.put("supervised_loss", value);
        let loss = match &self.discriminator {
            None => supervised,
            Some(judge) => {
                let adversarial = judge.fooled(rules, &prediction.gates, Stream::AnnotatedNoise);
                let judged = scalar(&adversarial);
                let a0 = dynamic_weight(judged, value);
                losses.put("adversarial_loss", judged);
                losses.put("a0", a0);
                supervised.mul_scalar(a0) + adversarial.mul_scalar(rules.training.game.a1)
            }
        };
        let mut gradients = loss.backward();
        losses.put("gradient_norm", optimiser.step(weights, &tracked, &mut gradients, rules.rate));
        if let Some((tracked, crf)) = crf {
            let CrfParameters { rate_factor, every, .. } = crf.network.parameters;
            // The gradient of every so many-th iteration, not their sum.
            if (rules.step + 1).is_multiple_of(every) {
                let rate = rules.rate * rate_factor;
                let norm = crf.optimiser.step(&mut crf.weights, &tracked, &mut gradients, rate);
                losses.put("crf_gradient_norm", norm);
            }
        }
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
        losses.put("attention_mean", scalar(&deepest.attention().mean()));

        judge.learn(rules, &prediction.gates, real, losses);
        let generator = judge.fooled(rules, &prediction.gates, Stream::GeneratorNoise);
        losses.put("generator_loss", scalar(&generator));
        let loss = generator.mul_scalar(rules.training.game.a3);
        optimiser.step(weights, &tracked, &mut loss.backward(), rules.rate);
        prediction.statistics.into_iter().for_each(|(name, value)| weights.set(&name, value));
    }
}

/// L_SUP: the (weighted) partial cross-entropy of eq. (1), summed over the annotations of the images (section V-E). Scribbles
/// and full masks are annotations of their own, so that each has a mean of its own (section V-F).
pub(super) fn supervised_loss(
    method: &Method,
    logits: &Tensor<4>,
    annotations: &[Vec<u8>],
) -> Result<Tensor<1>, LossError> {
    let loss = |labels: &Vec<u8>| {
        let target = Target::new(labels, UNLABELLED, logits.dims(), method.class_weights, method.reduction)?;
        Ok(partial_cross_entropy(logits.clone(), &target))
    };
    let (first, others) = annotations.split_first().ok_or(LossError::NoAnnotation)?;
    others.iter().try_fold(loss(first)?, |sum, labels| Ok(sum + loss(labels)?))
}

impl<N> Player<N> {
    /// Puts weights and optimiser under `NAME.` and `NAME_adam.`.
    pub fn save(&self, name: &str, checkpoint: &mut Checkpoint) {
        let (time, moments) = self.optimiser.to_arrays();
        checkpoint.progress.times.insert(name.to_owned(), time);
        checkpoint.put(name, self.weights.to_arrays());
        checkpoint.put(&format!("{name}_adam"), moments);
    }

    pub fn load(&mut self, name: &str, checkpoint: &Checkpoint, device: &Device) -> Result<(), CheckpointError> {
        let time = checkpoint.progress.times.get(name).copied().unwrap_or_default();
        self.weights.load_arrays(checkpoint.get(name), device)?;
        Ok(self.optimiser.load_arrays(time, checkpoint.get(&format!("{name}_adam")), device)?)
    }
}

impl Player<Judge> {
    /// V_LS of the segmentor: the discriminator is frozen, gradients pass through it to the masks.
    fn fooled(&self, rules: &Rules, gates: &[Gate], noise: Stream) -> Tensor<1> {
        let mut masks = self.visible(gates.iter().map(|gate| gate.foreground.clone()));
        masks[0] = add_instance_noise(masks[0].clone(), rules, noise);
        let frozen = self.weights.frozen();
        let scores = part(Part::Discriminator, || self.network.forward(&frozen, &masks).0);
        let [scores] = turned(rules, [scores], Stream::GeneratorLabelNoise);
        least_squares_generator(scores)
    }

    /// One step by a2 V_LS on as many real masks as predictions.
    fn learn(&mut self, rules: &Rules, gates: &[Gate], real: Tensor<4>, losses: &mut Losses) {
        let batch = real.dims()[0];
        let tracked = self.weights.tracked();
        let fake = gates.iter().map(|gate| gate.foreground.clone().detach());
        let (real, fake, statistics) = self.compared(rules, &tracked, real, fake, Stream::DiscriminatorNoise);
        losses.put("accuracy_real", share(&real, |score| score > 0.0));
        losses.put("accuracy_fake", share(&fake, |score| score < 0.0));
        let turned_labels = match rules.method.game {
            GameRules::Paper => rules.training.label_noise,
            GameRules::Released => 0.0,
        };
        let mut rng = generator(rules.seed, Stream::LabelNoise, rules.step);
        let mut flips = || (0..batch).map(|_| rng.random_bool(turned_labels)).collect::<Vec<bool>>();
        let (flip_real, flip_fake) = (self.each_score(flips()), self.each_score(flips()));
        let [real, fake] = turned(rules, [real, fake], Stream::LabelNoise);
        let value = least_squares_discriminator(real, fake, &flip_real, &flip_fake);
        losses.put("discriminator_loss", scalar(&value));
        let loss = value.mul_scalar(rules.training.game.a2);
        let norm = self.optimiser.step(&mut self.weights, &tracked, &mut loss.backward(), rules.rate);
        losses.put("discriminator_gradient_norm", norm);
        statistics.into_iter().for_each(|(name, value)| self.weights.set(&name, value));
    }

    /// Scores of real masks and of as many predictions: in one batch, unless it mixes the images of one.
    pub(super) fn compared(
        &self,
        rules: &Rules,
        weights: &Weights,
        real: Tensor<4>,
        fake: impl Iterator<Item = Tensor<4>>,
        noise: Stream,
    ) -> (Tensor<1>, Tensor<1>, Statistics) {
        let batch = real.dims()[0];
        let real = self.visible(mask_pyramid(real, rules.method.mask_pyramid).into_iter());
        let pairs = real.into_iter().zip(self.visible(fake));
        let mut masks: Vec<Tensor<4>> = pairs.map(|(real, fake)| Tensor::cat(vec![real, fake], 0)).collect();
        masks[0] = add_instance_noise(masks[0].clone(), rules, noise);
        let forward = |masks: &[Tensor<4>]| part(Part::Discriminator, || self.network.forward(weights, masks));
        if self.network.mixes_images() {
            let half = |from: usize| masks.iter().map(|m| m.clone().narrow(0, from, batch)).collect::<Vec<_>>();
            let ((real, _), (fake, statistics)) = (forward(&half(0)), forward(&half(batch)));
            return (real, fake, statistics);
        }
        let (scores, statistics) = forward(&masks);
        let count = batch * self.network.scores();
        (scores.clone().narrow(0, 0, count), scores.narrow(0, count, count), statistics)
    }

    /// What holds for an image, for each of its scores.
    fn each_score(&self, images: Vec<bool>) -> Vec<bool> {
        images.into_iter().flat_map(|image| std::iter::repeat_n(image, self.network.scores())).collect()
    }

    /// The levels that this discriminator looks at.
    fn visible(&self, masks: impl Iterator<Item = Tensor<4>>) -> Vec<Tensor<4>> {
        masks.take(self.network.levels()).collect()
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

pub(super) fn scalar(tensor: &Tensor<1>) -> f64 {
    values(tensor).first().copied().map_or(f64::NAN, f64::from)
}

fn share(scores: &Tensor<1>, right: impl Fn(f32) -> bool) -> f64 {
    let scores = values(scores);
    scores.iter().filter(|&&score| right(score)).count() as f64 / scores.len() as f64
}
