use super::kernel::{join, tanh, upsample, warp};
use super::layer::{ConvBlock, Dense, Mode, Statistics, convolve, halvings, leaky};
use super::strided::{Normalisation, StridedBlock};
use super::weights::{Kind, Weights};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Levels between the smallest features and the image.
const LEVELS: usize = 5;

/// Layers that see the whole image have as many channels as this times the outermost ones, at most.
const WIDEST: usize = 3;

/// What a generator of TSDA [65] makes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transformation {
    /// A field of displacements in pixels, `[batch, 2, h, w]`, rows first, by which image and labels are warped.
    Deformation,
    /// A mask to be added to the image, `[batch, channel, h, w]`, within ±1.
    Intensity,
}

impl Transformation {
    /// The transformed images. `images: [batch, channel, h, w]`.
    pub fn apply(self, images: Tensor<4>, transform: Tensor<4>) -> Tensor<4> {
        match self {
            Transformation::Deformation => warp(images, transform),
            Transformation::Intensity => images + transform,
        }
    }
}

/// Conditional generator of TSDA [65]: a transformation from an image and a random vector.
///
/// The vector z goes through a dense layer to the smallest features, and by levels of upsampling and convolution to the
/// image's size (128, 64, 32, 16, 16 channels for width 32); joined by two convolutions of the image, it goes through two
/// more and a last one: 3x3 to a field, or 1x1 without bias and tanh to an additive mask.
///
/// Readings: the authors' code upsamples bilinearly before 2x2 convolutions; here nearest neighbours before 3x3 ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    pub transformation: Transformation,
    /// Of the image.
    pub channels: usize,
    /// Twice the channels at full resolution.
    pub width: usize,
    pub size: [usize; 2],
    /// Length of z.
    pub latent: usize,
    /// Share of a batch in the running statistics of batch norm.
    pub momentum: f64,
}

impl Generator {
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        let mut weights = Weights::default();
        self.seed().init(&mut weights, rng, device);
        (2..=self.levels()).for_each(|level| self.level(level).init(&mut weights, rng, device));
        self.image_blocks().iter().chain(&self.joint_blocks()).for_each(|b| b.init(&mut weights, rng, device));
        let base = self.base();
        glorot(&mut weights, "level1.weight", [base, self.inputs_of(1), 3, 3], rng, device);
        weights.insert("level1.bias", &[base], Kind::Trainable, vec![0.0; base], device);
        match self.transformation {
            Transformation::Deformation => {
                glorot(&mut weights, "last.weight", [2, base, 3, 3], rng, device);
                weights.insert("last.bias", &[2], Kind::Trainable, vec![0.0; 2], device);
            }
            Transformation::Intensity => glorot(&mut weights, "last.weight", [self.channels, base, 1, 1], rng, device),
        }
        weights
    }

    /// `images: [batch, channel, h, w]`, `z: [batch, latent, 1, 1]`. Returns the field or mask, and in training the new
    /// running statistics.
    pub fn forward(&self, weights: &Weights, images: Tensor<4>, z: Tensor<4>, mode: Mode) -> (Tensor<4>, Statistics) {
        let mut statistics = Statistics::new();
        let mut run = |block: &ConvBlock, x| block.forward(weights, x, mode, self.momentum, &mut statistics);
        let batch = images.dims()[0];
        let [height, width] = self.size.map(|side| side >> self.levels());
        let mut features =
            relu(self.seed().forward(weights, z)).reshape([batch, self.inputs_of(self.levels()), height, width]);
        for level in (2..=self.levels()).rev() {
            features = run(&self.level(level), upsample(features));
        }
        let level1 = (weights.get("level1.weight"), weights.get("level1.bias"));
        features = convolve(upsample(features), level1.0, Some(level1.1), 1);
        let seen = self.image_blocks().iter().fold(images, |x, block| run(block, x));
        let both = self.joint_blocks().iter().fold(join(features, seen), |x, block| run(block, x));
        let transform = match self.transformation {
            Transformation::Deformation => {
                convolve(both, weights.get("last.weight"), Some(weights.get("last.bias")), 1)
            }
            Transformation::Intensity => tanh(convolve(both, weights.get("last.weight"), None, 1)),
        };
        (transform, statistics)
    }

    fn levels(&self) -> usize {
        halvings(self.size, LEVELS)
    }

    fn base(&self) -> usize {
        self.width.div_ceil(2)
    }

    /// Channels that a level gives: 1 is the image's size.
    fn outputs_of(&self, level: usize) -> usize {
        self.base() << level.saturating_sub(2).min(WIDEST)
    }

    fn inputs_of(&self, level: usize) -> usize {
        self.outputs_of((level + 1).min(self.levels()))
    }

    fn seed(&self) -> Dense {
        let pixels: usize = self.size.iter().map(|side| side >> self.levels()).product();
        Dense { name: "seed".to_owned(), inputs: self.latent, outputs: self.inputs_of(self.levels()) * pixels }
    }

    fn level(&self, level: usize) -> ConvBlock {
        ConvBlock { name: format!("level{level}"), inputs: self.inputs_of(level), outputs: self.outputs_of(level) }
    }

    fn image_blocks(&self) -> [ConvBlock; 2] {
        let base = self.base();
        let block = |name: &str, inputs| ConvBlock { name: name.to_owned(), inputs, outputs: base };
        [block("image.a", self.channels), block("image.b", base)]
    }

    fn joint_blocks(&self) -> [ConvBlock; 2] {
        let base = self.base();
        let block = |name: &str, inputs| ConvBlock { name: name.to_owned(), inputs, outputs: base };
        [block("joint.a", 2 * base), block("joint.b", base)]
    }
}

/// Discriminator of TSDA [65]: whether an image is a real one or a transformed annotated one.
///
/// Blocks of stride 2 with batch norm and leaky ReLU (16, 32, 64, 128, 128 channels for width 32), then three dense layers
/// with leaky ReLU in between. Reading: the authors' kernels are 5x5, here 4x4. Batch norm goes over the batch at hand,
/// which holds as many real images as fake ones.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageDiscriminator {
    pub channels: usize,
    pub width: usize,
    pub size: [usize; 2],
}

impl ImageDiscriminator {
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        let mut weights = Weights::default();
        (1..=self.levels()).for_each(|level| self.block(level).init(&mut weights, rng, device));
        self.dense().iter().for_each(|dense| dense.init(&mut weights, rng, device));
        weights
    }

    /// `images: [batch, channel, h, w]`; returns `[batch]` unbounded scores, high for real.
    pub fn forward(&self, weights: &Weights, images: Tensor<4>) -> Tensor<1> {
        let batch = images.dims()[0];
        let mut none = Statistics::new();
        let features = (1..=self.levels()).fold(images, |x, level| self.block(level).forward(weights, x, &mut none));
        let [first, second, last] = self.dense();
        let hidden = leaky(second.forward(weights, leaky(first.forward(weights, features))));
        last.forward(weights, hidden).reshape([batch])
    }

    fn levels(&self) -> usize {
        halvings(self.size, LEVELS)
    }

    fn outputs_of(&self, level: usize) -> usize {
        self.width.div_ceil(2) << (level - 1).min(WIDEST)
    }

    fn block(&self, level: usize) -> StridedBlock {
        StridedBlock {
            name: format!("block{level}"),
            inputs: if level == 1 { self.channels } else { self.outputs_of(level - 1) },
            outputs: self.outputs_of(level),
            stride: 2,
            normalisation: Normalisation::Batch,
        }
    }

    fn dense(&self) -> [Dense; 3] {
        let pixels: usize = self.size.iter().map(|side| side >> self.levels()).product();
        let hidden = self.width.div_ceil(2) << WIDEST;
        let dense = |name: &str, inputs, outputs| Dense { name: name.to_owned(), inputs, outputs };
        [
            dense("dense1", self.outputs_of(self.levels()) * pixels, hidden),
            dense("dense2", hidden, hidden),
            dense("dense3", hidden, 1),
        ]
    }
}

fn glorot(weights: &mut Weights, name: &str, shape: [usize; 4], rng: &mut impl Rng, device: &Device) {
    let area = shape[2] * shape[3];
    let bound = (6.0 / (area * (shape[0] + shape[1])) as f32).sqrt();
    weights.insert_uniform(name, &shape, bound, rng, device);
}
