use super::{layout, score, scores};
use runner::report::pairs::{Pairs, Repeats, Unit};
use runner::report::scores::Score;
use runner::report::significance::{
    self, Against, Design, Significance, TestOutcome, adjust, against_best, compare, stars,
};
use std::convert::Infallible;

/// p = 1 / (10 * pairs), so that what was paired can be seen.
fn test(x: &[f64], y: &[f64]) -> Result<TestOutcome, Infallible> {
    assert_eq!(x.len(), y.len());
    Ok(TestOutcome { p: 0.1 / x.len() as f64, method: "wilcoxon exact".into(), ..TestOutcome::default() })
}

#[test]
fn the_reference_meets_the_best_other_of_each_column() {
    let tests = against_best(&scores(), &layout(), "ours", test).expect("tested");
    let summary: Vec<_> = tests.iter().map(|t| (t.column.as_str(), t.competitor.as_str(), t.n)).collect();
    assert_eq!(summary, [("25", "no_gating", 3), ("50", "no_gating", 3)]);
    // 25 %: 0.1 better in each case; 50 %: 0.03 worse in each.
    assert!((tests[0].difference - 0.1).abs() < 1e-12 && (tests[1].difference + 0.03).abs() < 1e-12);
}

#[test]
fn pairs_are_the_cases_that_both_have_and_volumes_of_a_case_are_averaged() {
    let scores = [
        score("ours", "25", "b", 0.4),
        score("ours", "25", "a", 0.2),
        score("ours", "25", "a", 0.4),
        score("ours", "25", "c", None),
        score("no_gating", "25", "a", 0.1),
        score("no_gating", "25", "b", 0.2),
        score("no_gating", "25", "c", 0.3),
    ];
    let seen = std::cell::RefCell::new(Vec::new());
    let record = |x: &[f64], y: &[f64]| {
        seen.borrow_mut().push((x.to_vec(), y.to_vec()));
        test(x, y)
    };
    against_best(&scores, &layout(), "ours", record).expect("tested");
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 1);
    assert!((seen[0].0[0] - 0.3).abs() < 1e-12);
    assert_eq!((seen[0].0[1], &seen[0].1[..]), (0.4, &[0.1, 0.2][..]));
}

#[test]
fn without_competitor_there_is_no_test() {
    let scores = [score("ours", "25", "a", 0.4), score("plain", "50", "a", 0.4)];
    assert!(against_best(&scores, &layout(), "ours", test).expect("tested").is_empty());
}

#[test]
fn a_failed_test_names_its_column() {
    let error = against_best(&scores(), &layout(), "ours", |_: &[f64], _: &[f64]| Err("too few")).expect_err("failed");
    assert_eq!(error.to_string(), "the significance test of column `25` failed: too few");
}

#[test]
fn stars_of_the_paper() {
    assert_eq!([0.009, 0.01, 0.011, 0.05, 0.051, f64::NAN].map(stars), ["**", "**", "*", "*", "", ""]);
}

#[test]
fn tests_return_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = Significance {
        column: "25".into(),
        reference: "ours".into(),
        competitor: "no_gating".into(),
        difference: 0.1,
        p: 0.03125,
        n: 6,
        method: "wilcoxon exact".into(),
        ..Significance::default()
    };
    significance::write(folder.path(), std::slice::from_ref(&one)).expect("written");
    assert_eq!(significance::read(folder.path()).expect("read"), [one]);
    let csv = std::fs::read_to_string(folder.path().join("significance.csv")).expect("read");
    assert_eq!(
        csv,
        "column,reference,competitor,difference,p,stars,n,method\n25,ours,no_gating,0.1,0.03125,*,6,wilcoxon exact\n"
    );
}

/// Scores of a slice of a fold.
fn slice(method: &str, fold: &str, case: &str, volume: &str, value: f64) -> Score {
    let mut score = Score { volume: volume.to_owned(), ..score(method, "25", case, value) };
    score.coordinates.insert("fold".to_owned(), fold.to_owned());
    score
}

/// The number of pairs by unit.
#[test]
fn a_pair_is_a_case_a_volume_or_a_slice_of_one_run_or_of_all() {
    let mut scores = Vec::new();
    for (method, better) in [("ours", 0.1), ("no_gating", 0.0)] {
        for (fold, case) in [("0", "a"), ("1", "a"), ("1", "b")] {
            for volume in ["ed/1", "ed/2", "es/1"] {
                scores.push(slice(method, fold, case, volume, 0.5 + better));
            }
        }
    }
    let count = |unit, repeats| {
        let design = Design { pairs: Pairs { unit, repeats }, ..Design::default() };
        let tests = compare(&scores, &layout(), "ours", design, test).expect("tested");
        (tests[0].n, tests[0].unit.clone())
    };
    assert_eq!(count(Unit::Case, Repeats::Mean), (2, None));
    assert_eq!(count(Unit::Case, Repeats::Separate), (3, None));
    assert_eq!(count(Unit::Volume, Repeats::Mean), (4, Some("volume".to_owned())));
    assert_eq!(count(Unit::Slice, Repeats::Mean), (6, Some("slice".to_owned())));
    assert_eq!(count(Unit::Slice, Repeats::Separate), (9, Some("slice".to_owned())));

    scores.iter_mut().for_each(|score| score.volume.clear());
    let design = Design { pairs: Pairs { unit: Unit::Slice, ..Pairs::default() }, ..Design::default() };
    let error = compare(&scores, &layout(), "ours", design, test).expect_err("no slices").to_string();
    assert_eq!(error, "the scores have no rows by slice: set `rows: slice` at the stage that evaluates");
}

#[test]
fn holm_corrects_the_tests_of_a_column_or_all() {
    let design = Design { against: Against::All, ..Design::default() };
    let mut tests = compare(&scores(), &layout(), "ours", design, test).expect("tested");
    let pairs: Vec<_> = tests.iter().map(|test| (test.column.as_str(), test.competitor.as_str())).collect();
    assert!(pairs.len() > 2 && pairs[..2].iter().all(|(column, _)| *column == "25"), "{pairs:?}");
    let twice = |p: &[f64]| Ok::<_, Infallible>(vec![p.len() as f64; p.len()]);
    let of_25 = tests.iter().filter(|test| test.column == "25").count() as f64;
    adjust(&mut tests, true, twice).expect("adjusted");
    assert_eq!(tests[0].adjusted, Some(of_25));
    let all = tests.len() as f64;
    adjust(&mut tests, false, twice).expect("adjusted");
    assert_eq!((tests[0].adjusted, tests[0].stars()), (Some(all), ""), "asterisks follow the corrected p");
}

#[test]
fn what_was_asked_for_has_columns_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = Significance {
        column: "25".into(),
        reference: "ours".into(),
        competitor: "no_gating".into(),
        difference: 0.1,
        p: 0.03125,
        n: 6,
        method: "exact".into(),
        adjusted: Some(0.0625),
        effect: Some(1.0),
        interval: Some([0.05, 0.15]),
        unit: Some("slice".into()),
    };
    significance::write(folder.path(), std::slice::from_ref(&one)).expect("written");
    assert_eq!(significance::read(folder.path()).expect("read"), [one]);
    let csv = std::fs::read_to_string(folder.path().join("significance.csv")).expect("read");
    assert_eq!(
        csv,
        "column,reference,competitor,difference,p,stars,n,method,p_adjusted,rank_biserial,low,high,unit\n\
         25,ours,no_gating,0.1,0.03125,\"\",6,exact,0.0625,1.0,0.05,0.15,slice\n"
    );
}
