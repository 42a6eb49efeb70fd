use super::*;
use runner::science::training::Degeneracy;

/// A square of a class at a row.
fn square(class: u8, row: usize) -> Vec<u8> {
    let inside = |i: usize| (row..row + 8).contains(&(i / SIDE)) && (4..12).contains(&(i % SIDE));
    (0..PIXELS).map(|i| if inside(i) { class } else { 0 }).collect()
}

fn of(before: &[Vec<u8>], after: &[Vec<u8>]) -> Degeneracy {
    let before: Vec<&[u8]> = before.iter().map(Vec::as_slice).collect();
    let after: Vec<&[u8]> = after.iter().map(Vec::as_slice).collect();
    Degeneracy::of(&before, &after, 3)
}

fn squares() -> Vec<Vec<u8>> {
    (0..10).map(|i| square(1 + (i % 2) as u8, i)).collect()
}

#[test]
fn masks_that_stay_what_they_are_are_no_finding() {
    let found = of(&squares(), &squares());
    assert!(!found.is_degenerate(), "{found}");
    insta::assert_snapshot!(found, @"no degenerate result: 0 of 10 masks emptied, 0 of 10 alike");
}

#[test]
fn empty_masks_whatever_goes_in_are_told() {
    let found = of(&squares(), &vec![vec![0; PIXELS]; 10]);
    assert_eq!((found.emptied, found.filled, found.omitted.clone()), (10, 10, vec![1, 2]));
    insta::assert_snapshot!(found, @"the autoencoder is degenerate on these 10 slices: 10 of 10 masks with foreground became empty; classes 1, 2 never come out; train it longer, or spoil its masks more like the segmentor does");
}

#[test]
fn one_mask_whatever_goes_in_is_told_but_not_if_the_same_went_in() {
    let same = vec![square(1, 3); 10];
    let found = of(&squares(), &same);
    // No input is like the commonest one of the inputs.
    assert_eq!((found.alike, found.results), (10, 10));
    assert!(found.is_degenerate());
    insta::assert_snapshot!(found, @"the autoencoder is degenerate on these 10 slices: 10 of 10 results are nearly the same mask whatever went in; class 2 never comes out; train it longer, or spoil its masks more like the segmentor does");
    let found = of(&same, &same);
    assert_eq!(found.alike, 0);
    assert!(!found.is_degenerate(), "{found}");
}

#[test]
fn a_class_that_never_comes_out_is_told() {
    let only_first: Vec<Vec<u8>> =
        squares().iter().map(|mask| mask.iter().map(|&label| if label == 2 { 0 } else { label }).collect()).collect();
    let found = of(&squares(), &only_first);
    assert_eq!((found.emptied, found.omitted.clone()), (5, vec![2]));
    insta::assert_snapshot!(found, @"the autoencoder is degenerate on these 10 slices: class 2 never comes out; train it longer, or spoil its masks more like the segmentor does");
}
