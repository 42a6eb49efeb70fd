use super::kernel::{max_pool, upsample};
use super::layer::{ConvBlock, Dense, Mode, Statistics, convolve, halvings};
use super::weights::values;
use super::weights::{Kind, Weights};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// The denoising autoencoder of PostDAE [14]: a mask goes through a short code, which holds plausible shapes only.
///
/// Encoder: levels of two 3x3 convolutions that halve the sides, 16 channels at first and then 32 (for width 32); a
/// dense layer to the code of 512; a dense layer back; decoder: levels of upsampling and two 3x3 convolutions of 16
/// channels; a 1x1 classifier. Five levels, or as many as leave 4 pixels a side.
///
/// Readings: [14] halves by the stride of the first convolution, here max pooling stands behind it; its upsampling is
/// learnt, here nearest neighbours go before a convolution. Convolutions have batch norm like all of ours; [14] names none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denoiser {
    /// Background included.
    pub classes: usize,
    /// Channels of the encoder's inner levels.
    pub width: usize,
    /// Height and width of masks, of which the dense layers depend.
    pub size: [usize; 2],
    /// Numbers in the bottleneck.
    pub code: usize,
    /// Share of a batch in the running statistics of batch norm.
    pub momentum: f64,
}

const LEVELS: usize = 5;

/// What the autoencoder is given of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DenoiserInput {
    /// The most probable classes, one-hot: like the masks that it was trained on.
    #[default]
    Labels,
    Probabilities,
}

impl Denoiser {
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Weights {
        let mut weights = Weights::default();
        for level in 1..=self.levels() {
            self.encoder(level).iter().for_each(|block| block.init(&mut weights, rng, device));
            self.decoder(level).iter().for_each(|block| block.init(&mut weights, rng, device));
        }
        let [code, back] = self.bottleneck();
        code.init(&mut weights, rng, device);
        back.init(&mut weights, rng, device);
        let channels = self.outer();
        let bound = (6.0 / (channels + self.classes) as f32).sqrt();
        weights.insert_uniform("classifier.weight", &[self.classes, channels, 1, 1], bound, rng, device);
        weights.insert("classifier.bias", &[self.classes], Kind::Trainable, vec![0.0; self.classes], device);
        weights
    }

    /// `masks: [batch, class, h, w]`, one-hot or probabilities; returns class scores of the same shape, and in training
    /// the new running statistics.
    pub fn forward(&self, weights: &Weights, masks: Tensor<4>, mode: Mode) -> (Tensor<4>, Statistics) {
        let mut statistics = Statistics::new();
        let mut run = |block: &ConvBlock, x| block.forward(weights, x, mode, self.momentum, &mut statistics);
        let mut features = masks;
        for level in 1..=self.levels() {
            let [first, second] = self.encoder(level);
            features = max_pool(run(&first, features));
            features = run(&second, features);
        }
        let shape = features.dims();
        let [code, back] = self.bottleneck();
        let code = relu(code.forward(weights, features));
        features = relu(back.forward(weights, code)).reshape(shape);
        for level in (1..=self.levels()).rev() {
            let [first, second] = self.decoder(level);
            features = run(&first, upsample(features));
            features = run(&second, features);
        }
        let classifier = (weights.get("classifier.weight"), weights.get("classifier.bias"));
        (convolve(features, classifier.0, Some(classifier.1), 1), statistics)
    }

    /// Post-processing: class scores of a segmentor, `[batch, class, h, w]` and outside of autodiff, to those of the
    /// plausible mask next to its prediction.
    pub fn correct(&self, weights: &Weights, logits: Tensor<4>, input: DenoiserInput) -> Tensor<4> {
        let masks = match input {
            DenoiserInput::Labels => one_hot_of_largest(logits),
            DenoiserInput::Probabilities => softmax(logits, 1),
        };
        self.forward(weights, masks, Mode::Infer).0
    }

    fn levels(&self) -> usize {
        halvings(self.size, LEVELS)
    }

    /// Channels of the outermost level and of the whole decoder.
    fn outer(&self) -> usize {
        self.width.div_ceil(2)
    }

    fn encoder(&self, level: usize) -> [ConvBlock; 2] {
        let inputs = match level {
            1 => self.classes,
            2 => self.outer(),
            _ => self.width,
        };
        self.blocks(&format!("encoder{level}"), inputs, if level == 1 { self.outer() } else { self.width })
    }

    fn decoder(&self, level: usize) -> [ConvBlock; 2] {
        let deepest = level == self.levels() && level > 1;
        self.blocks(&format!("decoder{level}"), if deepest { self.width } else { self.outer() }, self.outer())
    }

    fn bottleneck(&self) -> [Dense; 2] {
        let channels = if self.levels() > 1 { self.width } else { self.outer() };
        let flat = channels * self.size.iter().map(|side| side >> self.levels()).product::<usize>();
        [
            Dense { name: "code".to_owned(), inputs: flat, outputs: self.code },
            Dense { name: "back".to_owned(), inputs: self.code, outputs: flat },
        ]
    }

    fn blocks(&self, name: &str, inputs: usize, outputs: usize) -> [ConvBlock; 2] {
        [
            ConvBlock { name: format!("{name}.a"), inputs, outputs },
            ConvBlock { name: format!("{name}.b"), inputs: outputs, outputs },
        ]
    }
}

/// 1 in the most probable class of each pixel, the lowest on ties.
fn one_hot_of_largest(logits: Tensor<4>) -> Tensor<4> {
    let shape @ [_, classes, height, width] = logits.dims();
    let area = height * width;
    let scores = values(&logits);
    let mut channels = vec![0.0f32; scores.len()];
    let images = channels.chunks_mut((classes * area).max(1)).zip(scores.chunks((classes * area).max(1)));
    for (channels, scores) in images {
        for pixel in 0..area {
            let score = |class: usize| scores[class * area + pixel];
            let largest = (1..classes).fold(0, |best, class| if score(class) > score(best) { class } else { best });
            channels[largest * area + pixel] = 1.0;
        }
    }
    Tensor::from_data(TensorData::new(channels, shape), &logits.device())
}
