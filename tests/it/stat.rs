//! Wilcoxon, Holm and summaries: worked by hand, and what holds for any sample.

use proptest::prelude::*;
use runner::science::stat::{
    Calculation, Choice, Deviation, Interval, IntervalMethod, LARGEST_EXACT, StatError, Zeros, holm, quantile, stars,
    summary, wilcoxon, wilcoxon_of_differences,
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
    let test = |choice| wilcoxon_of_differences(&[1.0, -1.0, 2.0, 0.0], choice, Zeros::Wilcox).unwrap();
    let exact = test(Choice::Exact);
    assert_eq!((exact.w_plus, exact.w_minus, exact.n, exact.zeros), (4.5, 1.5, 3, 1));
    assert_eq!((exact.p, exact.method), (2.0 * 3.0 / 8.0, Calculation::ExactWithTies));
    // Ties or zeros: the automatic choice is the approximation.
    assert_eq!(test(Choice::Auto).method, Calculation::Normal);
    let zero = wilcoxon_of_differences(&[1.0, 2.0, 0.0], Choice::Auto, Zeros::Wilcox).unwrap();
    assert_eq!(zero.method, Calculation::Normal);
}

/// SciPy 1.17's `wilcoxon(d, zero_method, correction, method='asymptotic')`.
#[test]
fn zeros_and_ties_as_scipy_treats_them() {
    let differences = [1.0, -1.0, 2.0, 0.0, 0.0, 3.0, 3.0, -4.0, 5.0, 6.0];
    for (zeros, least, corrected, uncorrected) in [
        (Zeros::Wilcox, 7.5, 0.160_400_810_755_251_26, 0.140_505_541_284_799_97),
        (Zeros::Pratt, 11.5, 0.150_359_334_838_338_16, 0.136_321_564_881_903_67),
        (Zeros::Zsplit, 13.0, 0.152_774_377_619_398_2, 0.138_642_692_194_356_85),
    ] {
        let test = |choice| wilcoxon_of_differences(&differences, choice, zeros).unwrap();
        let (normal, plain) = (test(Choice::Normal), test(Choice::NormalUncorrected));
        assert!((normal.p - corrected).abs() < 1e-12, "{zeros:?}: {}", normal.p);
        assert!((plain.p - uncorrected).abs() < 1e-12, "{zeros:?}: {}", plain.p);
        assert_eq!(normal.w_minus.min(normal.w_plus), least, "{zeros:?}");
        assert_eq!((normal.n, normal.zeros), (8, 2));
    }
}

#[test]
fn ranked_zeros_by_hand() {
    // Ranks 1, 2, 3: the zero takes the first. Pratt: W+ = 2 + 3, and four patterns of signs; one is as extreme on each side.
    let test = |zeros| wilcoxon_of_differences(&[0.0, 1.0, 2.0], Choice::Exact, zeros).unwrap();
    let pratt = test(Zeros::Pratt);
    assert_eq!((pratt.w_plus, pratt.w_minus, pratt.p), (5.0, 0.0, 2.0 / 4.0));
    let split = test(Zeros::Zsplit);
    assert_eq!((split.w_plus, split.w_minus, split.p), (5.5, 0.5, 2.0 / 4.0));
    for zeros in [Zeros::Wilcox, Zeros::Pratt, Zeros::Zsplit] {
        let none = wilcoxon_of_differences(&[0.0, 0.0], Choice::Normal, zeros).unwrap();
        assert_eq!((none.p, none.method, none.rank_biserial()), (1.0, Calculation::NoDifference, 0.0), "{zeros:?}");
    }
}

#[test]
fn rank_biserial_by_hand() {
    // Ranks 1, 2, 3 with the middle one falling: (4 - 2) / 6.
    let test = wilcoxon_of_differences(&[1.0, -2.0, 3.0], Choice::Auto, Zeros::Wilcox).unwrap();
    assert_eq!(test.rank_biserial(), 2.0 / 6.0);
}

/// SciPy's `bootstrap` of the mean with 400,000 resamples: ours differ by chance alone.
#[test]
fn intervals_agree_with_scipy() {
    let values = [0.02, 0.05, -0.01, 0.03, 0.08, 0.0, 0.04, 0.01, 0.20, 0.03, -0.02, 0.06];
    for (method, expected) in [
        (IntervalMethod::Percentile, [0.014_166_666_666_666_666, 0.075_833_333_333_333_33]),
        (IntervalMethod::Bca, [0.019_166_666_666_666_665, 0.089_166_666_666_666_69]),
    ] {
        let interval = Interval { method, resamples: 100_000, ..Interval::default() };
        let found = interval.of_mean(&values).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1.5e-3, "{method:?}: {found} {expected}");
        }
    }
}

#[test]
fn the_seed_decides_an_interval() {
    let values: Vec<f64> = (1..20).map(|i| f64::from(i).sqrt()).collect();
    let of = |seed| Interval { seed, ..Interval::default() }.of_mean(&values).unwrap();
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}

#[test]
fn intervals_of_little_data() {
    let interval = Interval::default();
    assert_eq!((interval.confidence, interval.resamples), (0.95, 10_000));
    assert_eq!(interval.of_mean(&[0.3, 0.3]).unwrap(), [0.3, 0.3]);
    assert_eq!(interval.of_mean(&[]), Err(StatError::Empty));
    // Two values: a quarter of the resamples is twice the one, a quarter twice the other.
    let percentile = Interval { method: IntervalMethod::Percentile, ..interval };
    assert_eq!(percentile.of_mean(&[0.0, 1.0]).unwrap(), [0.0, 1.0]);
    assert_eq!(Interval { confidence: 0.4, ..percentile }.of_mean(&[0.0, 1.0]).unwrap(), [0.5, 0.5]);
    let few = Interval { resamples: 10, ..interval };
    assert_eq!(few.of_mean(&[1.0, 2.0]), Err(StatError::Interval { confidence: 0.95, resamples: 10 }));
    assert!(Interval { confidence: 1.0, ..interval }.of_mean(&[1.0, 2.0]).is_err());
}

#[test]
fn the_exact_distribution_has_a_limit() {
    let differences: Vec<f64> = (1..=LARGEST_EXACT as u32 + 1).map(f64::from).collect();
    let limit = LARGEST_EXACT;
    let refused = wilcoxon_of_differences(&differences, Choice::Exact, Zeros::Wilcox);
    assert_eq!(refused, Err(StatError::TooMany { n: limit + 1, limit }));
    assert!(
        wilcoxon_of_differences(&differences[1..], Choice::Exact, Zeros::Wilcox).unwrap().p > 0.0,
        "2^-499, no underflow"
    );
    assert_eq!(wilcoxon_of_differences(&differences, Choice::Auto, Zeros::Wilcox).unwrap().method, Calculation::Normal);
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
        let found = wilcoxon_of_differences(&differences, Choice::Exact, Zeros::Wilcox).unwrap();
        prop_assert!((found.p - enumerated(&differences)).abs() < 1e-12);
    }

    #[test]
    fn swapping_sides_keeps_p_and_swaps_ranks(differences in prop::collection::vec(-1.0..1.0_f64, 1..40)) {
        let negated: Vec<f64> = differences.iter().map(|d| -d).collect();
        for choice in [Choice::Auto, Choice::Exact, Choice::Normal, Choice::NormalUncorrected] {
            let (one, other) = (
                wilcoxon_of_differences(&differences, choice, Zeros::Wilcox).unwrap(),
                wilcoxon_of_differences(&negated, choice, Zeros::Wilcox).unwrap(),
            );
            prop_assert_eq!(one.p, other.p);
            prop_assert_eq!((one.w_plus, one.w_minus), (other.w_minus, other.w_plus));
            prop_assert_eq!(one.w_plus + one.w_minus, (one.n * (one.n + 1)) as f64 / 2.0);
            prop_assert!(one.p > 0.0 && one.p <= 1.0);
        }
    }

    #[test]
    fn intervals_hold_the_mean_and_follow_shift_and_scale(values in prop::collection::vec(-1.0..1.0_f64, 5..30), seed: u64) {
        for method in [IntervalMethod::Bca, IntervalMethod::Percentile] {
            let interval = Interval { resamples: 400, method, seed, confidence: 0.9 };
            let [low, high] = interval.of_mean(&values).unwrap();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            prop_assert!(low <= mean && mean <= high, "{low} {mean} {high}");
            let moved: Vec<f64> = values.iter().map(|x| 4.0 * x + 8.0).collect();
            let [moved_low, moved_high] = interval.of_mean(&moved).unwrap();
            prop_assert!((moved_low - (4.0 * low + 8.0)).abs() < 0.05 && (moved_high - (4.0 * high + 8.0)).abs() < 0.05);
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
