//! Golden 11: mean field of a dense CRF, all readings of self term and normalisation.

use super::tensors::{assert_close, number};
use super::{Walk, npy, section};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use runner::science::model::{Crf, CrfError, CrfParameters, Intensities, KernelNormalisation, SelfTerm, values};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

fn settings(case: &Value) -> Crf {
    assert_eq!(case["compatibility"], "potts: 1 off the diagonal, 0 on it");
    Crf {
        sigma_alpha: number(&case["sigma_alpha"]),
        sigma_beta: number(&case["sigma_beta"]),
        sigma_gamma: number(&case["sigma_gamma"]),
        appearance: number(&case["w_appearance"]),
        smoothness: number(&case["w_smooth"]),
        iterations: case["iterations"].as_u64().unwrap() as usize,
        ..Crf::default()
    }
}

/// E.g. `self_included/row`.
fn reading(name: &str) -> (SelfTerm, KernelNormalisation) {
    let (self_term, normalisation) = name.split_once('/').unwrap();
    let normalisation = serde_json::from_value(Value::from(normalisation)).unwrap();
    match self_term {
        "self_included" => (SelfTerm::Included, normalisation),
        "self_excluded" => (SelfTerm::Excluded, normalisation),
        other => panic!("unknown self term {other}"),
    }
}

#[test]
fn every_reading_of_every_case_agrees() {
    Walk::of("11_crf", "cases").each(|id, case| {
        let file = |name: &str| npy::read_f64(&section("11_crf").join(case["files"][name].as_str().unwrap()));
        let (shape, logits) = file("logits");
        let (size, (_, image)) = ([shape[1], shape[2]], file("image"));
        let crf = settings(case);
        let start = Crf { iterations: 0, ..crf }.mean_field(&logits, &image, size).unwrap();
        assert_close(&start, &file("Q0").1, TOLERANCE, &format!("{id} start"));
        let once =
            Crf { iterations: 1, self_term: SelfTerm::Excluded, normalisation: KernelNormalisation::None, ..crf };
        let once = once.mean_field(&logits, &image, size).unwrap();
        assert_close(&once, &file("Q_iter1_selfexcl_none").1, TOLERANCE, &format!("{id} once"));
        let (_, all) = file("Q_final");
        let names = case["Q_final_planes"].as_array().unwrap();
        assert_eq!(all.len(), names.len() * logits.len(), "{id}");
        for (name, golden) in names.iter().zip(all.chunks_exact(logits.len())) {
            let name = name.as_str().unwrap();
            let (self_term, normalisation) = reading(name);
            let found = Crf { self_term, normalisation, ..crf }.mean_field(&logits, &image, size).unwrap();
            assert_close(&found, golden, TOLERANCE, &format!("{id} {name}"));
        }
    });
}

/// Probabilities of the untrained layer, whose kernels are filters. Sums that nothing divides are tens of units, and their
/// differences need a finer grid than means do.
fn by_filter(crf: Crf, logits: &[f64], image: &[f64], size: [usize; 2]) -> Vec<f64> {
    let cell = (crf.normalisation == KernelNormalisation::None).then_some(0.25);
    let parameters = CrfParameters { field: crf, intensities: Intensities::AsStored, cell, ..CrfParameters::default() };
    let device = Device::flex();
    let tensor = |values: &[f64]| -> Tensor<4> {
        let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
        let shape = [1, values.len() / (size[0] * size[1]), size[0], size[1]];
        Tensor::from_data(TensorData::new(values, shape), &device)
    };
    let logits = tensor(logits);
    let layer = parameters.layer(logits.dims()[1]).unwrap();
    let scores = layer.forward(&layer.init(&device), logits, tensor(image)).unwrap();
    values(&softmax(scores, 1)).into_iter().map(f64::from).collect()
}

#[test]
fn every_reading_of_every_case_agrees_by_filter() {
    Walk::of("11_crf", "cases").each(|id, case| {
        let file = |name: &str| npy::read_f64(&section("11_crf").join(case["files"][name].as_str().unwrap()));
        let (shape, logits) = file("logits");
        let (size, (_, image)) = ([shape[1], shape[2]], file("image"));
        let (_, all) = file("Q_final");
        let names = case["Q_final_planes"].as_array().unwrap();
        for (name, golden) in names.iter().zip(all.chunks_exact(logits.len())) {
            let (self_term, normalisation) = reading(name.as_str().unwrap());
            let found = by_filter(Crf { self_term, normalisation, ..settings(case) }, &logits, &image, size);
            let one_channel = image.len() == size[0] * size[1];
            let limit = if normalisation != KernelNormalisation::None && one_channel { 1e-3 } else { 1e-2 };
            assert_close(&found, golden, limit, &format!("{id} {name}"));
        }
    });
}

#[test]
fn the_default_is_the_recommended_reading() {
    let Crf { self_term, normalisation, .. } = Crf::default();
    assert_eq!((self_term, normalisation), reading("self_included/row"));
}

#[test]
fn one_pixel_hears_nobody() {
    let alone = Crf { self_term: SelfTerm::Excluded, ..Crf::default() };
    assert_eq!(alone.mean_field(&[0.0, 0.0], &[7.0], [1, 1]).unwrap(), [0.5, 0.5]);
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let crf = Crf::default();
    let wrong = crf.mean_field(&[0.0; 5], &[0.0; 4], [2, 2]).unwrap_err();
    assert_eq!(wrong, CrfError::Planes { what: "logits", is: 5, height: 2, width: 2 });
    assert!(matches!(crf.mean_field(&[0.0; 4], &[], [2, 2]), Err(CrfError::Planes { what: "intensities", .. })));
    let flat = Crf { sigma_beta: 0.0, ..crf };
    assert!(matches!(flat.mean_field(&[0.0; 4], &[0.0; 4], [2, 2]), Err(CrfError::Sigma { name: "sigma_beta", .. })));
}
