use proptest::prelude::*;
use runner::science::data::Frame;
use runner::science::training::Degradation;
use std::collections::BTreeSet;

const NONE: Degradation = Degradation {
    shape_chance: 0.0,
    shapes: 4,
    shape_size: 0.15,
    morphology_chance: 0.0,
    morphology_radius: 0.0,
    swap_chance: 0.0,
    swap_distance: 0.1,
    swapped: 0.5,
};

const FRAME: Frame = Frame { channels: 1, height: 11, width: 11 };

/// A square of 5x5 pixels of a class, in the middle of 11x11.
fn square(class: u8) -> Vec<u8> {
    let inside = |i: usize| (3..8).contains(&(i / 11)) && (3..8).contains(&(i % 11));
    (0..121).map(|i| if inside(i) { class } else { 0 }).collect()
}

fn count(labels: &[u8], class: u8) -> usize {
    labels.iter().filter(|&&label| label == class).count()
}

#[test]
fn without_chance_nothing_happens() {
    assert_eq!(NONE.spoil(FRAME, &square(2), 3, 7), square(2));
}

#[test]
fn morphology_by_a_disk_of_one_pixel_is_one_of_four_worked_by_hand() {
    let morphology = Degradation { morphology_chance: 1.0, ..NONE };
    let sizes: BTreeSet<usize> = (0..40).map(|seed| count(&morphology.spoil(FRAME, &square(1), 2, seed), 1)).collect();
    // Erosion leaves 3x3; opening takes the corners; closing leaves 5x5; dilation adds four rows of five.
    assert_eq!(sizes, BTreeSet::from([9, 21, 25, 45]));
}

#[test]
fn swaps_keep_the_number_of_labels_and_stay_near_the_border() {
    let swaps = Degradation { swap_chance: 1.0, ..NONE };
    for seed in 0..20 {
        let spoilt = swaps.spoil(FRAME, &square(1), 2, seed);
        assert_eq!(count(&spoilt, 1), 25);
        assert_ne!(spoilt, square(1), "{seed}");
        // One pixel from the border, and one more to swap with: the square's centre and the image's rim stay.
        assert_eq!(spoilt[5 * 11 + 5], 1);
        assert!((0..11).all(|i| spoilt[i] == 0 && spoilt[110 + i] == 0));
    }
}

#[test]
fn shapes_add_and_remove_labels_of_all_classes() {
    let shapes = Degradation { shape_chance: 1.0, ..NONE };
    let spoilt: Vec<Vec<u8>> = (0..40).map(|seed| shapes.spoil(FRAME, &square(1), 4, seed)).collect();
    assert!(spoilt.iter().any(|labels| count(labels, 0) > 121 - 25), "some are removed");
    assert!((1..4).all(|class| spoilt.iter().any(|labels| count(labels, class) > count(&square(1), class))));
}

proptest! {
    #[test]
    fn a_seed_means_one_mask_of_known_labels(
        height in 1..40usize, width in 1..40usize, classes in 1..5usize, seed in any::<u64>(),
    ) {
        let frame = Frame { channels: 1, height, width };
        let mask: Vec<u8> = (0..height * width).map(|i| (i / 7 % classes) as u8).collect();
        let all = Degradation { shape_chance: 1.0, morphology_chance: 1.0, swap_chance: 1.0, ..Degradation::default() };
        let spoilt = all.spoil(frame, &mask, classes, seed);
        prop_assert_eq!(spoilt.len(), mask.len());
        prop_assert!(spoilt.iter().all(|&label| usize::from(label) < classes));
        prop_assert_eq!(spoilt, all.spoil(frame, &mask, classes, seed));
    }
}
