//! The game by the rules of the authors' code ([`GameRules::Released`]), where they differ.

use super::batches::Batch;
use super::losses::Losses;
use super::sampler::{Stream, generator};
use super::step::{Players, Rules, scalar, supervised_loss};
use crate::science::loss::{LossError, dynamic_weight, least_squares_discriminator};
use crate::science::method::GameRules;
use crate::science::model::Mode;
use crate::science::model::kernel::{Part, part};
use burn::tensor::Tensor;
use rand::RngExt;

impl Players {
    /// Step (i) of the released code: L = a0 L_SUP + a1 V_LS of the *discriminator* on real masks and the annotated images'
    /// predictions, a0 = |V_LS of the discriminator| / |L_SUP|, and both networks move to lower it.
    ///
    /// Reading: the code's one optimiser moves the discriminator by moments of its own here, and so does ours; but it shares
    /// its count of steps with the segmentor's.
    pub(super) fn learn_from_annotations_as_released(
        &mut self,
        rules: &Rules,
        batch: Batch,
        real: Tensor<4>,
        losses: &mut Losses,
    ) -> Result<(), LossError> {
        let (Some(judge), Some(ally)) = (&mut self.discriminator, &mut self.ally) else { return Ok(()) };
        let segmentor = &mut self.segmentor;
        let (tracked, judging) = (segmentor.weights.tracked(), judge.weights.tracked());
        let prediction = part(Part::Segmentor, || segmentor.network.forward(&tracked, batch.images, Mode::Train));
        let supervised = part(Part::Loss, || supervised_loss(rules.method, &prediction.logits, &batch.labels))?;
        let fake = prediction.gates.iter().map(|gate| gate.foreground.clone());
        let (real, fake, statistics) = judge.compared(rules, &judging, real, fake, Stream::AnnotatedNoise);
        let [real, fake] = turned(rules, [real, fake], Stream::AnnotatedLabelNoise);
        let judged = least_squares_discriminator(real.clone(), fake.clone(), &flags(&real), &flags(&fake));
        let (value, adversarial) = (scalar(&supervised), scalar(&judged));
        let a0 = dynamic_weight(adversarial, value);
        losses.put("supervised_loss", value);
        losses.put("adversarial_loss", adversarial);
        losses.put("a0", a0);
        let loss = supervised.mul_scalar(a0) + judged.mul_scalar(rules.training.game.a1);
        let mut gradients = loss.backward();
        let norm = segmentor.optimiser.step(&mut segmentor.weights, &tracked, &mut gradients, rules.rate);
        losses.put("gradient_norm", norm);
        ally.step(&mut judge.weights, &judging, &mut gradients, rules.rate);
        prediction.statistics.into_iter().for_each(|(name, value)| segmentor.weights.set(&name, value));
        statistics.into_iter().for_each(|(name, value)| judge.weights.set(&name, value));
        Ok(())
    }
}

/// Label noise of the released code: each of the tensors has the sign of all its scores turned at the rate of
/// `label_noise`, while its gradient goes through as if it had not. By the paper's rules nothing is turned here.
pub(super) fn turned<const N: usize>(rules: &Rules, scores: [Tensor<1>; N], stream: Stream) -> [Tensor<1>; N] {
    if rules.method.game == GameRules::Paper {
        return scores;
    }
    let mut rng = generator(rules.seed, stream, rules.step);
    scores.map(|scores| match rng.random_bool(rules.training.label_noise) {
        true => scores.clone() - scores.detach().mul_scalar(2.0),
        false => scores,
    })
}

/// No label is turned.
fn flags(scores: &Tensor<1>) -> Vec<bool> {
    vec![false; scores.dims()[0]]
}
