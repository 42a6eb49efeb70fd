use super::array::Array;
use super::buffer::Buffer;
use super::operation::{Operation, apply, operands};
use super::task::planes_of_task;
use burn::tensor::Tensor;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use rayon::prelude::*;

/// Every pixel twice in both directions: `[batch, channel, h, w]` to `[batch, channel, 2 h, 2 w]`.
pub fn upsample(input: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    match operands([input.clone().into_dispatch()]).filter(|_| height * width > 0) {
        Some(operands) => apply(operands, |[input]| forward(&input)).0,
        None => {
            let options = InterpolateOptions::new(InterpolateMode::Nearest);
            interpolate(input, options.with_output_size([2 * height, 2 * width]))
        }
    }
}

#[derive(Debug, Clone)]
struct Upsample {
    /// Of the input.
    dims: [usize; 4],
}

fn forward(input: &Array) -> (Array, Upsample, ()) {
    let dims @ [batch, channels, height, width] = input.dims();
    let mut output = Buffer::new(4 * input.values().len());
    let planes = planes_of_task(4 * height * width) * height * width;
    output.par_chunks_mut(4 * planes).zip(input.values().par_chunks(planes)).for_each(|(output, input)| {
        for (rows, row) in output.chunks_exact_mut(4 * width).zip(input.chunks_exact(width)) {
            let (above, below) = rows.split_at_mut(2 * width);
            above.chunks_exact_mut(2).zip(row).for_each(|(pair, value)| pair.fill(*value));
            below.copy_from_slice(above);
        }
    });
    (Array::of(output, [batch, channels, 2 * height, 2 * width]), Upsample { dims }, ())
}

impl Operation<1> for Upsample {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let [_, _, height, width] = self.dims;
        let mut input = Buffer::new(self.dims.iter().product());
        let planes = planes_of_task(4 * height * width) * height * width;
        input.par_chunks_mut(planes).zip(gradient.values().par_chunks(4 * planes)).for_each(|(input, gradient)| {
            for (row, rows) in input.chunks_exact_mut(width).zip(gradient.chunks_exact(4 * width)) {
                let (above, below) = rows.split_at(2 * width);
                let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
                row.iter_mut().zip(pairs).for_each(|(to, (a, b))| *to = a[0] + a[1] + b[0] + b[1]);
            }
        });
        [Some(Array::of(input, self.dims))]
    }
}
