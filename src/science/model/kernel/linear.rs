use super::array::Array;
use super::buffer::Buffer;
use super::operation::{Operation, apply, operands};
use burn::tensor::Tensor;
use std::fmt::Debug;
use std::sync::Arc;

/// A linear map of the planes of a batch of images, and its adjoint.
pub(in crate::science::model) trait Linear: Debug + Send + Sync + 'static {
    /// Writes every value of the output.
    fn forward(&self, input: &[f32], output: &mut [f32]);

    /// The input's gradient from the output's: writes every value.
    fn adjoint(&self, gradient: &[f32], input: &mut [f32]);
}

/// `input: [batch, plane, h, w]` by `map` to `[batch, planes, h, w]`; None where it is no f32 tensor on flex.
pub(in crate::science::model) fn linear(input: Tensor<4>, planes: usize, map: Arc<impl Linear>) -> Option<Tensor<4>> {
    let operands = operands([input.into_dispatch()])?;
    let forward = |[input]: [Array; 1]| {
        let dims @ [batch, _, height, width] = input.dims();
        let mut output = Buffer::new(batch * planes * height * width);
        map.forward(input.values(), &mut output);
        (Array::of(output, [batch, planes, height, width]), Mapped { dims, map }, ())
    };
    Some(apply(operands, forward).0)
}

#[derive(Debug)]
struct Mapped<M> {
    /// Of the input.
    dims: [usize; 4],
    map: Arc<M>,
}

impl<M> Clone for Mapped<M> {
    fn clone(&self) -> Self {
        Mapped { dims: self.dims, map: self.map.clone() }
    }
}

impl<M: Linear> Operation<1> for Mapped<M> {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let mut input = Buffer::new(self.dims.iter().product());
        self.map.adjoint(gradient.values(), &mut input);
        [Some(Array::of(input, self.dims))]
    }
}
