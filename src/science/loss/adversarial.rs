use burn::tensor::{Tensor, TensorData};

/// V_LS of the discriminator, eq. (2): `1/2 E[(D(y) - 1)^2] + 1/2 E[(D(fake) + 1)^2]`.
///
/// `real`, `fake`: scores, `[batch]` each, maybe of different lengths. `flip_*` mark the images whose
/// label is turned over (label noise); their target is the other class's.
pub fn least_squares_discriminator(
    real: Tensor<1>,
    fake: Tensor<1>,
    flip_real: &[bool],
    flip_fake: &[bool],
) -> Tensor<1> {
    let term = |scores: Tensor<1>, label: f64, flips: &[bool]| {
        let targets: Vec<f64> = flips.iter().map(|&flip| if flip { -label } else { label }).collect();
        let length = targets.len();
        let options = (&scores.device(), scores.dtype());
        let targets = Tensor::<1>::from_data(TensorData::new(targets, [length]), options);
        (scores - targets).square().mean().mul_scalar(0.5)
    };
    term(real, 1.0, flip_real) + term(fake, -1.0, flip_fake)
}

/// V_LS of the segmentor, eq. (2): `1/2 E[(D(fake) - 1)^2]`. Labels are never flipped here.
pub fn least_squares_generator(fake: Tensor<1>) -> Tensor<1> {
    fake.sub_scalar(1.0).square().mean().mul_scalar(0.5)
}

/// a0 = |V_LS| / |L_SUP| (section III-C), a constant for the gradient: differentiated, it would cancel
/// the supervised signal altogether.
///
/// L_SUP = 0 (nothing annotated, or one class only under WPCE) leaves a0 undefined; it is 0 then, so
/// that the step is purely adversarial.
pub fn dynamic_weight(adversarial: f64, supervised: f64) -> f64 {
    if supervised == 0.0 { 0.0 } else { adversarial.abs() / supervised.abs() }
}
