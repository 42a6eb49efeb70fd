//! Golden 02: Hausdorff distance in 2-D, all readings of points, statistic and empty masks.

use super::tensors::{assert_close, flat, number};
use super::{Walk, npy, section};
use runner::science::metric::{BothEmpty, Hausdorff, OneEmpty, Plane, Points, Statistic};
use runner::science::stat::{Deviation, summary};
use serde_json::Value;

const READINGS: [(&str, Points, Statistic); 6] = [
    ("hd_set", Points::Set, Statistic::Maximum),
    ("hd_surface4", Points::Surface4, Statistic::Maximum),
    ("hd_surface8", Points::Surface8, Statistic::Maximum),
    ("hd95_pooled_surface4", Points::Surface4, Statistic::Percentile95Pooled),
    ("hd95_max_of_directed_surface4", Points::Surface4, Statistic::Percentile95Directed),
    ("assd_surface4", Points::Surface4, Statistic::Mean),
];

const ONE_EMPTY: [(&str, OneEmpty); 4] = [
    ("image_side", OneEmpty::ImageSide),
    ("diagonal", OneEmpty::Diagonal),
    ("diagonal_minus1", OneEmpty::CentreDiagonal),
    ("inf", OneEmpty::Infinite),
];

struct Case {
    prediction: Vec<u8>,
    truth: Vec<u8>,
    plane: Plane,
}

impl Case {
    fn new(case: &Value) -> Case {
        let size: Vec<usize> = flat(&case["shape"]).into_iter().map(|n| n as usize).collect();
        let spacing = flat(&case["spacing_yx"]);
        let plane = Plane { height: size[0], width: size[1], spacing: [spacing[0], spacing[1]] };
        let labels = |value: &Value| flat(value).into_iter().map(|label| label as u8).collect();
        let Some(file) = case["npy"].as_str() else {
            return Case { prediction: labels(&case["pred"]), truth: labels(&case["true"]), plane };
        };
        let (_, planes) = npy::read_u8(&section("02_hausdorff").join(file));
        let (prediction, truth) = planes.split_at(plane.height * plane.width);
        Case { prediction: prediction.to_vec(), truth: truth.to_vec(), plane }
    }

    fn distance(&self, hausdorff: Hausdorff, class: u8) -> Option<f64> {
        hausdorff.distance(&self.prediction, &self.truth, class, self.plane).unwrap()
    }

    fn check(&self, class: u8, expected: &Value, what: &str) {
        match expected["status"].as_str().unwrap() {
            "ok" => self.check_readings(class, expected, what),
            "both_empty" => {
                let answer = |both_empty| self.distance(Hausdorff { both_empty, ..Hausdorff::default() }, class);
                assert_eq!(self.distance(Hausdorff::default(), class), None, "{what}");
                assert_eq!(answer(BothEmpty::Zero), expected["conventions"]["zero"].as_f64(), "{what}");
                assert_eq!(answer(BothEmpty::ImageSide), expected["conventions"]["image_side"].as_f64(), "{what}");
                assert_eq!(expected["recommended"], "skip", "{what}");
            }
            "pred_empty" | "true_empty" => {
                for (name, one_empty) in ONE_EMPTY {
                    let found = self.distance(Hausdorff { one_empty, ..Hausdorff::default() }, class).unwrap();
                    let expected = number(&expected["conventions"][name]);
                    assert!(found == expected || (found - expected).abs() <= 1e-9, "{what} {name}: {found}");
                }
                let undefined = Hausdorff { one_empty: OneEmpty::Undefined, ..Hausdorff::default() };
                assert_eq!(self.distance(undefined, class), None, "{what}");
                let recommended = number(&expected["conventions"][expected["recommended"].as_str().unwrap()]);
                assert_eq!(self.distance(Hausdorff::default(), class), Some(recommended), "{what}");
            }
            other => panic!("{what}: unknown status {other}"),
        }
    }

    fn check_readings(&self, class: u8, expected: &Value, what: &str) {
        for (name, points, statistic) in READINGS {
            let found = self.distance(Hausdorff { points, statistic, ..Hausdorff::default() }, class).unwrap();
            assert_close(&[found], &flat(&expected[name]), 1e-9, &format!("{what} {name}"));
        }
        let directed =
            Hausdorff::default().directed(&self.prediction, &self.truth, class, self.plane).unwrap().unwrap();
        let golden = [number(&expected["hd_set_pred_to_true"]), number(&expected["hd_set_true_to_pred"])];
        assert_close(&[directed.prediction_to_truth, directed.truth_to_prediction], &golden, 1e-9, what);
    }
}

#[test]
fn every_class_of_every_case_agrees() {
    Walk::of("02_hausdorff", "cases").each(|id, case| match case["kind"].as_str() {
        None => {
            let built = Case::new(case);
            for (class, expected) in case["expected"].as_object().unwrap() {
                built.check(class.parse().unwrap(), expected, &format!("{id} class {class}"));
            }
        }
        Some("stack") => check_stack(case),
        Some(other) => panic!("{id}: unknown kind {other}"),
    });
}

/// Stacks of empty predictions score the side.
fn check_stack(case: &Value) {
    let size: Vec<usize> = flat(&case["shape"]).into_iter().map(|n| n as usize).collect();
    let plane = Plane::pixels(size[1], size[2]);
    let pixels = size[1] * size[2];
    let [prediction, truth]: [Vec<u8>; 2] =
        ["pred", "true"].map(|name| flat(&case[name]).into_iter().map(|label| label as u8).collect());
    for (class, expected) in case["expected"].as_object().unwrap() {
        let class: u8 = class.parse().unwrap();
        let slices = |both_empty| -> Vec<Option<f64>> {
            let hausdorff = Hausdorff { both_empty, ..Hausdorff::default() };
            let pairs = prediction.chunks_exact(pixels).zip(truth.chunks_exact(pixels));
            pairs.map(|(p, t)| hausdorff.distance(p, t, class, plane).unwrap()).collect()
        };
        let golden: Vec<Option<f64>> =
            expected["per_slice_one_empty_is_side"].as_array().unwrap().iter().map(Value::as_f64).collect();
        assert_eq!(slices(BothEmpty::Undefined), golden, "{}", case["id"]);
        for (name, both_empty) in
            [("skipped", BothEmpty::Undefined), ("zero", BothEmpty::Zero), ("side", BothEmpty::ImageSide)]
        {
            let defined: Vec<f64> = slices(both_empty).into_iter().flatten().collect();
            let found = summary(&defined, Deviation::Population).unwrap();
            assert_close(&[found.mean], &flat(&expected[format!("mean_both_empty_{name}")]), 1e-9, name);
            let deviation = found.deviation.unwrap();
            assert_close(&[deviation], &flat(&expected[format!("std0_both_empty_{name}")]), 1e-9, name);
        }
    }
}
