use crate::science::model::kernel::{PixelLabels, cross_entropy};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The factor w_i of eq. (1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// w_i = 1 - n_i / n_tot over the annotated pixels of each image (WPCE, "within y_s"). An image
    /// that shows one class only has w = 0 and teaches nothing.
    #[default]
    PerImage,
    /// The same over the annotated pixels of the batch.
    PerBatch,
    /// w_i = 1 (PCE).
    Uniform,
    /// w_i = n_tot / n_i over the batch: the released code's choice.
    InverseFrequency,
}

/// How pixel losses become one number; the paper does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    Sum,
    #[default]
    MeanOverAnnotatedPixels,
    /// Unlabelled pixels counted in the divisor: the released code's choice.
    MeanOverAllPixels,
    MeanOfImageMeansAllImages,
    MeanOfImageMeansAnnotatedImages,
    SumPerImageMeanOverBatch,
    /// Divided by the sum of the pixels' weights (the default of PyTorch's weighted `cross_entropy`).
    WeightNormalisedMean,
}

/// Scribbles that do not fit the prediction.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum LossError {
    #[error("scribble label {label} at pixel {pixel}, with {classes} classes and {unlabelled} for unlabelled")]
    Label { label: u8, pixel: usize, classes: usize, unlabelled: u8 },
    #[error("{found} scribble pixels where {expected} are predicted")]
    Size { found: usize, expected: usize },
    #[error("images without any annotation")]
    NoAnnotation,
}

/// Scribbles of a batch, made ready for [`partial_cross_entropy`].
#[derive(Debug, Clone)]
pub struct Target {
    /// The scribbles, and w_i times the reduction's factor.
    pixels: PixelLabels,
    /// Annotated pixels in the batch.
    pub annotated: usize,
    /// w_i for each image, `[batch][class]`.
    pub weights: Vec<Vec<f64>>,
}

impl Target {
    /// `scribble`: `[batch, h, w]`, class indices or `unlabelled`; `shape`: that of the logits,
    /// `[batch, class, h, w]`.
    pub fn new(
        scribble: &[u8],
        unlabelled: u8,
        shape: [usize; 4],
        class_weights: ClassWeights,
        reduction: Reduction,
    ) -> Result<Self, LossError> {
        let [batch, classes, height, width] = shape;
        let area = height * width;
        if scribble.len() != batch * area {
            return Err(LossError::Size { found: scribble.len(), expected: batch * area });
        }
        if let Some((pixel, &label)) =
            scribble.iter().enumerate().find(|&(_, &label)| label != unlabelled && usize::from(label) >= classes)
        {
            return Err(LossError::Label { label, pixel, classes, unlabelled });
        }
        let counts: Vec<Vec<f64>> = scribble.chunks(area.max(1)).map(|image| class_counts(image, classes)).collect();
        let weights = weights_of(&counts, classes, class_weights);
        let factors = factors_of(&counts, &weights, area, reduction);
        let factors = weights.iter().zip(factors).flat_map(|(weights, factor)| weights.iter().map(move |w| w * factor));
        Ok(Target {
            pixels: PixelLabels { labels: scribble.into(), factors: factors.collect() },
            annotated: counts.iter().flatten().sum::<f64>() as usize,
            weights,
        })
    }
}

/// (Weighted) partial cross-entropy, eq. (1): `-sum_i w_i y_s,i log(y_i)` on annotated pixels.
///
/// `logits: [batch, class, h, w]`, before the softmax. Unlabelled pixels are masked by selection, so
/// that not even a NaN there reaches the loss or a gradient. No annotated pixel: loss 0, gradient 0.
pub fn partial_cross_entropy(logits: Tensor<4>, target: &Target) -> Tensor<1> {
    cross_entropy(logits, &target.pixels)
}

fn class_counts(image: &[u8], classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    for &label in image {
        if let Some(count) = counts.get_mut(usize::from(label)) {
            *count += 1.0;
        }
    }
    counts
}

fn weights_of(counts: &[Vec<f64>], classes: usize, reading: ClassWeights) -> Vec<Vec<f64>> {
    let of = |counts: &Vec<f64>| {
        let total: f64 = counts.iter().sum();
        let weight = |n: &f64| match reading {
            ClassWeights::Uniform => 1.0,
            _ if total == 0.0 => 0.0,
            ClassWeights::InverseFrequency if *n == 0.0 => 0.0,
            ClassWeights::InverseFrequency => total / n,
            ClassWeights::PerImage | ClassWeights::PerBatch => 1.0 - n / total,
        };
        counts.iter().map(weight).collect::<Vec<f64>>()
    };
    match reading {
        ClassWeights::PerImage | ClassWeights::Uniform => counts.iter().map(of).collect(),
        ClassWeights::PerBatch | ClassWeights::InverseFrequency => {
            let sum = (0..classes).map(|class| counts.iter().map(|image| image[class]).sum()).collect();
            vec![of(&sum); counts.len()]
        }
    }
}

/// The factor of each image's pixel losses under a reduction.
fn factors_of(counts: &[Vec<f64>], weights: &[Vec<f64>], area: usize, reduction: Reduction) -> Vec<f64> {
    let batch = counts.len() as f64;
    let annotated: Vec<f64> = counts.iter().map(|image| image.iter().sum()).collect();
    let total: f64 = annotated.iter().sum();
    let images = annotated.iter().filter(|&&n| n > 0.0).count() as f64;
    let weight_sum: f64 = counts.iter().zip(weights).flat_map(|(n, w)| n.iter().zip(w).map(|(n, w)| n * w)).sum();
    let inverse = |divisor: f64| if divisor > 0.0 { 1.0 / divisor } else { 0.0 };
    annotated
        .iter()
        .map(|&n| match reduction {
            Reduction::Sum => 1.0,
            Reduction::MeanOverAnnotatedPixels => inverse(total),
            Reduction::MeanOverAllPixels => inverse(batch * area as f64),
            Reduction::MeanOfImageMeansAllImages => inverse(n) * inverse(batch),
            Reduction::MeanOfImageMeansAnnotatedImages => inverse(n) * inverse(images),
            Reduction::SumPerImageMeanOverBatch => inverse(batch),
            Reduction::WeightNormalisedMean => inverse(weight_sum),
        })
        .collect()
}
