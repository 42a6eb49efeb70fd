use proptest::prelude::*;
use runner::science::data::{Augmentation, Frame, Pose, UNLABELLED, move_image, move_labels, roto_translate};
use std::f64::consts::FRAC_PI_2;

const FRAME: Frame = Frame { channels: 1, height: 3, width: 3 };
const PIXELS: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

fn image() -> Vec<f32> {
    PIXELS.iter().map(|&x| f32::from(x)).collect()
}

#[test]
fn a_quarter_turn_is_exact() {
    let pose = Pose { radians: FRAC_PI_2, rows: 0.0, columns: 0.0 };
    // The right column becomes the top row.
    let turned = [3, 6, 9, 2, 5, 8, 1, 4, 7];
    assert_eq!(move_labels(FRAME, &PIXELS, 0, pose), turned);
    assert_eq!(move_image(FRAME, &image(), pose), turned.map(f32::from));
}

#[test]
fn a_quarter_turn_of_an_oblong_image_fills_its_ends() {
    let frame = Frame { channels: 1, height: 1, width: 3 };
    let pose = Pose { radians: FRAC_PI_2, rows: 0.0, columns: 0.0 };
    assert_eq!(move_labels(frame, &[1, 2, 3], UNLABELLED, pose), [UNLABELLED, 2, UNLABELLED]);
    // The image repeats its edge row instead.
    assert_eq!(move_image(frame, &[1.0, 2.0, 3.0], pose), [2.0, 2.0, 2.0]);
}

#[test]
fn a_translation_moves_down_and_right() {
    let pose = Pose { radians: 0.0, rows: 1.0, columns: 0.5 };
    assert_eq!(move_image(FRAME, &image(), pose), [1.0, 1.5, 2.5, 1.0, 1.5, 2.5, 4.0, 4.5, 5.5]);
    // Half a pixel is as far from both: the later one is taken.
    assert_eq!(move_labels(FRAME, &PIXELS, 0, pose), [0, 0, 0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn channels_move_alike() {
    let frame = Frame { channels: 2, ..FRAME };
    let two: Vec<f32> = image().into_iter().chain(image().iter().map(|x| 10.0 * x)).collect();
    let pose = Pose { radians: 0.3, rows: 0.2, columns: -0.7 };
    let moved = move_image(frame, &two, pose);
    assert_eq!(moved[..9], move_image(FRAME, &image(), pose));
    for (one, ten) in moved[..9].iter().zip(&moved[9..]) {
        assert!((10.0 * one - ten).abs() < 1e-4, "{one} {ten}");
    }
}

#[test]
fn zero_ranges_change_no_bit() {
    let still = Augmentation { rotation_degrees: 0.0, translation: 0.0 };
    let odd = vec![f32::NAN, -0.0, 1.0, f32::INFINITY, 0.5, 0.25, 1e-40, 3.0, 2.0];
    let (image, labels) = roto_translate(&still, FRAME, &odd, &PIXELS, UNLABELLED, 7);
    assert_eq!(labels, PIXELS);
    assert!(image.iter().zip(&odd).all(|(a, b)| a.to_bits() == b.to_bits()));
}

proptest! {
    #[test]
    fn a_seed_gives_the_same_bits_and_no_new_label_or_value(seed: u64, height in 1usize..20, width in 1usize..20) {
        let frame = Frame { channels: 1, height, width };
        let image: Vec<f32> = (0..height * width).map(|i| (i % 7) as f32).collect();
        let labels: Vec<u8> = (0..height * width).map(|i| 1 + (i % 3) as u8).collect();
        let augmentation = Augmentation::default();
        let moved = roto_translate(&augmentation, frame, &image, &labels, UNLABELLED, seed);
        prop_assert_eq!(&moved, &roto_translate(&augmentation, frame, &image, &labels, UNLABELLED, seed));
        prop_assert!(moved.1.iter().all(|label| [1, 2, 3, UNLABELLED].contains(label)));
        prop_assert!(moved.0.iter().all(|x| (0.0..=6.0).contains(x)));
    }
}
