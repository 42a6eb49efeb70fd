use super::array::Array;
use super::buffer::Buffer;
use super::operation::{Operation, apply, operands};
use burn::tensor::Tensor;
use rayon::prelude::*;

/// The channels of both, image by image: `[batch, a, h, w]` and `[batch, b, h, w]` to
/// `[batch, a + b, h, w]`.
pub fn join(first: Tensor<4>, second: Tensor<4>) -> Tensor<4> {
    let ([batch, _, height, width], [of_batch, _, of_height, of_width]) = (first.dims(), second.dims());
    let fit = [batch, height, width] == [of_batch, of_height, of_width];
    match operands([first.clone().into_dispatch(), second.clone().into_dispatch()]).filter(|_| fit) {
        Some(operands) => apply(operands, |[first, second]| forward(&first, &second)).0,
        None => Tensor::cat(vec![first, second], 1),
    }
}

fn forward(first: &Array, second: &Array) -> (Array, Join, ()) {
    let state = Join { dims: [first.dims(), second.dims()] };
    let [batch, channels, height, width] = state.dims[0];
    let [first_values, second_values] = state.values_of_image();
    let mut output = Buffer::new(first.values().len() + second.values().len());
    let images = first.values().par_chunks(first_values).zip(second.values().par_chunks(second_values));
    output.par_chunks_mut(first_values + second_values).zip(images).for_each(|(output, (first, second))| {
        let (to_first, to_second) = output.split_at_mut(first_values);
        to_first.copy_from_slice(first);
        to_second.copy_from_slice(second);
    });
    (Array::of(output, [batch, channels + state.dims[1][1], height, width]), state, ())
}

#[derive(Debug, Clone)]
struct Join {
    /// Of both inputs.
    dims: [[usize; 4]; 2],
}

impl Join {
    fn values_of_image(&self) -> [usize; 2] {
        self.dims.map(|[_, channels, height, width]| channels * height * width)
    }
}

impl Operation<2> for Join {
    fn backward(self, gradient: Array, wanted: [bool; 2]) -> [Option<Array>; 2] {
        let [first, second] = self.values_of_image();
        let part = |index: usize, from: usize, size: usize| {
            wanted[index].then(|| {
                let mut output = Buffer::new(self.dims[index][0] * size);
                let images = gradient.values().par_chunks(first + second);
                output.par_chunks_mut(size).zip(images).for_each(|(output, image)| {
                    output.copy_from_slice(&image[from..][..size]);
                });
                Array::of(output, self.dims[index])
            })
        };
        [part(0, 0, first), part(1, first, second)]
    }
}
