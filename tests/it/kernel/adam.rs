use super::*;
use runner::science::model::kernel::{AdamRule, Moved, Moving, adam};

const RULE: AdamRule = AdamRule { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, rate: 1e-2, correction: 0.002 };

fn array(length: usize, seed: u64) -> Moving {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tensor = |from: f32| {
        let values = (0..length).map(|_| rng.random_range(from..1.0)).collect::<Vec<f32>>();
        Tensor::from_data(TensorData::new(values, [length]), &Device::flex())
    };
    Moving { weight: tensor(-1.0), gradient: tensor(-1.0), first: tensor(-1.0), second: tensor(0.0) }
}

fn arrays(lengths: &[usize], seed: u64) -> Vec<Moving> {
    lengths.iter().zip(seed..).map(|(&length, seed)| array(length, seed)).collect()
}

fn all_values(moved: &[Moved]) -> Vec<Vec<f32>> {
    moved.iter().flat_map(|Moved { weight, first, second }| [weight, first, second].map(values)).collect()
}

proptest! {
    #[test]
    fn steps_are_those_of_burn(lengths in prop::collection::vec(1..700usize, 0..20), seed in 0..u64::MAX / 2) {
        let (own, squares) = adam(arrays(&lengths, seed), &RULE);
        let (burn, squares_of_burn) = with_burn_alone(|| adam(arrays(&lengths, seed), &RULE));
        for (own, burn) in all_values(&own).iter().zip(all_values(&burn)) {
            assert_close("moved", own, &burn, 1e-6);
        }
        assert_close("squares", &[squares as f32], &[squares_of_burn as f32], 1e-5);
    }
}

#[test]
fn bits_of_steps_do_not_depend_on_the_number_of_threads() {
    let lengths = [1, 40_000, 3, 16_384, 16_385, 8];
    let run = |threads| {
        on_threads(threads, || {
            let (moved, squares) = adam(arrays(&lengths, 1), &RULE);
            (all_values(&moved), squares.to_bits())
        })
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn tensors_that_others_hold_are_left_alone() {
    let held = arrays(&[5, 100], 7);
    let before: Vec<_> = held.iter().flat_map(tensors).map(values).collect();
    let (moved, _) = adam(held.clone(), &RULE);
    let after: Vec<_> = held.iter().flat_map(tensors).map(values).collect();
    assert_eq!(before, after);
    assert_eq!(all_values(&moved), all_values(&adam(arrays(&[5, 100], 7), &RULE).0));
}

fn tensors(Moving { weight, gradient, first, second }: &Moving) -> [&Tensor<1>; 4] {
    [weight, gradient, first, second]
}

#[test]
fn a_step_by_hand() {
    let tensor = |value: f32| Tensor::from_data(TensorData::new(vec![value], [1]), &Device::flex());
    let rule = AdamRule { beta1: 0.5, beta2: 0.75, epsilon: 0.5, rate: 2.0, correction: 0.25 };
    let array = Moving { weight: tensor(1.0), gradient: tensor(4.0), first: tensor(2.0), second: tensor(12.0) };
    let (moved, squares) = adam(vec![array], &rule);
    // first 1 + 2, second 9 + 4, weight 1 - 2 * 3 / (sqrt(13 / 0.25) + 0.5)
    let weight = 1.0 - 6.0 / (52.0f32.sqrt() + 0.5);
    assert_eq!(all_values(&moved), [vec![weight], vec![3.0], vec![13.0]]);
    assert_eq!(squares, 16.0);
}
