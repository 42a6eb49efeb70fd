//! What a scanner makes of tissue: texture, coil sensitivity, blur, Rician noise, an arbitrary gain.

use super::Phantom;
use super::canvas::Canvas;
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
        let size = section.size;
        let texture = smooth_noise(size, rng);
        let tissue = section.intensity.iter().zip(&texture).map(|(tissue, t)| tissue * (1.0 + self.texture * t));
        let received = blurred(tissue.collect(), size, self.blur);
        let mut normal = || self.noise * rng.sample::<f64, _>(StandardNormal);
        let level = |(pixel, signal): (usize, f64)| {
            let (real, imaginary) = (signal * self.sensitivity(pixel, size) + normal(), normal());
            (self.gain * real.hypot(imaginary)).round() as f32
        };
        received.into_iter().enumerate().map(level).collect()
    }

    fn sensitivity(&self, pixel: usize, size: usize) -> f64 {
        let unit = |index: usize| 2.0 * (index as f64 + 0.5) / size as f64 - 1.0;
        let (x, y) = (unit(pixel % size), unit(pixel / size));
        let terms = [x, y, x * x, x * y, y * y];
        self.bias.iter().zip(terms).map(|(coefficient, term)| coefficient * term).sum::<f64>().exp()
    }
}

/// Noise with grains of some pixels, of unit variance.
fn smooth_noise(size: usize, rng: &mut impl Rng) -> Vec<f64> {
    let white: Vec<f64> = (0..size * size).map(|_| rng.sample(StandardNormal)).collect();
    let smooth = blurred(white, size, 1.5);
    let variance = smooth.iter().map(|x| x * x).sum::<f64>() / smooth.len().max(1) as f64;
    let scale = if variance > 0.0 { variance.sqrt().recip() } else { 1.0 };
    smooth.into_iter().map(|x| x * scale).collect()
}

/// Gaussian blur, `sigma` in pixels; edge values go on beyond the image.
fn blurred(image: Vec<f64>, size: usize, sigma: f64) -> Vec<f64> {
    if sigma < 0.05 {
        return image;
    }
    let reach = ((3.0 * sigma).ceil() as usize).min(64);
    let weight = |offset: usize| (-0.5 * ((offset as f64 - reach as f64) / sigma).powi(2)).exp();
    let weights: Vec<f64> = (0..=2 * reach).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.into_iter().map(|weight| weight / total).collect();
    let columns = transposed(&smoothed_rows(&image, size, &weights), size);
    transposed(&smoothed_rows(&columns, size, &weights), size)
}

/// Weighted sums along the rows.
fn smoothed_rows(image: &[f64], size: usize, weights: &[f64]) -> Vec<f64> {
    let reach = weights.len() / 2;
    let mut smoothed = Vec::with_capacity(image.len());
    for row in image.chunks_exact(size) {
        let before = std::iter::repeat_n(row[0], reach);
        let after = std::iter::repeat_n(row[size - 1], reach);
        let padded: Vec<f64> = before.chain(row.iter().copied()).chain(after).collect();
        let sum = |window: &[f64]| window.iter().zip(weights).map(|(x, weight)| x * weight).sum::<f64>();
        smoothed.extend(padded.windows(weights.len()).map(sum));
    }
    smoothed
}

fn transposed(image: &[f64], size: usize) -> Vec<f64> {
    (0..image.len()).map(|i| image[i % size * size + i / size]).collect()
}
