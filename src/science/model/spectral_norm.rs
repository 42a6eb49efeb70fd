use burn::tensor::Tensor;

/// One spectral normalisation.
pub struct SpectralNorm {
    /// `weight / sigma`, the shape of `weight`.
    pub weight: Tensor<4>,
    /// The left vector for the next call, `[out]`, outside of autodiff.
    pub u: Tensor<1>,
    /// The estimate of the largest singular value, `[1]`.
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
    SpectralNorm { weight: weight / divisor, u: u.reshape([out]), sigma }
}

fn unit(vector: Tensor<2>) -> Tensor<2> {
    let norm = vector.clone().square().sum().sqrt().clamp_min(EPSILON).reshape([1, 1]);
    vector / norm
}
