//! Intensities as coordinates of a grid.

/// The channels of an image `[channel, pixel]`, turned so that natural images fill as little of the box around them as can be:
/// three channels become brightness and two contrasts of colour (Ohta, Kanade and Sakai 1980). Distances stay as they are.
pub(super) fn coordinates(image: &[f32], pixels: usize) -> Vec<Vec<f64>> {
    let channels: Vec<Vec<f64>> =
        image.chunks_exact(pixels).map(|x| x.iter().map(|&x| f64::from(x)).collect()).collect();
    match &channels[..] {
        [red, green, blue] => [[1.0, 1.0, 1.0], [1.0, -2.0, 1.0], [1.0, 0.0, -1.0]]
            .map(|[r, g, b]: [f64; 3]| {
                let length = (r * r + g * g + b * b).sqrt();
                let turned = |i: usize| (r * red[i] + g * green[i] + b * blue[i]) / length;
                (0..pixels).map(turned).collect()
            })
            .into(),
        _ => channels,
    }
}
