use proptest::prelude::*;
use runner::science::data::preprocess::{Fit, Grid, Normalisation, Offset, inverse};
use runner::science::data::{Image, Labels, Preprocessing, Volume, preprocess};

/// One slice with a mask and an image that is the mask.
fn volume(height: usize, width: usize, spacing: [f64; 2], label: impl Fn(usize, usize) -> u8) -> Volume {
    let data: Vec<u8> = (0..height * width).map(|i| label(i / width, i % width)).collect();
    let image = Image { slices: 1, channels: 1, height, width, data: data.iter().map(|&x| f32::from(x)).collect() };
    let mask = Labels { slices: 1, height, width, data };
    Volume { case: "case".into(), name: "ed".into(), group: None, spacing, image, mask, scribble: None }
}

fn plain(size: [usize; 2]) -> Preprocessing {
    Preprocessing { spacing_mm: None, size, normalisation: Normalisation::None, ..Preprocessing::default() }
}

/// As a network that is sure of it says it.
fn certain(labels: &[u8], classes: u8) -> Vec<f32> {
    (0..classes).flat_map(|class| labels.iter().map(move |&label| f32::from(u8::from(label == class)))).collect()
}

/// There and back again.
fn round_trip(volume: &Volume, parameters: &Preprocessing) -> Vec<u8> {
    let prepared = preprocess(volume, parameters).unwrap();
    inverse(volume, parameters).unwrap().labels(&certain(&prepared.mask.data, 4))
}

/// Nested discs around a place that is not the middle.
fn disc(height: usize, width: usize, spacing: [f64; 2], radius_mm: f64) -> Volume {
    volume(height, width, spacing, |row, column| {
        let down = (row as f64 - height as f64 * 0.45) * spacing[0];
        let across = (column as f64 - width as f64 * 0.55) * spacing[1];
        let distance = down.hypot(across) / radius_mm;
        if distance < 0.5 { 3 } else { u8::from(distance < 1.0) }
    })
}

fn dice(a: &[u8], b: &[u8], label: u8) -> f64 {
    let both = a.iter().zip(b).filter(|(a, b)| **a == label && **b == label).count();
    let all = a.iter().chain(b).filter(|x| **x == label).count();
    2.0 * both as f64 / all as f64
}

#[test]
fn nothing_to_undo_changes_nothing() {
    let volume = volume(5, 6, [1.51, 1.51], |row, column| ((row * 5 + column) % 4) as u8);
    let parameters = Preprocessing { spacing_mm: Some(1.51), ..plain([5, 6]) };
    assert_eq!(round_trip(&volume, &parameters), volume.mask.data);
    assert_eq!(inverse(&volume, &parameters).unwrap().shape(), [5, 6]);
}

/// 3 x 4 becomes 5 x 2: a row of padding above and below, a column gone on each side.
#[test]
fn padding_goes_and_what_was_cropped_is_background() {
    let volume = volume(3, 4, [1.0, 1.0], |_, _| 2);
    assert_eq!(preprocess(&volume, &plain([5, 2])).unwrap().mask.data, [0, 0, 2, 2, 2, 2, 2, 2, 0, 0]);
    assert_eq!(round_trip(&volume, &plain([5, 2])), [0, 2, 2, 0, 0, 2, 2, 0, 0, 2, 2, 0]);
    // What the network sees in the padding is nowhere in the image.
    let back = inverse(&volume, &plain([5, 2])).unwrap();
    assert_eq!(back.labels(&certain(&[3; 10], 4)), [0, 3, 3, 0, 0, 3, 3, 0, 0, 3, 3, 0]);
    // The odd column is lost behind, or before.
    let five = Volume {
        mask: Labels { slices: 1, height: 1, width: 5, data: vec![1; 5] },
        ..self::volume(1, 5, [1.0; 2], |_, _| 1)
    };
    assert_eq!(round_trip(&five, &plain([1, 2])), [0, 1, 1, 0, 0]);
    let before = Preprocessing { offset: Offset::CeilBefore, ..plain([1, 2]) };
    assert_eq!(round_trip(&five, &before), [0, 0, 1, 1, 0]);
}

/// Two pixels of 2 mm from four of 1 mm, edge on edge: their centres lie at 0.5 and 2.5. The border is where both classes
/// are equally probable, which puts 0.6 and 0.4 at 1.25 pixels, nearer to the second.
#[test]
fn probabilities_are_resampled_and_not_labels() {
    let volume = volume(1, 4, [2.0, 1.0], |_, _| 0);
    let parameters = Preprocessing { spacing_mm: Some(2.0), ..plain([1, 2]) };
    let back = inverse(&volume, &parameters).unwrap();
    // Of class 1: 0.1 and 1.0, and so at the four pixels 0.1, 0.325, 0.775, 1.0.
    assert_eq!(back.labels(&[0.9, 0.0, 0.1, 1.0]), [0, 0, 1, 1]);
    // 0.45 and 1.0: 0.45, 0.5875, 0.8625, 1.0. Nearest neighbours would have [0, 0, 1, 1].
    assert_eq!(back.labels(&[0.55, 0.0, 0.45, 1.0]), [0, 1, 1, 1]);
    // Of equally probable classes the lowest.
    assert_eq!(back.labels(&[0.5, 0.5, 0.5, 0.5]), [0, 0, 0, 0]);
}

#[test]
fn a_mask_comes_back_from_every_grid_at_other_spacings() {
    for grid in [Grid::HalfPixel, Grid::AlignCorners, Grid::PhysicalOrigin, Grid::PhysicalCentre] {
        for (spacing, size) in [([1.0, 1.0], [96, 96]), ([1.8, 0.9], [80, 32]), ([0.8, 1.9], [32, 128])] {
            let volume = disc(60, 70, spacing, 14.0);
            let parameters = Preprocessing { spacing_mm: Some(1.5), grid, ..plain(size) };
            let back = round_trip(&volume, &parameters);
            for label in [1, 3] {
                let dice = dice(&back, &volume.mask.data, label);
                assert!(dice > 0.9, "{grid:?} {spacing:?} {size:?}: {dice}");
            }
        }
    }
}

/// PPSS: rows and columns are stretched by themselves.
#[test]
fn a_stretched_mask_comes_back() {
    for (height, width) in [(160, 80), (150, 72), (101, 50), (190, 95)] {
        let volume = disc(height, width, [1.0, 1.0], 20.0);
        let parameters = Preprocessing { fit: Fit::Stretch, ..plain([160, 80]) };
        let back = round_trip(&volume, &parameters);
        assert!(dice(&back, &volume.mask.data, 1) > 0.93 && dice(&back, &volume.mask.data, 3) > 0.95);
        if (height, width) == (160, 80) {
            assert_eq!(back, volume.mask.data);
        }
    }
    // Resampled first: both are undone.
    let volume = disc(60, 70, [1.8, 0.9], 14.0);
    let parameters = Preprocessing { fit: Fit::Stretch, spacing_mm: Some(1.2), ..plain([64, 64]) };
    assert!(dice(&round_trip(&volume, &parameters), &volume.mask.data, 3) > 0.9);
}

#[test]
fn senseless_geometry_is_refused() {
    let volume = volume(4, 4, [1.0, f64::NAN], |_, _| 0);
    assert!(inverse(&volume, &plain([4, 4])).unwrap_err().to_string().contains("spacing"));
    let volume = self::volume(4, 4, [1.0, 1.0], |_, _| 0);
    assert!(inverse(&volume, &plain([0, 4])).unwrap_err().to_string().contains("size"));
}

proptest! {
    /// Without resampling, what was not cropped away is the same pixel for pixel, and the rest is background.
    #[test]
    fn cropping_and_padding_are_undone_exactly(
        sides in prop::array::uniform2(1..12usize),
        size in prop::array::uniform2(1..12usize),
        seed in 0..1000usize,
        ceil in any::<bool>(),
    ) {
        let [height, width] = sides;
        let volume = volume(height, width, [1.0, 1.0], |row, column| ((row * 7 + column * 3 + seed) % 4) as u8);
        let offset = if ceil { Offset::CeilBefore } else { Offset::FloorBefore };
        let parameters = Preprocessing { offset, ..plain(size) };
        let back = round_trip(&volume, &parameters);
        let kept = preprocess(&volume, &parameters).unwrap().mask.data;
        let count = |labels: &[u8]| labels.iter().filter(|&&label| label > 0).count();
        prop_assert_eq!(count(&back), count(&kept));
        for (back, was) in back.iter().zip(&volume.mask.data) {
            prop_assert!(back == was || *back == 0);
        }
        if size[0] >= height && size[1] >= width {
            prop_assert_eq!(back, volume.mask.data);
        }
    }
}
