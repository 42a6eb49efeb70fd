use super::kernel::{join, max_pool, spectral_norm, tanh};
use super::layer::{Statistics, convolve};
use super::segmentor::{Design, LEVELS};
use super::weights::{Kind, Weights};
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Filters of the compressing 1x1 convolution (section III-B).
const COMPRESSED: usize = 12;

/// Convolutional encoder that scores masks at several scales (section III-B).
///
/// Block d: 4x4 convolution of stride 2 with spectral normalisation, tanh, 1x1 convolution to 12
/// channels, tanh. Before blocks 2 to 4 the mask of that resolution is concatenated, unless
/// `multi_scale` is off (the vanilla discriminator of UNet_D: same capacity but for those channels).
/// A dense layer gives one unbounded score an image.
///
/// The paper lists five filter counts (32 to 512, those of the segmentor's encoder) for four scales:
/// read as five blocks, the last without a mask of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Discriminator {
    pub classes: usize,
    pub width: usize,
    /// Height and width of the input: multiples of 16, at least 32.
    pub size: [usize; 2],
    pub multi_scale: bool,
    pub design: Design,
}

const BLOCKS: usize = LEVELS + 1;

impl Discriminator {
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        if self.design == Design::Released {
            return self.init_released(rng, device);
        }
        let mut weights = Weights::default();
        for block in 1..=BLOCKS {
            let (inputs, outputs) = (self.inputs_of(block), self.width << (block - 1));
            let name = |part: &str| format!("block{block}.{part}");
            glorot(&mut weights, &name("strided.weight"), &[outputs, inputs, 4, 4], rng, device);
            weights.insert(&name("strided.bias"), &[outputs], Kind::Trainable, vec![0.0; outputs], device);
            let u = (0..outputs).map(|_| rng.random_range(-1.0..=1.0)).collect();
            weights.insert(&name("strided.u"), &[outputs], Kind::Statistic, u, device);
            glorot(&mut weights, &name("compress.weight"), &[COMPRESSED, outputs, 1, 1], rng, device);
            weights.insert(&name("compress.bias"), &[COMPRESSED], Kind::Trainable, vec![0.0; COMPRESSED], device);
        }
        let [height, width] = (0..BLOCKS).fold(self.size, |size, _| size.map(|side| side / 2));
        glorot(&mut weights, "dense.weight", &[1, COMPRESSED * height * width, 1, 1], rng, device);
        weights.insert("dense.bias", &[1], Kind::Trainable, vec![0.0], device);
        weights
    }

    /// `masks`: foreground channels by level, `[batch, class - 1, h, w]` with h and w halved at each
    /// level; only the first is read without `multi_scale`. Returns `[batch]` scores and the new
    /// vectors of spectral normalisation.
    pub fn forward(&self, weights: &Weights, masks: &[Tensor<4>]) -> (Tensor<1>, Statistics) {
        if self.design == Design::Released {
            return self.forward_released(weights, masks);
        }
        let mut statistics = Statistics::new();
        let mut features = masks[0].clone();
        for block in 1..=BLOCKS {
            let name = |part: &str| format!("block{block}.{part}");
            if block > 1 && self.receives_mask(block) {
                features = join(features, masks[block - 1].clone());
            }
            let normed = spectral_norm(weights.get(&name("strided.weight")), weights.get(&name("strided.u")), 1);
            statistics.push((name("strided.u"), normed.u));
            features = tanh(convolve(features, normed.weight, Some(weights.get(&name("strided.bias"))), 2));
            let compress = weights.get(&name("compress.weight"));
            features = tanh(convolve(features, compress, Some(weights.get(&name("compress.bias"))), 1));
        }
        (self.dense(weights, features), statistics)
    }

    /// One score an image.
    pub(super) fn dense(&self, weights: &Weights, features: Tensor<4>) -> Tensor<1> {
        let batch = features.dims()[0];
        let flat: Tensor<2> = features.reshape([batch as i32, -1]);
        let dense: Tensor<4> = weights.get("dense.weight");
        let dense: Tensor<2> = dense.reshape([1, -1]);
        flat.matmul(dense.transpose()).reshape([batch]) + weights.get::<1>("dense.bias")
    }

    /// Multiply-adds of a forward pass for one image's masks.
    pub fn multiply_adds(&self) -> u64 {
        let block = |block: usize| {
            let (pixels, outputs) =
                (self.size.iter().map(|side| side >> block).product::<usize>(), self.width << (block - 1));
            pixels * outputs * (16 * self.inputs_of(block) + COMPRESSED)
        };
        let dense = COMPRESSED * self.size.iter().map(|side| side >> BLOCKS).product::<usize>();
        ((1..=BLOCKS).map(block).sum::<usize>() + dense) as u64
    }

    fn receives_mask(&self, block: usize) -> bool {
        block == 1 || (self.multi_scale && block <= LEVELS)
    }

    fn inputs_of(&self, block: usize) -> usize {
        let carried = if block == 1 { 0 } else { COMPRESSED };
        carried + if self.receives_mask(block) { self.classes - 1 } else { 0 }
    }
}

fn glorot(weights: &mut Weights, name: &str, shape: &[usize; 4], rng: &mut impl Rng, device: &Device) {
    let area = shape[2] * shape[3];
    let bound = (6.0 / (area * (shape[0] + shape[1])) as f32).sqrt();
    weights.insert_uniform(name, shape, bound, rng, device);
}

/// How real masks are brought to the lower levels. The paper says only "downsampled".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskPyramid {
    /// Mean over each block of pixels: the share of the class in it, soft like a prediction.
    #[default]
    Area,
    /// Top-left pixel of each block.
    Nearest,
    /// Maximum over each block.
    Max,
    /// Bilinear from the full resolution, corners on corners: the released code's choice.
    Bilinear,
}

/// Real masks at all levels: `one_hot: [batch, class, h, w]` with the background in channel 0 →
/// foreground channels `[batch, class - 1, h / 2^(d-1), w / 2^(d-1)]`, d = 1 first.
pub fn mask_pyramid(one_hot: Tensor<4>, reading: MaskPyramid) -> Vec<Tensor<4>> {
    let classes = one_hot.dims()[1];
    let mut levels = vec![one_hot.narrow(1, 1, classes - 1)];
    for level in 1..LEVELS {
        // But for the bilinear one, a block is read as its quarters' readings are; of one-hot masks even the means are exact.
        let above = levels[level - 1].clone();
        levels.push(match reading {
            MaskPyramid::Area => avg_pool2d(above, AvgPoolOptions::new([2, 2])),
            MaskPyramid::Max => max_pool(above),
            MaskPyramid::Nearest => corners(above),
            MaskPyramid::Bilinear => aligned(levels[0].clone(), level),
        });
    }
    levels
}

/// The top-left pixel of each block of four.
fn corners(mask: Tensor<4>) -> Tensor<4> {
    let [batch, classes, height, width] = mask.dims();
    let blocks: Tensor<6> = mask.reshape([batch, classes, height / 2, 2, width / 2, 2]);
    let corner = blocks.narrow(3, 0, 1).narrow(5, 0, 1);
    corner.reshape([batch, classes, height / 2, width / 2])
}

/// The full resolution with its sides halved `times` times.
fn aligned(mask: Tensor<4>, times: usize) -> Tensor<4> {
    let [_, _, height, width] = mask.dims();
    let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(true);
    interpolate(mask, options.with_output_size([height >> times, width >> times]))
}
