use super::*;
use runner::science::data::Augmentation;
use runner::science::loss::{DiceOver, soft_dice_loss};
use runner::science::metric::{EmptyDice, multi_class_dice};
use runner::science::model::{Denoiser, DenoiserInput, Mode, values};
use runner::science::training::{Degradation, DenoiserParameters, Taught, TrainingError, denoise, train_denoiser};

fn small() -> DenoiserParameters {
    DenoiserParameters { code: 8, ..DenoiserParameters::default() }
}

fn network(size: [usize; 2]) -> Denoiser {
    Denoiser { classes: 3, width: 4, size, code: 8, momentum: 0.1 }
}

fn fresh(network: &Denoiser) -> Weights {
    network.init(&mut ChaCha8Rng::seed_from_u64(5), &Device::flex())
}

fn train(training: TrainingParameters, seed: u64, watch: &mut Watch) -> (Taught, Weights) {
    let ground = Ground::new(training);
    let (taught, _, weights) = train_denoiser(&small(), ground.table(seed), watch).unwrap();
    (taught, weights)
}

#[test]
fn scores_have_the_size_of_masks_and_every_weight_learns() {
    let device = Device::flex().autodiff();
    for size in [[32, 32], [48, 64], [224, 32]] {
        let network = network(size);
        let tracked = fresh(&network).tracked();
        let shape = [2, 3, size[0], size[1]];
        let masks = random(shape, 1, &device);
        let (logits, statistics) = network.forward(&tracked, masks.clone(), Mode::Train);
        assert_eq!(logits.dims(), shape);
        let statistic = tracked.entries().filter(|(_, entry)| entry.kind == Kind::Statistic).count();
        assert_eq!(statistics.len(), statistic);
        let loss = soft_dice_loss(logits, masks.abs(), DiceOver::Image, 1.0);
        assert_eq!(without_gradient(&tracked, loss), Vec::<String>::new(), "{size:?}");
    }
}

#[test]
fn a_full_size_one_has_five_levels_and_a_code_of_512() {
    let network = Denoiser { classes: 4, width: 32, size: [224, 224], code: 512, momentum: 0.1 };
    let weights = fresh(&network);
    let shapes: std::collections::BTreeMap<&str, &[usize]> =
        weights.entries().map(|(name, entry)| (name.as_str(), entry.shape.as_slice())).collect();
    assert_eq!(shapes["encoder1.a.weight"], [16, 4, 3, 3]);
    assert_eq!(shapes["encoder5.b.weight"], [32, 32, 3, 3]);
    assert_eq!(shapes["code.weight"], [512, 32 * 7 * 7, 1, 1]);
    assert_eq!(shapes["decoder5.a.weight"], [16, 32, 3, 3]);
    assert_eq!(shapes["classifier.weight"], [4, 16, 1, 1]);
    assert!(!shapes.contains_key("encoder6.a.weight"));
}

#[test]
fn predictions_go_in_as_labels_or_as_probabilities() {
    let network = network([32, 32]);
    let (weights, device) = (fresh(&network), Device::flex());
    let logits = random([2, 3, 32, 32], 2, &device);
    let by = |input, logits: &Tensor<4>| values(&network.correct(&weights, logits.clone(), input));
    let sharper = logits.clone().mul_scalar(40.0);
    assert_eq!(by(DenoiserInput::Labels, &logits), by(DenoiserInput::Labels, &sharper), "labels are the same");
    assert_ne!(by(DenoiserInput::Probabilities, &logits), by(DenoiserInput::Probabilities, &sharper));
    let labels: Vec<Vec<u8>> = argmax(&values(&logits));
    let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
    let corrected = argmax(&by(DenoiserInput::Labels, &logits));
    assert_eq!(denoise(&network, &weights, &labels, &device), corrected);
}

fn argmax(scores: &[f32]) -> Vec<Vec<u8>> {
    let largest = |image: &[f32], pixel: usize| {
        (0..3).rev().max_by(|&a, &b| image[a * PIXELS + pixel].total_cmp(&image[b * PIXELS + pixel])).unwrap() as u8
    };
    scores.chunks(3 * PIXELS).map(|image| (0..PIXELS).map(|pixel| largest(image, pixel)).collect()).collect()
}

#[test]
fn same_seed_gives_the_same_bits_on_any_number_of_threads_and_another_seed_does_not() {
    let bytes = |threads, seed| {
        let training = TrainingParameters { width: 8, batch_size: 5, ..parameters(2) };
        on_threads(threads, || train(training.clone(), seed, &mut Watch::default()).1.to_bytes().unwrap())
    };
    let one = bytes(1, 7);
    assert!([1, 2, 5].iter().all(|&threads| bytes(threads, 7) == one));
    assert_ne!(bytes(1, 8), one);
}

#[test]
fn going_on_from_a_checkpoint_gives_the_bits_of_an_unbroken_training() {
    let (unbroken, weights) = train(parameters(3), 5, &mut Watch::default());
    let mut broken = Watch::stopping_at(3);
    assert!(!train(parameters(3), 5, &mut broken).0.finished);
    let (resumed, again) = train(parameters(3), 5, &mut Watch::resuming(&broken.checkpoints[0]));
    assert_eq!(again.to_bytes().unwrap(), weights.to_bytes().unwrap());
    assert_eq!(resumed, unbroken);
}

#[test]
fn every_weight_moves_and_there_is_no_other_network() {
    let mut watch = Watch::default();
    train(parameters(2), 3, &mut watch);
    let [before, after] = [0, 1].map(|epoch| watch.checkpoints[epoch].get("denoiser"));
    assert_eq!(still(&before, &after), Vec::<String>::new());
    let networks: std::collections::BTreeSet<&str> =
        watch.checkpoints[0].arrays.keys().filter_map(|name| name.split('.').next()).collect();
    assert_eq!(Vec::from_iter(networks), ["best", "denoiser", "denoiser_adam"]);
}

#[test]
fn it_learns_to_undo_what_was_spoilt() {
    let still = Augmentation { rotation_degrees: 0.0, translation: 0.0, ..Augmentation::default() };
    let training = TrainingParameters { width: 8, augmentation: still, ..parameters(40) };
    let ground = Ground::new(training);
    let (taught, network, weights) = train_denoiser(&small(), ground.table(1), &mut Watch::default()).unwrap();
    let loss = |epoch: usize| taught.log[epoch].values["denoiser_loss"];
    assert!(loss(39) < 0.5 * loss(0), "{} is not well below {}", loss(39), loss(0));

    let frame = runner::science::data::Frame { channels: 1, height: SIDE, width: SIDE };
    let spoil = |mask: &Vec<u8>, seed| Degradation::default().spoil(frame, mask, 2, seed);
    let cases: Vec<(Vec<u8>, &Vec<u8>)> =
        ground.set.masks.iter().zip(1000..).map(|(mask, seed)| (spoil(mask, seed), mask)).collect();
    let inputs: Vec<&[u8]> = cases.iter().map(|(spoilt, _)| spoilt.as_slice()).collect();
    let dice = |labels: &[u8], truth: &[u8]| multi_class_dice(labels, truth, 2, EmptyDice::One).unwrap().unwrap();
    let before: f64 = cases.iter().map(|(spoilt, truth)| dice(spoilt, truth)).sum();
    let denoised = denoise(&network, &weights, &inputs, &ground.device);
    let after: f64 = denoised.iter().zip(&cases).map(|(labels, (_, truth))| dice(labels, truth)).sum();
    // So short a training does not reach the inputs' own Dice; what gives no mask or one mask for all stays far below.
    assert!(after > 0.7 * 4.0, "{after} of 4 after, {before} before");
}

#[test]
fn impossible_trainings_say_what_to_change() {
    let mut ground = Ground::new(parameters(1));
    let none = DenoiserParameters { code: 0, ..small() };
    let error = train_denoiser(&none, ground.table(1), &mut Watch::default()).err().unwrap();
    assert!(matches!(error, TrainingError::Parameters));
    ground.set.masks.clear();
    let error = train_denoiser(&small(), ground.table(1), &mut Watch::default()).err().unwrap();
    insta::assert_snapshot!(error, @"no mask for the autoencoder in the training set; raise `cases` or the label fraction");
}
