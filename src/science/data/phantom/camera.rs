//! What a surveillance camera makes of a scene: light from one side, a colour cast, a soft lens, noise.

use super::canvas::Canvas;
use super::smooth::{blurred, smooth_noise};
use super::{Phantom, between};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Settings of one camera, the same for all its photos.
pub struct Camera {
    noise: f64,
    texture: f64,
    /// Standard deviation of the blur in pixels.
    blur: f64,
    /// Of red, green and blue.
    gain: [f64; 3],
    /// How much brighter it gets to the right and downwards, as logarithms over half the image.
    light: [f64; 2],
}

impl Camera {
    pub fn new(phantom: &Phantom, rng: &mut impl Rng) -> Self {
        let exposure = between(rng, 0.7, 1.1);
        let light = [0.0; 2].map(|_: f64| phantom.bias * between(rng, -1.0, 1.0));
        Camera {
            noise: phantom.noise,
            texture: phantom.texture,
            blur: phantom.blur_mm / phantom.spacing_mm * between(rng, 0.4, 1.4),
            gain: [0.0; 3].map(|_: f64| exposure * between(rng, 0.88, 1.1)),
            light,
        }
    }

    /// One photo, `[channel, row, column]`, in whole levels from 0 to 255.
    pub fn image(&self, scene: &Canvas, rng: &mut impl Rng) -> Vec<f32> {
        let texture = smooth_noise([scene.rows, scene.columns], rng);
        let mut image = Vec::with_capacity(scene.planes.len() * scene.labels.len());
        for (plane, gain) in scene.planes.iter().zip(self.gain) {
            let lit = |(pixel, value): (usize, &f64)| {
                gain * value * self.light(scene, pixel) * (1.0 + self.texture * texture[pixel])
            };
            let lit = plane.iter().enumerate().map(lit).collect();
            let noisy = |value: f64| value + self.noise * rng.sample::<f64, _>(StandardNormal);
            let seen = blurred(lit, [scene.rows, scene.columns], self.blur).into_iter().map(noisy);
            image.extend(seen.map(|value| (255.0 * value.clamp(0.0, 1.0)).round() as f32));
        }
        image
    }

    fn light(&self, scene: &Canvas, pixel: usize) -> f64 {
        let unit = |index: usize, size: usize| 2.0 * (index as f64 + 0.5) / size as f64 - 1.0;
        let (x, y) = (unit(pixel % scene.columns, scene.columns), unit(pixel / scene.columns, scene.rows));
        (self.light[0] * x + self.light[1] * y).exp()
    }
}
