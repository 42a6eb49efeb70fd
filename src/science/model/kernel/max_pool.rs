use super::array::Array;
use super::buffer::Buffer;
use super::lanes::vectorised;
use super::operation::{Operation, apply, operands};
use super::task::planes_of_task;
use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use rayon::prelude::*;

/// Maximum of each 2x2 block: `[batch, channel, h, w]` to `[batch, channel, h / 2, w / 2]`. An odd last
/// row or column is left out. Of equal values the first takes the gradient; NaN beats all, the last NaN
/// the others.
pub fn max_pool(input: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    match operands([input.clone().into_dispatch()]).filter(|_| height.min(width) > 1) {
        Some(operands) => apply(operands, |[input]| forward(&input)).0,
        None => max_pool2d(input, MaxPoolOptions::new([2, 2])),
    }
}

#[derive(Debug, Clone)]
struct MaxPool {
    /// Of the input.
    dims: [usize; 4],
    /// Position of each block's maximum in the block: 0 and 1 above, 2 and 3 below.
    choices: Vec<u8>,
}

fn forward(input: &Array) -> (Array, MaxPool, ()) {
    let dims @ [batch, channels, height, width] = input.dims();
    let half = [height / 2, width / 2];
    let (pixels, blocks) = (height * width, half[0] * half[1]);
    let (mut output, mut choices) = (Buffer::new(batch * channels * blocks), vec![0; batch * channels * blocks]);
    let planes = planes_of_task(pixels);
    let outputs = output.par_chunks_mut(planes * blocks).zip(choices.par_chunks_mut(planes * blocks));
    outputs.zip(input.values().par_chunks(planes * pixels)).for_each(|((output, choices), input)| {
        let rows = output.chunks_exact_mut(half[1]).zip(choices.chunks_exact_mut(half[1]));
        for ((output, choices), rows) in rows.zip(row_pairs(input, pixels, width)) {
            let (above, below) = rows.split_at(width);
            pool(above, below, output, choices);
        }
    });
    (Array::of(output, [batch, channels, half[0], half[1]]), MaxPool { dims, choices }, ())
}

/// Both rows of each block, plane after plane.
fn row_pairs(planes: &[f32], pixels: usize, width: usize) -> impl Iterator<Item = &[f32]> {
    planes.chunks_exact(pixels).flat_map(move |plane| plane.chunks_exact(2 * width))
}

impl Operation<1> for MaxPool {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let [batch, channels, height, width] = self.dims;
        let half = [height / 2, width / 2];
        let (pixels, blocks) = (height * width, half[0] * half[1]);
        // An odd last row or column gets nothing.
        let of = if (height | width) & 1 == 1 { Buffer::zeros } else { Buffer::new };
        let mut input = of(batch * channels * pixels);
        let planes = planes_of_task(pixels);
        let chosen = gradient.values().par_chunks(planes * blocks).zip(self.choices.par_chunks(planes * blocks));
        input.par_chunks_mut(planes * pixels).zip(chosen).for_each(|(input, (gradient, choices))| {
            let pairs = input.chunks_exact_mut(pixels).flat_map(|plane| plane.chunks_exact_mut(2 * width));
            let chosen = gradient.chunks_exact(half[1]).zip(choices.chunks_exact(half[1]));
            for (rows, (gradient, choices)) in pairs.zip(chosen) {
                let (above, below) = rows.split_at_mut(width);
                spread(gradient, choices, above, below);
            }
        });
        [Some(Array::of(input, self.dims))]
    }
}

vectorised! {
    fn pool(above: &[f32], below: &[f32], output: &mut [f32], choices: &mut [u8]) {
        let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
        for ((output, choice), (above, below)) in output.iter_mut().zip(choices).zip(pairs) {
            let (mut largest, mut position) = (above[0], 0);
            for (at, value) in [(1, above[1]), (2, below[0]), (3, below[1])] {
                let larger = value > largest || value.is_nan();
                largest = if larger { value } else { largest };
                position = if larger { at } else { position };
            }
            *output = largest;
            *choice = position;
        }
    }
}

vectorised! {
    fn spread(gradient: &[f32], choices: &[u8], above: &mut [f32], below: &mut [f32]) {
        let pairs = above.chunks_exact_mut(2).zip(below.chunks_exact_mut(2));
        for ((gradient, choice), (above, below)) in gradient.iter().zip(choices).zip(pairs) {
            let part = |at: u8| if *choice == at { *gradient } else { 0.0 };
            above[0] = part(0);
            above[1] = part(1);
            below[0] = part(2);
            below[1] = part(3);
        }
    }
}
