use super::*;
use runner::science::data::UNLABELLED;
use runner::science::model::{Generator, ImageDiscriminator, Mode, Transformation, values};
use runner::science::training::{Augmenter, Taught, TrainingError, TsdaParameters, train_augmenter};

/// One step of warm-up, then the game.
fn small() -> TsdaParameters {
    TsdaParameters { latent: 3, warm_up_steps: 1, ..TsdaParameters::default() }
}

fn train(tsda: &TsdaParameters, training: TrainingParameters, seed: u64, watch: &mut Watch) -> (Taught, Augmenter) {
    let ground = Ground::new(training);
    train_augmenter(tsda, ground.table(seed), watch).unwrap()
}

const NETWORKS: [&str; 6] = [
    "deformation_generator",
    "deformation_discriminator",
    "deformation_segmentor",
    "intensity_generator",
    "intensity_discriminator",
    "intensity_segmentor",
];

#[test]
fn transformations_have_the_size_of_images_and_every_weight_learns() {
    let device = Device::flex().autodiff();
    for (transformation, channels) in [(Transformation::Deformation, 2), (Transformation::Intensity, 3)] {
        for size in [[32, 32], [48, 64]] {
            let network = Generator { transformation, channels: 3, width: 4, size, latent: 5, momentum: 0.1 };
            let tracked = network.init(&mut ChaCha8Rng::seed_from_u64(1), &Device::flex()).tracked();
            let images = random([2, 3, size[0], size[1]], 2, &device);
            let z = random([2, 5, 1, 1], 3, &device);
            let (transform, statistics) = network.forward(&tracked, images.clone(), z, Mode::Train);
            assert_eq!(transform.dims(), [2, channels, size[0], size[1]]);
            let statistic = tracked.entries().filter(|(_, entry)| entry.kind == Kind::Statistic).count();
            assert_eq!(statistics.len(), statistic);
            let moved = transformation.apply(images.clone(), transform);
            assert_eq!(moved.dims(), images.dims());
            let loss = (moved * random([2, 3, size[0], size[1]], 4, &device)).sum();
            assert_eq!(without_gradient(&tracked, loss), Vec::<String>::new(), "{transformation:?} {size:?}");
        }
    }
}

#[test]
fn images_have_one_score_each_and_every_weight_learns() {
    let network = ImageDiscriminator { channels: 2, width: 4, size: [48, 32] };
    let tracked = network.init(&mut ChaCha8Rng::seed_from_u64(1), &Device::flex()).tracked();
    let scores = network.forward(&tracked, random([3, 2, 48, 32], 2, &Device::flex().autodiff()));
    assert_eq!(scores.dims(), [3]);
    assert_eq!(without_gradient(&tracked, scores.square().sum()), Vec::<String>::new());
}

#[test]
fn same_seed_gives_the_same_bits_on_any_number_of_threads_and_another_seed_does_not() {
    let arrays = |threads, seed| {
        let training = TrainingParameters { width: 4, batch_size: 3, ..parameters(2) };
        on_threads(threads, || {
            let mut watch = Watch::default();
            let (taught, augmenter) = train(&small(), training.clone(), seed, &mut watch);
            (taught.log, augmenter.to_arrays(), watch.checkpoints[1].to_bytes().unwrap())
        })
    };
    let one = arrays(1, 7);
    assert!([2, 5].iter().all(|&threads| arrays(threads, 7) == one));
    assert_ne!(arrays(1, 8).1, one.1);
}

#[test]
fn going_on_from_a_checkpoint_gives_the_bits_of_an_unbroken_training() {
    let mut whole = Watch::default();
    let (unbroken, augmenter) = train(&small(), parameters(3), 5, &mut whole);
    let mut broken = Watch::stopping_at(3);
    assert!(!train(&small(), parameters(3), 5, &mut broken).0.finished);
    let mut rest = Watch::resuming(&broken.checkpoints[0]);
    let (resumed, again) = train(&small(), parameters(3), 5, &mut rest);
    assert_eq!(again.to_arrays(), augmenter.to_arrays());
    assert_eq!(resumed, unbroken);
    assert_eq!(rest.checkpoints.last().unwrap().arrays, whole.checkpoints.last().unwrap().arrays);
    // A course that had ended gives its result at once.
    let mut ended = Watch::resuming(whole.checkpoints.last().unwrap());
    let (ended, again) = train(&small(), parameters(3), 5, &mut ended);
    assert!(ended.finished && again.to_arrays() == augmenter.to_arrays());
}

#[test]
fn every_weight_of_all_six_networks_moves_once_the_warm_up_is_over() {
    let mut watch = Watch::default();
    train(&TsdaParameters { warm_up_steps: 2, ..small() }, parameters(2), 3, &mut watch);
    let fresh = Ground::new(parameters(2));
    let fresh = Augmenter::untrained(&small(), fresh.table(3)).to_arrays();
    for network in NETWORKS {
        let [before, after] = [0, 1].map(|epoch| watch.checkpoints[epoch].get(network));
        assert_eq!(still(&before, &after), Vec::<String>::new(), "{network}");
    }
    // The warm-up moves the segmentors alone.
    for (network, prefix) in [("deformation_generator", "deformation"), ("intensity_generator", "intensity")] {
        for (name, array) in watch.checkpoints[0].get(network) {
            assert_eq!(array, fresh[&format!("{prefix}.{name}")], "{network} {name}");
        }
    }
}

/// The last checkpoint of one step of the game.
fn one_step(tsda: TsdaParameters) -> Checkpoint {
    let mut training = parameters(1);
    training.steps_per_epoch = Some(1);
    let mut watch = Watch::default();
    train(&TsdaParameters { warm_up_steps: 0, ..tsda }, training, 3, &mut watch);
    watch.checkpoints.remove(0)
}

/// Of two checkpoints, whether all trainable weights of a network are the same.
fn same_weights(one: &Checkpoint, other: &Checkpoint, network: &str) -> bool {
    let running = |name: &str| name.ends_with(".mean") || name.ends_with(".variance");
    let weights = |checkpoint: &Checkpoint| -> Arrays {
        checkpoint.get(network).into_iter().filter(|(name, _)| !running(name)).collect()
    };
    weights(one) == weights(other)
}

#[test]
fn the_discriminator_learns_from_its_own_step_alone_and_moves_no_other() {
    let none =
        TsdaParameters { segmentation: 0.0, adversarial: 0.0, deformation_size: 0.0, intensity_size: 0.0, ..small() };
    let (idle, busy) = (one_step(none), one_step(small()));
    let ground = Ground::new(parameters(1));
    let fresh = Augmenter::untrained(&small(), ground.table(3)).to_arrays();
    for branch in ["deformation", "intensity"] {
        // Its step is the same, whatever teaches generator and segmentor.
        assert!(same_weights(&idle, &busy, &format!("{branch}_discriminator")));
        assert!(!same_weights(&idle, &busy, &format!("{branch}_generator")));
        assert!(!same_weights(&idle, &busy, &format!("{branch}_segmentor")));
        // Where nothing teaches the generator, the discriminator's step has not moved it either.
        for (name, array) in idle.get(&format!("{branch}_generator")) {
            let running = name.ends_with(".mean") || name.ends_with(".variance");
            assert!(running || array == fresh[&format!("{branch}.{name}")], "{branch} {name}");
        }
    }
}

#[test]
fn the_task_teaches_the_generators() {
    let none = TsdaParameters { adversarial: 0.0, deformation_size: 0.0, intensity_size: 0.0, ..small() };
    let task = TsdaParameters { transformed: 1.0, ..none.clone() };
    let nothing = TsdaParameters { segmentation: 0.0, ..task.clone() };
    let (taught, untaught) = (one_step(task), one_step(nothing));
    for branch in ["deformation_generator", "intensity_generator"] {
        assert!(!same_weights(&taught, &untaught, branch), "{branch}");
    }
    // Of images that stay as they are there is nothing to learn for a generator.
    let (unseen, untaught) = (
        one_step(TsdaParameters { transformed: 0.0, ..none.clone() }),
        one_step(TsdaParameters { segmentation: 0.0, ..none }),
    );
    assert!(same_weights(&unseen, &untaught, "deformation_generator"));
}

#[test]
fn a_few_epochs_lower_the_losses_of_both_segmentors() {
    let training = TrainingParameters { batch_size: 2, ..parameters(15) };
    let (taught, _) = train(&small(), training, 1, &mut Watch::default());
    for name in ["deformation_supervised_loss", "intensity_supervised_loss"] {
        let loss = |epoch: usize| taught.log[epoch].values[name];
        assert!(loss(14) < 0.8 * loss(0), "{name}: {} is not below {}", loss(14), loss(0));
    }
    for name in ["deformation_size", "intensity_size", "deformation_generator_loss", "intensity_discriminator_loss"] {
        assert!(taught.log[14].values[name] > 0.0, "{name}");
    }
    assert!(taught.best_score > 0.0);
}

/// An augmenter whose field is one displacement everywhere, and whose change of intensity is `change`.
fn by_hand(chances: [f64; 3], displacement: [f32; 2], change: Option<f32>) -> Augmenter {
    let ground = Ground::new(parameters(1));
    let [deformed, intensity, both] = chances;
    let tsda = TsdaParameters { deformed, intensity, both, ..small() };
    let mut augmenter = Augmenter::untrained(&tsda, ground.table(1));
    let mut arrays = augmenter.to_arrays();
    for (name, (_, values)) in &mut arrays {
        match name.as_str() {
            "deformation.last.weight" | "intensity.last.weight" => values.fill(0.0),
            "deformation.last.bias" => values.copy_from_slice(&displacement),
            _ => (),
        }
    }
    if let Some(change) = change {
        // The last block gives 1 in every channel: tanh of the sum of its weights is what is added.
        for part in ["mean", "scale"] {
            arrays.get_mut(&format!("intensity.joint.b.{part}")).unwrap().1.fill(0.0);
        }
        arrays.get_mut("intensity.joint.b.shift").unwrap().1.fill(1.0);
        let (_, last) = arrays.get_mut("intensity.last.weight").unwrap();
        let share = change.atanh() / last.len() as f32;
        last.fill(share);
    }
    augmenter.load_arrays(&arrays, &ground.device).unwrap();
    augmenter
}

fn picture(batch: usize) -> (Tensor<4>, Vec<u8>) {
    let pixels: Vec<f32> = (0..batch * PIXELS).map(|i| (i % 97) as f32).collect();
    let labels = (0..batch * PIXELS).map(|i| if i % 97 < 50 { (i % 2) as u8 } else { UNLABELLED }).collect();
    (tensor(&pixels, [batch, 1, SIDE, SIDE], &Device::flex()), labels)
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(8)
}

#[test]
fn labels_go_where_the_pixels_go() {
    let (images, labels) = picture(1);
    let augmenter = by_hand([1.0, 0.0, 0.0], [2.0, -1.0], None);
    let (moved, annotations) = augmenter.augment(images.clone(), &[labels.clone(), vec![1; PIXELS]], &mut rng());
    let (before, after) = (values(&images), values(&moved));
    for row in 0..SIDE {
        for column in 0..SIDE {
            let from = (row + 2).min(SIDE - 1) * SIDE + column.saturating_sub(1);
            assert_eq!(after[row * SIDE + column], before[from]);
            assert_eq!(annotations[0][row * SIDE + column], labels[from]);
        }
    }
    assert_eq!(annotations[1], vec![1; PIXELS]);
}

#[test]
fn intensities_change_and_labels_stay() {
    let (images, labels) = picture(2);
    let augmenter = by_hand([0.0, 1.0, 0.0], [2.0, 2.0], Some(0.25));
    let (changed, annotations) = augmenter.augment(images.clone(), std::slice::from_ref(&labels), &mut rng());
    let difference = values(&(changed - images));
    assert!(difference.iter().all(|value| (value - 0.25).abs() < 1e-4), "{:?}", &difference[..4]);
    assert_eq!(annotations, [labels]);
}

#[test]
fn each_image_meets_one_of_four_fates() {
    let batch = 40;
    let (images, labels) = picture(batch);
    let augmenter = by_hand([0.25, 0.25, 0.25], [0.0, 3.0], Some(0.25));
    let (result, annotations) = augmenter.augment(images.clone(), std::slice::from_ref(&labels), &mut rng());
    let (before, after) = (values(&images), values(&result));
    let mut seen = std::collections::BTreeMap::new();
    for image in 0..batch {
        let pixels = image * PIXELS..(image + 1) * PIXELS;
        // The first pixel shows both: moved by 3, or by 0.25.
        let difference = after[pixels.start] - before[pixels.start];
        let deformed = annotations[0][pixels.clone()] != labels[pixels.clone()];
        assert_eq!(deformed, (difference.abs()) > 1.0, "labels go with image {image}");
        let changed = (difference - difference.round()).abs() > 0.1;
        *seen.entry((deformed, changed)).or_insert(0) += 1;
        if !deformed && !changed {
            assert_eq!(after[pixels.clone()], before[pixels], "an image that stays does so bit by bit");
        }
    }
    assert!(seen.len() == 4 && seen.values().all(|&times| times >= 4), "{seen:?}");
}

#[test]
fn augmenting_is_frozen_the_same_for_a_seed_and_outside_of_autodiff() {
    let ground = Ground::new(parameters(1));
    let augmenter = Augmenter::untrained(&small(), ground.table(2));
    let before = augmenter.to_arrays();
    let (images, labels) = picture(9);
    let run = |images: &Tensor<4>| {
        let (images, labels) = augmenter.augment(images.clone(), std::slice::from_ref(&labels), &mut rng());
        (values(&images), labels)
    };
    let one = on_threads(1, || run(&images));
    assert!([2, 5].iter().all(|&threads| on_threads(threads, || run(&images)) == one));
    let tracked = Tensor::from_inner(images.clone());
    assert!(augmenter.augment(tracked.clone(), &[], &mut rng()).0.is_autodiff());
    assert_eq!(run(&tracked), one);
    assert_eq!(augmenter.to_arrays(), before);
    assert_ne!(one.0, values(&images));
}

#[test]
fn impossible_trainings_say_what_to_change() {
    let ground = Ground::new(parameters(1));
    let refused = |tsda: TsdaParameters| {
        let error = train_augmenter(&tsda, ground.table(1), &mut Watch::default()).err().unwrap();
        assert!(matches!(error, TrainingError::Method { .. }));
        error.to_string()
    };
    insta::assert_snapshot!(refused(TsdaParameters { both: 0.6, ..small() }), @"tsda does not go with its chances: `deformed`, `intensity` and `both` must not exceed 1 together");
    insta::assert_snapshot!(refused(TsdaParameters { latent: 0, ..small() }), @"tsda does not go with a random vector of length 0: `latent` must be at least 1");
    let mut ground = Ground::new(parameters(1));
    ground.set.unlabelled.clear();
    let error = train_augmenter(&small(), ground.table(1), &mut Watch::default()).err().unwrap();
    assert!(matches!(error, TrainingError::Empty("unlabelled image")));
}
