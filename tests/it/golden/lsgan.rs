//! Golden 07: least-squares GAN losses, eq. (2), and the dynamic factor a0.

use super::Walk;
use super::tensors::{assert_close, flat, number, tensor, values};
use burn::tensor::{Device, Tensor};
use runner::science::loss::{dynamic_weight, least_squares_discriminator, least_squares_generator};
use serde_json::Value;

fn flips(value: &Value, length: usize) -> Vec<bool> {
    value.as_array().map_or(vec![false; length], |all| all.iter().map(|flip| flip.as_bool().unwrap()).collect())
}

#[test]
fn every_loss_and_gradient_agrees() {
    let device = Device::flex().autodiff();
    let scores = |value: &Value| -> Tensor<1> {
        let values = flat(value);
        let length = values.len();
        tensor(values, [length], &device).require_grad()
    };
    Walk::of("07_lsgan", "lsgan").each(|id, case| {
        let expected = &case["expected"];
        let (real, fake) = (scores(&case["d_real"]), scores(&case["d_fake"]));
        let flip_real = flips(&case["flip_real"], real.dims()[0]);
        let flip_fake = flips(&case["flip_fake"], fake.dims()[0]);
        let discriminator = least_squares_discriminator(real.clone(), fake.clone(), &flip_real, &flip_fake);
        let generator = least_squares_generator(fake.clone());
        let close =
            |found: f64, name: &str| assert_close(&[found], &flat(&expected[name]), 1e-12, &format!("{id} {name}"));
        close(values(&discriminator)[0], "V_D");
        close(values(&generator)[0], "V_G");
        close(0.2 * values(&discriminator)[0], "a2_V_D");
        close(0.2 * values(&generator)[0], "a3_V_G");
        close(0.1 * values(&generator)[0], "a1_V_G");
        let gradients = discriminator.backward();
        let close = |found: &Tensor<1>, name: &str| {
            assert_close(&values(found), &flat(&expected[name]), 1e-12, &format!("{id} {name}"));
        };
        close(&real.grad(&gradients).unwrap(), "dV_D_d_real");
        close(&fake.grad(&gradients).unwrap(), "dV_D_d_fake");
        close(&fake.grad(&generator.backward()).unwrap(), "dV_G_d_fake");
    });
}

#[test]
fn a0_keeps_the_ratio_and_is_constant_for_the_gradient() {
    Walk::of("07_lsgan", "a0").each(|id, case| {
        let expected = &case["expected"];
        let (adversarial, supervised, a1) = (number(&case["V_G"]), number(&case["L_SUP"]), number(&case["a1"]));
        let a0 = dynamic_weight(adversarial, supervised);
        let total = a0 * supervised + a1 * adversarial;
        if supervised == 0.0 {
            assert_eq!(a0, 0.0, "{id}: the step is purely adversarial");
            assert_close(&[total], &[number(&expected["total_recommended"])], 1e-12, id);
            return;
        }
        assert_close(&[a0], &[number(&expected["a0"])], 1e-12, id);
        assert_close(&[total], &[number(&expected["total"])], 1e-12, id);
        if case["grad_L_SUP"].is_array() {
            let (supervised, adversarial) = (flat(&case["grad_L_SUP"]), flat(&case["grad_V_G"]));
            let found: Vec<f64> = supervised.iter().zip(&adversarial).map(|(s, v)| a0 * s + a1 * v).collect();
            assert_close(&found, &flat(&expected["grad_stop_gradient_a0"]), 1e-12, id);
        }
    });
}
