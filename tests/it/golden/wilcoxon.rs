//! Golden 03: Wilcoxon signed-rank, Holm, asterisks, mean and standard deviation.

use super::Walk;
use super::tensors::{assert_close, flat};
use runner::science::stat::{
    Calculation, Choice, Deviation, StatError, Wilcoxon, Zeros, bonferroni, holm, stars, summary, wilcoxon,
    wilcoxon_of_differences,
};
use serde_json::Value;

fn test(case: &Value, choice: Choice) -> Wilcoxon {
    match case["d"].is_array() {
        true => wilcoxon_of_differences(&flat(&case["d"]), choice, Zeros::Wilcox).unwrap(),
        false => wilcoxon(&flat(&case["x"]), &flat(&case["y"]), choice).unwrap(),
    }
}

#[track_caller]
fn assert_optional(found: Option<f64>, expected: &Value, tolerance: f64, what: &str) {
    match found {
        None => assert!(expected.is_null(), "{what}: undefined, expected {expected}"),
        Some(found) => assert_close(&[found], &flat(expected), tolerance, what),
    }
}

#[test]
fn every_test_agrees_by_every_method() {
    Walk::of("03_wilcoxon", "wilcoxon").each(|id, case| {
        let expected = &case["expected"];
        let recommended = test(case, Choice::Auto);
        assert_close(&[recommended.p], &flat(&expected["recommended_p"]), 1e-10, id);
        assert_eq!(stars(recommended.p), expected["stars"], "{id}");
        assert_eq!(recommended.n as u64, expected["n_used"].as_u64().unwrap(), "{id}");
        assert_eq!(recommended.zeros as u64, expected["n_zero"].as_u64().unwrap(), "{id}");
        if recommended.n == 0 {
            assert_eq!(recommended.method, Calculation::NoDifference, "{id}");
            return;
        }
        check_methods(case, expected, id);
        assert_eq!(recommended.w_plus, expected["W_plus"].as_f64().unwrap(), "{id}");
        assert_eq!(recommended.w_minus, expected["W_minus"].as_f64().unwrap(), "{id}");
        match expected["recommended_rule"].as_str().unwrap() {
            "exact" => assert_eq!(recommended.method, Calculation::Exact, "{id}"),
            _ => assert_eq!(recommended.method, Calculation::Normal, "{id}"),
        }
    });
}

fn check_methods(case: &Value, expected: &Value, id: &str) {
    let exact = test(case, Choice::Exact);
    let tied = expected["ties"].as_bool().unwrap();
    assert_close(&[exact.p], &flat(&expected["p_exact_conditional_on_ties"]), 1e-10, id);
    assert_eq!(exact.method, if tied { Calculation::ExactWithTies } else { Calculation::Exact }, "{id}");
    if !tied {
        assert_close(&[exact.p], &flat(&expected["p_exact_no_ties"]), 1e-10, id);
    }
    for (choice, p, by) in [
        (Choice::Exact, "p_exact_conditional_on_ties", "exact_conditional"),
        (Choice::Normal, "p_approx_correction", "approx_correction"),
        (Choice::NormalUncorrected, "p_approx_nocorrection", "approx_nocorrection"),
    ] {
        let found = test(case, choice).p;
        assert_close(&[found], &flat(&expected[p]), 1e-10, &format!("{id} {p}"));
        assert_eq!(stars(found), expected["stars_by_method"][by], "{id} {by}");
    }
}

#[test]
fn every_holm_adjustment_agrees() {
    Walk::of("03_wilcoxon", "holm").each(|id, case| {
        let (p, expected) = (flat(&case["p"]), &case["expected"]);
        let adjusted = holm(&p).unwrap();
        assert_close(&adjusted, &flat(&expected["holm"]), 1e-12, "holm");
        assert_close(&bonferroni(&p).unwrap(), &flat(&expected["bonferroni"]), 1e-12, "bonferroni");
        let rejected: Vec<bool> = adjusted.iter().map(|p| *p <= 0.05).collect();
        assert_eq!(serde_json::json!(rejected), expected["reject_at_0_05"], "{id}");
    });
}

#[test]
fn every_summary_agrees() {
    Walk::of("03_wilcoxon", "summaries").each(|id, case| {
        let expected = &case["expected"];
        let [population, sample] =
            [Deviation::Population, Deviation::Sample].map(|divisor| summary(&flat(&case["values"]), divisor).unwrap());
        assert_eq!(population.n as u64, expected["n"].as_u64().unwrap(), "{id}");
        assert_optional(Some(population.mean), &expected["mean"], 1e-12, id);
        assert_optional(population.deviation, &expected["std_ddof0"], 1e-12, id);
        assert_optional(sample.deviation, &expected["std_ddof1"], 1e-12, id);
        assert_optional(population.standard_error, &expected["se_ddof0"], 1e-12, id);
        assert_optional(sample.standard_error, &expected["se_ddof1"], 1e-12, id);
        assert_optional(Some(population.median), &expected["median"], 1e-12, id);
        assert_optional(Some(population.interquartile_range), &expected["iqr"], 1e-12, id);
        check_text(population.percent_text(), &case["paper_style"], id);
    });
}

/// Texts are not compared within 1e-9 of a rounding tie.
fn check_text((mean, deviation): (String, String), style: &Value, id: &str) {
    let tie = |value: f64| ((value * 2.0).round() - value * 2.0).abs() < 2e-9 && (value * 2.0).round() % 2.0 != 0.0;
    if !tie(style["mean_percent"].as_f64().unwrap() * 10.0) {
        assert_eq!(mean, style["mean_text"], "{id}");
    }
    if !tie(style["std0_percent"].as_f64().unwrap()) {
        assert_eq!(deviation, style["std_text"], "{id}");
    }
}

#[test]
fn every_error_case_is_reported() {
    Walk::of("03_wilcoxon", "error_cases").each(|id, case| {
        let found = wilcoxon(&flat(&case["x"]), &flat(&case["y"]), Choice::Auto);
        assert!(
            matches!(found, Err(StatError::Length { .. } | StatError::Empty | StatError::NotFinite { .. })),
            "{id}: {found:?}"
        );
    });
}
