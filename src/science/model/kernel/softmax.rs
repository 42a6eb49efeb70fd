use super::array::Array;
use super::attention;
use super::buffer::Buffer;
use super::lanes::vectorised;
use super::operation::{Operation, apply, operands};
use burn::tensor::Tensor;
use burn::tensor::activation;
use rayon::prelude::*;

/// Pixels whose sums are held at once.
const BLOCK: usize = 256;

/// Probabilities of all classes: `logits: [batch, class, h, w]`.
pub fn softmax(logits: Tensor<4>) -> Tensor<4> {
    match operands([logits.clone().into_dispatch()]) {
        Some(operands) => apply(operands, |[logits]| probabilities(&logits)).0,
        None => activation::softmax(logits, 1),
    }
}

fn probabilities(logits: &Array) -> (Array, Softmax, ()) {
    let dims @ [_, classes, height, width] = logits.dims();
    let mut output = Buffer::new(logits.values().len());
    let of_image = classes * height * width;
    output.par_chunks_mut(of_image).zip(logits.values().par_chunks(of_image)).for_each(|(output, logits)| {
        let (first, others) = output.split_at_mut(height * width);
        attention::softmax(logits, first, others);
    });
    let output = Array::of(output, dims);
    (output.clone(), Softmax { output }, ())
}

#[derive(Debug, Clone)]
struct Softmax {
    output: Array,
}

impl Operation<1> for Softmax {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let dims @ [_, classes, height, width] = self.output.dims();
        let of_image = classes * height * width;
        let mut slopes = Buffer::new(gradient.values().len());
        let inputs = self.output.values().par_chunks(of_image).zip(gradient.values().par_chunks(of_image));
        slopes.par_chunks_mut(of_image).zip(inputs).for_each(|(slopes, (output, gradient))| {
            logits_gradient(output, gradient, height * width, slopes);
        });
        [Some(Array::of(slopes, dims))]
    }
}

vectorised! {
    /// `p_i (g_i - sum_j p_j g_j)` for one image.
    fn logits_gradient(output: &[f32], gradient: &[f32], pixels: usize, slopes: &mut [f32]) {
        for start in (0..pixels).step_by(BLOCK) {
            let length = BLOCK.min(pixels - start);
            let mut mean = [0.0; BLOCK];
            let mean = &mut mean[..length];
            for (output, gradient) in output.chunks_exact(pixels).zip(gradient.chunks_exact(pixels)) {
                let (output, gradient) = (&output[start..][..length], &gradient[start..][..length]);
                for pixel in 0..length {
                    mean[pixel] += output[pixel] * gradient[pixel];
                }
            }
            let planes = output.chunks_exact(pixels).zip(gradient.chunks_exact(pixels));
            for (slopes, (output, gradient)) in slopes.chunks_exact_mut(pixels).zip(planes) {
                let (output, gradient) = (&output[start..][..length], &gradient[start..][..length]);
                let slopes = &mut slopes[start..][..length];
                for pixel in 0..length {
                    slopes[pixel] = output[pixel] * (gradient[pixel] - mean[pixel]);
                }
            }
        }
    }
}
