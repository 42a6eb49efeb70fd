//! Grey images, label overlays and heat maps as RGB.

use super::palette;
use plotters::style::RGBColor;

/// Anchors of the inferno colour map at 0, 0.2, ... 1.
const INFERNO: [RGBColor; 6] = [
    RGBColor(0, 0, 4),
    RGBColor(66, 10, 104),
    RGBColor(147, 38, 103),
    RGBColor(221, 81, 58),
    RGBColor(252, 165, 10),
    RGBColor(252, 255, 164),
];

/// `value` in [0, 1].
pub fn heat(value: f32) -> RGBColor {
    let last = INFERNO.len() - 1;
    let place = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 } * last as f32;
    let i = (place as usize).min(last - 1);
    mix(INFERNO[i], INFERNO[i + 1], place - i as f32)
}

/// `a` at 0, `b` at 1.
pub fn mix(a: RGBColor, b: RGBColor, share: f32) -> RGBColor {
    let channel = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
    RGBColor(channel(a.0, b.0), channel(a.1, b.1), channel(a.2, b.2))
}

/// Window from the 1st to the 99th percentile of the finite values, to 0..255. A constant image is mid-grey.
pub fn grey(image: &[f32]) -> Vec<u8> {
    let mut sorted: Vec<f32> = image.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| sorted.get((share * sorted.len().saturating_sub(1) as f64).round() as usize);
    let (Some(&low), Some(&high)) = (at(0.01), at(0.99)) else { return vec![0; image.len()] };
    let level = |value: &f32| match value {
        value if !value.is_finite() => 0,
        _ if high <= low => 128,
        value => (255.0 * ((value - low) / (high - low)).clamp(0.0, 1.0)).round() as u8,
    };
    image.iter().map(level).collect()
}

/// Opacity of predicted and true labels.
pub const LABEL: f32 = 0.55;

/// `color(i)` laid over pixel i, with its opacity. Levels are `[channel, pixel]`: three channels or more are red, green and
/// blue, else the first is grey.
pub fn overlay(levels: &[u8], channels: usize, color: impl Fn(usize) -> Option<(RGBColor, f32)>) -> Vec<u8> {
    let pixels = levels.len() / channels.max(1);
    let of = |channel: usize, i: usize| levels[if channels < 3 { i } else { channel * pixels + i }];
    let pixel = |i: usize| {
        let base = RGBColor(of(0, i), of(1, i), of(2, i));
        let RGBColor(r, g, b) = color(i).map_or(base, |(color, opacity)| mix(base, color, opacity));
        [r, g, b]
    };
    (0..pixels).flat_map(pixel).collect()
}

/// Labels 1 to `classes` - 1; over background and anything else the image shows.
pub fn labels(levels: &[u8], channels: usize, labels: &[u8], classes: usize) -> Vec<u8> {
    overlay(levels, channels, |i| {
        let label = usize::from(labels[i]);
        (label > 0 && label < classes).then(|| (palette::class(label), LABEL))
    })
}

/// Labels 0 to `classes` - 1, opaque; anything else is unlabelled.
pub fn scribble(levels: &[u8], channels: usize, labels: &[u8], classes: usize) -> Vec<u8> {
    overlay(levels, channels, |i| {
        let label = usize::from(labels[i]);
        (label < classes).then(|| (palette::class(label), 1.0))
    })
}

/// The map alone: over the image its colours would not be those of the colour bar.
pub fn attention(values: &[f32]) -> Vec<u8> {
    let pixel = |value: &f32| {
        let RGBColor(r, g, b) = heat(*value);
        [r, g, b]
    };
    values.iter().flat_map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_ignores_outliers() {
        let mut image: Vec<f32> = (0..=100).map(|i| i as f32).collect();
        image[100] = 1e6;
        let grey = grey(&image);
        assert_eq!((grey[0], grey[1], grey[50], grey[99], grey[100]), (0, 0, 128, 255, 255));
    }

    #[test]
    fn constant_empty_and_infinite_images_are_fine() {
        assert_eq!(grey(&[3.0, 3.0]), [128, 128]);
        assert!(grey(&[]).is_empty());
        assert_eq!(grey(&[f32::NAN, f32::NAN]), [0, 0]);
    }

    #[test]
    fn attention_has_the_colours_of_the_bar() {
        assert_eq!(attention(&[0.0, 0.2, 0.9, 1.0]), [0, 0, 4, 66, 10, 104, 252, 210, 87, 252, 255, 164]);
        assert_eq!(attention(&[f32::NAN, -1.0, 2.0]), [0, 0, 4, 0, 0, 4, 252, 255, 164]);
    }

    #[test]
    fn only_known_classes_are_coloured() {
        assert_eq!(labels(&[10, 10, 10], 1, &[0, 4, 255], 4), [10; 9]);
        assert_eq!(labels(&[0], 1, &[1], 4), [127, 87, 0]);
        assert_eq!(labels(&[1, 2, 3], 3, &[0], 4), [1, 2, 3]);
        assert_eq!(scribble(&[0], 1, &[1], 4), [230, 159, 0]);
    }
}
