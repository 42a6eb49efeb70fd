//! Golden 08: adversarial attention gate, and the real masks at lower resolutions.

use super::Walk;
use super::tensors::{assert_close, flat, number, shape, tensor, values};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};
use runner::science::model::{MaskPyramid, attention_gate, mask_pyramid};
use serde_json::Value;

#[test]
fn every_gate_and_gradient_agrees() {
    let device = Device::flex().autodiff();
    let planes = |value: &Value| -> Tensor<4> {
        let [c, h, w] = shape(value).try_into().unwrap();
        tensor(flat(value), [1, c, h, w], &device)
    };
    Walk::of("08_aag", "cases").each(|id, case| {
        let (expected, backward) = (&case["expected"], &case["backward"]);
        let [classes, channels] = shape(&case["weight"]).try_into().unwrap();
        let features = planes(&case["features"]).require_grad();
        let weight = tensor(flat(&case["weight"]), [classes, channels, 1, 1], &device).require_grad();
        let bias = tensor(flat(&case["bias"]), [classes], &device).require_grad();
        let gate = attention_gate(features.clone(), weight.clone(), bias.clone(), true);
        let close = |found: &Tensor<4>, name: &str| {
            assert_close(&values(found), &flat(&expected[name]), 1e-12, &format!("{id} {name}"));
        };
        close(&gate.logits, "logits");
        close(&gate.foreground, "to_discriminator");
        close(&gate.attention(), "attention");
        close(&gate.features, "gated");
        if !expected["gated_upsampled_x2_nearest"].is_null() {
            let [_, _, h, w] = gate.features.dims();
            let double = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([2 * h, 2 * w]);
            close(&interpolate(gate.features.clone(), double), "gated_upsampled_x2_nearest");
        }
        // Relative to the value even where a closed gate leaves 1e-26: the reason for the sum.
        let attention: Vec<f64> = values(&gate.attention());
        for (found, expected) in attention.iter().zip(flat(&expected["attention"])) {
            assert!((found - expected).abs() <= 1e-11 * expected, "{id} attention {found:e} {expected:e}");
        }

        let loss = (gate.features * planes(&backward["R"])).sum() + (gate.foreground * planes(&backward["Q"])).sum();
        assert_close(&values(&loss), &[number(&backward["loss_value"])], 1e-12, &format!("{id} loss"));
        let gradients = loss.backward();
        let check = |found: Vec<f64>, name: &str| {
            assert_close(&found, &flat(&backward[name]), 1e-12, &format!("{id} {name}"));
        };
        check(values(&features.grad(&gradients).unwrap()), "d_features");
        check(values(&weight.grad(&gradients).unwrap()), "d_weight");
        check(values(&bias.grad(&gradients).unwrap()), "d_bias");
    });
}

#[test]
fn an_open_gate_passes_features_unchanged() {
    let device = Device::flex();
    let features = tensor(vec![1.0, -2.0, 3.0, 4.0], [1, 1, 2, 2], &device);
    let (weight, bias) = (tensor(vec![1.0, -1.0], [2, 1, 1, 1], &device), tensor(vec![0.0, 0.0], [2], &device));
    let gate = attention_gate(features.clone(), weight, bias, false);
    assert_eq!(values(&gate.features), values(&features));
}

#[test]
fn every_mask_pyramid_agrees() {
    let device = Device::flex();
    Walk::of("08_aag", "mask_pyramid").each(|_, case| {
        let [height, width] = shape(&case["labels"]).try_into().unwrap();
        let classes = case["n_classes"].as_u64().unwrap() as usize;
        let labels = flat(&case["labels"]);
        let one_hot = (0..classes).flat_map(|c| labels.iter().map(move |&l| f64::from(u8::from(l as usize == c))));
        let one_hot = tensor(one_hot.collect(), [1, classes, height, width], &device);
        for (name, reading) in [
            ("nearest_top_left", MaskPyramid::Nearest),
            ("area_mean", MaskPyramid::Area),
            ("max_pool", MaskPyramid::Max),
        ] {
            let levels = mask_pyramid(one_hot.clone(), reading);
            let expected = case["expected"][name].as_array().unwrap();
            assert_eq!(levels.len(), expected.len());
            for (level, (found, expected)) in levels.iter().zip(expected).enumerate() {
                assert_close(&values(found), &flat(expected), 1e-12, &format!("{name} level {level}"));
            }
        }
    });
}
