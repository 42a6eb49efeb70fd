//! libtorch against flex: the same weights and batch give the same losses, gradients and trainings.
//! Compiled with `--features tch` alone.

use super::training::{SIDE, parameters, set};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand::RngExt;
use runner::science::data::UNLABELLED;
use runner::science::device::DeviceName;
use runner::science::loss::{
    ClassWeights, Reduction, Target, least_squares_discriminator, least_squares_generator, partial_cross_entropy,
};
use runner::science::method::Method;
use runner::science::model::{Design, Discriminator, Mode, Segmentor, Weights, mask_pyramid, values};
use runner::science::training::{Checkpoint, EpochReport, Losses, Observer, Stream, fit, generator, predict};
use std::collections::BTreeMap;

const CLASSES: usize = 4;
const BATCH: usize = 3;

fn devices() -> [Device; 2] {
    [DeviceName::Flex, DeviceName::LibTorch].map(|name| name.open(2).unwrap())
}

fn random(seed: usize, shape: [usize; 4], device: &Device) -> Tensor<4> {
    let mut rng = generator(seed as u64, Stream::GeneratorNoise, 0);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Every third pixel or so is annotated.
fn scribble(side: usize) -> Vec<u8> {
    let mut rng = generator(5, Stream::AnnotatedOrder, 0);
    (0..BATCH * side * side).map(|_| if rng.random_bool(0.3) { rng.random_range(0..4u8) } else { UNLABELLED }).collect()
}

/// One-hot masks in blocks of 8 pixels.
fn masks(side: usize, device: &Device) -> Tensor<4> {
    let mut values = vec![0.0f32; BATCH * CLASSES * side * side];
    for (image, row, column) in (0..BATCH).flat_map(|b| (0..side).flat_map(move |y| (0..side).map(move |x| (b, y, x))))
    {
        let class = (image + row / 8 + column / 8) % CLASSES;
        values[((image * CLASSES + class) * side + row) * side + column] = 1.0;
    }
    Tensor::from_data(TensorData::new(values, [BATCH, CLASSES, side, side]), device)
}

type Named = BTreeMap<String, Vec<f32>>;

fn gradients(prefix: &str, tracked: &Weights, gradients: &Gradients, into: &mut Named) {
    for (name, entry) in tracked.entries() {
        if let Some(gradient) = entry.value.grad(gradients) {
            into.insert(format!("{prefix}.{name}"), values(&gradient));
        }
    }
}

/// Losses, predictions, statistics and all gradients of the game's three kinds of step, without noise.
fn game(side: usize, device: &Device) -> Named {
    let segmentor = Segmentor {
        channels: 1,
        classes: CLASSES,
        width: 4,
        gating: true,
        deep_classifiers: true,
        momentum: 0.1,
        design: Design::Paper,
    };
    let judge =
        Discriminator { classes: CLASSES, width: 4, size: [side, side], multi_scale: true, design: Design::Paper };
    let weights = segmentor.init(&mut generator(1, Stream::SegmentorWeights, 0), device);
    let judge_weights = judge.init(&mut generator(1, Stream::DiscriminatorWeights, 0), device);
    let autodiff = device.clone().autodiff();
    let mut all = Named::new();
    let mut note = |name: &str, loss: &Tensor<1>| all.insert(name.to_owned(), values(loss));

    // (i) a0 L_SUP + a1 V_LS on an annotated batch.
    let tracked = weights.tracked();
    let images = random(2, [BATCH, 1, side, side], &autodiff);
    let prediction = segmentor.forward(&tracked, images, Mode::Train);
    let shape = prediction.logits.dims();
    let reading = (ClassWeights::PerImage, Reduction::MeanOverAnnotatedPixels);
    let target = Target::new(&scribble(side), UNLABELLED, shape, reading.0, reading.1).unwrap();
    let supervised = partial_cross_entropy(prediction.logits.clone(), &target);
    let fake: Vec<Tensor<4>> = prediction.gates.iter().map(|gate| gate.foreground.clone()).collect();
    let adversarial = least_squares_generator(judge.forward(&judge_weights.frozen(), &fake).0);
    note("supervised", &supervised);
    note("adversarial", &adversarial);
    let annotated = (supervised.mul_scalar(0.7) + adversarial.mul_scalar(0.1)).backward();
    let logits = values(&prediction.logits);
    let statistics: Vec<_> = prediction.statistics.iter().map(|(name, value)| (name.clone(), values(value))).collect();

    // (ii) the discriminator on real and fake masks, then (iii) the segmentor against it.
    let tracked_judge = judge_weights.tracked();
    let unlabelled = segmentor.forward(&tracked, random(3, [BATCH, 1, side, side], &autodiff), Mode::Train);
    let real = mask_pyramid(masks(side, &autodiff), Method::default().mask_pyramid);
    let fake: Vec<Tensor<4>> = unlabelled.gates.iter().map(|gate| gate.foreground.clone().detach()).collect();
    let both: Vec<Tensor<4>> = real.into_iter().zip(fake).map(|(r, f)| Tensor::cat(vec![r, f], 0)).collect();
    let scores = judge.forward(&tracked_judge, &both).0;
    let (real, fake) = (scores.clone().narrow(0, 0, BATCH), scores.narrow(0, BATCH, BATCH));
    let versus = least_squares_discriminator(real, fake, &[false, true, false], &[false; BATCH]);
    note("discriminator", &versus);
    let judged = versus.mul_scalar(0.2).backward();
    let fake: Vec<Tensor<4>> = unlabelled.gates.iter().map(|gate| gate.foreground.clone()).collect();
    let fooled = least_squares_generator(judge.forward(&judge_weights.frozen(), &fake).0);
    note("generator", &fooled);
    let fooling = fooled.mul_scalar(0.2).backward();

    all.insert("logits".into(), logits);
    all.extend(statistics);
    gradients("annotated", &tracked, &annotated, &mut all);
    gradients("discriminator", &tracked_judge, &judged, &mut all);
    gradients("generator", &tracked, &fooling, &mut all);
    all
}

/// Largest difference over the largest value.
fn distance(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    let largest = left.iter().fold(1e-20f32, |most, value| most.max(value.abs()));
    left.iter().zip(right).fold(0.0f32, |most, (l, r)| most.max((l - r).abs())) / largest
}

#[test]
fn losses_and_all_gradients_of_the_game_agree() {
    for side in [32, 64] {
        let [flex, libtorch] = devices().map(|device| game(side, &device));
        assert_eq!(flex.keys().collect::<Vec<_>>(), libtorch.keys().collect::<Vec<_>>());
        // 18 blocks with 3 trainable entries, 4 classifiers with 2, in two steps; 5 blocks with 4 and the dense layer.
        assert_eq!(flex.keys().filter(|name| name.starts_with("annotated.")).count(), 18 * 3 + 4 * 2);
        assert_eq!(flex.keys().filter(|name| name.starts_with("generator.")).count(), 18 * 3 + 4 * 2);
        assert_eq!(flex.keys().filter(|name| name.starts_with("discriminator.")).count(), 5 * 4 + 2);
        for (name, values) in &flex {
            assert!(values.iter().all(|value| value.is_finite()), "{name}");
            // f32 sums of up to 10^4 terms in another order, through 18 batch norms.
            let distance = distance(values, &libtorch[name]);
            assert!(distance < 2e-3, "{name} at {side}: {distance:e}");
        }
    }
}

#[test]
fn predictions_agree() {
    let volume = super::training::volume("case", 3, 7);
    let segmentor = Segmentor {
        channels: 1,
        classes: 2,
        width: 4,
        gating: true,
        deep_classifiers: true,
        momentum: 0.1,
        design: Design::Paper,
    };
    let [flex, libtorch] = devices().map(|device| {
        let weights = segmentor.init(&mut generator(1, Stream::SegmentorWeights, 0), &device);
        predict(&segmentor, &weights, &volume.image, &device).remove(0)
    });
    let differ = flex.labels.iter().zip(&libtorch.labels).filter(|(f, l)| f != l).count();
    assert!(differ <= 2, "{differ} of {} labels: more than ties explain", SIDE * SIDE);
    for ((_, _, flex), (_, _, libtorch)) in flex.attention.iter().zip(&libtorch.attention) {
        assert!(distance(flex, libtorch) < 1e-4);
    }
}

/// Keeps the losses of every step.
#[derive(Default)]
struct Trace(Vec<Losses>);

impl Observer for Trace {
    fn step(&mut self, _: usize, _: usize, _: usize, losses: &Losses) -> bool {
        self.0.push(losses.clone());
        true
    }

    fn epoch(&mut self, _: &EpochReport, _: &mut dyn FnMut() -> Checkpoint) -> bool {
        true
    }
}

/// The losses of every step of a training with all its noise and augmentation.
fn trace(epochs: usize, device: &Device) -> (Vec<Losses>, f64) {
    let method = Method::default();
    let mut trace = Trace::default();
    let fit = fit(&method, &parameters(epochs), &set(&method), 5, device, &mut trace).unwrap();
    (trace.0, fit.best_dice)
}

#[test]
fn the_first_steps_of_a_training_agree() {
    let [(flex, _), (libtorch, _)] = devices().map(|device| trace(2, &device));
    assert_eq!(flex.len(), 4);
    for (step, (flex, libtorch)) in flex.iter().zip(&libtorch).enumerate() {
        for ((name, flex), (_, libtorch)) in flex.iter().zip(libtorch.iter()) {
            // Adam divides by the gradient's size: rounding of tiny gradients grows from step to step.
            let tolerance = 1e-4 * 10f64.powi(step as i32) * flex.abs().max(1.0);
            assert!((flex - libtorch).abs() < tolerance, "{name} in step {step}: {flex} and {libtorch}");
        }
    }
}

#[test]
fn a_whole_training_ends_in_the_same_place() {
    let [(flex, flex_dice), (libtorch, libtorch_dice)] = devices().map(|device| trace(12, &device));
    let end =
        |losses: &[Losses]| losses[losses.len() - 6..].iter().map(|l| l.get("supervised_loss")).sum::<f64>() / 6.0;
    for (name, losses) in [("flex", &flex), ("libtorch", &libtorch)] {
        assert!(
            end(losses) < 0.7 * losses[0].get("supervised_loss"),
            "{name}: {} -> {}",
            losses[0].get("supervised_loss"),
            end(losses)
        );
    }
    assert!((end(&flex) - end(&libtorch)).abs() < 0.1, "loss: {} and {}", end(&flex), end(&libtorch));
    assert!((flex_dice - libtorch_dice).abs() < 0.1, "Dice: {flex_dice} and {libtorch_dice}");
}
