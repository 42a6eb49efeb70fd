use super::array::Array;
use super::buffer::Buffer;
use super::lanes::vectorised;
use super::operation::{Operation, apply, operands};
use super::reduction::{LANES, fold};
use burn::backend::Flex;
use burn::tensor::Tensor;

/// One spectral normalisation.
pub struct SpectralNorm {
    /// `weight / sigma`, the shape of `weight`.
    pub weight: Tensor<4>,
    /// The left vector for the next call, `[out]`, outside of autodiff.
    pub u: Tensor<1>,
    /// The estimate of the largest singular value, `[1]`, outside of autodiff.
    pub sigma: Tensor<1>,
}

/// Below this a vector counts as zero [51].
const EPSILON: f64 = 1e-12;

/// Divides a kernel by its largest singular value [51], estimated by `iterations` of the power method.
///
/// `weight: [out, in, kh, kw]` is read as the matrix `[out, in * kh * kw]`; `u: [out]` is the vector of
/// the previous call. The vectors are constants for the gradient, the division is not. A kernel of
/// zeros stays zero.
pub fn spectral_norm(weight: Tensor<4>, u: Tensor<1>, iterations: usize) -> SpectralNorm {
    let u = u.detach();
    #[cfg(feature = "tch")]
    if let Some((weight, [u, sigma])) = super::libtorch::spectral_norm(&weight, &u, iterations, EPSILON) {
        return SpectralNorm { weight, u, sigma };
    }
    match operands([weight.clone().into_dispatch(), u.clone().into_dispatch()]) {
        Some(operands) => {
            let (weight, [u, sigma]) = apply(operands, |[weight, u]| {
                let state = Division::new(weight, u, iterations);
                let extra = [Array::new(state.u.clone(), [state.u.len()]), Array::new(vec![state.sigma], [1])];
                (state.quotient(), state, extra)
            });
            let tensor = |array: Array| Tensor::from_primitive::<Flex>(array.into_flex());
            SpectralNorm { weight, u: tensor(u), sigma: tensor(sigma) }
        }
        None => by_products(weight, u, iterations),
    }
}

fn by_products(weight: Tensor<4>, u: Tensor<1>, iterations: usize) -> SpectralNorm {
    let [out, inputs, height, width] = weight.dims();
    let constant = if weight.is_autodiff() { weight.clone().inner() } else { weight.clone() };
    let matrix = constant.reshape([out, inputs * height * width]);
    let mut u = unit(if u.is_autodiff() { u.inner() } else { u }.reshape([out, 1]));
    let mut v = unit(matrix.clone().transpose().matmul(u.clone()));
    for iteration in 0..iterations {
        if iteration > 0 {
            v = unit(matrix.clone().transpose().matmul(u));
        }
        u = unit(matrix.clone().matmul(v.clone()));
    }
    let outer = u.clone().matmul(v.transpose()).reshape([out, inputs, height, width]);
    let outer = if weight.is_autodiff() { Tensor::from_inner(outer) } else { outer };
    // u'Wv written as a sum, so that its gradient with respect to W is uv'.
    let sigma: Tensor<1> = (weight.clone() * outer).sum();
    let divisor = sigma.clone().clamp_min(EPSILON).reshape([1, 1, 1, 1]);
    let sigma = if sigma.is_autodiff() { sigma.inner() } else { sigma };
    SpectralNorm { weight: weight / divisor, u: u.reshape([out]), sigma }
}

fn unit(vector: Tensor<2>) -> Tensor<2> {
    let norm = vector.clone().square().sum().sqrt().clamp_min(EPSILON).reshape([1, 1]);
    vector / norm
}

/// The matrix, its singular vectors and its largest singular value, `u'Wv`.
#[derive(Debug, Clone)]
struct Division {
    matrix: Array,
    u: Vec<f32>,
    v: Vec<f32>,
    sigma: f32,
}

impl Division {
    fn new(matrix: Array, u: Array, iterations: usize) -> Self {
        let mut u = u.values().to_vec();
        normalise(&mut u);
        let columns = matrix.values().len() / u.len().max(1);
        let mut v = times_transposed(matrix.values(), &u, columns);
        let mut product = times(matrix.values(), &v);
        for iteration in 0..iterations {
            if iteration > 0 {
                v = times_transposed(matrix.values(), &u, columns);
                product = times(matrix.values(), &v);
            }
            u.copy_from_slice(&product);
            normalise(&mut u);
        }
        let sigma = dot(&u, &product);
        Division { matrix, u, v, sigma }
    }

    fn divisor(&self) -> f32 {
        // NaN passes, as through burn's clamp.
        if self.sigma < EPSILON as f32 { EPSILON as f32 } else { self.sigma }
    }

    fn quotient(&self) -> Array {
        let divisor = self.divisor();
        let values = self.matrix.values().iter().map(|value| value / divisor).collect();
        Array::new(values, self.matrix.dims::<4>())
    }
}

impl Operation<2> for Division {
    fn backward(self, gradient: Array, _: [bool; 2]) -> [Option<Array>; 2] {
        let divisor = self.divisor();
        let through_sigma = match self.sigma < EPSILON as f32 {
            true => 0.0,
            false => dot(gradient.values(), self.matrix.values()) / (divisor * divisor),
        };
        let mut weight = Buffer::new(gradient.values().len());
        let rows = gradient.values().chunks(self.v.len()).zip(&self.u);
        for (row, (gradient, u)) in weight.chunks_mut(self.v.len()).zip(rows) {
            divide_less(gradient, divisor, &self.v, u * through_sigma, row);
        }
        [Some(Array::of(weight, self.matrix.dims::<4>())), None]
    }
}

fn normalise(vector: &mut [f32]) {
    let norm = dot(vector, vector).sqrt().max(EPSILON as f32);
    vector.iter_mut().for_each(|value| *value /= norm);
}

/// `matrix * v`
fn times(matrix: &[f32], v: &[f32]) -> Vec<f32> {
    matrix.chunks(v.len()).map(|row| dot(row, v)).collect()
}

/// `matrix' * u` at length 1.
fn times_transposed(matrix: &[f32], u: &[f32], columns: usize) -> Vec<f32> {
    let mut product = vec![0.0; columns];
    for (row, factor) in matrix.chunks(columns).zip(u) {
        add_multiple(row, *factor, &mut product);
    }
    normalise(&mut product);
    product
}

vectorised! {
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [0.0; LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
        for (a, b) in a.zip(b) {
            for lane in 0..LANES {
                sums[lane] += a[lane] * b[lane];
            }
        }
        fold(sums) + rest
    }
}

vectorised! {
    fn add_multiple(row: &[f32], factor: f32, sum: &mut [f32]) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value * factor;
        }
    }
}

vectorised! {
    /// `gradient / divisor - factor * v`
    fn divide_less(gradient: &[f32], divisor: f32, v: &[f32], factor: f32, output: &mut [f32]) {
        for ((gradient, v), output) in gradient.iter().zip(v).zip(output) {
            *output = gradient / divisor - factor * v;
        }
    }
}
