use super::{layout, score, scores};
use runner::report::significance::{self, Significance, TestOutcome, against_best, stars};
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
