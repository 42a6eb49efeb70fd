//! The game on tiny made-up images: who moves when, same seed same bits, and going on from a checkpoint.

use burn::tensor::Device;
use runner::science::data::{Augmentation, Drawn, Image, Intensity, Labels, UNLABELLED, Volume};
use runner::science::loss::ClassWeights;
use runner::science::method::{DiscriminatorKind, GameRules, Method, Supervision};
use runner::science::model::{CrfParameters, Design, Kind, MaskPyramid, Normalisation, Weights};
use runner::science::training::{
    Ahead, Batch, Checkpoint, Course, DenoiserParameters, EpochReport, Fit, Loader, Losses, Observer, Subjects,
    TrainingError, TrainingParameters, TrainingSet, TsdaParameters, Validation, Wanted, fit, predict, warnings,
};
use std::collections::BTreeMap;

pub const SIDE: usize = 32;

/// A bright square of class 1 at `(top, left)` on a dark ground with a ramp.
pub fn volume(case: &str, top: usize, left: usize) -> Volume {
    let inside = |i: usize| (top..top + 12).contains(&(i / SIDE)) && (left..left + 12).contains(&(i % SIDE));
    let image = (0..SIDE * SIDE).map(|i| if inside(i) { 1.0 } else { 0.01 * (i % 7) as f32 - 0.5 }).collect();
    let mask: Vec<u8> = (0..SIDE * SIDE).map(|i| u8::from(inside(i))).collect();
    Volume {
        case: case.to_owned(),
        name: "frame".to_owned(),
        spacing: [1.0, 1.0],
        image: Image { slices: 1, channels: 1, height: SIDE, width: SIDE, data: image },
        mask: Labels { slices: 1, height: SIDE, width: SIDE, data: mask },
        group: None,
        scribble: None,
    }
}

const ALL: Wanted = Wanted { annotated: true, unlabelled: true, masks: true };

fn annotation(volume: &Volume, supervision: Supervision) -> Labels {
    match supervision {
        Supervision::Scribbles => scribble(volume),
        Supervision::Masks => volume.mask.clone(),
    }
}

/// Every 13th pixel is annotated.
fn scribble(volume: &Volume) -> Labels {
    let data = volume.mask.data.iter().enumerate();
    let data = data.map(|(i, &label)| if i % 13 == 0 || (label == 1 && i % 5 == 0) { label } else { UNLABELLED });
    Labels { data: data.collect(), ..volume.mask.clone() }
}

pub fn set(method: &Method) -> TrainingSet {
    let volumes: Vec<Volume> = (0..4).map(|i| volume(&format!("case{i}"), 1 + 2 * i, 8 - 2 * i)).collect();
    let annotated = volumes[..2].iter();
    TrainingSet {
        channels: 1,
        height: SIDE,
        width: SIDE,
        classes: 2,
        images: volumes.len(),
        annotated: annotated
            .flat_map(|v| TrainingSet::annotated_slices(v, &[annotation(v, method.supervision)]))
            .collect(),
        unlabelled: volumes[2..].iter().map(|v| v.image.data.clone()).collect(),
        masks: volumes.iter().map(|v| v.mask.data.clone()).collect(),
        validation: vec![Validation { case: "v".into(), volume: volume("v", 4, 5) }],
        subjects: Subjects::default(),
    }
}

pub fn parameters(epochs: usize) -> TrainingParameters {
    let mut parameters = TrainingParameters { epochs, width: 2, batch_size: 2, ..TrainingParameters::default() };
    parameters.steps_per_epoch = Some(2);
    parameters.learning_rate.low = 1e-3;
    parameters.learning_rate.high = 1e-2;
    parameters
}

/// Stops after some epochs of the segmentor, or after some step of any course, keeping the last checkpoint of each course.
#[derive(Default)]
struct StopAfter {
    epochs: usize,
    within_step: Option<usize>,
    resume: BTreeMap<&'static str, Checkpoint>,
    checkpoints: BTreeMap<&'static str, Checkpoint>,
    course: &'static str,
    steps: usize,
}

impl StopAfter {
    fn segmentor(&self) -> &Checkpoint {
        &self.checkpoints["segmentor"]
    }
}

impl Observer for StopAfter {
    fn begin(&mut self, course: &Course) -> Option<Checkpoint> {
        self.course = course.name;
        self.resume.get(course.name).cloned()
    }

    fn step(&mut self, _: usize, _: usize, _: usize, _: &Losses) -> bool {
        self.steps += 1;
        self.within_step != Some(self.steps)
    }

    fn epoch(&mut self, report: &EpochReport, checkpoint: &mut dyn FnMut() -> Checkpoint) -> bool {
        self.checkpoints.insert(self.course, checkpoint());
        report.epoch != self.epochs || self.course != "segmentor"
    }
}

fn train(method: &Method, parameters: &TrainingParameters, seed: u64) -> Fit {
    let mut observer = StopAfter::default();
    fit(method, parameters, &set(method), seed, &Device::flex(), &mut observer).unwrap()
}

fn methods() -> Vec<(&'static str, Method)> {
    let mut methods = Vec::new();
    for (gating, gate_name) in [(true, "gated"), (false, "ungated")] {
        for (discriminator, name) in [
            (DiscriminatorKind::None, "alone"),
            (DiscriminatorKind::Vanilla, "vanilla"),
            (DiscriminatorKind::MultiScale, "multi-scale"),
        ] {
            let method = Method { attention_gating: gating, discriminator, ..Method::default() };
            methods.push((if gating { gate_name } else { name }, method));
        }
    }
    let released = Method {
        class_weights: ClassWeights::InverseFrequency,
        mask_pyramid: MaskPyramid::Bilinear,
        networks: Design::Released,
        game: GameRules::Released,
        ..Method::default()
    };
    methods.push(("released", released));
    let alone = Method { attention_gating: false, discriminator: DiscriminatorKind::None, ..Method::default() };
    methods.push(("patch", Method { discriminator: DiscriminatorKind::Patch, ..alone.clone() }));
    let patch = DiscriminatorKind::Patch;
    let patch = Method { discriminator: patch, patch_normalisation: Normalisation::Spectral, ..alone.clone() };
    methods.push(("patch, spectral", patch));
    let denoiser = DenoiserParameters { code: 16, ..DenoiserParameters::default() };
    methods.push(("PostDAE", Method { denoiser: Some(denoiser), ..alone.clone() }));
    let tsda = TsdaParameters { latent: 4, warm_up_steps: 1, ..TsdaParameters::default() };
    let crf = CrfParameters { every: 2, ..CrfParameters::default() };
    methods.push(("CRF", Method { crf: Some(crf), ..alone.clone() }));
    methods.push(("two steps", Method { two_steps: true, crf: Some(crf), ..alone.clone() }));
    methods.push(("TSDA", Method { supervision: Supervision::Masks, tsda: Some(tsda), ..alone }));
    methods
}

#[test]
fn same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let method = Method::default();
    let [one, two, other] = [7, 7, 8].map(|seed| train(&method, &parameters(2), seed).weights.to_bytes().unwrap());
    assert_eq!(one, two);
    assert_ne!(one, other);
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    // Wide enough for the tiled convolutions, and batches that several threads share.
    let training = TrainingParameters { width: 8, batch_size: 9, ..parameters(2) };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(&Method::default(), &training, 4))
    };
    let one = on(1);
    for threads in [2, 3, 7] {
        let many = on(threads);
        assert_eq!(one.weights.to_bytes().unwrap(), many.weights.to_bytes().unwrap(), "{threads} threads");
        assert_eq!(one.log, many.log, "{threads} threads");
    }
}

/// Annotated images and their labels, unlabelled images, masks.
type Step = (Vec<f32>, Vec<u8>, Vec<f32>, Vec<f32>);

/// A set of twelve slices of three cases, and augmentation by all that there is.
fn batches_of(threads: usize, drawn: Drawn, ahead: bool) -> Vec<Step> {
    let method = Method::default();
    let mut set = set(&method);
    set.annotated = set.annotated.iter().cycle().take(12).cloned().collect();
    set.subjects.annotated = (0..12).map(|slice| slice / 4).collect();
    let augmentation = Augmentation { intensity: Some(Intensity::default()), drawn, ..Augmentation::default() };
    let loader = Loader { set: &set, augmentation: &augmentation, seed: 3, batch: 5, wanted: ALL };
    let device = Device::flex();
    let floats = |tensor: burn::tensor::Tensor<4>| tensor.to_data().iter::<f32>().collect::<Vec<f32>>();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        rayon::in_place_scope(|scope| {
            let mut data = Ahead::new(loader, scope, 4);
            let step = |step: usize| {
                let batches = if ahead { data.take(step) } else { std::sync::Arc::new(loader.batches(step)) };
                let Batch { images, labels } = batches.annotated(&device);
                let (unlabelled, masks) = (batches.unlabelled(&device), batches.masks(&device));
                (floats(images), labels.concat(), floats(unlabelled), floats(masks))
            };
            (0..4).map(step).collect()
        })
    })
}

#[test]
fn batches_are_the_same_whoever_makes_them_and_when() {
    for drawn in [Drawn::Slice, Drawn::Case] {
        let alone = batches_of(1, drawn, false);
        assert_ne!(alone[0], alone[1]);
        for (threads, ahead) in [(1, true), (2, false), (2, true), (5, true)] {
            assert!(batches_of(threads, drawn, ahead) == alone, "{drawn:?}, {threads} threads, ahead: {ahead}");
        }
    }
}

#[test]
fn slices_of_a_case_share_a_pose_if_asked() {
    // All slices of the set show one of two squares: where cases share a draw, fewer versions of them are seen.
    let versions = |drawn| {
        let steps = batches_of(1, drawn, false);
        let labels = steps[0].1.chunks_exact(SIDE * SIDE).map(<[u8]>::to_vec);
        labels.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(versions(Drawn::Slice), 5);
    assert!(versions(Drawn::Case) < 5);
}

#[test]
fn going_on_from_a_checkpoint_gives_the_bits_of_an_unbroken_training() {
    for (name, method) in methods() {
        let unbroken = train(&method, &parameters(3), 5);
        let courses = 1 + unbroken.others.len();
        // Stopped in the middle of each course's epoch 2: that epoch is done again.
        for within_step in (0..courses).map(|course| 3 + 6 * course) {
            let mut observer = StopAfter { within_step: Some(within_step), ..StopAfter::default() };
            let device = Device::flex();
            let half = fit(&method, &parameters(3), &set(&method), 5, &device, &mut observer).unwrap();
            assert!(!half.finished, "{name}");
            let stored = |checkpoint: &Checkpoint| Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap();
            let resume = observer.checkpoints.iter().map(|(course, checkpoint)| (*course, stored(checkpoint)));
            let mut observer = StopAfter { resume: resume.collect(), ..StopAfter::default() };
            let resumed = fit(&method, &parameters(3), &set(&method), 5, &device, &mut observer).unwrap();
            assert_eq!(resumed.weights.to_bytes().unwrap(), unbroken.weights.to_bytes().unwrap(), "{name}");
            assert_eq!((resumed.log, resumed.others), (unbroken.log.clone(), unbroken.others.clone()), "{name}");
            assert!(resumed.finished && observer.steps < 6 * courses, "{name}: nothing was done twice");
        }
    }
}

/// Names of trainable entries that differ between two checkpoints.
fn moved(before: &Checkpoint, after: &Checkpoint, prefix: &str) -> (Vec<String>, Vec<String>) {
    let (before, after) = (before.get(prefix), after.get(prefix));
    before.keys().cloned().partition(|name| before[name] != after[name])
}

#[test]
fn every_weight_that_should_move_moves_and_no_other() {
    for (name, method) in methods() {
        let parameters = parameters(1);
        let game = |epochs| {
            let mut observer = StopAfter { epochs, ..StopAfter::default() };
            let training = TrainingParameters { epochs: 2, ..parameters.clone() };
            fit(&method, &training, &set(&method), 3, &Device::flex(), &mut observer).unwrap();
            observer.segmentor().clone()
        };
        let (before, after) = (game(1), game(2));
        let (_, still) = moved(&before, &after, "segmentor");
        // Without gating, a vanilla or absent discriminator leaves no path to deep classifiers: there are none.
        assert_eq!(still, Vec::<String>::new(), "{name}: weights of the segmentor that did not move");
        let (_, still) = moved(&before, &after, "discriminator");
        assert_eq!(still, Vec::<String>::new(), "{name}: weights of the discriminator that did not move");
        assert_eq!(after.get("discriminator").is_empty(), method.discriminator == DiscriminatorKind::None, "{name}");
    }
}

#[test]
fn a_discriminator_without_rate_still_teaches_and_the_segmentor_step_leaves_it_alone() {
    // a2 = 0: the discriminator's own step does nothing (Adam of a zero gradient), so that any move of
    // its weights would come from the segmentor's steps.
    let method = Method::default();
    let mut parameters = parameters(1);
    parameters.game.a2 = 0.0;
    let mut observer = StopAfter::default();
    let device = Device::flex();
    fit(&method, &parameters, &set(&method), 3, &device, &mut observer).unwrap();
    let trained = observer.segmentor().get("discriminator");
    let fresh = {
        use runner::science::model::Discriminator;
        use runner::science::training::{Stream, generator};
        let network =
            Discriminator { classes: 2, width: 2, size: [SIDE, SIDE], multi_scale: true, design: Design::Paper };
        network.init(&mut generator(3, Stream::DiscriminatorWeights, 0), &device)
    };
    let trainable: Vec<&String> =
        fresh.entries().filter(|(_, entry)| entry.kind == Kind::Trainable).map(|(name, _)| name).collect();
    assert!(!trainable.is_empty());
    for name in trainable {
        assert_eq!(trained[name], fresh.to_arrays()[name], "{name} was moved by the segmentor's step");
    }
}

#[test]
fn a_few_epochs_lower_the_supervised_loss_of_every_method() {
    for (name, method) in methods() {
        let log = train(&method, &parameters(12), 1).log;
        let loss = |i: usize| log[i].values["supervised_loss"];
        assert!(loss(11) < 0.7 * loss(0), "{name}: {} -> {}", loss(0), loss(11));
        let plays = method.discriminator != DiscriminatorKind::None;
        assert_eq!(log[0].values.contains_key("a0"), plays, "{name}");
        assert!(log.iter().all(|report| (0.0..=1.0).contains(&report.values["validation_dice"])), "{name}");
    }
}

/// The supervised loss of the first step, of images with these annotations.
fn first_loss(annotate: &dyn Fn(&Volume) -> Vec<Labels>) -> f64 {
    let method = Method { attention_gating: false, discriminator: DiscriminatorKind::None, ..Method::default() };
    let mut set = set(&method);
    let volumes = [volume("case0", 1, 8), volume("case1", 3, 6)];
    set.annotated = volumes.iter().flat_map(|v| TrainingSet::annotated_slices(v, &annotate(v))).collect();
    let training = TrainingParameters { steps_per_epoch: Some(1), ..parameters(1) };
    fit(&method, &training, &set, 3, &Device::flex(), &mut StopAfter::default()).unwrap().log[0].values["supervised_loss"]
}

#[test]
fn the_losses_of_several_annotations_are_summed_each_with_its_own_mean() {
    let (one, other) = (first_loss(&|v| vec![scribble(v)]), first_loss(&|v| vec![v.mask.clone()]));
    assert_ne!(one, other);
    let both = first_loss(&|v| vec![scribble(v), v.mask.clone()]);
    assert!((both - one - other).abs() < 1e-6 * both, "{one} + {other} is not {both}");
    // Mixed supervision (V-F): the scribble of one image and the mask of the other don't share a mean.
    let unlabelled = |v: &Volume| Labels { data: vec![UNLABELLED; v.mask.data.len()], ..v.mask };
    let of = |v: &Volume, first: Labels, second: Labels| if v.case == "case0" { first } else { second };
    let mixed = first_loss(&|v| vec![of(v, scribble(v), unlabelled(v)), of(v, unlabelled(v), v.mask.clone())]);
    let alone = first_loss(&|v| vec![of(v, scribble(v), unlabelled(v))]);
    let mask = first_loss(&|v| vec![of(v, unlabelled(v), v.mask.clone())]);
    assert!((mixed - alone - mask).abs() < 1e-6 * mixed, "{alone} + {mask} is not {mixed}");
}

#[test]
fn a_discriminator_that_is_never_wrong_is_noticed() {
    let report = |epoch, accuracy: f64| EpochReport {
        epoch,
        steps: 1,
        values: [("accuracy_real", accuracy), ("accuracy_fake", 0.995)]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        best: false,
    };
    let log = |accuracies: &[f64]| -> Vec<EpochReport> {
        accuracies.iter().enumerate().map(|(i, accuracy)| report(i + 1, *accuracy)).collect()
    };
    assert_eq!(warnings(&log(&[1.0, 1.0, 1.0, 1.0, 0.9, 1.0])), Vec::<String>::new());
    let found = warnings(&log(&[0.7, 1.0, 1.0, 0.99, 1.0, 1.0, 0.9]));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("in epochs 2 to 6"), "{}", found[0]);
}

#[test]
fn stops_when_validation_no_longer_improves_and_keeps_the_best() {
    let mut parameters = parameters(60);
    parameters.early_stopping.patience = 3;
    let fit = train(&Method::default(), &parameters, 2);
    assert_eq!(fit.log.len(), fit.best_epoch + 3, "stopped three epochs after the best one");
    let best = fit.log.iter().map(|report| report.values["validation_dice"]).fold(f64::MIN, f64::max);
    assert_eq!(fit.best_dice, best);
}

#[test]
fn weights_survive_their_file_and_foreign_ones_are_refused() {
    let fit = train(&Method::default(), &parameters(1), 2);
    let bytes = fit.weights.to_bytes().unwrap();
    let mut copy: Weights = fit.weights.clone();
    copy.load(&bytes, &Device::flex()).unwrap();
    assert_eq!(copy.to_bytes().unwrap(), bytes);
    let plain = Method { attention_gating: false, discriminator: DiscriminatorKind::None, ..Method::default() };
    let mut other = train(&plain, &parameters(1), 2).weights;
    let error = other.load(&bytes, &Device::flex()).unwrap_err().to_string();
    assert_eq!(error, "weights hold `gate2.bias`, which the network does not have");
    assert!(copy.load(&bytes[..bytes.len() / 2], &Device::flex()).is_err());
}

#[test]
fn impossible_trainings_say_what_to_change() {
    let method = Method::default();
    let attempt = |change: &dyn Fn(&mut TrainingSet, &mut TrainingParameters)| {
        let (mut set, mut parameters) = (set(&method), parameters(1));
        change(&mut set, &mut parameters);
        match fit(&method, &parameters, &set, 1, &Device::flex(), &mut StopAfter::default()) {
            Err(error) => error.to_string(),
            Ok(_) => "trained".to_owned(),
        }
    };
    assert_eq!(attempt(&|_, _| ()), "trained");
    assert!(attempt(&|set, _| set.annotated.clear()).starts_with("no annotated image in the training set"));
    assert!(attempt(&|set, _| set.masks.clear()).starts_with("no mask for the discriminator"));
    assert!(attempt(&|set, _| set.height = 20).contains("multiples of 16"));
    assert!(attempt(&|_, parameters| parameters.batch_size = 0).contains("above 0"));
    assert!(attempt(&|set, _| set.annotated[0].image[3] = f32::NAN).contains("diverged"));
}

#[test]
fn a_nan_loss_names_itself() {
    let method = Method::default();
    let mut set = set(&method);
    set.annotated.iter_mut().for_each(|slice| slice.image[0] = f32::NAN);
    let result = fit(&method, &parameters(1), &set, 1, &Device::flex(), &mut StopAfter::default());
    let Err(TrainingError::Diverged { name, epoch, step, .. }) = result else { panic!("trained on NaN") };
    assert_eq!((name, epoch, step), ("supervised_loss", 1, 1));
}

#[test]
fn the_data_sets_crf_is_in_the_key_of_methods_with_a_crf_alone() {
    let stage = runner::stage::ALL.iter().find(|stage| stage.kind() == "train").unwrap();
    let canonical = |method: serde_json::Value| {
        stage.canonical(&serde_json::json!({"method": method, "crf_sigma_gamma": 3})).unwrap()
    };
    assert_eq!(canonical(serde_json::json!({})).get("crf_sigma_gamma"), None);
    assert_eq!(canonical(serde_json::json!({"crf": {}}))["crf_sigma_gamma"], 3.0);
}

#[test]
fn shares_that_no_split_can_serve_are_refused_before_anything_runs() {
    let stage = runner::stage::ALL.iter().find(|stage| stage.kind() == "train").unwrap();
    let refused = |with: &serde_json::Value| {
        let error = stage.canonical(with).unwrap_err();
        format!("{}: {}", error.path, error.message)
    };
    let cases = [
        (serde_json::json!({"label_fraction": 0}), "label_fraction"),
        (serde_json::json!({"label_fraction": 60}), "label_fraction"),
        (serde_json::json!({"label_fraction": 40, "mask_fraction": 20}), "above 50 together"),
        (serde_json::json!({"method": {"unpaired_masks": 0}}), "unpaired_masks"),
        (serde_json::json!({"method": {"annotated_cases": 0}}), "give 1 or more"),
    ];
    for (with, hint) in cases {
        assert!(refused(&with).contains(hint), "{with}: {}", refused(&with));
    }
}

#[test]
fn a_crf_and_a_discriminator_do_not_go_together() {
    let method = Method { crf: Some(CrfParameters::default()), ..Method::default() };
    let result = fit(&method, &parameters(1), &set(&method), 1, &Device::flex(), &mut StopAfter::default());
    let Err(error) = result else { panic!("trained") };
    assert!(error.to_string().starts_with("crf does not go with a discriminator: "), "{error}");
}

#[test]
fn an_autoencoder_is_not_asked_about_images_of_another_size() {
    let denoiser = DenoiserParameters { code: 16, ..DenoiserParameters::default() };
    let method = Method {
        attention_gating: false,
        discriminator: DiscriminatorKind::None,
        denoiser: Some(denoiser),
        ..Method::default()
    };
    let fit = train(&method, &parameters(1), 1);
    let wide = Image { slices: 1, channels: 1, height: SIDE, width: 2 * SIDE, data: vec![0.0; 2 * SIDE * SIDE] };
    let error = predict(&fit.network, &fit.weights, &wide, &Device::flex()).unwrap_err().to_string();
    assert!(error.starts_with("the autoencoder is for 2 classes of 32x32 pixels, not for 2 of 32x64"), "{error}");
}
