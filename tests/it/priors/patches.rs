use super::*;
use burn::tensor::activation::leaky_relu;
use burn::tensor::module::{batch_norm_train, conv2d};
use burn::tensor::ops::ConvOptions;
use runner::science::loss::{least_squares_discriminator, least_squares_generator};
use runner::science::model::{Normalisation, PatchDiscriminator, values};
use runner::science::training::{Adam, AdamParameters};

const ALL: [Normalisation; 4] =
    [Normalisation::Batch, Normalisation::Instance, Normalisation::Spectral, Normalisation::None];

fn discriminator(side: usize, normalisation: Normalisation) -> PatchDiscriminator {
    PatchDiscriminator { classes: 3, width: 2, size: [side; 2], normalisation }
}

fn fresh(network: &PatchDiscriminator) -> Weights {
    network.init(&mut ChaCha8Rng::seed_from_u64(5), &Device::flex())
}

#[test]
fn an_image_has_as_many_scores_as_patches() {
    for (size, patches) in [([32, 32], 4), ([32, 48], 8), ([224, 224], 26 * 26)] {
        let network = PatchDiscriminator { classes: 3, width: 1, size, normalisation: Normalisation::Batch };
        let masks = random([2, 2, size[0], size[1]], 1, &Device::flex());
        let (scores, _) = network.forward(&fresh(&network), &[masks]);
        assert_eq!((network.patches(), scores.dims()[0]), (patches, 2 * patches));
    }
}

#[test]
fn a_score_looks_at_70_by_70_pixels() {
    let network = discriminator(160, Normalisation::None);
    let weights = fresh(&network).frozen();
    let device = Device::flex().autodiff();
    let masks = random([1, 2, 160, 160], 2, &device).require_grad();
    let scores = network.forward(&weights, std::slice::from_ref(&masks)).0;
    let middle = network.patches() / 2 + 9;
    let gradients = scores.narrow(0, middle, 1).backward();
    let gradient = values(&masks.grad(&gradients).unwrap());
    let rows = (0..160).filter(|row| gradient[row * 160..][..160].iter().any(|value| *value != 0.0)).count();
    let columns = (0..160).filter(|column| (0..160).any(|row| gradient[row * 160 + column] != 0.0)).count();
    assert_eq!([rows, columns], [70, 70]);
}

/// pix2pix by burn's own operations.
fn by_burn(weights: &Weights, masks: Tensor<4>) -> Vec<f32> {
    let conv = |x: Tensor<4>, name: &str, bias: Option<Tensor<1>>, stride| {
        conv2d(x, weights.get(&format!("{name}.weight")), bias, ConvOptions::new([stride; 2], [1; 2], [1; 2], 1))
    };
    let mut x = leaky_relu(conv(masks, "block1", Some(weights.get("block1.bias")), 2), 0.2);
    for (block, stride) in [("block2", 2), ("block3", 2), ("block4", 1)] {
        let (scale, shift) = (weights.get(&format!("{block}.scale")), weights.get(&format!("{block}.shift")));
        x = leaky_relu(batch_norm_train(conv(x, block, None, stride), scale, shift, 1e-5).output, 0.2);
    }
    values(&conv(x, "score", Some(weights.get("score.bias")), 1))
}

#[test]
fn the_default_is_pix2pix() {
    let network = discriminator(48, Normalisation::default());
    let (weights, masks) = (fresh(&network), random([3, 2, 48, 48], 3, &Device::flex()));
    let (scores, statistics) = network.forward(&weights, std::slice::from_ref(&masks));
    assert!(statistics.is_empty());
    let expected = by_burn(&weights, masks);
    let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    for (own, burn) in values(&scores).iter().zip(&expected) {
        assert!((own - burn).abs() < 1e-4 * largest, "{own} is not {burn}");
    }
}

#[test]
fn only_batch_norm_mixes_images() {
    for normalisation in ALL {
        let network = discriminator(32, normalisation);
        let (weights, masks) = (fresh(&network), random([2, 2, 32, 32], 4, &Device::flex()));
        let score = |masks: Tensor<4>| values(&network.forward(&weights, &[masks]).0)[..4].to_vec();
        let (together, alone) = (score(masks.clone()), score(masks.narrow(0, 0, 1)));
        let same = together.iter().zip(alone).all(|(a, b)| (a - b).abs() < 1e-5);
        assert_eq!(same, !network.mixes_images(), "{normalisation:?}");
    }
}

#[test]
fn every_weight_learns_and_a_few_steps_lower_the_loss() {
    let device = Device::flex().autodiff();
    for normalisation in ALL {
        let network = discriminator(32, normalisation);
        let mut weights = fresh(&network);
        let mut adam = Adam::new(AdamParameters::default(), &weights);
        let (real, fake) = (random([2, 2, 32, 32], 5, &device), random([2, 2, 32, 32], 6, &device) + 0.5);
        let mut losses = Vec::new();
        for _ in 0..60 {
            let tracked = weights.tracked();
            let score = |masks: &Tensor<4>| network.forward(&tracked, std::slice::from_ref(masks));
            let ((real, statistics), (fake, _)) = (score(&real), score(&fake));
            let none = vec![false; real.dims()[0]];
            let loss = least_squares_discriminator(real, fake, &none, &none);
            losses.push(values(&loss)[0]);
            let mut gradients = loss.backward();
            assert_eq!(dead(&tracked, &gradients), Vec::<String>::new(), "{normalisation:?}");
            adam.step(&mut weights, &tracked, &mut gradients, 1e-2);
            statistics.into_iter().for_each(|(name, value)| weights.set(&name, value));
        }
        assert!(losses[59] < 0.95 * losses[0], "{normalisation:?}: {losses:?}");
    }
}

#[test]
fn a_frozen_one_lets_gradients_through_to_the_masks_alone_on_any_number_of_threads() {
    let network = PatchDiscriminator { classes: 3, width: 8, size: [64; 2], normalisation: Normalisation::Batch };
    let weights = fresh(&network);
    let run = || {
        let masks = random([6, 2, 64, 64], 7, &Device::flex().autodiff()).require_grad();
        let frozen = weights.frozen();
        let loss = least_squares_generator(network.forward(&frozen, std::slice::from_ref(&masks)).0);
        let gradients = loss.backward();
        assert!(frozen.entries().all(|(_, entry)| entry.value.grad(&gradients).is_none()));
        values(&masks.grad(&gradients).unwrap())
    };
    let one = on_threads(1, run);
    assert!(one.iter().any(|value| *value != 0.0));
    assert!([2, 5].iter().all(|&threads| on_threads(threads, run) == one));
}
