//! Dice and Hausdorff distance: worked by hand, and what holds for any masks.

use proptest::prelude::*;
use runner::science::data::Labels;
use runner::science::metric::{
    BothEmpty, EmptyDice, Hausdorff, Measure, MetricError, OneEmpty, Plane, Points, Scoring, SoftDenominator,
    Statistic, VolumeDice, class_dice, multi_class_dice, overlaps, soft_dice, squared_distances, volume_dice,
};

#[test]
fn dice_by_hand() {
    // Class 1 overlaps at 1 of 2 + 2 pixels, class 2 at 1 of 1 + 1; pooled 2 of 3 + 3.
    let (prediction, truth) = ([1, 1, 0, 2], [0, 1, 1, 2]);
    let dice = multi_class_dice(&prediction, &truth, 3, EmptyDice::One).unwrap();
    assert_eq!(dice, Some(2.0 * 2.0 / (3.0 + 3.0)));
    assert_eq!(class_dice(&prediction, &truth, 3, 1, EmptyDice::One).unwrap(), Some(2.0 * 1.0 / (2.0 + 2.0)));
    assert_eq!(class_dice(&prediction, &truth, 3, 2, EmptyDice::One).unwrap(), Some(1.0));
}

#[test]
fn a_slice_pair_differs_from_its_pooled_volume() {
    let labels = |data: [u8; 4]| Labels { slices: 2, height: 1, width: 2, data: data.to_vec() };
    let (prediction, truth) = (labels([1, 1, 0, 1]), labels([1, 1, 1, 0]));
    let dice = |unit| volume_dice(&prediction, &truth, 2, None, unit, EmptyDice::One).unwrap();
    assert_eq!(dice(VolumeDice::SliceMean), Some((1.0 + 0.0) / 2.0));
    assert_eq!(dice(VolumeDice::Pooled), Some(2.0 * 2.0 / (3.0 + 3.0)));
}

#[test]
fn what_is_no_segmentation_is_reported() {
    let dice = |p: &[u8], t: &[u8]| multi_class_dice(p, t, 4, EmptyDice::One).unwrap_err();
    assert_eq!(dice(&[0, 1], &[0]), MetricError::Length { prediction: 2, truth: 1 });
    // A scribble where the truth should be.
    assert_eq!(dice(&[0, 1], &[0, 255]), MetricError::Label { label: 255, pixel: 1, classes: 4 });
    assert_eq!(class_dice(&[0], &[0], 4, 4, EmptyDice::One), Err(MetricError::Class { class: 4, classes: 4 }));
    let soft = soft_dice(&[0.5, f64::NAN], &[0], 2, SoftDenominator::Sum);
    assert!(matches!(soft, Err(MetricError::Probability { class: 1, pixel: 0, .. })));

    let distance = |plane| Hausdorff::default().distance(&[1, 0], &[0, 1], 1, plane).unwrap_err();
    assert_eq!(distance(Plane::pixels(2, 2)), MetricError::Plane { found: 2, height: 2, width: 2 });
    let spacing = [0.0, 1.0];
    assert_eq!(distance(Plane { height: 1, width: 2, spacing }), MetricError::Spacing { spacing });
}

#[test]
fn hausdorff_by_hand() {
    // One pixel against two in a row of five: 3 to the left one, 1 to the right one.
    let (prediction, truth) = ([0, 0, 0, 1, 0], [1, 0, 0, 0, 1]);
    let of = |statistic, spacing| {
        let plane = Plane { height: 1, width: 5, spacing };
        Hausdorff { statistic, ..Hausdorff::default() }.distance(&prediction, &truth, 1, plane).unwrap().unwrap()
    };
    assert_eq!(of(Statistic::Maximum, [1.0, 1.0]), 3.0);
    assert_eq!(of(Statistic::Maximum, [1.0, 1.5]), 4.5);
    // Forward {1}, backward {3, 1}: means 1 and 2.
    assert_eq!(of(Statistic::Mean, [1.0, 1.0]), 1.5);
    // Pooled {1, 1, 3}: at 0.95 * 2 = 1.9 between 1 and 3. Directed: backward at 0.95 between 1 and 3.
    assert!((of(Statistic::Percentile95Pooled, [1.0, 1.0]) - 2.8).abs() < 1e-12);
    assert!((of(Statistic::Percentile95Directed, [1.0, 1.0]) - 2.9).abs() < 1e-12);
}

#[test]
fn parameters_read_back_and_have_the_papers_defaults() {
    let parsed: Hausdorff = serde_json::from_str(r#"{"points": "surface4", "statistic": "percentile95_pooled"}"#)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((parsed.points, parsed.statistic), (Points::Surface4, Statistic::Percentile95Pooled));
    assert_eq!((parsed.one_empty, parsed.both_empty), (OneEmpty::ImageSide, BothEmpty::Undefined));
    assert!(serde_json::from_str::<Hausdorff>(r#"{"point": "set"}"#).is_err());
}

#[test]
fn the_papers_answers_have_a_name() {
    let paper: Hausdorff = serde_json::from_str(r#"{"one_empty": "paper", "both_empty": "paper"}"#).unwrap();
    assert_eq!(paper, Hausdorff::default());
    assert_eq!(serde_json::from_str::<EmptyDice>(r#""paper""#).unwrap(), EmptyDice::One);
    assert_eq!(serde_json::to_string(&EmptyDice::One).unwrap(), r#""one""#, "and the key stays");
}

/// Two slices of 1 x 5: the one of `hausdorff_by_hand`, and one where the prediction is empty.
#[test]
fn a_volume_is_scored_by_slice_and_by_measure() {
    let labels = |data: [u8; 10]| Labels { slices: 2, height: 1, width: 5, data: data.to_vec() };
    let prediction = labels([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let truth = labels([1, 0, 0, 0, 1, 0, 1, 0, 0, 0]);
    let more = vec![Measure::HausdorffMm, Measure::Hd95Px, Measure::AssdMm, Measure::MeanClassDice];
    let score = |volume_dice| {
        let scoring = Scoring { volume_dice, more: more.clone(), ..Scoring::default() };
        scoring.volume(&prediction, &truth, 2, [1.0, 1.5]).unwrap()
    };
    let means = score(VolumeDice::SliceMean);
    let values = |slice: usize| means.slices[slice].iter().map(|v| (v.metric, v.value.unwrap())).collect::<Vec<_>>();
    let [dice, mean, class, px, mm, hd95, assd] = values(0)[..] else { panic!("{:?}", values(0)) };
    assert_eq!([dice, mean, class], [("dice", 0.0), ("mean_class_dice", 0.0), ("dice", 0.0)]);
    assert_eq!([px, mm, assd], [("hausdorff_px", 3.0), ("hausdorff_mm", 4.5), ("assd_mm", 2.25)]);
    assert!(hd95.0 == "hd95_px" && (hd95.1 - 2.8).abs() < 1e-12);
    // Empty: the longer side, 5 pixels of 1.5 mm.
    assert_eq!(values(1)[3..5], [("hausdorff_px", 5.0), ("hausdorff_mm", 7.5)]);
    assert!(means.pooled.is_empty());
    let pooled = score(VolumeDice::Pooled);
    assert_eq!(pooled.slices[0].len(), 4, "distances alone");
    assert_eq!(pooled.pooled[0].value, Some(0.0));
    let flat = Scoring::default().volume(&prediction, &Labels { slices: 1, height: 2, ..truth }, 2, [1.0, 1.0]);
    assert!(matches!(flat, Err(MetricError::Shape { .. })));
}

#[test]
fn a_ring_and_its_filling_have_the_same_surface() {
    let filled = vec![1; 15];
    let mut ring = filled.clone();
    ring[6..9].fill(0);
    let distance =
        |points| Hausdorff { points, ..Hausdorff::default() }.distance(&filled, &ring, 1, Plane::pixels(3, 5)).unwrap();
    assert_eq!(distance(Points::Surface4), Some(0.0));
    assert_eq!(distance(Points::Surface8), Some(0.0));
    assert_eq!(distance(Points::Set), Some(1.0));
}

/// Masks of any density up to 12 x 12, the sparse ones too.
fn plane_and_masks() -> impl Strategy<Value = (Plane, Vec<u8>, Vec<u8>)> {
    (1..12_usize, 1..12_usize, 0.3..3.0_f64, 0.3..3.0_f64).prop_flat_map(|(height, width, dy, dx)| {
        let labels = || {
            (0.0..1.0_f64)
                .prop_flat_map(move |p| prop::collection::vec(prop::bool::weighted(p), height * width))
                .prop_map(|mask| mask.into_iter().map(u8::from).collect::<Vec<u8>>())
        };
        (Just(Plane { height, width, spacing: [dy, dx] }), labels(), labels())
    })
}

fn brute_force(mask: &[bool], plane: Plane, pixel: usize) -> f64 {
    let at = |pixel: usize| (pixel / plane.width, pixel % plane.width);
    let squared = |other: usize| {
        let (dy, dx) = (at(pixel).0.abs_diff(at(other).0) as f64, at(pixel).1.abs_diff(at(other).1) as f64);
        (dy * plane.spacing[0]).powi(2) + (dx * plane.spacing[1]).powi(2)
    };
    (0..mask.len()).filter(|&other| mask[other]).map(squared).fold(f64::INFINITY, f64::min)
}

/// Counts of one byte would overflow after 255 rows of lanes.
#[test]
fn large_images_are_counted_in_full() {
    let pixels = 70_001;
    let prediction: Vec<u8> = (0..pixels).map(|i| u8::from(i % 7 != 0)).collect();
    let truth = vec![1; pixels];
    let counts = overlaps(&prediction, &truth, 3).unwrap();
    let expected = (0..pixels).filter(|i| i % 7 != 0).count() as u64;
    assert_eq!((counts[1].intersection, counts[1].prediction, counts[1].truth), (expected, expected, pixels as u64));
    assert_eq!((counts[0].prediction, counts[0].truth, counts[2].truth), (pixels as u64 - expected, 0, 0));
    assert_eq!(overlaps(&prediction, &vec![3; pixels], 3), Err(MetricError::Label { label: 3, pixel: 0, classes: 3 }));
}

proptest! {
    #[test]
    fn a_wider_image_has_the_same_distances((plane, a, b) in plane_and_masks(), [above, left] in [0..9_usize, 0..9_usize]) {
        let (height, width) = (plane.height + above + 3, plane.width + left + 2);
        let wider = |labels: &[u8]| {
            let mut wide = vec![0; height * width];
            for (pixel, &label) in labels.iter().enumerate() {
                wide[(pixel / plane.width + above) * width + pixel % plane.width + left] = label;
            }
            wide
        };
        let hausdorff = Hausdorff { one_empty: OneEmpty::Undefined, ..Hausdorff::default() };
        for hausdorff in [hausdorff, hausdorff.hd95(), hausdorff.average()] {
            let narrow = hausdorff.distance(&a, &b, 1, plane).unwrap();
            let wide = hausdorff.distance(&wider(&a), &wider(&b), 1, Plane { height, width, ..plane }).unwrap();
            prop_assert_eq!(narrow, wide);
        }
    }

    #[test]
    fn distances_are_those_of_brute_force((plane, labels, _) in plane_and_masks()) {
        let mask: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
        let exact = squared_distances(&mask, Plane::pixels(plane.height, plane.width));
        let scaled = squared_distances(&mask, plane);
        for pixel in 0..mask.len() {
            // Whole numbers of squared pixels come out exactly.
            prop_assert_eq!(exact[pixel], brute_force(&mask, Plane::pixels(plane.height, plane.width), pixel));
            let expected = brute_force(&mask, plane, pixel);
            prop_assert!(scaled[pixel] == expected || (scaled[pixel] - expected).abs() <= 1e-12 * expected);
        }
    }

    #[test]
    fn metrics_are_symmetric_and_bounded((plane, a, b) in plane_and_masks()) {
        let dice = |x: &[u8], y: &[u8]| multi_class_dice(x, y, 2, EmptyDice::One).unwrap().unwrap();
        prop_assert_eq!(dice(&a, &b), dice(&b, &a));
        prop_assert!((0.0..=1.0).contains(&dice(&a, &b)));
        prop_assert_eq!(dice(&a, &a), 1.0);
        for points in [Points::Set, Points::Surface4, Points::Surface8] {
            let hausdorff = Hausdorff { points, both_empty: BothEmpty::Zero, ..Hausdorff::default() };
            let distance = |x: &[u8], y: &[u8]| hausdorff.distance(x, y, 1, plane).unwrap().unwrap();
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &a), 0.0);
            // A ring and its filling have the same surface: only the whole set tells any two masks apart.
            if points == Points::Set {
                prop_assert_eq!(distance(&a, &b) == 0.0, a == b, "a mask is known by its points");
            }
        }
    }

    #[test]
    fn soft_dice_of_a_one_hot_is_the_hard_one((_, a, b) in plane_and_masks()) {
        let one_hot: Vec<f64> =
            [0, 1].iter().flat_map(|class| a.iter().map(move |label| f64::from(u8::from(label == class)))).collect();
        let hard = multi_class_dice(&a, &b, 2, EmptyDice::Undefined).unwrap();
        for denominator in [SoftDenominator::Sum, SoftDenominator::Squares] {
            prop_assert_eq!(soft_dice(&one_hot, &b, 2, denominator).unwrap(), hard);
        }
    }
}
