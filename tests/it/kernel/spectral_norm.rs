use super::*;
use runner::science::model::kernel::{SpectralNorm, spectral_norm};

fn normed(shape: [usize; 4], iterations: usize, t: &[Tensor<1>]) -> SpectralNorm {
    let u = random(shape[0], &mut ChaCha8Rng::seed_from_u64(4));
    let u = Tensor::from_data(TensorData::new(u, [shape[0]]), &t[0].device());
    spectral_norm(t[0].clone().reshape(shape), u, iterations)
}

fn weight(shape: [usize; 4], iterations: usize) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    move |t| normed(shape, iterations, &t).weight
}

fn values_of(shape: [usize; 4], seed: u64) -> Vec<Input> {
    vec![random(shape.iter().product(), &mut ChaCha8Rng::seed_from_u64(seed))]
}

proptest! {
    #[test]
    fn normed_kernels_and_their_gradients_are_those_of_burn(
        (out, inputs, side, iterations, seed) in (1..40usize, 1..20usize, 1..5usize, 0..4usize, any::<u64>()),
    ) {
        let shape = [out, inputs, side, side];
        let values_of = values_of(shape, seed);
        let own = outcome(&values_of, &weight(shape, iterations));
        assert_agree(&own, &with_burn_alone(|| outcome(&values_of, &weight(shape, iterations))), 1e-4);
        let tensor = [Tensor::from_data(TensorData::new(values_of[0].clone(), [values_of[0].len()]), &Device::flex())];
        let own = normed(shape, iterations, &tensor);
        let burn = with_burn_alone(|| normed(shape, iterations, &tensor));
        assert_close("u", &values(&own.u), &values(&burn.u), 1e-4);
        assert_close("sigma", &values(&own.sigma), &values(&burn.sigma), 1e-4);
    }
}

#[test]
fn gradients_of_normed_kernels_are_slopes() {
    // At the singular vectors themselves, which then do not turn with the weight at first order.
    let shape = [5, 3, 2, 2];
    assert_slopes(&values_of(shape, 1), &weight(shape, 60), 1e-2, 1e-2);
}

#[test]
fn a_kernel_of_zeros_stays_zero() {
    let shape = [3, 2, 2, 2];
    let outcome = outcome(&[vec![0.0; 24]], &weight(shape, 1));
    assert_eq!(outcome.output, [0.0; 24]);
    assert!(outcome.gradients[0].iter().all(|slope| slope.is_finite()));
}
