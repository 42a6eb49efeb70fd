use super::*;
use burn::tensor::activation;
use runner::science::model::kernel::softmax;

fn own(shape: [usize; 4]) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    move |t| softmax(t[0].clone().reshape(shape))
}

proptest! {
    #[test]
    fn probabilities_and_their_gradients_are_those_of_burn(
        (batch, classes, height, width, seed) in (1..4usize, 1..6usize, 1..20usize, 1..40usize, any::<u64>()),
    ) {
        let shape = [batch, classes, height, width];
        let inputs = [random(shape.iter().product(), &mut ChaCha8Rng::seed_from_u64(seed))];
        let burn = move |t: Vec<Tensor<1>>| activation::softmax(t[0].clone().reshape(shape), 1);
        let found = outcome(&inputs, &own(shape));
        assert_agree(&found, &outcome(&inputs, &burn), 1e-6);
        prop_assert_eq!(&found, &on_threads(2, || outcome(&inputs, &own(shape))));
    }
}

#[test]
fn gradients_of_probabilities_are_slopes() {
    let shape = [2, 3, 4, 5];
    assert_slopes(&[random(120, &mut ChaCha8Rng::seed_from_u64(5))], &own(shape), 1e-2, 1e-3);
}
