//! Scribbles from masks: worked by hand, the background's coverage, and what holds for any mask.

mod stages;
mod walks;

use proptest::prelude::*;
use runner::science::data::{Labels, UNLABELLED};
use runner::science::scribble::{
    Background, Ring, Scribbler, SkeletonParameters, Stroke, Thinning, coverage, enlarged, skeleton_scribble,
    skeletonize, skeletonize_by,
};

fn mask(rows: &[&str]) -> Labels {
    let data = rows.iter().flat_map(|row| row.bytes()).map(|byte| byte - b'0').collect();
    Labels { slices: 1, height: rows.len(), width: rows[0].len(), data }
}

/// Classes as digits, unlabelled as dots.
fn rows(labels: &Labels) -> Vec<String> {
    let character = |&label: &u8| if label == UNLABELLED { '.' } else { char::from(b'0' + label) };
    labels.data.chunks_exact(labels.width).map(|row| row.iter().map(character).collect()).collect()
}

fn with(background: Background) -> SkeletonParameters {
    SkeletonParameters { background, ..SkeletonParameters::default() }
}

/// A heart-sized disc in the middle of a slice as the ACDC experiments see it.
fn disc(side: usize, radius: f64, slices: usize) -> Labels {
    let centre = (side as f64 - 1.0) / 2.0;
    let inside = |row: usize, column: usize| (row as f64 - centre).hypot(column as f64 - centre) <= radius;
    let slice = || (0..side * side).map(move |pixel| u8::from(inside(pixel / side, pixel % side)));
    Labels { slices, height: side, width: side, data: (0..slices).flat_map(|_| slice()).collect() }
}

#[test]
fn every_class_is_thinned_by_itself() {
    // Two bars three pixels thick that touch: thinned together they would be one.
    let bars = mask(&["0000000", "1111111", "1111111", "1111111", "2222222", "2222222", "2222222"]);
    let drawn = rows(&skeleton_scribble(&bars, &with(Background::None)));
    assert_eq!(drawn[2].matches('1').count(), 5);
    assert_eq!(drawn[5].matches('2').count(), 5);
    assert!(!drawn.concat().contains('0'));
    let lines: Vec<&String> = drawn.iter().filter(|row| row.contains(['1', '2'])).collect();
    assert!(lines.len() <= 4, "{drawn:?}");
}

#[test]
fn the_ring_keeps_its_distance() {
    // One pixel in a row of nine, sides 9 and 1: the root of 9 is 3, so 2/3 to 1 is 2 to 3 pixels.
    let ring = Background::Ring(Ring { nearest: 2.0 / 3.0, farthest: 1.0 });
    assert_eq!(rows(&skeleton_scribble(&mask(&["000010000"]), &with(ring))), [".00.1.00."]);
    assert_eq!(rows(&skeleton_scribble(&mask(&["000010000"]), &with(Background::None))), ["....1...."]);
}

#[test]
fn the_default_ring_covers_what_the_paper_states_at_every_size() {
    // The median ACDC heart: as large as a disc of 37 mm, 24.5 pixels of 1.51 mm.
    for side in [224, 112, 64] {
        let heart = disc(side, 24.5 * side as f64 / 224.0, 1);
        let share = |background| coverage(&skeleton_scribble(&heart, &with(background)), 2)[0];
        let paper = share(Background::default());
        assert!((0.09..0.12).contains(&paper), "{side}: {paper}, section IV-A says 0.104 (0.084)");
    }
    let heart = disc(224, 24.5, 1);
    let drawn = coverage(&skeleton_scribble(&heart, &with(Background::Ring(Ring::AS_DRAWN))), 2)[0];
    assert!((0.005..0.010).contains(&drawn), "{drawn}, the experts' files say 0.007 (0.003)");
}

#[test]
fn a_slice_without_foreground_gets_the_experts_zigzag() {
    let empty = Labels { slices: 1, height: 224, width: 224, data: vec![0; 224 * 224] };
    let scribble = skeleton_scribble(&empty, &SkeletonParameters::default());
    let shares = coverage(&scribble, 4);
    assert!((0.005..0.011).contains(&shares[0]), "{}, the experts cover 0.008 (0.003)", shares[0]);
    assert_eq!(shares[1..], [0.0; 3]);
    let drawn: Vec<usize> = (0..scribble.data.len()).filter(|&pixel| scribble.data[pixel] == 0).collect();
    let (top, bottom) = (drawn[0] / 224, drawn[drawn.len() - 1] / 224);
    assert_eq!((top, bottom), (67, 156), "rows of the stroke");
    assert!(skeleton_scribble(&empty, &with(Background::None)).data.iter().all(|&label| label == UNLABELLED));
}

#[test]
fn slices_are_drawn_independently_and_shares_sum_over_them() {
    let mut stack = disc(32, 6.0, 2);
    stack.data[..32 * 32].fill(0);
    let scribble = skeleton_scribble(&stack, &SkeletonParameters::default());
    let single = skeleton_scribble(&disc(32, 6.0, 1), &SkeletonParameters::default());
    assert_eq!(scribble.slice(1), single.slice(0));
    assert_eq!(coverage(&scribble, 2)[1], coverage(&single, 2)[1] / 2.0);
}

#[test]
fn the_released_stroke_is_closed_dilated_and_cut() {
    // A bar of three rows: its skeleton is the middle row from the second to the last but one or so; a cross dilates
    // it by one pixel, and the mask cuts.
    let bar = mask(&["000000000", "011111110", "011111110", "011111110", "000000000"]);
    let thin = skeleton_scribble(&bar, &with(Background::None));
    let wide =
        skeleton_scribble(&bar, &SkeletonParameters { stroke: Stroke::ClosedAndDilated, ..with(Background::None) });
    for (pixel, label) in thin.data.iter().enumerate() {
        let near = [pixel.wrapping_sub(1), pixel, pixel + 1, pixel.wrapping_sub(9), pixel + 9];
        let drawn = near.iter().any(|&near| thin.data.get(near) == Some(&1));
        assert_eq!(wide.data[pixel] == 1, drawn && bar.data[pixel] == 1, "{pixel}");
        assert!(*label != 1 || wide.data[pixel] == 1);
    }
    assert!(rows(&wide)[1].contains('1') && rows(&wide)[3].contains('1'));
    let text =
        serde_json::to_string(&SkeletonParameters { stroke: Stroke::ClosedAndDilated, ..with(Background::None) });
    assert_eq!(text.unwrap(), r#"{"thinning":"scikit_image","background":"none","stroke":"closed_and_dilated"}"#);
}

#[test]
fn enlarging_stays_within_the_mask_and_the_class() {
    let two = mask(&["1111222", "1111222", "1111222"]);
    let mut drawn = Labels { data: vec![UNLABELLED; 21], ..two };
    drawn.data[7] = 1;
    drawn.data[13] = 2;
    assert_eq!(enlarged(&drawn, &two, 0), drawn);
    assert_eq!(rows(&enlarged(&drawn, &two, 1)), ["1.....2", "11...22", "1.....2"]);
    // Two pixels away, but 1.4 along both axes is within reach, and no 1 grows over the 2s.
    assert_eq!(rows(&enlarged(&drawn, &two, 2)), ["11...22", "111.222", "11...22"]);
    let all = enlarged(&drawn, &two, 9);
    assert_eq!(all.data, two.data);
    // An unlabelled mask can't say where to grow.
    let blank = Labels { data: vec![UNLABELLED; 21], ..two };
    assert_eq!(enlarged(&drawn, &blank, 5), drawn);
}

#[test]
fn thinning_leaves_borders_and_single_pixels() {
    assert_eq!(skeletonize(&[true], 1, 1), [true]);
    assert_eq!(skeletonize(&[], 0, 0), Vec::<bool>::new());
    // A full image is an object that ends at the image's border: scikit-image 0.26 keeps these pixels.
    let full = skeletonize(&[true; 49], 7, 7);
    let kept: Vec<usize> = (0..49).filter(|&pixel| full[pixel]).collect();
    assert_eq!(kept, [2 * 7 + 3, 2 * 7 + 4, 3 * 7 + 2]);
}

#[test]
fn parameters_read_back() {
    let parsed: Scribbler =
        serde_json::from_str(r#"{"skeleton": {"background": {"ring": {"nearest": 0.1}}}}"#).unwrap();
    let ring = Ring { nearest: 0.1, ..Ring::default() };
    assert_eq!(parsed, Scribbler::Skeleton(with(Background::Ring(ring))));
    let text = serde_json::to_string(&with(Background::Skeleton)).unwrap();
    // Without `stroke`: the keys of older results have none.
    assert_eq!(text, r#"{"thinning":"scikit_image","background":"skeleton"}"#);
    assert_eq!(serde_json::from_str::<Scribbler>("\"expert\"").unwrap(), Scribbler::Expert);
}

/// Label maps of up to 4 classes, blocky so that there is something to thin.
fn label_map() -> impl Strategy<Value = Labels> {
    (1..8_usize, 1..8_usize).prop_flat_map(|(height, width)| {
        prop::collection::vec(0..4_u8, height * width).prop_map(move |cells| Labels {
            slices: 1,
            height: 3 * height,
            width: 3 * width,
            data: (0..9 * height * width)
                .map(|pixel| cells[pixel / (3 * width) / 3 * width + pixel % (3 * width) / 3])
                .collect(),
        })
    })
}

proptest! {
    #[test]
    fn a_scribble_never_contradicts_its_mask(labels in label_map()) {
        for background in [Background::default(), Background::Ring(Ring::AS_DRAWN), Background::Skeleton, Background::None] {
            for thinning in [Thinning::ScikitImage, Thinning::ZhangSuen] {
                let scribble = skeleton_scribble(&labels, &SkeletonParameters { thinning, background, ..SkeletonParameters::default() });
                for (drawn, label) in scribble.data.iter().zip(&labels.data) {
                    prop_assert!(*drawn == UNLABELLED || drawn == label);
                }
                let shares = coverage(&scribble, 4);
                prop_assert!(shares.iter().sum::<f64>() <= 1.0 + 1e-12);
                for (class, share) in (0..4).zip(shares).skip(1) {
                    let shown = labels.data.contains(&class);
                    prop_assert!(thinning == Thinning::ZhangSuen || (share > 0.0) == shown);
                }
            }
        }
    }

    #[test]
    fn thinning_is_idempotent_and_moves_with_the_mask(labels in label_map()) {
        let (height, width) = (labels.height, labels.width);
        let mask: Vec<bool> = labels.data.iter().map(|&label| label > 1).collect();
        for thinning in [Thinning::ScikitImage, Thinning::ZhangSuen] {
            let skeleton = skeletonize_by(thinning, &mask, height, width);
            prop_assert_eq!(&skeletonize_by(thinning, &skeleton, height, width), &skeleton);
            // Two empty rows above move every pixel down by two.
            let moved = [vec![false; 2 * width], mask.clone()].concat();
            let expected = [vec![false; 2 * width], skeleton].concat();
            prop_assert_eq!(skeletonize_by(thinning, &moved, height + 2, width), expected);
        }
    }
}
