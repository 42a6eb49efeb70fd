//! Own operations against burn's, against finite differences, and on one and two threads.

use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm_train, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Tensor, TensorData};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runner::science::model::kernel::{
    attend, batch_norm_relu, convolution, join, tanh, upsampled_convolution, with_burn_alone,
};
use runner::science::model::values;

mod adam;
mod attention;
mod crf;
mod cross_entropy;
mod join;
mod max_pool;
mod normalise;
mod softmax;
mod spectral_norm;
mod upsample;
mod vectors;
mod warp;

/// Flat values of one input of an operation.
type Input = Vec<f32>;

/// What an operation gives: its output and the gradients of `sum(output * weight)` for random weights.
#[derive(Debug, PartialEq)]
struct Outcome {
    output: Vec<f32>,
    gradients: Vec<Vec<f32>>,
}

fn random(length: usize, rng: &mut ChaCha8Rng) -> Input {
    (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn weights_of_loss(length: usize) -> Vec<f32> {
    random(length, &mut ChaCha8Rng::seed_from_u64(99))
}

fn outcome(inputs: &[Input], operation: &dyn Fn(Vec<Tensor<1>>) -> Tensor<4>) -> Outcome {
    let device = Device::flex().autodiff();
    let leaf = |values: &Input| Tensor::<1>::from_data(TensorData::new(values.clone(), [values.len()]), &device);
    let leaves: Vec<Tensor<1>> = inputs.iter().map(|values| leaf(values).require_grad()).collect();
    let output = operation(leaves.clone());
    let weights = weights_of_loss(output.dims().iter().product());
    let weights = Tensor::from_data(TensorData::new(weights, output.dims()), &device);
    let gradients = (output.clone() * weights).sum().backward();
    let gradients = leaves.iter().map(|leaf| values(&leaf.grad(&gradients).unwrap())).collect();
    Outcome { output: values(&output), gradients }
}

/// Agreement within `tolerance` of the largest value's size.
fn assert_close(what: &str, own: &[f32], burn: &[f32], tolerance: f32) {
    assert_eq!(own.len(), burn.len(), "{what}");
    let scale = burn.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
    for (i, (a, b)) in own.iter().zip(burn).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a} is not {b} (scale {scale})");
    }
}

fn assert_agree(own: &Outcome, burn: &Outcome, tolerance: f32) {
    assert_close("output", &own.output, &burn.output, tolerance);
    for (i, (own, burn)) in own.gradients.iter().zip(&burn.gradients).enumerate() {
        assert_close(&format!("gradient of input {i}"), own, burn, tolerance);
    }
}

/// Central differences of the loss at a few values of each input.
fn assert_slopes(inputs: &[Input], operation: &dyn Fn(Vec<Tensor<1>>) -> Tensor<4>, step: f32, tolerance: f64) {
    let own = outcome(inputs, operation);
    let loss = |inputs: &[Input]| -> f64 {
        let tensor = |v: &Input| Tensor::<1>::from_data(TensorData::new(v.clone(), [v.len()]), &Device::flex());
        let output = values(&operation(inputs.iter().map(tensor).collect()));
        output.iter().zip(weights_of_loss(output.len())).map(|(a, b)| f64::from(*a) * f64::from(b)).sum()
    };
    for (i, input) in inputs.iter().enumerate() {
        for at in (0..input.len()).step_by(input.len().div_ceil(7)) {
            let moved = |by: f32| {
                let mut inputs = inputs.to_vec();
                inputs[i][at] += by;
                loss(&inputs)
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
            let gradient = f64::from(own.gradients[i][at]);
            assert!(
                (slope - gradient).abs() <= tolerance * (1.0 + slope.abs()),
                "{i}[{at}]: {gradient} is not {slope}"
            );
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct ConvCase {
    input: [usize; 4],
    outputs: usize,
    kernel: usize,
    stride: usize,
    bias: bool,
    seed: u64,
}

impl ConvCase {
    fn weight(&self) -> [usize; 4] {
        [self.outputs, self.input[1], self.kernel, self.kernel]
    }

    fn inputs(&self) -> Vec<Input> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let lengths = [self.input.iter().product(), self.weight().iter().product(), self.outputs];
        lengths[..if self.bias { 3 } else { 2 }].iter().map(|&length| random(length, &mut rng)).collect()
    }

    fn own(self) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
        move |t| {
            convolution(
                t[0].clone().reshape(self.input),
                t[1].clone().reshape(self.weight()),
                t.get(2).cloned(),
                self.stride,
            )
        }
    }

    fn burn(self) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> {
        let options = ConvOptions::new([self.stride; 2], [(self.kernel - 1) / 2; 2], [1, 1], 1);
        move |t| {
            let (input, weight) = (t[0].clone().reshape(self.input), t[1].clone().reshape(self.weight()));
            conv2d(input, weight, t.get(2).cloned(), options.clone())
        }
    }
}

fn conv_cases() -> impl Strategy<Value = ConvCase> {
    let kind = prop_oneof![Just((3, 1)), Just((1, 1)), Just((4, 2))];
    (kind, 1..5usize, 1..20usize, 1..20usize, 1..40usize, 1..40usize, any::<bool>(), any::<u64>()).prop_map(
        |((kernel, stride), batch, inputs, outputs, height, width, bias, seed)| {
            let least = stride;
            let input = [batch, inputs, height.max(least), width.max(least)];
            ConvCase { input, outputs, kernel, stride, bias, seed }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_and_their_gradients_are_those_of_burn(case in conv_cases()) {
        let own = outcome(&case.inputs(), &case.own());
        let burn = outcome(&case.inputs(), &case.burn());
        assert_agree(&own, &burn, 1e-5);
    }

    #[test]
    fn batch_norm_relu_and_its_gradients_are_those_of_burn(
        (batch, channels, height, width, seed) in (1..6usize, 1..5usize, 1..20usize, 1..20usize, any::<u64>()),
    ) {
        let shape = [batch, channels, height, width];
        // One value a channel leaves nothing to normalise: every gradient is rounding.
        prop_assume!(batch * height * width > 3);
        let inputs = norm_inputs(shape, seed);
        let own = outcome(&inputs, &norm_own(shape));
        let burn = outcome(&inputs, &|t: Vec<Tensor<1>>| {
            relu(batch_norm_train(t[0].clone().reshape(shape), t[1].clone(), t[2].clone(), 1e-5).output)
        });
        assert_agree(&own, &burn, 1e-3);
    }
}

/// Sizes of an upsampled convolution: batch, channels of skip, of half, outputs, height and width of half.
type Sizes = [usize; 6];

fn upsampled_inputs([batch, skips, halves, outputs, height, width]: Sizes) -> Vec<Input> {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let pixels = batch * height * width;
    [4 * pixels * skips, pixels * halves, outputs * (skips + halves) * 9].map(|n| random(n, &mut rng)).to_vec()
}

fn upsampled([batch, skips, halves, outputs, height, width]: Sizes) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    move |t| {
        let skip = t[0].clone().reshape([batch, skips, 2 * height, 2 * width]);
        let half = t[1].clone().reshape([batch, halves, height, width]);
        upsampled_convolution(skip, half, t[2].clone().reshape([outputs, skips + halves, 3, 3]))
    }
}

#[test]
fn upsampled_convolutions_are_those_of_the_joined_tensors() {
    for sizes in
        [[1, 1, 1, 1, 1, 1], [2, 3, 5, 4, 3, 2], [12, 8, 16, 9, 8, 8], [3, 2, 1, 8, 17, 16], [2, 8, 24, 16, 7, 11]]
    {
        let (inputs, operation) = (upsampled_inputs(sizes), upsampled(sizes));
        let own = outcome(&inputs, &operation);
        assert_agree(&own, &with_burn_alone(|| outcome(&inputs, &operation)), 1e-5);
        assert_eq!(own, on_threads(2, || outcome(&inputs, &operation)), "{sizes:?}");
        assert_slopes(&inputs, &operation, 0.5, 2e-3);
    }
}

fn norm_inputs(shape: [usize; 4], seed: u64) -> Vec<Input> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    [shape.iter().product(), shape[1], shape[1]].map(|length| random(length, &mut rng)).to_vec()
}

fn norm_own(shape: [usize; 4]) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    move |t| batch_norm_relu(t[0].clone().reshape(shape), t[1].clone(), t[2].clone(), 1e-5).output
}

/// Small and large, odd sizes, one pixel, one channel, more images than a group takes.
fn chosen_convolutions() -> Vec<ConvCase> {
    let case = |kernel, stride, input, outputs| ConvCase { input, outputs, kernel, stride, bias: true, seed: 3 };
    // Without bias and with enough channels: Winograd's algorithm.
    let tiled = |input, outputs| ConvCase { input, outputs, kernel: 3, stride: 1, bias: false, seed: 3 };
    vec![
        tiled([12, 8, 4, 4], 8),
        tiled([3, 16, 13, 6], 24),
        tiled([2, 40, 1, 1], 33),
        tiled([7, 32, 28, 20], 16),
        tiled([2, 130, 9, 10], 128),
        case(3, 1, [1, 1, 1, 1], 1),
        case(3, 1, [3, 2, 5, 7], 3),
        case(3, 1, [12, 9, 4, 4], 17),
        case(3, 1, [5, 3, 33, 31], 8),
        case(1, 1, [12, 8, 20, 20], 4),
        case(1, 1, [1, 1, 1, 1], 1),
        case(4, 2, [1, 1, 2, 2], 1),
        case(4, 2, [3, 3, 9, 6], 5),
        case(4, 2, [12, 15, 32, 32], 16),
    ]
}

#[test]
fn gradients_of_convolutions_are_slopes() {
    for case in chosen_convolutions() {
        // The loss is linear in each input: a large step costs nothing.
        assert_slopes(&case.inputs(), &case.own(), 0.5, 2e-3);
    }
}

#[test]
fn gradients_of_batch_norm_relu_are_slopes() {
    // Values away from the kink of the ReLU: shift 3 keeps all above, or the test would step over it.
    for shape in [[3, 2, 3, 5], [12, 3, 4, 4]] {
        let mut inputs = norm_inputs(shape, 5);
        inputs[2].iter_mut().for_each(|shift| *shift += 3.0);
        assert_slopes(&inputs, &norm_own(shape), 1e-2, 1e-2);
    }
}

#[test]
fn batch_statistics_are_those_of_the_values() {
    let tensor =
        |values: Vec<f32>| Tensor::<1>::from_data(TensorData::new(values.clone(), [values.len()]), &Device::flex());
    let features = tensor(vec![1.0, 2.0, 3.0, 6.0]).reshape([2, 1, 1, 2]);
    let normalised = batch_norm_relu(features, tensor(vec![1.0]), tensor(vec![0.0]), 0.0);
    assert_eq!(values(&normalised.mean), [3.0]);
    // (4 + 1 + 0 + 9) / 4
    assert_eq!(values(&normalised.variance), [3.5]);
    assert_close("output", &values(&normalised.output), &[0.0, 0.0, 0.0, 3.0 / 3.5f32.sqrt()], 1e-6);
}

fn on_threads<R: Send>(threads: usize, f: impl Fn() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for case in chosen_convolutions() {
        let run = |threads| on_threads(threads, || outcome(&case.inputs(), &case.own()));
        assert_eq!(run(1), run(2), "{case:?}");
        assert_eq!(run(1), run(3), "{case:?}");
    }
    let shape = [12, 8, 16, 16];
    let run = |threads| on_threads(threads, || outcome(&norm_inputs(shape, 1), &norm_own(shape)));
    assert_eq!(run(1), run(2));
}

#[test]
fn inference_gives_the_bits_of_training() {
    for case in chosen_convolutions() {
        let tensor = |v: &Input| Tensor::<1>::from_data(TensorData::new(v.clone(), [v.len()]), &Device::flex());
        let plain = case.own()(case.inputs().iter().map(tensor).collect());
        assert!(!plain.is_autodiff());
        assert_eq!(values(&plain), outcome(&case.inputs(), &case.own()).output);
    }
}

#[test]
fn other_types_are_handed_to_burn() {
    let device = Device::flex().autodiff();
    for case in chosen_convolutions() {
        let tensor = |v: &Input| Tensor::<1>::from_data(TensorData::new(v.clone(), [v.len()]), (&device, DType::F64));
        let tensors: Vec<Tensor<1>> = case.inputs().iter().map(tensor).collect();
        let own = case.own()(tensors.clone());
        assert_eq!(own.dtype(), DType::F64);
        assert_eq!(own.to_data(), case.burn()(tensors).to_data());
    }
}

#[test]
fn kernels_of_other_sizes_are_handed_to_burn() {
    let case = ConvCase { input: [2, 3, 9, 9], outputs: 4, kernel: 5, stride: 1, bias: true, seed: 1 };
    assert_eq!(outcome(&case.inputs(), &case.own()), outcome(&case.inputs(), &case.burn()));
}

#[test]
fn burn_alone_is_burn() {
    let case = ConvCase { input: [2, 3, 9, 9], outputs: 4, kernel: 3, stride: 1, bias: false, seed: 1 };
    let alone = with_burn_alone(|| outcome(&case.inputs(), &case.own()));
    assert_eq!(alone, outcome(&case.inputs(), &case.burn()));
}

#[test]
fn tanh_and_its_gradient_are_those_of_burn() {
    let input: Input = (-2000..=2000).map(|i| i as f32 * 0.01).chain([f32::INFINITY, -1e30, 1e-20]).collect();
    let length = input.len();
    let operation = |t: Vec<Tensor<1>>| tanh(t[0].clone().reshape([1, 1, 1, length]));
    let own = outcome(std::slice::from_ref(&input), &operation);
    assert_agree(&own, &with_burn_alone(|| outcome(&[input], &operation)), 1e-6);
}

#[test]
fn shapes_that_do_not_fit_are_handed_to_burn() {
    let tensor = |shape: [usize; 4]| Tensor::<4>::ones(shape, &Device::flex());
    // burn stretches one image over all.
    let gated = attend(tensor([3, 2, 32, 32]).mul_scalar(0.5), tensor([1, 3, 32, 32]));
    assert_eq!(values(&gated), vec![1.5; 3 * 2 * 32 * 32]);
    let refused = |f: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
    assert!(refused(&|| drop(join(tensor([2, 8, 4, 4]), tensor([1, 8, 4, 4])))));
    let halves = || upsampled_convolution(tensor([2, 8, 2, 2]), tensor([1, 8, 1, 1]), tensor([8, 16, 3, 3]));
    assert!(refused(&|| drop(halves())));
    let bias = Tensor::<1>::ones([3], &Device::flex());
    assert!(refused(&|| drop(convolution(tensor([1, 8, 2, 2]), tensor([16, 8, 1, 1]), Some(bias.clone()), 1))));
}
