use super::*;
use runner::science::model::kernel::upsample;

proptest! {
    #[test]
    fn upsampled_pixels_and_their_gradients_are_those_of_burn(
        dims in [1..4usize, 1..6usize, 1..20usize, 1..20usize],
        seed in any::<u64>(),
    ) {
        let inputs = [random(dims.iter().product(), &mut ChaCha8Rng::seed_from_u64(seed))];
        let operation = |t: Vec<Tensor<1>>| upsample(t[0].clone().reshape(dims));
        let own = outcome(&inputs, &operation);
        assert_agree(&own, &with_burn_alone(|| outcome(&inputs, &operation)), 1e-6);
        prop_assert_eq!(&own, &on_threads(2, || outcome(&inputs, &operation)));
    }
}

#[test]
fn each_pixel_is_taken_twice_both_ways() {
    let input = Tensor::<4>::from_data(TensorData::new(vec![1.0f32, 2.0], [1, 1, 1, 2]), &Device::flex());
    assert_eq!(values(&upsample(input)), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
}
