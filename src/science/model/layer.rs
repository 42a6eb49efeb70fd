use super::kernel::{batch_norm_relu, convolution, normalise_relu, upsampled_convolution};
use super::weights::{Kind, Weights};
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

pub(super) fn blend(running: Tensor<1>, batch: Tensor<1>, momentum: f64) -> Tensor<1> {
    let running = if running.is_autodiff() { running.inner() } else { running };
    let batch = if batch.is_autodiff() { batch.inner() } else { batch };
    running.mul_scalar(1.0 - momentum) + batch.mul_scalar(momentum)
}
