use super::*;
use burn::tensor::module::batch_norm;
use runner::science::model::kernel::normalise_relu;

fn tensors(shape: [usize; 4], seed: u64, device: &Device) -> (Tensor<4>, [Tensor<1>; 4]) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let features = random(shape.iter().product(), &mut rng);
    let parameters = [-1.0, -1.0, -1.0, 0.01].map(|from| {
        let values = (0..shape[1]).map(|_| rng.random_range(from..1.0)).collect::<Vec<f32>>();
        Tensor::from_data(TensorData::new(values, [shape[1]]), device)
    });
    (Tensor::from_data(TensorData::new(features, shape), device), parameters)
}

proptest! {
    #[test]
    fn normalised_features_are_those_of_burn(
        (batch, channels, height, width, seed) in (1..6usize, 1..6usize, 1..20usize, 1..20usize, any::<u64>()),
    ) {
        let shape = [batch, channels, height, width];
        let (features, [scale, shift, mean, variance]) = tensors(shape, seed, &Device::flex());
        let parameters = [scale.clone(), shift.clone(), mean.clone(), variance.clone()];
        // Once in memory that is shared, once in its own.
        let shared = values(&normalise_relu(features.clone(), parameters.clone(), 1e-5));
        let burn = values(&relu(batch_norm(features.clone(), scale, shift, mean, variance, 1e-5)));
        assert_close("output", &shared, &burn, 1e-5);
        let own_memory = || {
            let (features, parameters) = tensors(shape, seed, &Device::flex());
            values(&normalise_relu(features, parameters, 1e-5))
        };
        prop_assert_eq!(&shared, &own_memory());
        prop_assert_eq!(&shared, &on_threads(2, own_memory));
    }
}

#[test]
fn gradients_pass_through_given_statistics() {
    let device = Device::flex().autodiff();
    let (features, parameters) = tensors([1, 2, 3, 3], 1, &device);
    let features = features.require_grad();
    let gradients = normalise_relu(features.clone(), parameters, 1e-5).sum().backward();
    assert!(values(&features.grad(&gradients).unwrap()).iter().any(|slope| *slope != 0.0));
}
