/// Added to a float below 2^22, it leaves the nearest integer in the last bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2, in a part of few digits and the rest.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// Of the series beyond 1 + x, highest power first (Cephes).
const COEFFICIENTS: [f32; 6] = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// `e^x` for `x <= 0`, within two units in the last place; 0 below -87. Plain
/// arithmetic, which loops make vectors of, with the same bits on every processor.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let power = shifted - ROUND;
    let rest = (x - power * LN_2[0]) - power * LN_2[1];
    let mut series = COEFFICIENTS[0];
    for coefficient in &COEFFICIENTS[1..] {
        series = series * rest + coefficient;
    }
    let value = series * (rest * rest) + rest + 1.0;
    // The exponent's bits of 2^power.
    let factor = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    if x < -87.0 { 0.0 } else { value * factor }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn values_are_those_of_f64() {
        for i in 0..87_000 {
            let x = -(i as f32) * 1e-3;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "exp({x}): {error:e}");
        }
        assert_eq!([exp(0.0), exp(-88.0), exp(f32::NEG_INFINITY)], [1.0, 0.0, 0.0]);
        assert!(exp(f32::NAN).is_nan());
    }
}
