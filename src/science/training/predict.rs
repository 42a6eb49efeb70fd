use super::parameters::TrainingParameters;
use super::set::Validation;
use crate::science::data::Image;
use crate::science::method::Method;
use crate::science::metric::{EmptyDice, multi_class_dice};
use crate::science::model::{DenoiserInput, Mode, Network, NetworkError, Segmentor, Weights, values};
use burn::tensor::{Device, Tensor, TensorData};

/// Slices of one inference batch: enough to keep the kernels busy, little memory.
const BATCH: usize = 12;

/// What a segmentor says of one slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Most probable class, the lowest on ties, `[h, w]`.
    pub labels: Vec<u8>,
    /// Attention maps by level, d = 1 first, each with its own size `(h, w)`.
    pub attention: Vec<(usize, usize, Vec<f32>)>,
}

/// The network that learns in the game of a method.
pub fn network(method: &Method, training: &TrainingParameters, channels: usize, classes: usize) -> Network {
    let segmentor = Segmentor {
        channels,
        classes,
        width: training.width,
        gating: method.attention_gating,
        deep_classifiers: method.deep_classifiers(),
        momentum: training.batch_norm_momentum,
        design: method.networks,
    };
    Network { segmentor, crf: method.crf, denoiser: None, denoiser_input: DenoiserInput::default() }
}

/// Segments every slice of a volume. `weights` are outside of autodiff; no graph is built.
pub fn predict(
    network: &Network,
    weights: &Weights,
    image: &Image,
    device: &Device,
) -> Result<Vec<Prediction>, NetworkError> {
    let Image { slices, channels, height, width, .. } = *image;
    let mut predictions = Vec::with_capacity(slices);
    for first in (0..slices).step_by(BATCH) {
        let count = BATCH.min(slices - first);
        let pixels = (first..first + count).flat_map(|i| image.slice(i)).copied().collect::<Vec<f32>>();
        let input = Tensor::<4>::from_data(TensorData::new(pixels, [count, channels, height, width]), device);
        let output = network.segmentor.forward(weights, input.clone(), Mode::Infer);
        let logits = values(&network.refine(weights, output.logits, input)?);
        let maps: Vec<(usize, usize, Vec<f32>)> = output
            .gates
            .iter()
            .map(|gate| {
                let attention = gate.attention();
                let [_, _, h, w] = attention.dims();
                (h, w, values(&attention))
            })
            .collect();
        for slice in 0..count {
            let size = network.segmentor.classes * height * width;
            let labels = argmax(&logits[slice * size..(slice + 1) * size], network.segmentor.classes);
            let attention =
                maps.iter().map(|(h, w, map)| (*h, *w, map[slice * h * w..(slice + 1) * h * w].to_vec())).collect();
            predictions.push(Prediction { labels, attention });
        }
    }
    Ok(predictions)
}

/// Mean multi-class Dice over slices, then over volumes, then over cases: the validation score.
pub fn mean_dice(
    network: &Network,
    weights: &Weights,
    validation: &[Validation],
    device: &Device,
) -> Result<f64, NetworkError> {
    let mut cases: std::collections::BTreeMap<&str, Vec<f64>> = std::collections::BTreeMap::new();
    for Validation { case, volume } in validation {
        for (slice, prediction) in predict(network, weights, &volume.image, device)?.into_iter().enumerate() {
            let truth = volume.mask.slice(slice);
            let dice = multi_class_dice(&prediction.labels, truth, network.segmentor.classes, EmptyDice::One);
            cases.entry(case).or_default().push(dice.ok().flatten().unwrap_or(f64::NAN));
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Ok(mean(&cases.values().map(|dice| mean(dice)).collect::<Vec<f64>>()))
}

/// `[class, pixel]` → `[pixel]`.
pub(super) fn argmax(logits: &[f32], classes: usize) -> Vec<u8> {
    let pixels = logits.len() / classes;
    let mut labels = vec![0; pixels];
    let mut best = logits[..pixels].to_vec();
    for class in 1..classes {
        for pixel in 0..pixels {
            let value = logits[class * pixels + pixel];
            if value > best[pixel] {
                best[pixel] = value;
                labels[pixel] = class as u8;
            }
        }
    }
    labels
}
