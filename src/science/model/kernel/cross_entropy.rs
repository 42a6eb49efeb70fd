use super::array::Array;
use super::buffer::Buffer;
use super::exponential::exp;
use super::operation::{Operation, apply, operands};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Tensor, TensorData};
use rayon::prelude::*;
use std::sync::Arc;

/// What a batch of pixels should be.
#[derive(Debug, Clone)]
pub struct PixelLabels {
    /// `[batch, h, w]`; what is no class is left out.
    pub labels: Arc<[u8]>,
    /// What a pixel of an image and a class counts, `[batch, class]`.
    pub factors: Arc<[f64]>,
}

/// `-sum factor * log(softmax(logits)[label])` over the labelled pixels, `[1]`: `logits: [batch, class, h, w]`.
/// Not even a NaN elsewhere reaches the sum or its gradient.
pub fn cross_entropy(logits: Tensor<4>, pixels: &PixelLabels) -> Tensor<1> {
    match operands([logits.clone().into_dispatch()]) {
        Some(operands) => {
            let forward = |[logits]: [Array; 1]| {
                let state = CrossEntropy { logits, pixels: pixels.clone() };
                (Array::new(vec![state.loss()], [1]), state, ())
            };
            apply(operands, forward).0
        }
        None => masked(logits, pixels),
    }
}

fn masked(logits: Tensor<4>, PixelLabels { labels, factors }: &PixelLabels) -> Tensor<1> {
    let shape @ [batch, classes, height, width] = logits.dims();
    let area = height * width;
    let mut weighted = vec![0.0f64; batch * classes * area];
    let mut blank = vec![false; batch * classes * area];
    for (index, &label) in labels.iter().enumerate() {
        let (image, pixel, label) = (index / area, index % area, usize::from(label));
        match label < classes {
            true => weighted[(image * classes + label) * area + pixel] = factors[image * classes + label],
            false => (0..classes).for_each(|class| blank[(image * classes + class) * area + pixel] = true),
        }
    }
    let (device, dtype) = (logits.device(), logits.dtype());
    let blank: Tensor<4, Bool> = Tensor::from_data(TensorData::new(blank, shape), &device);
    let weighted = Tensor::from_data(TensorData::new(weighted, shape), (&device, dtype));
    (log_softmax(logits.mask_fill(blank, 0.0), 1) * weighted).sum().neg()
}

#[derive(Debug, Clone)]
struct CrossEntropy {
    logits: Array,
    pixels: PixelLabels,
}

/// A labelled pixel of an image.
struct Pixel {
    at: usize,
    label: usize,
    factor: f32,
    /// Largest of the logits.
    largest: f32,
    /// Sum of exp(logit - largest).
    total: f32,
}

impl CrossEntropy {
    fn loss(&self) -> f32 {
        let [batch, _, height, width] = self.logits.dims();
        let area = height * width;
        let of_image = |image: usize| -> f64 {
            let logits = self.image(image);
            let terms = self.labelled(image).map(|Pixel { at, label, factor, largest, total }| {
                f64::from(factor * (total.ln() - (logits[label * area + at] - largest)))
            });
            terms.sum()
        };
        let sums: Vec<f64> = (0..batch).into_par_iter().map(of_image).collect();
        sums.iter().sum::<f64>() as f32
    }

    fn image(&self, image: usize) -> &[f32] {
        let [_, classes, height, width] = self.logits.dims();
        let size = classes * height * width;
        &self.logits.values()[image * size..][..size]
    }

    fn labelled(&self, image: usize) -> impl Iterator<Item = Pixel> {
        let [_, classes, height, width] = self.logits.dims();
        let (area, logits) = (height * width, self.image(image));
        let labels = self.pixels.labels[image * area..][..area].iter().map(|&label| usize::from(label));
        labels.enumerate().filter(move |&(_, label)| label < classes).map(move |(at, label)| {
            let scores = || logits[at..].iter().step_by(area);
            let largest = scores().fold(logits[at], |largest, score| if *score > largest { *score } else { largest });
            let total = scores().map(|score| exp(score - largest)).sum();
            Pixel { at, label, factor: self.pixels.factors[image * classes + label] as f32, largest, total }
        })
    }
}

impl Operation<1> for CrossEntropy {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let dims @ [_, classes, height, width] = self.logits.dims();
        let area = height * width;
        let outer = gradient.values()[0];
        let mut slopes = Buffer::zeros(self.logits.values().len());
        slopes.par_chunks_mut(classes * area).enumerate().for_each(|(image, slopes)| {
            let logits = self.image(image);
            for Pixel { at, label, factor, largest, total } in self.labelled(image) {
                let factor = factor * outer;
                for class in 0..classes {
                    let probability = exp(logits[class * area + at] - largest) / total;
                    slopes[class * area + at] = factor * (probability - f32::from(u8::from(class == label)));
                }
            }
        });
        [Some(Array::of(slopes, dims))]
    }
}
