//! Golden 06: (weighted) partial cross-entropy, eq. (1).

use super::tensors::{assert_close, flat, shape, tensor, values};
use super::{Walk, section};
use burn::tensor::{Device, Tensor};
use runner::science::loss::{ClassWeights, LossError, Reduction, Target, partial_cross_entropy};
use serde_json::Value;

const READINGS: [(&str, ClassWeights); 3] =
    [("per_image", ClassWeights::PerImage), ("per_batch", ClassWeights::PerBatch), ("none_pce", ClassWeights::Uniform)];

fn reduction(name: &str) -> Reduction {
    serde_json::from_value(Value::from(name)).unwrap_or_else(|_| match name {
        "sum_per_image_mean_over_batch" => Reduction::SumPerImageMeanOverBatch,
        other => panic!("unknown reduction {other}"),
    })
}

fn labels(scribble: &Value) -> Vec<u8> {
    flat(scribble).into_iter().map(|label| label as u8).collect()
}

struct Case {
    logits: Tensor<4>,
    scribble: Vec<u8>,
    shape: [usize; 4],
}

impl Case {
    fn new(logits: &Value, scribble: &Value) -> Case {
        let device = Device::flex().autodiff();
        let shape: [usize; 4] = shape(logits).try_into().unwrap();
        let logits = tensor(flat(logits), shape, &device).require_grad();
        Case { logits, scribble: labels(scribble), shape }
    }

    fn target(&self, weights: ClassWeights, reduction: Reduction) -> Result<Target, LossError> {
        Target::new(&self.scribble, 255, self.shape, weights, reduction)
    }

    fn loss_and_gradient(&self, weights: ClassWeights, reduction: Reduction) -> (f64, Vec<f64>) {
        let target = self.target(weights, reduction).unwrap();
        let loss = partial_cross_entropy(self.logits.clone(), &target);
        let gradient = self.logits.grad(&loss.backward()).unwrap();
        (values(&loss)[0], values(&gradient))
    }
}

#[test]
fn every_loss_weight_and_gradient_agrees() {
    let mut compared = 0;
    Walk::of("06_wpce", "cases").each(|id, case| {
        let built = Case::new(&case["logits"], &case["scribble"]);
        for (name, reading) in READINGS {
            let expected = &case["expected"][name];
            for (reduction_name, loss) in expected["loss"].as_object().unwrap() {
                let what = format!("{id} {name}.{reduction_name}");
                let (found, gradient) = built.loss_and_gradient(reading, reduction(reduction_name));
                if loss.is_null() {
                    assert_eq!(found, 0.0, "{what}: undefined in the golden set, 0 by our convention");
                    continue;
                }
                assert_close(&[found], &flat(loss), 1e-9, &what);
                if let Some(golden) = golden_gradient(case, id, &format!("{name}.{reduction_name}")) {
                    assert_close(&gradient, &golden, 1e-9, &format!("{what} gradient"));
                }
                compared += 1;
            }
            if !expected["weights"].is_null() {
                let target = built.target(reading, Reduction::Sum).unwrap();
                assert_eq!(target.annotated as u64, case["expected"]["n_annotated"].as_u64().unwrap(), "{id}");
                let found: Vec<f64> = target.weights.iter().flatten().copied().collect();
                let expected = flat_weights(&expected["weights"], found.len());
                if let Some(expected) = expected {
                    assert_close(&found, &expected, 1e-12, &format!("{id} {name} weights"));
                }
            }
        }
    });
    assert!(compared >= 100, "only {compared} losses compared");
}

/// Weights of the batch may be given once for all images; images without annotation have none.
fn flat_weights(weights: &Value, length: usize) -> Option<Vec<f64>> {
    let rows = weights.as_array()?;
    let row = |row: &Value| row.is_array().then(|| flat(row));
    let rows: Vec<Vec<f64>> = rows.iter().map(row).collect::<Option<_>>()?;
    let all = rows.concat();
    Some(if all.is_empty() { return None } else { all.iter().copied().cycle().take(length).collect() })
}

fn golden_gradient(case: &Value, id: &str, reading: &str) -> Option<Vec<f64>> {
    let inline = &case["grad_wrt_logits"][reading];
    if inline.is_array() {
        return Some(flat(inline));
    }
    let file = section("06_wpce").join(format!("{id}_grad.npy"));
    assert!(!file.exists(), "{}: gradients in .npy are not walked yet", file.display());
    None
}

#[test]
fn several_annotators_sum_their_losses() {
    Walk::of("06_wpce", "multi_annotator").each(|_, case| {
        for (name, expected) in case["expected"].as_object().unwrap() {
            let Some((reading, reduction_name)) = name.split_once('.') else { continue };
            let weights = READINGS.iter().find(|(n, _)| *n == reading).unwrap().1;
            let each: Vec<f64> = case["scribbles"]
                .as_array()
                .unwrap()
                .iter()
                .map(|scribble| {
                    Case::new(&case["logits"], scribble).loss_and_gradient(weights, reduction(reduction_name)).0
                })
                .collect();
            assert_close(&each, &flat(&expected["per_annotator"]), 1e-9, name);
        }
    });
}

/// Each is described in words.
#[test]
fn every_error_case_is_reported() {
    Walk::of("06_wpce", "error_cases").each(|_, case| match case["desc"].as_str().unwrap() {
        description if description.contains("code 7") || description.contains("differ in size") => check_labels(),
        description if description.contains("NaN") => check_poison(),
        other => panic!("nothing is known for `{other}`"),
    });
}

fn check_labels() {
    let target = |labels: &[u8]| Target::new(labels, 255, [1, 4, 1, 2], ClassWeights::PerImage, Reduction::default());
    assert_eq!(target(&[1, 7]).unwrap_err(), LossError::Label { label: 7, pixel: 1, classes: 4, unlabelled: 255 });
    assert_eq!(target(&[1, 2, 3]).unwrap_err(), LossError::Size { found: 3, expected: 2 });
}

fn check_poison() {
    // Two annotated pixels of two classes, and an unlabelled one.
    let device = Device::flex().autodiff();
    let loss = |poisoned: usize, poison: f64| {
        let mut logits = vec![0.5, -1.0, 2.0, 1.0, 0.0, 3.0];
        logits[poisoned] = poison;
        let logits = tensor(logits, [1, 2, 1, 3], &device).require_grad();
        let target = Target::new(&[0, 1, 255], 255, [1, 2, 1, 3], ClassWeights::PerImage, Reduction::Sum).unwrap();
        let loss = partial_cross_entropy(logits.clone(), &target);
        let gradient = logits.grad(&loss.backward()).unwrap();
        (values(&loss)[0], values(&gradient))
    };
    assert!(loss(0, f64::NAN).0.is_nan(), "NaN at an annotated pixel must show");
    let clean = loss(2, 2.0);
    for poison in [f64::NAN, f64::INFINITY] {
        let (value, gradient) = loss(2, poison);
        assert_eq!(value, clean.0, "{poison} at an unlabelled pixel must not reach the loss");
        assert_eq!((gradient[2], gradient[5]), (0.0, 0.0));
    }
}
