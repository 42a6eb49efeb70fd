//! Wilcoxon, Holm and summaries: worked by hand, and what holds for any sample.

use proptest::prelude::*;
use runner::science::stat::{
    Calculation, Choice, Deviation, LARGEST_EXACT, StatError, holm, quantile, stars, summary, wilcoxon,
    wilcoxon_of_differences,
};

#[test]
fn five_wins_of_five_by_hand() {
    // One of 2^5 sign patterns is as extreme on each side.
    let test = wilcoxon(&[0.9, 0.8, 0.7, 0.6, 0.5], &[0.5, 0.5, 0.5, 0.5, 0.45], Choice::Auto).unwrap();
    assert_eq!((test.p, test.w_plus, test.w_minus, test.n), (2.0 / 32.0, 15.0, 0.0, 5));
    assert_eq!(test.method, Calculation::Exact);
    assert_eq!(stars(test.p), "");
}

#[test]
fn ties_and_zeros_by_hand() {
    // Non-zero |d|: 1, 1, 2 with ranks 1.5, 1.5, 3. W- = 1.5; W+ takes 0, 1.5, 1.5, 3, 3, 4.5, 4.5, 6.
    let test = |choice| wilcoxon_of_differences(&[1.0, -1.0, 2.0, 0.0], choice).unwrap();
    let exact = test(Choice::Exact);
    assert_eq!((exact.w_plus, exact.w_minus, exact.n, exact.zeros), (4.5, 1.5, 3, 1));
    assert_eq!((exact.p, exact.method), (2.0 * 3.0 / 8.0, Calculation::ExactWithTies));
    // Ties or zeros: the automatic choice is the approximation.
    assert_eq!(test(Choice::Auto).method, Calculation::Normal);
    let zero = wilcoxon_of_differences(&[1.0, 2.0, 0.0], Choice::Auto).unwrap();
    assert_eq!(zero.method, Calculation::Normal);
}

#[test]
fn the_exact_distribution_has_a_limit() {
    let differences: Vec<f64> = (1..=LARGEST_EXACT as u32 + 1).map(f64::from).collect();
    let limit = LARGEST_EXACT;
    let refused = wilcoxon_of_differences(&differences, Choice::Exact);
    assert_eq!(refused, Err(StatError::TooMany { n: limit + 1, limit }));
    assert!(wilcoxon_of_differences(&differences[1..], Choice::Exact).unwrap().p > 0.0, "2^-499, no underflow");
    assert_eq!(wilcoxon_of_differences(&differences, Choice::Auto).unwrap().method, Calculation::Normal);
}

#[test]
fn undefined_scores_are_reported() {
    let found = wilcoxon(&[1.0, f64::NAN], &[0.0, 0.0], Choice::Auto);
    assert!(matches!(found, Err(StatError::NotFinite { index: 1, .. })));
    assert_eq!(summary(&[], Deviation::Population), Err(StatError::Empty));
    assert!(matches!(holm(&[0.5, 1.5]), Err(StatError::Probability { index: 1, .. })));
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn asterisks_include_their_limits() {
    assert_eq!([0.01, 0.010_001, 0.05, 0.050_001].map(stars), ["**", "*", "*", ""]);
}

#[test]
fn summary_by_hand() {
    let found = summary(&[0.5, 0.7], Deviation::Population).unwrap();
    assert!((found.deviation.unwrap() - 0.1).abs() < 1e-15);
    assert_eq!(found.percent_text(), ("60.0".to_owned(), "10".to_owned()));
    let single = summary(&[0.5], Deviation::Sample).unwrap();
    assert_eq!((single.deviation, single.percent_text().1), (None, "-".to_owned()));
}

/// All 2^n sign patterns over the observed ranks.
fn enumerated(differences: &[f64]) -> f64 {
    let kept: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let rank = |d: &f64| {
        let below = kept.iter().filter(|other| other.abs() < d.abs()).count() as f64;
        let equal = kept.iter().filter(|other| other.abs() == d.abs()).count() as f64;
        below + (equal + 1.0) / 2.0
    };
    let ranks: Vec<f64> = kept.iter().map(rank).collect();
    let sum = |chosen: &dyn Fn(usize) -> bool| -> f64 {
        ranks.iter().enumerate().filter(|(i, _)| chosen(*i)).map(|(_, rank)| rank).sum()
    };
    let observed = sum(&|i| kept[i] > 0.0).min(sum(&|i| kept[i] < 0.0));
    let patterns = 1_u32 << kept.len();
    let extreme = (0..patterns).filter(|pattern| sum(&|i| pattern >> i & 1 == 1) <= observed).count();
    (2.0 * extreme as f64 / f64::from(patterns)).min(1.0)
}

proptest! {
    #[test]
    fn exact_p_is_that_of_enumeration(integers in prop::collection::vec(-6..=6_i32, 1..10)) {
        let differences: Vec<f64> = integers.into_iter().map(f64::from).collect();
        let found = wilcoxon_of_differences(&differences, Choice::Exact).unwrap();
        prop_assert!((found.p - enumerated(&differences)).abs() < 1e-12);
    }

    #[test]
    fn swapping_sides_keeps_p_and_swaps_ranks(differences in prop::collection::vec(-1.0..1.0_f64, 1..40)) {
        let negated: Vec<f64> = differences.iter().map(|d| -d).collect();
        for choice in [Choice::Auto, Choice::Exact, Choice::Normal, Choice::NormalUncorrected] {
            let (one, other) = (
                wilcoxon_of_differences(&differences, choice).unwrap(),
                wilcoxon_of_differences(&negated, choice).unwrap(),
            );
            prop_assert_eq!(one.p, other.p);
            prop_assert_eq!((one.w_plus, one.w_minus), (other.w_minus, other.w_plus));
            prop_assert_eq!(one.w_plus + one.w_minus, (one.n * (one.n + 1)) as f64 / 2.0);
            prop_assert!(one.p > 0.0 && one.p <= 1.0);
        }
    }

    #[test]
    fn holm_lies_between_p_and_bonferroni(p in prop::collection::vec(0.0..=1.0_f64, 1..12)) {
        let adjusted = holm(&p).unwrap();
        for (i, value) in adjusted.iter().enumerate() {
            prop_assert!(p[i] <= *value && *value <= (p[i] * p.len() as f64).min(1.0) + 1e-15);
            for (j, other) in adjusted.iter().enumerate() {
                prop_assert!(p[i] > p[j] || value <= other, "order of p is kept");
            }
        }
    }
}
