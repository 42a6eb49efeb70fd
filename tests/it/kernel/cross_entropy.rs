use super::*;
use runner::science::model::kernel::{PixelLabels, cross_entropy};

/// Sizes: batch, classes, height, width.
type Sizes = [usize; 4];

fn pixels([batch, classes, height, width]: Sizes, seed: u64) -> PixelLabels {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut label = |_| if rng.random_bool(0.3) { rng.random_range(0..classes) as u8 } else { 255 };
    let labels = (0..batch * height * width).map(&mut label).collect();
    PixelLabels { labels, factors: (0..batch * classes).map(|_| rng.random_range(0.0..1.0)).collect() }
}

fn loss(sizes: Sizes, seed: u64) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    let pixels = pixels(sizes, seed);
    move |t| cross_entropy(t[0].clone().reshape(sizes), &pixels).reshape([1, 1, 1, 1])
}

fn logits(sizes: Sizes, seed: u64) -> Input {
    random(sizes.iter().product(), &mut ChaCha8Rng::seed_from_u64(seed)).into_iter().map(|value| value * 8.0).collect()
}

proptest! {
    #[test]
    fn losses_and_their_gradients_are_those_of_burn(
        (batch, classes, height, width, seed) in (1..5usize, 2..6usize, 1..20usize, 1..20usize, any::<u64>()),
    ) {
        let sizes = [batch, classes, height, width];
        let inputs = [logits(sizes, seed)];
        let own = outcome(&inputs, &loss(sizes, seed));
        assert_agree(&own, &with_burn_alone(|| outcome(&inputs, &loss(sizes, seed))), 1e-5);
        prop_assert_eq!(&own, &on_threads(2, || outcome(&inputs, &loss(sizes, seed))));
    }
}

#[test]
fn gradients_of_losses_are_slopes() {
    let sizes = [2, 4, 5, 7];
    let inputs = [logits(sizes, 1).iter().map(|logit| logit * 0.2).collect()];
    assert_slopes(&inputs, &loss(sizes, 1), 3e-2, 1e-2);
}

#[test]
fn what_is_unlabelled_reaches_neither_loss_nor_gradient() {
    let sizes = [1, 2, 1, 3];
    let labels = PixelLabels { labels: vec![0, 1, 255].into(), factors: vec![0.5, 2.0].into() };
    let run = |poisoned: usize, poison: f32| {
        let mut logits = vec![0.5, -1.0, 2.0, 1.0, 0.0, 3.0];
        logits[poisoned] = poison;
        outcome(&[logits], &|t| cross_entropy(t[0].clone().reshape(sizes), &labels).reshape([1, 1, 1, 1]))
    };
    let clean = run(2, 2.0);
    for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(run(2, poison), clean);
        assert!(run(0, poison).output[0].is_nan() || poison == f32::NEG_INFINITY);
    }
    assert_eq!([clean.gradients[0][2], clean.gradients[0][5]], [0.0, 0.0]);
    assert_eq!(run(0, f32::NEG_INFINITY).output, [f32::INFINITY]);
}
