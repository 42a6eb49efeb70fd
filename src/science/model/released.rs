//! Both networks as the paper's authors released them (for TensorFlow 1 and ACDC), where their code and the paper's text differ.
//!
//! Segmentor: the bottleneck is two 1x1 convolutions; the decoder upsamples, convolves (batch norm, no activation) and only
//! then joins the skip connection; the attention comes from the first convolution after that and gates the second, at level 1
//! too; a last 1x1 convolution predicts. The discriminator sees that prediction and the attention of levels 2 to 4.
//!
//! Discriminator: the first block is a plain convolution with leaky ReLU; what joins the next mask is compressed to 13
//! channels with a sigmoid; further blocks have 4, 8 and 16 times the first one's filters, spectral norm and tanh, the last
//! with stride 1; one dense layer.
//!
//! Readings: weights start as uniform numbers of the released variance; batch norm keeps this project's epsilon (1e-5, not 1e-3).

use super::attention_gate::Gate;
use super::discriminator::Discriminator;
use super::kernel::{
    attend, batch_norm_relu, foreground, join, max_pool, normalise_relu, spectral_norm, tanh, upsample,
};
use super::layer::{ConvBlock, EPSILON, Mode, Statistics, blend, convolve, leaky};
use super::segmentor::{LEVELS, Segmentation, Segmentor};
use super::weights::{Kind, Weights};
use burn::tensor::activation::sigmoid;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use rand::{Rng, RngExt};

/// A convolution with batch norm; without a ReLU if `linear`.
struct Normed {
    name: String,
    inputs: usize,
    outputs: usize,
    side: usize,
    linear: bool,
}

impl Normed {
    fn init(&self, weights: &mut Weights, rng: &mut impl Rng, device: &Device) {
        let name = |part: &str| format!("{}.{part}", self.name);
        let shape = [self.outputs, self.inputs, self.side, self.side];
        he(weights, &name("weight"), &shape, rng, device);
        let (ones, zeros) = (vec![1.0; self.outputs], vec![0.0; self.outputs]);
        for (part, kind, values) in [
            ("scale", Kind::Trainable, &ones),
            ("shift", Kind::Trainable, &zeros),
            ("mean", Kind::Statistic, &zeros),
            ("variance", Kind::Statistic, &ones),
        ] {
            weights.insert(&name(part), &[self.outputs], kind, values.clone(), device);
        }
    }

    fn forward(&self, pass: &mut Pass, input: Tensor<4>) -> Tensor<4> {
        let name = |part: &str| format!("{}.{part}", self.name);
        let weights = pass.weights;
        let features = convolve(input, weights.get(&name("weight")), None, 1);
        let [scale, shift, mean, variance] =
            ["scale", "shift", "mean", "variance"].map(|part| weights.get::<1>(&name(part)));
        match pass.mode {
            Mode::Infer => {
                let side = |scale, shift| {
                    let entries = [scale, shift, mean.clone(), variance.clone()];
                    normalise_relu(features.clone(), entries, EPSILON)
                };
                both_sides(self.linear, scale, shift, side)
            }
            Mode::Train => {
                let mut statistics = None;
                let side = |scale, shift| {
                    let normalised = batch_norm_relu(features.clone(), scale, shift, EPSILON);
                    statistics = Some((normalised.mean, normalised.variance));
                    normalised.output
                };
                let output = both_sides(self.linear, scale, shift, side);
                if let Some((of_mean, of_variance)) = statistics {
                    pass.statistics.push((name("mean"), blend(mean, of_mean, pass.momentum)));
                    pass.statistics.push((name("variance"), blend(variance, of_variance, pass.momentum)));
                }
                output
            }
        }
    }
}

/// x = relu(x) - relu(-x): without a ReLU, by a kernel that has one.
fn both_sides(
    linear: bool,
    scale: Tensor<1>,
    shift: Tensor<1>,
    mut side: impl FnMut(Tensor<1>, Tensor<1>) -> Tensor<4>,
) -> Tensor<4> {
    let above = side(scale.clone(), shift.clone());
    if linear { above - side(scale.neg(), shift.neg()) } else { above }
}

struct Pass<'a> {
    weights: &'a Weights,
    mode: Mode,
    momentum: f64,
    statistics: Statistics,
}

impl Pass<'_> {
    fn encode(&mut self, blocks: [ConvBlock; 2], input: Tensor<4>) -> Tensor<4> {
        blocks.into_iter().fold(input, |features, block| {
            block.forward(self.weights, features, self.mode, self.momentum, &mut self.statistics)
        })
    }
}

fn he(weights: &mut Weights, name: &str, shape: &[usize], rng: &mut impl Rng, device: &Device) {
    let fan_in: usize = shape[1..].iter().product();
    weights.insert_uniform(name, shape, (6.0 / fan_in as f32).sqrt(), rng, device);
}

fn biased(weights: &mut Weights, name: &str, shape: [usize; 4], rng: &mut impl Rng, device: &Device) {
    he(weights, &format!("{name}.weight"), &shape, rng, device);
    weights.insert(&format!("{name}.bias"), &[shape[0]], Kind::Trainable, vec![0.0; shape[0]], device);
}

fn apply(weights: &Weights, name: &str, input: Tensor<4>, stride: usize) -> Tensor<4> {
    convolve(input, weights.get(&format!("{name}.weight")), Some(weights.get(&format!("{name}.bias"))), stride)
}

impl Segmentor {
    pub(super) fn init_released(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        let mut weights = Weights::default();
        for level in 1..=LEVELS {
            self.encoder(level).into_iter().for_each(|block| block.init(&mut weights, rng, device));
        }
        self.code().into_iter().for_each(|layer| layer.init(&mut weights, rng, device));
        for level in (1..=LEVELS).rev() {
            self.decoder_released(level).into_iter().for_each(|layer| layer.init(&mut weights, rng, device));
            let shape = [self.classes, self.width_of(level), 1, 1];
            biased(&mut weights, &format!("gate{level}"), shape, rng, device);
        }
        biased(&mut weights, "output", [self.classes, self.width, 1, 1], rng, device);
        weights
    }

    pub(super) fn forward_released(&self, weights: &Weights, image: Tensor<4>, mode: Mode) -> Segmentation {
        let mut pass = Pass { weights, mode, momentum: self.momentum, statistics: Statistics::new() };
        let (mut skips, mut features) = (Vec::with_capacity(LEVELS), image);
        for level in 1..=LEVELS {
            let level = pass.encode(self.encoder(level), features);
            features = max_pool(level.clone());
            skips.push(level);
        }
        features = self.code().iter().fold(features, |features, layer| layer.forward(&mut pass, features));
        let mut gates = Vec::with_capacity(LEVELS);
        for (level, skip) in (1..=LEVELS).rev().zip(skips.into_iter().rev()) {
            let [up, first, second] = self.decoder_released(level);
            let raised = up.forward(&mut pass, upsample(features));
            let attended = first.forward(&mut pass, join(raised, skip));
            let logits = apply(weights, &format!("gate{level}"), attended.clone(), 1);
            let seen = foreground(logits.clone());
            features = attend(second.forward(&mut pass, attended), seen.clone());
            gates.push(Gate { logits, foreground: seen, features: features.clone() });
        }
        gates.reverse();
        let logits = apply(weights, "output", features.clone(), 1);
        gates[0] = Gate { logits: logits.clone(), foreground: foreground(logits.clone()), features };
        Segmentation { logits, gates, statistics: pass.statistics }
    }

    /// The bottleneck.
    fn code(&self) -> [Normed; 2] {
        let (inputs, outputs) = (self.width_of(LEVELS), self.width_of(LEVELS + 1));
        let layer =
            |part: &str, inputs| Normed { name: format!("code.{part}"), inputs, outputs, side: 1, linear: false };
        [layer("a", inputs), layer("b", outputs)]
    }

    /// After upsampling, and the two after the skip connection.
    fn decoder_released(&self, level: usize) -> [Normed; 3] {
        let outputs = self.width_of(level);
        let layer = |part: &str, inputs, linear| Normed {
            name: format!("decoder{level}.{part}"),
            inputs,
            outputs,
            side: 3,
            linear,
        };
        [layer("up", self.width_of(level + 1), true), layer("a", 2 * outputs, false), layer("b", outputs, false)]
    }
}

/// Channels that join the next mask.
const SQUEEZED: usize = 13;

impl Discriminator {
    pub(super) fn init_released(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        let mut weights = Weights::default();
        biased(&mut weights, "first", [self.width, self.classes - 1, 4, 4], rng, device);
        for block in 1..LEVELS {
            let name = |part: &str| format!("block{block}.{part}");
            let inputs = if block == 1 { self.width } else { self.filters(block - 1) };
            biased(&mut weights, &name("squeeze"), [SQUEEZED, inputs, 1, 1], rng, device);
            let masks = if self.multi_scale { self.classes - 1 } else { 0 };
            let outputs = self.filters(block);
            biased(&mut weights, &name("strided"), [outputs, SQUEEZED + masks, 4, 4], rng, device);
            let u = (0..outputs).map(|_| rng.random_range(-1.0..=1.0)).collect();
            weights.insert(&name("strided.u"), &[outputs], Kind::Statistic, u, device);
        }
        let [height, width] = self.size.map(|side| side >> (LEVELS - 1));
        let shape = [1, self.filters(LEVELS - 1) * height * width, 1, 1];
        let bound = (6.0 / (shape[1] + height * width) as f32).sqrt();
        weights.insert_uniform("dense.weight", &shape, bound, rng, device);
        weights.insert("dense.bias", &[1], Kind::Trainable, vec![0.0], device);
        weights
    }

    pub(super) fn forward_released(&self, weights: &Weights, masks: &[Tensor<4>]) -> (Tensor<1>, Statistics) {
        let mut statistics = Statistics::new();
        let mut features = leaky(apply(weights, "first", masks[0].clone(), 2));
        for block in 1..LEVELS {
            let name = |part: &str| format!("block{block}.{part}");
            let mask = masks.get(block).filter(|_| self.multi_scale);
            features = sigmoid(apply(weights, &name("squeeze"), features, 1));
            if let Some(mask) = mask {
                features = join(features, mask.clone());
            }
            let normed = spectral_norm(weights.get(&name("strided.weight")), weights.get(&name("strided.u")), 1);
            statistics.push((name("strided.u"), normed.u));
            let bias = weights.get::<1>(&name("strided.bias"));
            features = tanh(if block + 1 < LEVELS {
                convolve(features, normed.weight, Some(bias), 2)
            } else {
                same_size(features, normed.weight, bias)
            });
        }
        (self.dense(weights, features), statistics)
    }

    fn filters(&self, block: usize) -> usize {
        self.width << (block + 1)
    }
}

/// A 4x4 convolution that keeps the size: a pixel of zeros before, two behind, as TensorFlow's `same` has it.
fn same_size(input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let padded = input.pad((1, 2, 1, 2), 0.0);
    conv2d(padded, weight, Some(bias), ConvOptions::new([1, 1], [0, 0], [1, 1], 1))
}
