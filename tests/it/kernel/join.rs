use super::*;
use runner::science::model::kernel::join;

/// Sizes: batch, channels of both, height, width.
type Sizes = [usize; 5];

fn joined([batch, first, second, height, width]: Sizes) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    move |t| {
        join(t[0].clone().reshape([batch, first, height, width]), t[1].clone().reshape([batch, second, height, width]))
    }
}

proptest! {
    #[test]
    fn joined_channels_and_their_gradients_are_those_of_burn(
        (batch, first, second, height, width, seed) in
            (1..5usize, 1..8usize, 1..8usize, 1..20usize, 1..20usize, any::<u64>()),
    ) {
        let sizes = [batch, first, second, height, width];
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let inputs = [first, second].map(|channels| random(batch * channels * height * width, &mut rng));
        let own = outcome(&inputs, &joined(sizes));
        prop_assert_eq!(&own, &with_burn_alone(|| outcome(&inputs, &joined(sizes))));
        prop_assert_eq!(&own, &on_threads(2, || outcome(&inputs, &joined(sizes))));
    }
}
