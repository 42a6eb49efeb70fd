use proptest::prelude::*;
use runner::science::data::{
    Augmentation, Frame, Intensity, Pose, Seeds, UNLABELLED, augment_image, augment_labels, move_image, move_labels,
    roto_translate,
};
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
    let still = Augmentation { rotation_degrees: 0.0, translation: 0.0, ..Augmentation::default() };
    let odd = vec![f32::NAN, -0.0, 1.0, f32::INFINITY, 0.5, 0.25, 1e-40, 3.0, 2.0];
    let (image, labels) = roto_translate(&still, FRAME, &odd, &PIXELS, UNLABELLED, 7);
    assert_eq!(labels, PIXELS);
    assert!(image.iter().zip(&odd).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn intensities_by_hand() {
    // Without noise only a line remains: x -> contrast * (x - mean) + mean + brightness, channel by channel.
    let intensity = Intensity { noise: 0.0, ..Intensity::default() };
    let (mut image, seeds) = (vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0], Seeds { shared: 3, own: 4 });
    intensity.apply(&mut image, 3, seeds);
    let contrast = (image[2] - image[0]) / 2.0;
    let brightness = image[1] - 2.0;
    assert!((0.95..=1.05).contains(&contrast) && contrast != 1.0, "{contrast}");
    assert!(brightness.abs() <= 0.025 && brightness != 0.0, "{brightness}");
    assert!((image[4] - (20.0 + brightness)).abs() < 1e-5 && (image[5] - image[3] - 20.0 * contrast).abs() < 1e-4);
    // Noise alone: as large as asked, and another for each slice of a shared draw.
    let noise = Intensity { brightness: 0.0, contrast: 0.0, noise: 0.02 };
    let of = |own| {
        let mut image = vec![0.0; 10_000];
        noise.apply(&mut image, 10_000, Seeds { shared: 3, own });
        image
    };
    let deviation = (of(1).iter().map(|x| x * x).sum::<f32>() / 1e4).sqrt();
    assert!((deviation - 0.02).abs() < 1e-3, "{deviation}");
    assert_ne!(of(1), of(2));
}

#[test]
fn intensities_leave_the_pose_and_the_labels_alone() {
    let poses = Augmentation::default();
    let both = Augmentation { intensity: Some(Intensity { noise: 0.0, ..Intensity::default() }), ..poses.clone() };
    let seeds = Seeds { shared: 9, own: 1 };
    let posed = augment_image(&poses, FRAME, &image(), seeds);
    let brightened = augment_image(&both, FRAME, &image(), seeds);
    assert_eq!(posed, roto_translate(&poses, FRAME, &image(), &PIXELS, 0, 9).0);
    assert_ne!(posed, brightened);
    let slope = (brightened[0] - brightened[8]) / (posed[0] - posed[8]);
    assert!((slope - (brightened[2] - brightened[6]) / (posed[2] - posed[6])).abs() < 1e-4);
    assert_eq!(augment_labels(&both, FRAME, &PIXELS, 0, seeds), augment_labels(&poses, FRAME, &PIXELS, 0, seeds));
}

#[test]
fn the_default_keeps_its_canonical_value() {
    let canonical = serde_json::to_value(Augmentation::default()).unwrap();
    assert_eq!(canonical, serde_json::json!({"rotation_degrees": 90.0, "translation": 0.1}));
    let released: Augmentation = serde_json::from_str(r#"{"intensity": {}, "drawn": "case"}"#).unwrap();
    assert_eq!(released.intensity, Some(Intensity { brightness: 0.025, contrast: 0.05, noise: 0.02 }));
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
