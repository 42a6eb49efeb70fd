//! The CRF's filter and layer against the sum itself, finite differences and burn's own operations.

use super::*;
use burn::tensor::activation::softmax;
use runner::science::model::{
    Crf, CrfError, CrfLayer, CrfParameters, Filter, Intensities, KernelNormalisation, KernelWeights, SelfTerm, Weights,
};

/// Discs that grow darker outwards, on a ground, with noise: intensities of 0..255, `[channel, h, w]`.
fn picture(channels: usize, [height, width]: [usize; 2], noise: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut colour = || -> Vec<f32> { (0..channels).map(|_| rng.random_range(0.0..255.0)).collect() };
    let (ground, colours): (Vec<f32>, Vec<Vec<f32>>) = (colour(), (0..8).map(|_| colour()).collect());
    let side = height.max(width) as f32;
    let discs: Vec<[f32; 3]> = (0..8)
        .map(|_| [rng.random_range(0.0..side), rng.random_range(0.0..side), rng.random_range(0.05..0.25) * side])
        .collect();
    let mut picture = vec![0.0; channels * height * width];
    for (at, value) in picture.iter_mut().enumerate() {
        let (channel, row, column) = (at / (height * width), at / width % height, at % width);
        let mut intensity = ground[channel];
        for ([y, x, radius], colour) in discs.iter().zip(&colours) {
            let distance = (row as f32 - y).hypot(column as f32 - x) / radius;
            intensity = if distance < 1.0 { colour[channel] * (1.0 - 0.2 * distance) } else { intensity };
        }
        let noise = noise * (0..3).map(|_| rng.random_range(-1.0..1.0f32)).sum::<f32>();
        *value = (intensity + noise).clamp(0.0, 255.0);
    }
    picture
}

fn as_stored(field: Crf) -> CrfParameters {
    CrfParameters { field, intensities: Intensities::AsStored, ..CrfParameters::default() }
}

fn tensor(values: &[f32], shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Probabilities of the untrained layer for one image.
fn probabilities(parameters: &CrfParameters, logits: &[f32], image: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let device = Device::flex();
    let planes = |values: &[f32]| [1, values.len() / (height * width), height, width];
    let layer = parameters.layer(planes(logits)[1]).unwrap();
    let (logits, image) = (tensor(logits, planes(logits), &device), tensor(image, planes(image), &device));
    values(&softmax(layer.forward(&layer.init(&device), logits, image).unwrap(), 1))
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The greatest difference between the untrained layer's probabilities and those of the sum.
fn error(parameters: &CrfParameters, logits: &[f32], image: &[f32], size: [usize; 2]) -> f64 {
    let exact = parameters.field.mean_field(&wide(logits), &wide(image), size).unwrap();
    let own = probabilities(parameters, logits, image, size);
    assert_eq!(own.len(), exact.len());
    own.iter().zip(exact).map(|(own, exact)| (f64::from(*own) - exact).abs()).fold(0.0, f64::max)
}

fn scores(length: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..length).map(|_| rng.random_range(-3.0..3.0)).collect()
}

#[test]
fn the_layer_is_the_sum_on_pictures() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    // The settings of the paper: ACDC and LVSC, CHAOS, PPSS.
    for (channels, sigma_gamma, classes, size, limit) in
        [(1, 10.0, 4, [48, 48], 1e-3), (1, 3.0, 5, [48, 48], 1e-3), (3, 3.0, 7, [48, 24], 1e-2)]
    {
        let image = picture(channels, size, 3.0, &mut rng);
        let logits = scores(classes * size[0] * size[1], &mut rng);
        let found = error(&as_stored(Crf { sigma_gamma, ..Crf::default() }), &logits, &image, size);
        assert!(found <= limit, "{channels} channels, gamma {sigma_gamma}: {found:e}");
        let away = error(&as_stored(Crf { sigma_gamma, sigma_beta: 3.5, ..Crf::default() }), &logits, &image, size);
        assert!(away <= limit, "{channels} channels, another beta: {away:e}");
    }
}

#[test]
fn every_reading_of_the_layer_is_the_sum() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let size = [20, 28];
    let (image, logits) = (picture(1, size, 2.0, &mut rng), scores(4 * 20 * 28, &mut rng));
    for self_term in [SelfTerm::Included, SelfTerm::Excluded] {
        for normalisation in [KernelNormalisation::Row, KernelNormalisation::Symmetric, KernelNormalisation::None] {
            let small = if normalisation == KernelNormalisation::None { 0.01 } else { 1.0 };
            let field = Crf { self_term, normalisation, appearance: small, smoothness: small, ..Crf::default() };
            let found = error(&as_stored(field), &logits, &image, size);
            assert!(found <= 1e-2, "{self_term:?} {normalisation:?}: {found:e}");
        }
    }
}

#[test]
fn smaller_cells_come_closer() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let size = [24, 24];
    let (image, logits) = (picture(1, size, 3.0, &mut rng), scores(3 * 24 * 24, &mut rng));
    let of = |cell: f64| error(&CrfParameters { cell: Some(cell), ..as_stored(Crf::default()) }, &logits, &image, size);
    let errors = [1.0, 0.75, 0.5, 0.25].map(of);
    assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
    assert!(errors[3] < 1e-4, "{errors:?}");
}

/// Two pixels of one intensity, one iteration: each hears itself once and the other `k = exp(-1/2)` times, by both kernels.
#[test]
fn two_pixels_by_hand() {
    let field = Crf { sigma_alpha: 1.0, sigma_gamma: 1.0, iterations: 1, ..Crf::default() };
    let k = (-0.5f64).exp();
    // Probabilities 3/4 and 1/4 of the first class.
    let logits = [3f32.ln(), 0.0, 0.0, 3f32.ln()];
    let found = probabilities(&as_stored(field), &logits, &[7.0, 7.0], [1, 2]);
    // The first pixel's two messages for its two classes; each class loses what the other one is told.
    let (of_first, of_second) = ((0.75 + k * 0.25) / (1.0 + k), (0.25 + k * 0.75) / (1.0 + k));
    let odds = 3.0 * (2.0 * (of_first - of_second)).exp();
    let first = odds / (1.0 + odds);
    let expected = [first, 1.0 - first, 1.0 - first, first];
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} is not {expected}");
    }
}

#[test]
fn no_iterations_change_nothing_and_scales_do_not_matter() {
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    let (size, none) = ([9, 8], Crf { iterations: 0, ..Crf::default() });
    let (image, logits) = (picture(1, size, 3.0, &mut rng), scores(2 * 72, &mut rng));
    let device = Device::flex();
    let layer = as_stored(none).layer(2).unwrap();
    let of = |layer: &CrfLayer, image: &[f32]| {
        let (logits, image) = (tensor(&logits, [1, 2, 9, 8], &device), tensor(image, [1, 1, 9, 8], &device));
        values(&layer.forward(&layer.init(&device), logits, image).unwrap())
    };
    assert_eq!(of(&layer, &image), logits);

    let stretched = CrfParameters::default().layer(2).unwrap();
    let normalised: Vec<f32> = image.iter().map(|x| (x - 90.0) / 64.0).collect();
    assert_close("stretched", &of(&stretched, &normalised), &of(&stretched, &image), 1e-4);
    let mut hand = [-1.0, 1.0, 0.0];
    Intensities::Stretched.apply(&mut hand);
    assert_eq!(hand, [0.0, 255.0, 127.5]);
    let mut constant = [7.0; 3];
    Intensities::Stretched.apply(&mut constant);
    assert_eq!(constant, [0.0; 3]);
}

/// A layer and a batch of two images, with weights away from where they start.
struct Case {
    layer: CrfLayer,
    images: Vec<f32>,
    channels: usize,
    size: [usize; 2],
}

const NAMES: [&str; 3] = ["crf.appearance", "crf.smoothness", "crf.compatibility"];

impl Case {
    fn new(channels: usize, kernel_weights: KernelWeights, field: Crf) -> Case {
        let mut rng = ChaCha8Rng::seed_from_u64(15);
        let size = [7, 9];
        let images = (0..2).flat_map(|_| picture(channels, size, 5.0, &mut rng)).collect();
        let layer = CrfParameters { kernel_weights, ..as_stored(field) }.layer(3).unwrap();
        Case { layer, images, channels, size }
    }

    /// Logits, then the weights by name.
    fn inputs(&self) -> Vec<Input> {
        let mut rng = ChaCha8Rng::seed_from_u64(16);
        let weights = self.layer.init(&Device::flex()).to_arrays();
        let mut moved =
            |name: &str| -> Input { weights[name].1.iter().map(|x| x + rng.random_range(-0.4..0.4)).collect() };
        let weights = NAMES.map(&mut moved);
        let logits = scores(2 * 3 * self.size[0] * self.size[1], &mut ChaCha8Rng::seed_from_u64(17));
        [logits].into_iter().chain(weights).collect()
    }

    fn run(&self) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
        let [height, width] = self.size;
        move |t| {
            let mut weights: Weights = self.layer.init(&Device::flex());
            NAMES.iter().zip(&t[1..]).for_each(|(name, value)| weights.set(name, value.clone()));
            let images = tensor(&self.images, [2, self.channels, height, width], &Device::flex());
            self.layer.forward(&weights, t[0].clone().reshape([2, 3, height, width]), images).unwrap()
        }
    }
}

fn cases() -> [Case; 3] {
    let narrow = Crf { sigma_alpha: 5.0, sigma_beta: 20.0, sigma_gamma: 1.5, iterations: 3, ..Crf::default() };
    let symmetric = Crf {
        self_term: SelfTerm::Excluded,
        normalisation: KernelNormalisation::Symmetric,
        sigma_beta: 60.0,
        iterations: 2,
        ..Crf::default()
    };
    [
        Case::new(1, KernelWeights::PerClass, narrow),
        Case::new(1, KernelWeights::Matrix, Crf { self_term: SelfTerm::Excluded, ..narrow }),
        Case::new(3, KernelWeights::PerClass, symmetric),
    ]
}

#[test]
fn gradients_of_logits_weights_and_compatibility_are_slopes() {
    for case in cases() {
        let (inputs, run) = (case.inputs(), case.run());
        assert_slopes(&inputs, &run, 1e-2, 5e-3);
        let gradients = outcome(&inputs, &run).gradients;
        assert!(gradients.iter().all(|gradient| gradient.iter().any(|&slope| slope.abs() > 1e-3)), "all of them learn");
    }
}

#[test]
fn layers_are_those_of_burn() {
    for case in cases() {
        let (inputs, run) = (case.inputs(), case.run());
        assert_agree(&outcome(&inputs, &run), &with_burn_alone(|| outcome(&inputs, &run)), 2e-5);
    }
}

#[test]
fn bits_of_layers_do_not_depend_on_the_number_of_threads() {
    for case in cases() {
        let run = |threads| on_threads(threads, || outcome(&case.inputs(), &case.run()));
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(3));
    }
}

#[test]
fn weights_per_class_and_in_a_matrix_start_the_same() {
    let [a, b] = [KernelWeights::PerClass, KernelWeights::Matrix].map(|kernel_weights| {
        let case = Case::new(1, kernel_weights, Crf { appearance: 0.7, smoothness: 0.4, ..Crf::default() });
        let weights = case.layer.init(&Device::flex());
        let logits = tensor(&case.inputs()[0], [2, 3, 7, 9], &Device::flex());
        let images = tensor(&case.images, [2, 1, 7, 9], &Device::flex());
        (weights.trainable_values(), values(&case.layer.forward(&weights, logits, images).unwrap()))
    });
    assert_eq!((a.0, b.0), (3 + 3 + 9, 9 + 9 + 9));
    assert_close("matrix", &b.1, &a.1, 1e-6);
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[derive(Debug, Clone)]
struct Drawn {
    field: Crf,
    channels: usize,
    classes: usize,
    size: [usize; 2],
    cell: f64,
    seed: u64,
}

impl Drawn {
    fn filter(&self) -> Filter {
        let image = picture(self.channels, self.size, 4.0, &mut ChaCha8Rng::seed_from_u64(self.seed));
        Filter::new(&CrfParameters { cell: Some(self.cell), ..as_stored(self.field) }, &image, self.channels, self.size)
            .unwrap()
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let self_term = prop_oneof![Just(SelfTerm::Included), Just(SelfTerm::Excluded)];
    let normalisation = prop_oneof![
        Just(KernelNormalisation::Row),
        Just(KernelNormalisation::Symmetric),
        Just(KernelNormalisation::None)
    ];
    let sigmas = (0.5..200.0f64, 2.0..60.0f64, 0.5..20.0f64);
    let shape = (prop_oneof![Just(1usize), Just(2), Just(3)], 1..7usize, 1..16usize, 1..16usize);
    (sigmas, shape, self_term, normalisation, 0.4..1.0f64, any::<u64>()).prop_map(
        |(
            (sigma_alpha, sigma_beta, sigma_gamma),
            (channels, classes, height, width),
            self_term,
            normalisation,
            cell,
            seed,
        )| {
            let field = Crf { sigma_alpha, sigma_beta, sigma_gamma, self_term, normalisation, ..Crf::default() };
            Drawn { field, channels, classes, size: [height, width], cell, seed }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// `<F x, y> = <x, F* y>`, where the way back is F*.
    #[test]
    fn the_way_back_is_the_adjoint(drawn in drawn()) {
        let (filter, [height, width]) = (drawn.filter(), drawn.size);
        let mut rng = ChaCha8Rng::seed_from_u64(drawn.seed);
        let pixels = drawn.classes * height * width;
        let (x, y) = (random(pixels, &mut rng), random(2 * pixels, &mut rng));
        let device = Device::flex().autodiff();
        let leaf = tensor(&x, [1, drawn.classes, height, width], &device).require_grad();
        let output = filter.messages(leaf.clone()).unwrap();
        let gradients = (output.clone() * tensor(&y, [1, 2 * drawn.classes, height, width], &device)).sum().backward();
        let (output, back) = (values(&output), values(&leaf.grad(&gradients).unwrap()));
        let size = dot(&output, &output).sqrt() * dot(&y, &y).sqrt();
        let (forward, backward) = (dot(&output, &y), dot(&x, &back));
        prop_assert!((forward - backward).abs() <= 1e-5 * (1.0 + size), "{} is not {}", forward, backward);
    }

    /// Where all say the same, everyone hears that, if pixels hear themselves.
    #[test]
    fn rows_sum_to_one(drawn in drawn()) {
        let field = Crf { self_term: SelfTerm::Included, normalisation: KernelNormalisation::Row, ..drawn.field };
        let [height, width] = drawn.size;
        let ones = vec![1.0; drawn.classes * height * width];
        let filter = Drawn { field, ..drawn.clone() }.filter();
        let heard = filter.messages(tensor(&ones, [1, drawn.classes, height, width], &Device::flex())).unwrap();
        prop_assert!(values(&heard).iter().all(|value| (value - 1.0).abs() < 1e-5));
    }
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let good = CrfParameters::default();
    assert_eq!(good.check(), Ok(()));
    let flat = CrfParameters { field: Crf { sigma_alpha: f64::NAN, ..Crf::default() }, ..good };
    assert!(matches!(flat.layer(2), Err(CrfError::Sigma { name: "sigma_alpha", .. })));
    assert_eq!(CrfParameters { cell: Some(1.25), ..good }.layer(2), Err(CrfError::Cell(1.25)));
    assert_eq!(CrfParameters { cell: Some(0.0), ..good }.layer(2), Err(CrfError::Cell(0.0)));
    assert_eq!(CrfParameters { rate_factor: -1.0, ..good }.layer(2), Err(CrfError::RateFactor(-1.0)));
    assert_eq!(CrfParameters { every: 0, ..good }.layer(2), Err(CrfError::Every));
    let unknown = serde_json::from_str::<CrfParameters>(r#"{ "evry": 10 }"#).unwrap_err().to_string();
    assert!(unknown.contains("unknown field `evry`"), "{unknown}");
    let read: CrfParameters =
        serde_json::from_str(r#"{ "field": { "sigma_gamma": 3 }, "rate_factor": 1e-4, "every": 10 }"#).unwrap();
    let paper =
        CrfParameters { field: Crf { sigma_gamma: 3.0, ..Crf::default() }, rate_factor: 1e-4, every: 10, ..good };
    assert_eq!(read, paper);
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let device = Device::flex();
    let layer = CrfParameters { intensities: Intensities::AsStored, ..CrfParameters::default() }.layer(2).unwrap();
    let run = |logits: [usize; 4], images: [usize; 4], intensity: f32| {
        let (logits, images) = (Tensor::zeros(logits, &device), Tensor::full(images, intensity, &device));
        layer.forward(&layer.init(&device), logits, images).map(|_| ())
    };
    assert_eq!(run([1, 2, 4, 4], [1, 1, 4, 4], 9.0), Ok(()));
    let shapes = CrfError::Shapes { classes: 2, logits: [1, 3, 4, 4], images: [1, 1, 4, 4] };
    assert_eq!(run([1, 3, 4, 4], [1, 1, 4, 4], 9.0), Err(shapes));
    assert!(matches!(run([1, 2, 4, 4], [1, 1, 4, 5], 9.0), Err(CrfError::Shapes { .. })));
    assert!(matches!(run([1, 2, 4, 4], [2, 1, 4, 4], 9.0), Err(CrfError::Shapes { .. })));
    assert_eq!(run([1, 2, 4, 4], [1, 1, 4, 4], f32::NAN), Err(CrfError::Intensity { image: 0 }));
    assert!(matches!(run([1, 2, 0, 4], [1, 1, 0, 4], 9.0), Err(CrfError::Planes { .. })));

    // Intensities too far apart for any grid.
    let image: Vec<f32> = (0..16).map(|i| i as f32 * 1e30).collect();
    let refused = Filter::new(&layer.parameters, &image, 1, [4, 4]).unwrap_err();
    assert!(matches!(refused, CrfError::Grid { .. }), "{refused}");
    let refused = Filter::new(&layer.parameters, &[1.0; 16 * 40], 40, [4, 4]).unwrap_err();
    assert!(matches!(refused, CrfError::Grid { .. }), "too many channels: {refused}");
    let few = Filter::new(&layer.parameters, &[1.0; 16], 1, [4, 4]).unwrap();
    assert!(matches!(few.messages(Tensor::zeros([2, 2, 4, 4], &device)), Err(CrfError::Shapes { .. })));
}
