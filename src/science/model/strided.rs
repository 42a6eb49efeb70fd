use super::kernel::spectral_norm;
use super::layer::{Statistics, batch_norm_leaky, convolve, leaky};
use super::weights::{Kind, Weights};
use burn::tensor::{Device, Tensor};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// What stands between the convolutions of a convolutional discriminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// Batch norm by the batch at hand: pix2pix. The scores of an image depend on its batch.
    #[default]
    Batch,
    /// Each image's channels by their own mean and variance.
    Instance,
    /// Spectral norm of the weights, as in our discriminator (section III-C).
    Spectral,
    None,
}

/// 4x4 convolution of padding 1, normalisation, leaky ReLU: a block of a convolutional discriminator.
/// Stride 2 halves the sides, stride 1 takes one pixel of each.
pub struct StridedBlock {
    pub name: String,
    pub inputs: usize,
    pub outputs: usize,
    pub stride: usize,
    pub normalisation: Normalisation,
}

/// Standard deviation of fresh weights (pix2pix).
const DEVIATION: f32 = 0.02;

impl StridedBlock {
    pub fn init(&self, weights: &mut Weights, rng: &mut impl Rng, device: &Device) {
        let mut insert = |part: &str, shape: &[usize], kind, values| {
            weights.insert(&self.entry(part), shape, kind, values, device);
        };
        let shape = [self.outputs, self.inputs, 4, 4];
        insert("weight", &shape, Kind::Trainable, normal(shape.iter().product(), DEVIATION, rng));
        match self.normalisation {
            Normalisation::Batch | Normalisation::Instance => {
                insert("scale", &[self.outputs], Kind::Trainable, vec![1.0; self.outputs]);
                insert("shift", &[self.outputs], Kind::Trainable, vec![0.0; self.outputs]);
            }
            Normalisation::Spectral | Normalisation::None => {
                insert("bias", &[self.outputs], Kind::Trainable, vec![0.0; self.outputs]);
            }
        }
        if self.normalisation == Normalisation::Spectral {
            insert("u", &[self.outputs], Kind::Statistic, normal(self.outputs, 1.0, rng));
        }
    }

    /// `[batch, in, h, w]` to `[batch, out, h / stride, w / stride]`, or a pixel less at stride 1.
    pub fn forward(&self, weights: &Weights, input: Tensor<4>, statistics: &mut Statistics) -> Tensor<4> {
        let weight = weights.get(&self.entry("weight"));
        match self.normalisation {
            Normalisation::None => leaky(convolve(input, weight, Some(weights.get(&self.entry("bias"))), self.stride)),
            Normalisation::Spectral => {
                let normed = spectral_norm(weight, weights.get(&self.entry("u")), 1);
                statistics.push((self.entry("u"), normed.u));
                leaky(convolve(input, normed.weight, Some(weights.get(&self.entry("bias"))), self.stride))
            }
            Normalisation::Batch | Normalisation::Instance => {
                let (scale, shift) = (weights.get(&self.entry("scale")), weights.get(&self.entry("shift")));
                let features = convolve(input, weight, None, self.stride);
                match self.normalisation {
                    Normalisation::Instance => by_instance(features, scale, shift),
                    _ => batch_norm_leaky(features, scale, shift),
                }
            }
        }
    }

    fn entry(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }
}

/// Every channel of every image is a channel of one image.
fn by_instance(features: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<4> {
    let dims @ [batch, channels, height, width] = features.dims();
    let all = features.reshape([1, batch * channels, height, width]);
    batch_norm_leaky(all, scale.repeat(&[batch]), shift.repeat(&[batch])).reshape(dims)
}

/// Values of mean 0.
pub fn normal(length: usize, deviation: f32, rng: &mut impl Rng) -> Vec<f32> {
    let mut draw = || -> f32 { StandardNormal.sample(rng) };
    (0..length).map(|_| deviation * draw()).collect()
}
