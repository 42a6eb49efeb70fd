//! Golden 04: skeletons, pixel by pixel, of both thinnings.

use super::tensors::{assert_close, flat};
use super::{Walk, npy, section};
use runner::science::data::{Labels, UNLABELLED};
use runner::science::scribble::{
    Background, SkeletonParameters, Thinning, coverage, skeleton_scribble, skeletonize_by,
};
use serde_json::Value;

const PLANES: [(&str, Thinning); 2] =
    [("zhang_skimage", Thinning::ScikitImage), ("zhang_suen_1984_literal", Thinning::ZhangSuen)];

/// `[plane, row, column]` of a file, one vector a plane.
fn planes(file: &Value) -> (usize, usize, Vec<Vec<u8>>) {
    let (shape, data) = npy::read_u8(&section("04_skeleton").join(file.as_str().unwrap()));
    let (height, width) = (shape[1], shape[2]);
    (height, width, (0..shape[0]).map(|plane| data[plane * height * width..][..height * width].to_vec()).collect())
}

fn rows(mask: &[bool], width: usize) -> Vec<String> {
    let row = |row: &[bool]| row.iter().map(|set| if *set { '#' } else { '.' }).collect();
    mask.chunks_exact(width).map(row).collect()
}

#[test]
fn every_mask_thins_to_the_same_pixels() {
    Walk::of("04_skeleton", "cases").each(|id, case| {
        let (height, width, planes) = planes(&case["npy"]);
        let plane = |name: &str| -> Vec<bool> {
            let index = case["planes"].as_array().unwrap().iter().position(|plane| plane == name).unwrap();
            planes[index].iter().map(|&pixel| pixel != 0).collect()
        };
        for (name, thinning) in PLANES {
            let skeleton = skeletonize_by(thinning, &plane("mask"), height, width);
            assert_eq!(rows(&skeleton, width), rows(&plane(name), width), "{id} {name}");
        }
        if case["expected"]["zhang_idempotent"] == true {
            let skeleton = plane("zhang_skimage");
            assert_eq!(skeletonize_by(Thinning::ScikitImage, &skeleton, height, width), skeleton, "{id}");
        }
    });
}

#[test]
fn the_scribble_of_a_label_map_agrees() {
    Walk::of("04_skeleton", "multiclass").each(|_, multiclass| check_scribble(multiclass));
}

fn check_scribble(multiclass: &Value) {
    let (height, width, planes) = planes(&multiclass["npy"]);
    let mask = Labels { slices: 1, height, width, data: planes[0].clone() };
    let parameters = SkeletonParameters { background: Background::Skeleton, ..SkeletonParameters::default() };
    let scribble = skeleton_scribble(&mask, &parameters);
    assert_eq!(UNLABELLED, 255);
    assert_eq!(scribble.data, planes[1]);
    let golden = multiclass["coverage_percent"].as_object().unwrap();
    let found: Vec<f64> = coverage(&scribble, golden.len()).into_iter().map(|share| 100.0 * share).collect();
    let expected: Vec<f64> = (0..golden.len()).flat_map(|class| flat(&golden[&class.to_string()])).collect();
    assert_close(&found, &expected, 1e-12, "coverage");
}
