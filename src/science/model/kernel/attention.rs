use super::array::Array;
use super::buffer::Buffer;
use super::exponential::exp;
use super::lanes::vectorised;
use super::operation::{Operation, apply, operands};
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use rayon::prelude::*;

/// Pixels whose sums are held at once.
const BLOCK: usize = 256;

/// Probabilities of all classes but the first, the background: `logits: [batch, class, h, w]` to
/// `[batch, class - 1, h, w]`.
pub fn foreground(logits: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "tch")]
    if let Some(output) = super::libtorch::foreground(&logits) {
        return output;
    }
    let classes = logits.dims()[1];
    match operands([logits.clone().into_dispatch()]).filter(|_| classes > 1) {
        Some(operands) => apply(operands, |[logits]| probabilities(&logits)).0,
        None => log_softmax(logits, 1).exp().narrow(1, 1, classes - 1),
    }
}

/// The features, multiplied by the attention, which is the sum of `foreground: [batch, class - 1, h, w]`
/// over the classes: `features: [batch, channel, h, w]`.
pub fn attend(features: Tensor<4>, foreground: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "tch")]
    if let Some(output) = super::libtorch::attend(&features, &foreground) {
        return output;
    }
    let ([batch, _, height, width], [of_batch, _, of_height, of_width]) = (features.dims(), foreground.dims());
    let fit = [batch, height, width] == [of_batch, of_height, of_width];
    match operands([features.clone().into_dispatch(), foreground.clone().into_dispatch()]).filter(|_| fit) {
        Some(operands) => {
            let forward = |[features, foreground]: [Array; 2]| {
                let mut output = Buffer::new(features.values().len());
                let [_, channels, height, width] = features.dims();
                let [_, classes] = foreground.dims();
                let of = [channels, classes].map(|planes| planes * height * width);
                let inputs = features.values().par_chunks(of[0]).zip(foreground.values().par_chunks(of[1]));
                output.par_chunks_mut(of[0]).zip(inputs).for_each(|(output, (features, foreground))| {
                    multiply(features, foreground, height * width, output);
                });
                (Array::of(output, features.dims::<4>()), Attend { features, foreground }, ())
            };
            apply(operands, forward).0
        }
        None => features * foreground.sum_dim(1),
    }
}

fn probabilities(logits: &Array) -> (Array, Foreground, ()) {
    let [batch, classes, height, width] = logits.dims();
    let pixels = height * width;
    let mut background = Buffer::new(batch * pixels);
    let mut foreground = Buffer::new(batch * (classes - 1) * pixels);
    let outputs = background.par_chunks_mut(pixels).zip(foreground.par_chunks_mut((classes - 1) * pixels));
    outputs.zip(logits.values().par_chunks(classes * pixels)).for_each(|((background, foreground), logits)| {
        softmax(logits, background, foreground);
    });
    let foreground = Array::of(foreground, [batch, classes - 1, height, width]);
    let background = Array::of(background, [batch, 1, height, width]);
    (foreground.clone(), Foreground { background, foreground }, ())
}

/// The probabilities of all classes.
#[derive(Debug, Clone)]
struct Foreground {
    background: Array,
    foreground: Array,
}

impl Operation<1> for Foreground {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let [batch, classes, height, width] = self.foreground.dims();
        let pixels = height * width;
        let mut logits = Buffer::new(batch * (classes + 1) * pixels);
        let background = self.background.values().par_chunks(pixels);
        let foreground = self.foreground.values().par_chunks(classes * pixels);
        let inputs = background.zip(foreground).zip(gradient.values().par_chunks(classes * pixels));
        logits.par_chunks_mut((classes + 1) * pixels).zip(inputs).for_each(|(logits, inputs)| {
            let ((background, foreground), gradient) = inputs;
            logits_gradient(background, foreground, gradient, logits);
        });
        [Some(Array::of(logits, [batch, classes + 1, height, width]))]
    }
}

#[derive(Debug, Clone)]
struct Attend {
    features: Array,
    foreground: Array,
}

impl Operation<2> for Attend {
    fn backward(self, gradient: Array, _: [bool; 2]) -> [Option<Array>; 2] {
        let [_, channels, height, width] = self.features.dims();
        let pixels = height * width;
        let of = [channels * pixels, self.foreground.dims::<2>()[1] * pixels];
        let mut features = Buffer::new(self.features.values().len());
        let mut foreground = Buffer::new(self.foreground.values().len());
        let outputs = features.par_chunks_mut(of[0]).zip(foreground.par_chunks_mut(of[1]));
        let inputs = self.features.values().par_chunks(of[0]).zip(self.foreground.values().par_chunks(of[1]));
        outputs.zip(inputs).zip(gradient.values().par_chunks(of[0])).for_each(|((outputs, inputs), gradient)| {
            multiply(gradient, inputs.1, pixels, outputs.0);
            products(gradient, inputs.0, pixels, outputs.1);
        });
        let features = Array::of(features, self.features.dims::<4>());
        [Some(features), Some(Array::of(foreground, self.foreground.dims::<4>()))]
    }
}

vectorised! {
    /// Probabilities of one image's classes. As much is left of a small probability as of a large one.
    pub(super) fn softmax(logits: &[f32], background: &mut [f32], foreground: &mut [f32]) {
        let pixels = background.len();
        for start in (0..pixels).step_by(BLOCK) {
            let length = BLOCK.min(pixels - start);
            let (mut largest, mut total) = ([0.0f32; BLOCK], [0.0; BLOCK]);
            let (largest, total) = (&mut largest[..length], &mut total[..length]);
            largest.copy_from_slice(&logits[start..][..length]);
            for plane in logits.chunks_exact(pixels).skip(1) {
                for (largest, value) in largest.iter_mut().zip(&plane[start..][..length]) {
                    *largest = if value > largest { *value } else { *largest };
                }
            }
            let outputs = std::iter::once(&mut *background).chain(foreground.chunks_exact_mut(pixels));
            for (plane, output) in logits.chunks_exact(pixels).zip(outputs) {
                let (plane, output) = (&plane[start..][..length], &mut output[start..][..length]);
                for pixel in 0..length {
                    output[pixel] = exp(plane[pixel] - largest[pixel]);
                    total[pixel] += output[pixel];
                }
            }
            for output in std::iter::once(&mut *background).chain(foreground.chunks_exact_mut(pixels)) {
                for (output, total) in output[start..][..length].iter_mut().zip(&*total) {
                    *output /= total;
                }
            }
        }
    }
}

vectorised! {
    /// `p_i (g_i - sum_j p_j g_j)` for one image, where the background's own `g` is 0.
    fn logits_gradient(background: &[f32], foreground: &[f32], gradient: &[f32], logits: &mut [f32]) {
        let pixels = background.len();
        for start in (0..pixels).step_by(BLOCK) {
            let length = BLOCK.min(pixels - start);
            let mut mean = [0.0; BLOCK];
            let mean = &mut mean[..length];
            for (foreground, gradient) in foreground.chunks_exact(pixels).zip(gradient.chunks_exact(pixels)) {
                let (foreground, gradient) = (&foreground[start..][..length], &gradient[start..][..length]);
                for pixel in 0..length {
                    mean[pixel] += foreground[pixel] * gradient[pixel];
                }
            }
            let (first, rest) = logits.split_at_mut(pixels);
            let (first, probability) = (&mut first[start..][..length], &background[start..][..length]);
            for pixel in 0..length {
                first[pixel] = -probability[pixel] * mean[pixel];
            }
            let classes = foreground.chunks_exact(pixels).zip(gradient.chunks_exact(pixels));
            for (output, (foreground, gradient)) in rest.chunks_exact_mut(pixels).zip(classes) {
                let (foreground, gradient) = (&foreground[start..][..length], &gradient[start..][..length]);
                let output = &mut output[start..][..length];
                for pixel in 0..length {
                    output[pixel] = foreground[pixel] * (gradient[pixel] - mean[pixel]);
                }
            }
        }
    }
}

vectorised! {
    /// Every plane of `values` by the sum of the planes of `foreground`.
    fn multiply(values: &[f32], foreground: &[f32], pixels: usize, output: &mut [f32]) {
        for start in (0..pixels).step_by(BLOCK) {
            let length = BLOCK.min(pixels - start);
            let mut attention = [0.0; BLOCK];
            let attention = &mut attention[..length];
            for plane in foreground.chunks_exact(pixels) {
                for (sum, value) in attention.iter_mut().zip(&plane[start..][..length]) {
                    *sum += value;
                }
            }
            for (plane, output) in values.chunks_exact(pixels).zip(output.chunks_exact_mut(pixels)) {
                let (plane, output) = (&plane[start..][..length], &mut output[start..][..length]);
                for pixel in 0..length {
                    output[pixel] = plane[pixel] * attention[pixel];
                }
            }
        }
    }
}

vectorised! {
    /// Sums over the planes of `a * b`, the same for every plane of `output`.
    fn products(a: &[f32], b: &[f32], pixels: usize, output: &mut [f32]) {
        for start in (0..pixels).step_by(BLOCK) {
            let length = BLOCK.min(pixels - start);
            let mut sums = [0.0; BLOCK];
            let sums = &mut sums[..length];
            for (a, b) in a.chunks_exact(pixels).zip(b.chunks_exact(pixels)) {
                let (a, b) = (&a[start..][..length], &b[start..][..length]);
                for pixel in 0..length {
                    sums[pixel] += a[pixel] * b[pixel];
                }
            }
            for output in output.chunks_exact_mut(pixels) {
                output[start..][..length].copy_from_slice(sums);
            }
        }
    }
}
