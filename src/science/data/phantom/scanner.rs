//! What a scanner makes of tissue: texture, coil sensitivity, blur, Rician noise, an arbitrary gain.

use super::Phantom;
use super::canvas::Canvas;
use super::smooth::{blurred, smooth_noise};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Settings of one examination, the same for all its slices.
pub struct Scan {
    noise: f64,
    texture: f64,
    /// Standard deviation of the blur in pixels.
    blur: f64,
    /// Coefficients of x, y, x², xy, y² in the logarithm of the sensitivity; x and y go from -1 to 1.
    bias: [f64; 5],
    gain: f64,
}

impl Scan {
    pub fn new(phantom: &Phantom, rng: &mut impl Rng) -> Self {
        let bias = [0.0; 5].map(|_: f64| phantom.bias * (2.0 * rng.random::<f64>() - 1.0));
        Scan {
            noise: phantom.noise,
            texture: phantom.texture,
            blur: phantom.blur_mm / phantom.spacing_mm,
            bias,
            gain: 200.0 + 300.0 * rng.random::<f64>(),
        }
    }

    /// One slice, in whole grey levels as scanners store it.
    pub fn image(&self, section: &Canvas, rng: &mut impl Rng) -> Vec<f32> {
        let shape = [section.rows, section.columns];
        let texture = smooth_noise(shape, rng);
        let intensity = section.planes.first().into_iter().flatten();
        let tissue = intensity.zip(&texture).map(|(tissue, t)| tissue * (1.0 + self.texture * t));
        let received = blurred(tissue.collect(), shape, self.blur);
        let mut normal = || self.noise * rng.sample::<f64, _>(StandardNormal);
        let level = |(pixel, signal): (usize, f64)| {
            let (real, imaginary) = (signal * self.sensitivity(pixel, shape) + normal(), normal());
            (self.gain * real.hypot(imaginary)).round() as f32
        };
        received.into_iter().enumerate().map(level).collect()
    }

    fn sensitivity(&self, pixel: usize, [rows, columns]: [usize; 2]) -> f64 {
        let unit = |index: usize, size: usize| 2.0 * (index as f64 + 0.5) / size as f64 - 1.0;
        let (x, y) = (unit(pixel % columns, columns), unit(pixel / columns, rows));
        let terms = [x, y, x * x, x * y, y * y];
        self.bias.iter().zip(terms).map(|(coefficient, term)| coefficient * term).sum::<f64>().exp()
    }
}
