use super::layer::{Statistics, convolve};
use super::strided::{Normalisation, StridedBlock, normal};
use super::weights::{Kind, Weights};
use burn::tensor::{Device, Tensor};
use rand::Rng;

/// Blocks: three of stride 2, one of stride 1. With the last convolution a score looks at 70x70 pixels.
const BLOCKS: usize = 4;

/// The PatchGAN of pix2pix [26] over masks: what ACCL [25] plays against.
///
/// C64-C128-C256-C512 for width 32, 4x4 kernels with padding 1, leaky ReLU of slope 0.2, the first block without
/// normalisation; then a 4x4 convolution of stride 1 to one score a patch. It sees the foreground at full resolution.
///
/// Readings: ACCL names PatchGAN and no more, so that its form is that of pix2pix, with batch norm by the batch at
/// hand; pix2pix scores real and fake in batches of their own, and so should who calls this ([`Self::mixes_images`]).
/// There is no sigmoid at the end: the game is one of least squares. The score map of a small image is small (2x2 for
/// 32x32, 26x26 for 224x224), and its patches then reach over the border.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchDiscriminator {
    pub classes: usize,
    /// Half the channels of the first block: 32 for pix2pix's own size.
    pub width: usize,
    /// Height and width of the input: at least 24.
    pub size: [usize; 2],
    pub normalisation: Normalisation,
}

impl PatchDiscriminator {
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        let mut weights = Weights::default();
        (1..=BLOCKS).for_each(|block| self.block(block).init(&mut weights, rng, device));
        let shape = [1, self.outputs_of(BLOCKS), 4, 4];
        let values = normal(shape.iter().product(), 0.02, rng);
        weights.insert("score.weight", &shape, Kind::Trainable, values, device);
        weights.insert("score.bias", &[1], Kind::Trainable, vec![0.0], device);
        weights
    }

    /// `masks`: only the first is read, the foreground channels `[batch, class - 1, h, w]`. Returns
    /// `[batch * patches]` scores, the patches of an image together and in row-major order ([`Self::patches`] each),
    /// and the new vectors of spectral normalisation, if there is any.
    pub fn forward(&self, weights: &Weights, masks: &[Tensor<4>]) -> (Tensor<1>, Statistics) {
        let mut statistics = Statistics::new();
        let mut features = masks[0].clone();
        for block in 1..=BLOCKS {
            features = self.block(block).forward(weights, features, &mut statistics);
        }
        let scores = convolve(features, weights.get("score.weight"), Some(weights.get("score.bias")), 1);
        let count = scores.dims().iter().product::<usize>();
        (scores.reshape([count]), statistics)
    }

    /// Scores of one image.
    pub fn patches(&self) -> usize {
        self.size.iter().map(|side| (side >> 3) - 2).product()
    }

    /// Whether the scores of an image depend on the others of its batch: real and fake are then to be scored apart.
    pub fn mixes_images(&self) -> bool {
        self.normalisation == Normalisation::Batch
    }

    /// Multiply-adds of a forward pass for one image's mask.
    pub fn multiply_adds(&self) -> u64 {
        let pixels = |block: usize| match block {
            1..BLOCKS => self.size.iter().map(|side| side >> block).product::<usize>(),
            _ => self.size.iter().map(|side| (side >> 3) - (block - 3)).product(),
        };
        let block = |block: usize| 16 * self.inputs_of(block) * self.outputs_of(block) * pixels(block);
        ((1..=BLOCKS).map(block).sum::<usize>() + 16 * self.outputs_of(BLOCKS) * pixels(BLOCKS + 1)) as u64
    }

    fn block(&self, block: usize) -> StridedBlock {
        StridedBlock {
            name: format!("block{block}"),
            inputs: self.inputs_of(block),
            outputs: self.outputs_of(block),
            stride: if block < BLOCKS { 2 } else { 1 },
            normalisation: if block == 1 && !matches!(self.normalisation, Normalisation::Spectral) {
                Normalisation::None
            } else {
                self.normalisation
            },
        }
    }

    fn inputs_of(&self, block: usize) -> usize {
        if block == 1 { self.classes - 1 } else { self.outputs_of(block - 1) }
    }

    fn outputs_of(&self, block: usize) -> usize {
        self.width << block
    }
}
