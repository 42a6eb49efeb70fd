use super::array::Array;
use super::buffer::Buffer;
use super::lanes::vectorised;
use super::operation::{Operation, apply, operands};
use super::task::TASK;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// Hyperbolic tangent, within 1e-6 of the true value.
pub fn tanh(input: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "tch")]
    if let Some(output) = super::libtorch::tanh(&input) {
        return output;
    }
    match operands([input.clone().into_dispatch()]) {
        Some(operands) => {
            let forward = |[input]: [Array; 1]| {
                let mut output = Buffer::new(input.values().len());
                output.par_chunks_mut(TASK).zip(input.values().par_chunks(TASK)).for_each(|(to, from)| map(from, to));
                let output = Array::of(output, input.dims::<4>());
                (output.clone(), Tanh { output }, ())
            };
            apply(operands, forward).0
        }
        None => input.tanh(),
    }
}

#[derive(Debug, Clone)]
struct Tanh {
    output: Array,
}

impl Operation<1> for Tanh {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let mut slopes = Buffer::new(self.output.values().len());
        let inputs = self.output.values().par_chunks(TASK).zip(gradient.values().par_chunks(TASK));
        slopes.par_chunks_mut(TASK).zip(inputs).for_each(|(to, (output, gradient))| slope(output, gradient, to));
        [Some(Array::of(slopes, self.output.dims::<4>()))]
    }
}

/// Beyond this the tangent is 1 in f32.
const LIMIT: f32 = 7.905_311;
/// A rational approximation in x²: odd numerator, even denominator, lowest power last.
const NUMERATOR: [f32; 7] =
    [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619_3e-4, 4.893_524_6e-3];
const DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347e-4, 2.268_434_6e-3, 4.893_525e-3];

vectorised! {
    fn map(input: &[f32], output: &mut [f32]) {
        for (input, output) in input.iter().zip(output) {
            let x = input.clamp(-LIMIT, LIMIT);
            let square = x * x;
            let mut above = NUMERATOR[0];
            for coefficient in &NUMERATOR[1..] {
                above = above * square + coefficient;
            }
            let mut below = DENOMINATOR[0];
            for coefficient in &DENOMINATOR[1..] {
                below = below * square + coefficient;
            }
            *output = x * above / below;
        }
    }
}

vectorised! {
    fn slope(output: &[f32], gradient: &[f32], slopes: &mut [f32]) {
        for ((output, gradient), slope) in output.iter().zip(gradient).zip(slopes) {
            *slope = gradient * (1.0 - output * output);
        }
    }
}
