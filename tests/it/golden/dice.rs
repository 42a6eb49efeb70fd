//! Golden 01: multi-class Dice, in all readings.

use super::Walk;
use super::tensors::{assert_close, flat, shape};
use runner::science::data::Labels;
use runner::science::metric::{
    EmptyDice, MetricError, SoftDenominator, VolumeDice, class_dice, mean_class_dice, most_probable, multi_class_dice,
    overlaps, soft_dice, volume_dice,
};
use runner::science::stat::{Deviation, summary};
use serde_json::Value;

const EMPTY: [(&str, EmptyDice); 3] =
    [("is_1", EmptyDice::One), ("is_0", EmptyDice::Zero), ("skipped", EmptyDice::Undefined)];

fn labels(value: &Value) -> Labels {
    let shape = shape(value);
    let (slices, plane) = shape.split_at(shape.len() - 2);
    let data = flat(value).into_iter().map(|label| label as u8).collect();
    Labels { slices: slices.first().copied().unwrap_or(1), height: plane[0], width: plane[1], data }
}

/// `null` in the golden set is `None` here.
#[track_caller]
fn assert_dice(found: Option<f64>, expected: &Value, what: &str) {
    match found {
        None => assert!(expected.is_null(), "{what}: undefined, expected {expected}"),
        Some(found) => assert_close(&[found], &flat(expected), 1e-12, what),
    }
}

/// All that is expected of one pair of label maps.
fn check_pair(prediction: &[u8], truth: &[u8], classes: usize, expected: &Value, id: &str) {
    let counts = overlaps(prediction, truth, classes).unwrap();
    for (class, golden) in expected["per_class"].as_object().unwrap() {
        let class: u8 = class.parse().unwrap();
        let overlap = counts[usize::from(class)];
        assert_eq!(overlap.intersection, golden["intersection"].as_u64().unwrap(), "{id} class {class}");
        assert_eq!(overlap.prediction, golden["n_pred"].as_u64().unwrap(), "{id} class {class}");
        assert_eq!(overlap.truth, golden["n_true"].as_u64().unwrap(), "{id} class {class}");
        let dice = class_dice(prediction, truth, classes, class, EmptyDice::Undefined).unwrap();
        assert_dice(dice, &golden["dice"], &format!("{id} class {class}"));
    }
    let total: u64 = counts[1..].iter().map(|overlap| overlap.intersection).sum();
    assert_eq!(total, expected["totals"]["intersection"].as_u64().unwrap(), "{id}");
    let dice = |empty| multi_class_dice(prediction, truth, classes, empty).unwrap();
    assert_dice(dice(EmptyDice::Undefined), &expected["dice_multi"], id);
    assert_dice(dice(EmptyDice::One), &expected["dice_multi_empty_is_1"], id);
    for (name, empty) in EMPTY {
        let mean = mean_class_dice(prediction, truth, classes, empty).unwrap();
        assert_dice(mean, &expected[format!("mean_of_class_dice_empty_{name}")], &format!("{id} mean, {name}"));
    }
}

fn check_volume(prediction: &Labels, truth: &Labels, classes: usize, expected: &Value, id: &str) {
    let dice = |class, unit, empty| volume_dice(prediction, truth, classes, class, unit, empty).unwrap();
    for (slice, golden) in expected["slice_dice_multi"].as_array().unwrap().iter().enumerate() {
        let found =
            multi_class_dice(prediction.slice(slice), truth.slice(slice), classes, EmptyDice::Undefined).unwrap();
        assert_dice(found, golden, &format!("{id} slice {slice}"));
    }
    let slices = |class, empty| dice(class, VolumeDice::SliceMean, empty);
    assert_dice(slices(None, EmptyDice::One), &expected["slice_mean_empty_is_1"], id);
    assert_dice(slices(None, EmptyDice::Undefined), &expected["slice_mean_empty_skipped"], id);
    for (class, golden) in expected["per_class"].as_object().unwrap() {
        let class = Some(class.parse().unwrap());
        assert_dice(slices(class, EmptyDice::One), &golden["slice_mean_empty_is_1"], id);
        assert_dice(slices(class, EmptyDice::Undefined), &golden["slice_mean_empty_skipped"], id);
    }
    let each: Vec<f64> = (0..truth.slices)
        .filter_map(|s| multi_class_dice(prediction.slice(s), truth.slice(s), classes, EmptyDice::One).unwrap())
        .collect();
    for (name, divisor) in [("std0", Deviation::Population), ("std1", Deviation::Sample)] {
        let deviation = summary(&each, divisor).unwrap().deviation;
        assert_dice(deviation, &expected[format!("slice_{name}_empty_is_1")], &format!("{id} {name}"));
    }
    let pooled = dice(None, VolumeDice::Pooled, EmptyDice::Undefined);
    assert_dice(pooled, &expected["volume"]["dice_multi"], &format!("{id} pooled"));
    check_pair(&prediction.data, &truth.data, classes, &expected["volume"], id);
}

fn check_soft(case: &Value, truth: &Labels, classes: usize, id: &str) {
    let (probabilities, expected) = (flat(&case["prob"]), &case["expected"]);
    for (name, denominator) in
        [("soft_dice_multi", SoftDenominator::Sum), ("soft_dice_multi_squared_denominator", SoftDenominator::Squares)]
    {
        assert_dice(soft_dice(&probabilities, &truth.data, classes, denominator).unwrap(), &expected[name], id);
    }
    let hard = most_probable(&probabilities, classes);
    assert_eq!(hard, labels(&expected["argmax_first_wins"]).data, "{id}");
    check_pair(&hard, &truth.data, classes, &expected["hard"], id);
}

#[test]
fn every_case_agrees() {
    Walk::of("01_dice", "cases").each(|id, case| {
        let classes = case["n_classes"].as_u64().unwrap() as usize;
        let (truth, expected) = (labels(&case["true"]), &case["expected"]);
        match case["kind"].as_str() {
            Some("volume") => check_volume(&labels(&case["pred"]), &truth, classes, expected, id),
            Some("soft") => check_soft(case, &truth, classes, id),
            None => check_pair(&labels(&case["pred"]).data, &truth.data, classes, expected, id),
            Some(other) => panic!("{id}: unknown kind {other}"),
        }
    });
}

#[test]
fn every_error_case_is_reported() {
    Walk::of("01_dice", "error_cases").each(|id, case| {
        let of_shape = |name: &str| {
            let shape = flat(&case[name]);
            let (height, width) = (shape[0] as usize, shape[1] as usize);
            Labels { slices: 1, height, width, data: vec![0; height * width] }
        };
        let (prediction, truth) = match case["pred_shape"].is_array() {
            true => (of_shape("pred_shape"), of_shape("true_shape")),
            false => (labels(&case["pred"]), labels(&case["true"])),
        };
        let classes = case["n_classes"].as_u64().unwrap_or(4) as usize;
        for unit in [VolumeDice::SliceMean, VolumeDice::Pooled] {
            let found = volume_dice(&prediction, &truth, classes, None, unit, EmptyDice::One);
            assert!(matches!(found, Err(MetricError::Shape { .. } | MetricError::Label { .. })), "{id}: {found:?}");
        }
    });
}
