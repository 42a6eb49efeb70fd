//! Golden 09: spectral normalisation by power iteration.

use super::tensors::{assert_close, flat, number, tensor, values};
use super::{Walk, npy, section};
use burn::tensor::Device;
use runner::science::model::spectral_norm;

#[test]
fn every_iteration_count_agrees() {
    let device = Device::flex();
    Walk::of("09_spectral_norm", "cases").each(|id, case| {
        let expected = &case["expected"];
        let shape: Vec<usize> = flat(&case["shape"]).into_iter().map(|n| n as usize).collect();
        let shape: [usize; 4] = shape.try_into().unwrap();
        let weight = match case["npy"].as_str() {
            Some(file) => npy::read_f64(&section("09_spectral_norm").join(file)).1,
            None => flat(&case["weight"]),
        };
        let weight = tensor(weight, shape, &device);
        let u0 = tensor(flat(&case["u0"]), [shape[0]], &device);
        for (count, golden) in expected["power_iteration"].as_object().unwrap() {
            let found = spectral_norm(weight.clone(), u0.clone(), count.parse().unwrap());
            let what = format!("{id} after {count}");
            let (sigma, truth) = (values(&found.sigma)[0], number(&expected["true_sigma"]));
            assert_close(&[sigma], &[number(&golden["sigma"])], 1e-10, &what);
            assert!(sigma <= truth * (1.0 + 1e-12), "{what}: an estimate never exceeds the true value");
            let u = values(&found.u);
            let golden_u = flat(&golden["u"]);
            let sign = u.iter().zip(&golden_u).map(|(a, b)| a * b).sum::<f64>().signum();
            assert_close(&u.iter().map(|x| x * sign).collect::<Vec<_>>(), &golden_u, 1e-10, &format!("{what} u"));
            let normalised = values(&found.weight);
            assert!(normalised.iter().all(|w| w.is_finite()), "{what}: a zero kernel must not give NaN");
            if count == "1" && !expected["sum_of_weight_over_sigma_1iter"].is_null() {
                let sum = normalised.iter().sum::<f64>();
                assert_close(&[sum], &[number(&expected["sum_of_weight_over_sigma_1iter"])], 1e-9, &what);
            }
        }
    });
}
