//! Smooth fields over an image `[row, column]`.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Noise with grains of some pixels, of unit variance.
pub fn smooth_noise([rows, columns]: [usize; 2], rng: &mut impl Rng) -> Vec<f64> {
    let white: Vec<f64> = (0..rows * columns).map(|_| rng.sample(StandardNormal)).collect();
    let smooth = blurred(white, [rows, columns], 1.5);
    let variance = smooth.iter().map(|x| x * x).sum::<f64>() / smooth.len().max(1) as f64;
    let scale = if variance > 0.0 { variance.sqrt().recip() } else { 1.0 };
    smooth.into_iter().map(|x| x * scale).collect()
}

/// Gaussian blur, `sigma` in pixels; edge values go on beyond the image.
pub fn blurred(image: Vec<f64>, [rows, columns]: [usize; 2], sigma: f64) -> Vec<f64> {
    if sigma < 0.05 {
        return image;
    }
    let reach = ((3.0 * sigma).ceil() as usize).min(64);
    let weight = |offset: usize| (-0.5 * ((offset as f64 - reach as f64) / sigma).powi(2)).exp();
    let weights: Vec<f64> = (0..=2 * reach).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.into_iter().map(|weight| weight / total).collect();
    let turned = transposed(&smoothed_rows(&image, columns, &weights), [rows, columns]);
    transposed(&smoothed_rows(&turned, rows, &weights), [columns, rows])
}

/// Weighted sums along the rows.
fn smoothed_rows(image: &[f64], columns: usize, weights: &[f64]) -> Vec<f64> {
    let reach = weights.len() / 2;
    let mut smoothed = Vec::with_capacity(image.len());
    for row in image.chunks_exact(columns) {
        let before = std::iter::repeat_n(row[0], reach);
        let after = std::iter::repeat_n(row[columns - 1], reach);
        let padded: Vec<f64> = before.chain(row.iter().copied()).chain(after).collect();
        let sum = |window: &[f64]| window.iter().zip(weights).map(|(x, weight)| x * weight).sum::<f64>();
        smoothed.extend(padded.windows(weights.len()).map(sum));
    }
    smoothed
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(image: &[f64], [rows, columns]: [usize; 2]) -> Vec<f64> {
    (0..image.len()).map(|i| image[i % rows * columns + i / rows]).collect()
}
