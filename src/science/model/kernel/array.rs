use super::buffer::Buffer;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{DType, Shape};
use std::ops::Range;

/// Row-major f32 values in main memory, shared with the tensor that they came from.
#[derive(Debug, Clone)]
pub(super) struct Array {
    tensor: FlexTensor,
    range: Range<usize>,
}

impl Array {
    pub fn new(values: Vec<f32>, shape: impl Into<Shape>) -> Self {
        Array::of(values.into(), shape)
    }

    pub fn of(values: Buffer, shape: impl Into<Shape>) -> Self {
        FlexTensor::new(values.into_bytes(), Layout::contiguous(shape.into()), DType::F32).into()
    }

    pub fn values(&self) -> &[f32] {
        &self.tensor.storage::<f32>()[self.range.clone()]
    }

    /// The first `D` sizes; ones where there are fewer.
    pub fn dims<const D: usize>(&self) -> [usize; D] {
        let mut dims = [1; D];
        dims.iter_mut().zip(self.tensor.layout().shape().iter()).for_each(|(to, from)| *to = *from);
        dims
    }

    pub fn into_flex(self) -> FlexTensor {
        self.tensor
    }
}

impl From<FlexTensor> for Array {
    fn from(tensor: FlexTensor) -> Self {
        let tensor = tensor.to_contiguous();
        let start = tensor.layout().start_offset();
        let range = start..start + tensor.layout().num_elements();
        Array { tensor, range }
    }
}
