//! Golden values and burn tensors of f64.

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde_json::Value;

/// A number; non-finite values are strings in the golden files.
pub fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or_else(|| panic!("not a number: {value}")),
    }
}

/// The leaves of nested lists, in row-major order.
pub fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        leaf => vec![number(leaf)],
    }
}

pub fn shape(value: &Value) -> Vec<usize> {
    match value {
        Value::Array(items) => std::iter::once(items.len()).chain(items.first().map_or(vec![], shape)).collect(),
        _ => vec![],
    }
}

pub fn tensor<const D: usize>(values: Vec<f64>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F64))
}

pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().iter::<f64>().collect()
}

#[track_caller]
pub fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let bound = tolerance * e.abs().max(1.0);
        assert!((f - e).abs() <= bound || (f.is_nan() && e.is_nan()), "{what}[{i}]: found {f:e}, expected {e:e}");
    }
}
