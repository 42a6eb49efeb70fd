use super::*;
use runner::science::model::kernel::{attend, foreground};

/// Sizes: batch, classes, channels, height, width.
type Sizes = [usize; 5];

fn sizes() -> impl Strategy<Value = (Sizes, u64)> {
    (1..4usize, 2..6usize, 1..9usize, 1..30usize, 1..30usize, any::<u64>())
        .prop_map(|(batch, classes, channels, height, width, seed)| ([batch, classes, channels, height, width], seed))
}

fn gate_inputs([batch, classes, channels, height, width]: Sizes, seed: u64) -> Vec<Input> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pixels = batch * height * width;
    let logits = random(pixels * classes, &mut rng).into_iter().map(|value| value * 20.0).collect();
    vec![random(pixels * channels, &mut rng), logits]
}

/// Features by the attention that the logits make.
fn gated([batch, classes, channels, height, width]: Sizes) -> impl Fn(Vec<Tensor<1>>) -> Tensor<4> + Sync {
    move |t| {
        let foreground = foreground(t[1].clone().reshape([batch, classes, height, width]));
        attend(t[0].clone().reshape([batch, channels, height, width]), foreground)
    }
}

proptest! {
    #[test]
    fn gates_and_their_gradients_are_those_of_burn((sizes, seed) in sizes()) {
        let inputs = gate_inputs(sizes, seed);
        let own = outcome(&inputs, &gated(sizes));
        assert_agree(&own, &with_burn_alone(|| outcome(&inputs, &gated(sizes))), 1e-5);
        prop_assert_eq!(&own, &on_threads(2, || outcome(&inputs, &gated(sizes))));
    }
}

#[test]
fn gradients_of_gates_are_slopes() {
    let sizes = [2, 4, 3, 5, 7];
    let mut inputs = gate_inputs(sizes, 2);
    inputs[1].iter_mut().for_each(|logit| *logit *= 0.1);
    assert_slopes(&inputs, &gated(sizes), 1e-2, 1e-2);
}

#[test]
fn small_probabilities_keep_their_digits() {
    let tensor = Tensor::<4>::from_data(TensorData::new(vec![60.0f32, 0.0, 1.0], [1, 3, 1, 1]), &Device::flex());
    for (found, logit) in values(&foreground(tensor)).into_iter().zip([-60.0f64, -59.0]) {
        assert!((f64::from(found) / logit.exp() - 1.0).abs() < 1e-6, "{found:e} is not exp({logit})");
    }
}

#[test]
fn scores_that_are_not_finite_spoil_their_pixel_alone() {
    for poison in [f32::NAN, f32::INFINITY] {
        // Pixel 0 of both classes is clean, pixel 1 is not.
        let logits = TensorData::new(vec![0.0, 0.0, 0.0, poison], [1, 2, 1, 2]);
        let found = values(&foreground(Tensor::<4>::from_data(logits, &Device::flex())));
        assert!(found[0] == 0.5 && found[1].is_nan(), "{poison}: {found:?}");
    }
}
