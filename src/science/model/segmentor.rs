use super::attention_gate::{Gate, attention_gate};
use super::kernel::max_pool;
use super::layer::{ConvBlock, Mode, Statistics};
use super::weights::{Kind, Weights};
use burn::tensor::{Device, Tensor};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Levels of the decoder, and so of attention gates and discriminator inputs (d = 1..4, Fig. 2).
pub const LEVELS: usize = 4;

/// UNet [49] with an attention gate at every decoder level (section III-B).
///
/// Level d = 1 has the image's size; each next one has half the side and twice the channels. The
/// bottleneck stands below level 4. Images must have sides that are multiples of 16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segmentor {
    pub channels: usize,
    /// Background included.
    pub classes: usize,
    /// Channels of level 1 (32 in the paper).
    pub width: usize,
    /// Multiply features by the attention map.
    pub gating: bool,
    /// Classify at every level, not at level 1 alone. Needed by gating and by adversarial deep supervision.
    pub deep_classifiers: bool,
    /// Share of a batch in the running statistics of batch norm.
    pub momentum: f64,
    #[serde(default, skip_serializing_if = "Design::is_paper")]
    pub design: Design,
}

/// Whose description the networks follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// The paper's text.
    #[default]
    Paper,
    /// The authors' code: see `released.rs`.
    Released,
}

impl Design {
    pub fn is_paper(&self) -> bool {
        *self == Design::Paper
    }
}

/// A forward pass.
pub struct Segmentation {
    /// Scores of level 1, `[batch, class, h, w]`: the prediction before its softmax.
    pub logits: Tensor<4>,
    /// By level, d = 1 first; one entry where `deep_classifiers` is off.
    pub gates: Vec<Gate>,
    /// Replaces the running statistics after a training pass; empty in inference.
    pub statistics: Statistics,
}

impl Segmentor {
    /// Fresh weights on `device`, drawn from `rng`.
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        if self.design == Design::Released {
            return self.init_released(rng, device);
        }
        let mut weights = Weights::default();
        for block in self.all_blocks() {
            block.init(&mut weights, rng, device);
        }
        for level in self.classifier_levels() {
            let channels = self.width_of(level);
            // Glorot-uniform: the classifier feeds a softmax.
            let bound = (6.0 / (channels + self.classes) as f32).sqrt();
            let shape = [self.classes, channels, 1, 1];
            weights.insert_uniform(&format!("gate{level}.weight"), &shape, bound, rng, device);
            let bias = vec![0.0; self.classes];
            weights.insert(&format!("gate{level}.bias"), &[self.classes], Kind::Trainable, bias, device);
        }
        weights
    }

    /// `image: [batch, channel, h, w]`.
    pub fn forward(&self, weights: &Weights, image: Tensor<4>, mode: Mode) -> Segmentation {
        if self.design == Design::Released {
            return self.forward_released(weights, image, mode);
        }
        let mut statistics = Statistics::new();
        let momentum = self.momentum;
        let mut run = |[first, second]: [ConvBlock; 2], x: Tensor<4>, half: Option<Tensor<4>>| {
            let x = match half {
                Some(half) => first.forward_upsampled(weights, [x, half], mode, momentum, &mut statistics),
                None => first.forward(weights, x, mode, momentum, &mut statistics),
            };
            second.forward(weights, x, mode, momentum, &mut statistics)
        };
        let mut skips = Vec::with_capacity(LEVELS);
        let mut features = image;
        for level in 1..=LEVELS {
            features = run(self.encoder(level), features, None);
            skips.push(features.clone());
            features = max_pool(features);
        }
        features = run(self.encoder(LEVELS + 1), features, None);

        let mut gates = Vec::with_capacity(LEVELS);
        for (level, skip) in (1..=LEVELS).rev().zip(skips.into_iter().rev()) {
            features = run(self.decoder(level), skip, Some(features));
            if self.classifier_levels().contains(&level) {
                let weight = weights.get(&format!("gate{level}.weight"));
                let bias = weights.get(&format!("gate{level}.bias"));
                // No layer follows level 1: nobody would read its gated features.
                let gate = attention_gate(features, weight, bias, self.gating && level > 1);
                features = gate.features.clone();
                gates.push(gate);
            }
        }
        gates.reverse();
        // The paper's text makes the level-1 classifier the prediction; no further layer follows it.
        Segmentation { logits: gates[0].logits.clone(), gates, statistics }
    }

    /// Multiply-adds of the convolutions of a forward pass, for one image of `[height, width]`.
    pub fn multiply_adds(&self, size: [usize; 2]) -> u64 {
        let pixels = |level: usize| size.iter().map(|side| side >> (level - 1)).product::<usize>();
        let blocks = |level: usize, blocks: [ConvBlock; 2]| -> usize {
            blocks.iter().map(|block| 9 * block.inputs * block.outputs).sum::<usize>() * pixels(level)
        };
        let encoder: usize = (1..=LEVELS + 1).map(|level| blocks(level, self.encoder(level))).sum();
        let decoder: usize = (1..=LEVELS).map(|level| blocks(level, self.decoder(level))).sum();
        let classifiers: usize =
            self.classifier_levels().map(|level| self.classes * self.width_of(level) * pixels(level)).sum();
        (encoder + decoder + classifiers) as u64
    }

    pub(super) fn width_of(&self, level: usize) -> usize {
        self.width << (level - 1)
    }

    fn classifier_levels(&self) -> std::ops::RangeInclusive<usize> {
        1..=if self.deep_classifiers { LEVELS } else { 1 }
    }

    /// The two blocks of an encoder level; `LEVELS + 1` is the bottleneck.
    pub(super) fn encoder(&self, level: usize) -> [ConvBlock; 2] {
        let inputs = if level == 1 { self.channels } else { self.width_of(level - 1) };
        self.blocks(&format!("encoder{level}"), inputs, self.width_of(level))
    }

    /// The two blocks of a decoder level, after skip and upsampled features were concatenated.
    fn decoder(&self, level: usize) -> [ConvBlock; 2] {
        let inputs = self.width_of(level) + self.width_of(level + 1);
        self.blocks(&format!("decoder{level}"), inputs, self.width_of(level))
    }

    fn blocks(&self, name: &str, inputs: usize, outputs: usize) -> [ConvBlock; 2] {
        [
            ConvBlock { name: format!("{name}.a"), inputs, outputs },
            ConvBlock { name: format!("{name}.b"), inputs: outputs, outputs },
        ]
    }

    fn all_blocks(&self) -> impl Iterator<Item = ConvBlock> {
        let encoder = (1..=LEVELS + 1).flat_map(|level| self.encoder(level));
        let decoder = (1..=LEVELS).flat_map(|level| self.decoder(level));
        encoder.chain(decoder).collect::<Vec<_>>().into_iter()
    }
}
