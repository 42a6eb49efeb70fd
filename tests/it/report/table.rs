use super::{layout, score, scores};
use crate::golden;
use runner::report::significance::Significance;
use runner::report::table::{Better, Table, build, csv, latex, markdown};

fn test(column: &str, p: f64) -> Significance {
    Significance {
        column: column.into(),
        reference: "ours".into(),
        competitor: "no_gating".into(),
        difference: 0.1,
        p,
        n: 3,
        method: "exact".into(),
        ..Significance::default()
    }
}

fn table() -> Table {
    build(&scores(), &layout()).expect("built").with_significance(&[test("25", 0.004), test("50", 0.25)])
}

/// 25 %, ours: 0.8, 0.9, 0.7: mean 80, std (ddof 0) 100 sqrt(0.02 / 3).
#[test]
fn a_cell_is_mean_and_population_deviation_over_cases() {
    let table = table();
    let cell = table.cells[0][0].as_ref().expect("a cell");
    assert!((cell.mean - 80.0).abs() < 1e-12);
    assert!((cell.std - 100.0 * (0.02f64 / 3.0).sqrt()).abs() < 1e-12);
    assert!((cell.standard_error() - cell.std / 3f64.sqrt()).abs() < 1e-12);
    assert_eq!((cell.n, cell.best, cell.p, cell.stars()), (3, true, Some(0.004), "**"));
    assert_eq!(table.cells[2][1], None);
}

#[test]
fn an_upper_bound_is_not_the_best_of_its_column() {
    let with_bounds = table().with_upper_bounds(&["ours".to_owned()]);
    assert!(!with_bounds.cells[0][0].as_ref().expect("a cell").best);
    let best = |table: &Table| {
        (0..table.cells.len()).filter(|&row| table.cells[row][0].as_ref().is_some_and(|c| c.best)).count()
    };
    assert_eq!((best(&table()), best(&with_bounds)), (1, 1));
    assert!(markdown(&with_bounds).contains("in bold, but for the upper bound Ours."), "{}", markdown(&with_bounds));
}

/// Case a: volumes 0.2 and 0.4; case b: 0.9. The mean over cases is (0.3 + 0.9) / 2, not (0.2 + 0.4 + 0.9) / 3.
#[test]
fn the_unit_is_the_case() {
    let mut second = score("ours", "25", "a", 0.4);
    second.volume = "a_es".into();
    let scores = [score("ours", "25", "a", 0.2), second, score("ours", "25", "b", 0.9), score("ours", "25", "c", None)];
    let table = build(&scores, &layout()).expect("built");
    let cell = table.cells[0][0].as_ref().expect("a cell");
    assert!((cell.mean - 60.0).abs() < 1e-12 && (cell.std - 30.0).abs() < 1e-12);
    assert_eq!((cell.n, cell.best), (2, false));
}

#[test]
fn other_metrics_and_classes_stay_out() {
    let mut distance = score("ours", "25", "a", 12.0);
    distance.metric = "hausdorff_px".into();
    let mut myocardium = score("ours", "25", "a", 0.1);
    myocardium.class = "myocardium".into();
    let table = build(&[distance.clone(), myocardium, score("ours", "25", "a", 0.5)], &layout()).expect("built");
    assert_eq!(table.cells[0][0].as_ref().map(|cell| cell.mean), Some(50.0));

    let mut layout = layout();
    (layout.selection.metric, layout.scale, layout.better) = ("hausdorff_px".into(), 1.0, Better::Lower);
    let mut nearer = distance.clone();
    (nearer.value, nearer.coordinates) = (Some(9.0), score("plain", "25", "a", None).coordinates);
    let table = build(&[distance, nearer], &layout).expect("built");
    assert_eq!(table.cells[2][0].as_ref().map(|cell| (cell.mean, cell.best)), Some((9.0, true)));
}

#[test]
fn equal_bests_are_both_marked() {
    let scores = [score("ours", "25", "a", 0.5), score("plain", "25", "a", 0.5), score("no_gating", "25", "a", 0.4)];
    let table = build(&scores, &layout()).expect("built");
    let best: Vec<bool> = table.cells.iter().map(|row| row[0].as_ref().is_some_and(|cell| cell.best)).collect();
    assert_eq!(best, [true, false, true]);
}

#[test]
fn a_coordinate_that_scores_lack_is_named() {
    let mut layout = layout();
    layout.selection.column_key = "fraction".into();
    let error = build(&scores(), &layout).expect_err("no such column");
    let text = format!("{error}");
    assert!(text == "the scores have no coordinate `fraction`; they have label_fraction, method", "{text}");
}

/// Golden section 03: percent with one decimal, standard deviation as an integer.
#[test]
fn rounding_is_the_papers() {
    let cases = golden::cases("03_wilcoxon");
    let summaries = cases["summaries"].as_array().expect("summaries");
    assert!(!summaries.is_empty());
    for summary in summaries {
        let values = summary["values"].as_array().expect("values").iter().filter_map(serde_json::Value::as_f64);
        let scores: Vec<_> = values.enumerate().map(|(i, v)| score("ours", "25", &format!("{i:03}"), v)).collect();
        let table = build(&scores, &layout()).expect("built");
        let cell = table.cells[0][0].as_ref().expect("a cell");
        let style = &summary["paper_style"];
        let (mean, std) = (style["mean_percent"].as_f64(), style["std0_percent"].as_f64());
        assert!((cell.mean - mean.expect("mean")).abs() < 1e-10, "{}", summary["id"]);
        assert!((cell.std - std.expect("std")).abs() < 1e-10, "{}", summary["id"]);
        if [10.0 * cell.mean, cell.std].iter().any(|x| (x.fract() - 0.5).abs() < 1e-8) {
            continue; // A tie, as the golden README says: its text is not to be compared.
        }
        let std: u32 = style["std_text"].as_str().expect("std").parse().expect("an integer");
        assert_eq!(cell.text(), format!("{} ({std})", style["mean_text"].as_str().expect("mean")), "{}", summary["id"]);
    }
}

#[test]
fn as_markdown() {
    insta::assert_snapshot!(markdown(&table()), @r"
    Ablation on phantoms.

    | Method      | Gating | Discriminator |             25 % |         50 % |
    | :---------- | :----: | :-----------: | ---------------: | -----------: |
    | Ours        |   ✓    |       ✓       | **80.0 (8)**\*\* |     85.0 (3) |
    | #1          |        |       ✓       |         70.0 (8) | **88.0 (3)** |
    | #5 (U\_Net) |        |               |         50.0 (8) |            — |

    Mean (standard deviation) of the multi-class Dice over test cases, in %; the best of a column in bold.

    n = 3 cases in each cell.

    —: no score.

    \*\* p ≤ 0.01, \* p ≤ 0.05: Ours against the best other of the column, two-sided Wilcoxon signed-rank test, paired by case, without correction for several columns.

    25 %: p = 0.0040 against #1 (exact, n = 3); 50 %: p = 0.25 against #1 (exact, n = 3).
    ");
}

#[test]
fn as_latex() {
    insta::assert_snapshot!(latex(&table(), "ablation"), @r"
    % Needs \usepackage{booktabs,amssymb}.
    \begin{table}
    \centering
    \caption{Ablation on phantoms. Mean (standard deviation) of the multi-class Dice over test cases, in \%; the best of a column in bold. n = 3 cases in each cell. ---: no score. ** p $\leq$ 0.01, * p $\leq$ 0.05: Ours against the best other of the column, two-sided Wilcoxon signed-rank test, paired by case, without correction for several columns. 25 \%: p = 0.0040 against \#1 (exact, n = 3); 50 \%: p = 0.25 against \#1 (exact, n = 3).}
    \label{tab:ablation}
    \begin{tabular}{lccrr}
    \toprule
    Method & Gating & Discriminator & 25 \% & 50 \% \\
    \midrule
    Ours & \checkmark & \checkmark & \textbf{80.0 (8)}\rlap{$^{**}$} & 85.0 (3) \\
    \#1 &  & \checkmark & 70.0 (8) & \textbf{88.0 (3)} \\
    \#5 (U\_Net) &  &  & 50.0 (8) & --- \\
    \bottomrule
    \end{tabular}
    \end{table}
    ");
}

#[test]
fn as_csv() {
    insta::assert_snapshot!(csv(&table()), @r"
    method,label_fraction,label,metric,class,unit,mean,std,n,p,stars,best
    ours,25,Ours,dice,all,%,80.00000000000001,8.164965809277264,3,0.004,**,true
    ours,50,Ours,dice,all,%,85.00000000000001,3.2659863237109024,3,0.25,,false
    no_gating,25,#1,dice,all,%,70,8.164965809277263,3,,,false
    no_gating,50,#1,dice,all,%,88,3.2659863237109072,3,,,true
    plain,25,#5 (U_Net),dice,all,%,50,8.164965809277259,3,,,false
    plain,50,#5 (U_Net),dice,all,%,,,0,,,
    ");
}

#[test]
fn a_latex_caption_is_a_sentence() {
    let mut table = table();
    table.layout.caption = "Ablation".into();
    assert!(latex(&table, "ablation").contains("\\caption{Ablation. Mean (standard deviation)"));
}

#[test]
fn an_empty_table_renders() {
    assert!(markdown(&build(&[], &layout()).expect("built")).contains('—'));
}
