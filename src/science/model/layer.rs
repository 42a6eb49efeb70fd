use super::kernel::{batch_norm_relu, convolution, normalise_relu, upsampled_convolution};
use super::weights::{Kind, Weights};
use burn::tensor::activation::leaky_relu;
use burn::tensor::{Device, Tensor};
use rand::Rng;

/// How a forward pass treats batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the batch and return new running statistics.
    Train,
    /// Normalise by the running statistics.
    Infer,
}

/// New values of running statistics, by entry name; to be [`Weights::set`] after the step.
pub type Statistics = Vec<(String, Tensor<1>)>;

/// Batch norm's constant below the root (the value of [50] and of every framework since).
pub(super) const EPSILON: f64 = 1e-5;

/// A square convolution with zero padding that keeps the size at stride 1 (3x3, 1x1) and halves it at
/// stride 2 (4x4, padding 1). `input: [batch, in, h, w]`, `weight: [out, in, k, k]`.
pub fn convolve(input: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, stride: usize) -> Tensor<4> {
    convolution(input, weight, bias, stride)
}

/// 3x3 convolution, batch norm, ReLU. The convolution has no bias: batch norm would remove it.
pub struct ConvBlock {
    pub name: String,
    pub inputs: usize,
    pub outputs: usize,
}

impl ConvBlock {
    /// He-normal in spirit: uniform with variance 2 / fan-in.
    pub fn init(&self, weights: &mut Weights, rng: &mut impl Rng, device: &Device) {
        let bound = (6.0 / (9 * self.inputs) as f32).sqrt();
        weights.insert_uniform(&self.entry("weight"), &[self.outputs, self.inputs, 3, 3], bound, rng, device);
        let ones = vec![1.0; self.outputs];
        let zeros = vec![0.0; self.outputs];
        weights.insert(&self.entry("scale"), &[self.outputs], Kind::Trainable, ones.clone(), device);
        weights.insert(&self.entry("shift"), &[self.outputs], Kind::Trainable, zeros.clone(), device);
        weights.insert(&self.entry("mean"), &[self.outputs], Kind::Statistic, zeros, device);
        weights.insert(&self.entry("variance"), &[self.outputs], Kind::Statistic, ones, device);
    }

    /// `momentum`: share of the batch in the new running statistics.
    pub fn forward(
        &self,
        weights: &Weights,
        input: Tensor<4>,
        mode: Mode,
        momentum: f64,
        statistics: &mut Statistics,
    ) -> Tensor<4> {
        let features = convolve(input, weights.get(&self.entry("weight")), None, 1);
        self.normalise(weights, features, mode, momentum, statistics)
    }

    /// [`ConvBlock::forward`] of `skip` joined by `half`, which has half its sides and is upsampled.
    pub fn forward_upsampled(
        &self,
        weights: &Weights,
        [skip, half]: [Tensor<4>; 2],
        mode: Mode,
        momentum: f64,
        statistics: &mut Statistics,
    ) -> Tensor<4> {
        let features = upsampled_convolution(skip, half, weights.get(&self.entry("weight")));
        self.normalise(weights, features, mode, momentum, statistics)
    }

    fn normalise(
        &self,
        weights: &Weights,
        features: Tensor<4>,
        mode: Mode,
        momentum: f64,
        statistics: &mut Statistics,
    ) -> Tensor<4> {
        let (scale, shift) = (weights.get(&self.entry("scale")), weights.get(&self.entry("shift")));
        let (mean, variance) = (weights.get(&self.entry("mean")), weights.get(&self.entry("variance")));
        match mode {
            Mode::Infer => normalise_relu(features, [scale, shift, mean, variance], EPSILON),
            Mode::Train => {
                let normalised = batch_norm_relu(features, scale, shift, EPSILON);
                statistics.push((self.entry("mean"), blend(mean, normalised.mean, momentum)));
                statistics.push((self.entry("variance"), blend(variance, normalised.variance, momentum)));
                normalised.output
            }
        }
    }

    fn entry(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }
}

/// Fully connected layer: `[batch, in, 1, 1]` to `[batch, out, 1, 1]`.
pub struct Dense {
    pub name: String,
    pub inputs: usize,
    pub outputs: usize,
}

impl Dense {
    /// Uniform with variance 2 / fan-in, like [`ConvBlock`]; no bias at first.
    pub fn init(&self, weights: &mut Weights, rng: &mut impl Rng, device: &Device) {
        let bound = (6.0 / self.inputs as f32).sqrt();
        let shape = [self.outputs, self.inputs, 1, 1];
        weights.insert_uniform(&format!("{}.weight", self.name), &shape, bound, rng, device);
        let bias = vec![0.0; self.outputs];
        weights.insert(&format!("{}.bias", self.name), &[self.outputs], Kind::Trainable, bias, device);
    }

    /// `input` may have pixels, `[batch, c, h, w]` with `c h w = in`: they are laid flat.
    pub fn forward(&self, weights: &Weights, input: Tensor<4>) -> Tensor<4> {
        let batch = input.dims()[0];
        let bias = weights.get(&format!("{}.bias", self.name));
        let weight = weights.get(&format!("{}.weight", self.name));
        convolve(input.reshape([batch, self.inputs, 1, 1]), weight, Some(bias), 1)
    }
}

/// Slope of the leaky ReLU below 0, in all discriminators that have one.
const LEAK: f64 = 0.2;

pub fn leaky(input: Tensor<4>) -> Tensor<4> {
    leaky_relu(input, LEAK)
}

/// Batch norm by the batch at hand, then leaky ReLU: `[batch, channel, h, w]`; `scale, shift: [channel]`.
///
/// No running statistics: discriminators are never asked outside of training.
pub fn batch_norm_leaky(features: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<4> {
    // leaky(x) = relu(x) - LEAK relu(-x), and the second is batch norm with its signs turned.
    let above = batch_norm_relu(features.clone(), scale.clone(), shift.clone(), EPSILON).output;
    let below = batch_norm_relu(features, scale.neg(), shift.neg(), EPSILON).output;
    above - below.mul_scalar(LEAK)
}

/// How often both sides can be halved, at most `most` times, so that 4 pixels are left on each: the depth of
/// networks that end in a dense layer. 5 for 224x224, down to 7x7; 3 for 32x32.
pub fn halvings([height, width]: [usize; 2], most: usize) -> usize {
    let can = |times: &usize| [height, width].iter().all(|side| side.is_multiple_of(1 << times) && side >> times >= 4);
    (1..=most).take_while(can).count()
}

pub(super) fn blend(running: Tensor<1>, batch: Tensor<1>, momentum: f64) -> Tensor<1> {
    let running = if running.is_autodiff() { running.inner() } else { running };
    let batch = if batch.is_autodiff() { batch.inner() } else { batch };
    running.mul_scalar(1.0 - momentum) + batch.mul_scalar(momentum)
}
