use super::*;
use runner::science::model::kernel::max_pool;

fn pooled(shape: [usize; 4]) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    move |t| max_pool(t[0].clone().reshape(shape))
}

/// Few different values, so that blocks hold ties, and some NaN.
fn values_with_ties(length: usize, seed: u64) -> Input {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let value = |n: i32| if n == 5 { f32::NAN } else { n as f32 };
    (0..length).map(|_| value(rng.random_range(-5..=5))).collect()
}

/// Equal bits, so that NaN equals itself.
fn bits(outcome: &Outcome) -> Vec<u32> {
    outcome.output.iter().chain(outcome.gradients.iter().flatten()).map(|value| value.to_bits()).collect()
}

proptest! {
    #[test]
    fn maxima_and_their_gradients_are_those_of_burn(
        (batch, channels, height, width, seed) in (1..4usize, 1..6usize, 1..20usize, 1..70usize, any::<u64>()),
    ) {
        let shape = [batch, channels, height.max(2), width.max(2)];
        let input = values_with_ties(shape.iter().product(), seed);
        let inputs = std::slice::from_ref(&input);
        let own = bits(&outcome(inputs, &pooled(shape)));
        prop_assert_eq!(&own, &bits(&with_burn_alone(|| outcome(inputs, &pooled(shape)))));
        prop_assert_eq!(&own, &bits(&on_threads(2, || outcome(inputs, &pooled(shape)))));
    }
}

#[test]
fn gradients_of_maxima_are_slopes() {
    let shape = [2, 3, 6, 8];
    // No two values closer than the step.
    let input: Input = (0..288u32).map(|i| ((i * 97) % 288) as f32).collect();
    assert_slopes(&[input], &pooled(shape), 0.25, 1e-4);
}

#[test]
fn the_first_of_equal_values_takes_the_gradient() {
    let outcome = outcome(&[vec![1.0, 2.0, 2.0, 2.0]], &pooled([1, 1, 2, 2]));
    assert_eq!(outcome.output, [2.0]);
    let reached: Vec<usize> = (0..4).filter(|&i| outcome.gradients[0][i] != 0.0).collect();
    assert_eq!(reached, [1]);
}
