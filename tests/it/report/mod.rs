//! Tables and figures.

mod change;
mod coverage;
mod figures;
mod parquet;
mod significance;
mod table;
mod training;

use runner::report::scores::Score;
use runner::report::table::{Better, Column, Layout, Row, Selection};
use std::collections::BTreeMap;

fn coordinates(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The Dice over all classes of `case`.
fn score(method: &str, fraction: &str, case: &str, value: impl Into<Option<f64>>) -> Score {
    Score {
        coordinates: coordinates(&[("method", method), ("label_fraction", fraction)]),
        case: case.to_owned(),
        volume: format!("{case}_ed"),
        class: "all".to_owned(),
        metric: "dice".to_owned(),
        value: value.into(),
    }
}

/// Three methods, two fractions, two or three cases. `plain` was not run at 50 %.
fn scores() -> Vec<Score> {
    let mut scores = Vec::new();
    let mut add = |method: &str, fraction: &str, values: [f64; 3]| {
        scores
            .extend(["a", "b", "c"].into_iter().zip(values).map(|(case, value)| score(method, fraction, case, value)));
    };
    add("ours", "25", [0.8, 0.9, 0.7]);
    add("no_gating", "25", [0.7, 0.8, 0.6]);
    add("plain", "25", [0.5, 0.6, 0.4]);
    add("ours", "50", [0.81, 0.85, 0.89]);
    add("no_gating", "50", [0.84, 0.88, 0.92]);
    scores
}

fn layout() -> Layout {
    let row =
        |key: &str, label: &str, ticks: [bool; 2]| Row { key: key.into(), label: label.into(), ticks: ticks.into() };
    let column = |key: &str| Column { key: key.into(), label: format!("{key} %") };
    Layout {
        caption: "Ablation on phantoms.".into(),
        measure: "multi-class Dice".into(),
        unit: "%".into(),
        scale: 100.0,
        better: Better::Higher,
        row_title: "Method".into(),
        components: vec!["Gating".into(), "Discriminator".into()],
        rows: vec![
            row("ours", "Ours", [true, true]),
            row("no_gating", "#1", [false, true]),
            row("plain", "#5 (U_Net)", [false, false]),
        ],
        columns: vec![column("25"), column("50")],
        selection: Selection {
            metric: "dice".into(),
            class: "all".into(),
            row_key: "method".into(),
            column_key: "label_fraction".into(),
        },
    }
}
