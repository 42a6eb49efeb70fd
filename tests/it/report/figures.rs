use super::{layout, scores};
use runner::report::figure::samples::{Cell, Row, Samples};
use runner::report::figure::{Curves, Figure, Lines, Point, Series, Spread, Tile, png_bytes, save, svg_text};
use runner::report::{log, table};

fn lines() -> Lines {
    let table = table::build(&scores(), &layout()).expect("built");
    Lines::of_table(&table, "Ablation on phantoms", "Labelled training cases", Spread::StandardDeviation)
}

const LOGGED: [&str; 12] = [
    "supervised_loss",
    "validation_dice",
    "discriminator_loss",
    "generator_loss",
    "accuracy_real",
    "accuracy_fake",
    "gradient_norm",
    "attention_mean",
    "learning_rate",
    "a0",
    "adversarial_loss",
    "discriminator_gradient_norm",
];

/// Logs all quantities, but for `plain`, which has no discriminator and no attention.
fn run(name: &str, epochs: i64) -> (String, Vec<log::Row>) {
    let shift = name.len() as f64 * 0.01;
    let value = |quantity: usize, x: f64| match quantity {
        0 => 1.0 / x.sqrt() + shift + (x * 1.7).sin() * 0.03,
        1 => 1.0 - 1.0 / x.sqrt() - shift,
        2 if name == "plain" => f64::NAN,
        2 | 3 => 0.25 + shift + (x * 1.7).sin() * 0.03,
        6 | 11 => 40.0 / x + 1e-3,
        8 => 1e-4 + 4e-4 * (1.0 - (x * 0.2).sin().abs()),
        9 => 0.1 + 4.0 / x,
        _ => 0.5 + shift + (x * 0.3).cos() * 0.2,
    };
    let kept = |quantity: &usize| name != "plain" || matches!(quantity, 0..=2 | 6 | 8);
    let row = |epoch: i64, quantity: usize| log::Row {
        step: epoch,
        epoch: epoch as f64,
        name: LOGGED[quantity].into(),
        value: value(quantity, epoch as f64),
    };
    (
        name.to_owned(),
        (1..=epochs)
            .flat_map(|epoch| (0..LOGGED.len()).filter(kept).map(move |quantity| row(epoch, quantity)))
            .collect(),
    )
}

/// A disc of class 1 and 2 within, in the middle of a square image.
fn disc(size: usize, radius: f64) -> Vec<u8> {
    let centre = size as f64 / 2.0;
    let label = |i: usize| {
        let distance = ((i % size) as f64 - centre).hypot((i / size) as f64 - centre);
        if distance < 0.7 * radius { 2 } else { u8::from(distance < radius) }
    };
    (0..size * size).map(label).collect()
}

/// Four slices, the views of a pipeline with six methods: nine columns.
fn samples(size: usize) -> Samples {
    let (truth, smaller) = (disc(size, size as f64 / 4.0), disc(size, size as f64 / 5.0));
    let wave = |i: usize| ((i % size) as f32 * 0.3).sin() + ((i / size) as f32 * 0.2).cos();
    let scribble = (0..size * size).map(|i| if i / size == size / 2 { truth[i] } else { 255 }).collect();
    let heat = (0..size * size).map(|i| (i % size) as f32 / (size - 1) as f32).collect();
    let cell = |tile, note: &str| Cell { tile, note: note.into() };
    let cells = vec![
        cell(Tile::Image, ""),
        cell(Tile::Scribble(scribble), ""),
        cell(Tile::Labels(truth.clone()), ""),
        cell(Tile::Labels(truth), "Dice 100.0 %"),
        cell(Tile::Labels(smaller.clone()), "Dice 84.3 %"),
        cell(Tile::Labels(smaller), "Dice 84.3 %"),
        cell(Tile::Labels(disc(size, size as f64 / 3.0)), "Dice 70.1 %"),
        cell(Tile::Heat(heat), ""),
        cell(Tile::Missing, ""),
    ];
    let row = |i: usize| Row {
        title: format!("case{i:03}"),
        subtitle: format!("{}, slice {i}", ["ED", "ES"][i % 2]),
        width: size,
        height: size,
        image: (0..size * size).map(wave).collect(),
        cells: cells.clone(),
    };
    let columns = ["Image", "Scribble", "Truth", "Ours", "#1", "#2", "#3", "Attention, d = 1", "#5 (U-Net)"];
    let classes = ["background", "left ventricle", "myocardium"].map(str::to_owned).to_vec();
    let columns = columns.map(str::to_owned).to_vec();
    Samples { title: "Test cases".into(), columns, classes, rows: (0..4).map(row).collect() }
}

/// The same bytes twice, the provenance in both, the size as said. Looked at when `RUNNER_FIGURES` names a folder.
fn check<F: Figure>(figure: &F, name: &str) {
    let svg = svg_text(figure, "key <abc>").expect("drawn");
    let png = png_bytes(figure, "key <abc>").expect("drawn");
    assert_eq!(svg, svg_text(figure, "key <abc>").expect("drawn"));
    assert_eq!(png, png_bytes(figure, "key <abc>").expect("drawn"));
    assert!(svg.contains("<metadata>key &lt;abc&gt;</metadata>") && svg.contains("sans-serif"));
    assert!(png.windows(20).any(|bytes| bytes == b"Provenance\0key <abc>"));
    let (width, height) = figure.size();
    let big = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    assert_eq!((big(&png[16..20]), big(&png[20..24])), (2 * width, 2 * height));
    if let Some(folder) = std::env::var_os("RUNNER_FIGURES") {
        save(figure, folder.as_ref(), name, "test").expect("saved");
    }
}

#[test]
fn an_ablation() {
    check(&lines(), "lines");
}

#[test]
fn an_ablation_of_one_point() {
    let mut one = lines();
    one.columns.truncate(1);
    one.series.truncate(1);
    one.series[0].points.truncate(1);
    check(&one, "lines_1x1");
    one.series[0].points[0] = None;
    check(&one, "lines_none");
}

/// `methods` x `columns`, each method a little better than the one before.
fn grid(methods: usize, columns: usize) -> Lines {
    let point = |method: usize, column: usize| Point {
        mean: 40.0 + 15.0 * column as f64 + 3.0 * method as f64,
        error: 2.0 + method as f64,
    };
    let series = |method: usize| Series {
        label: format!("#{method} without multi-scale gates"),
        points: (0..columns).map(|column| Some(point(method, column))).collect(),
    };
    let labels = ["5 %", "25 %", "50 %"].iter().take(columns).map(|label| (*label).to_owned()).collect();
    Lines { columns: labels, series: (0..methods).map(series).collect(), ..lines() }
}

#[test]
fn ablations_of_the_papers_size_and_smaller() {
    check(&grid(6, 3), "lines_6x3");
    check(&grid(4, 2), "lines_4x2");
}

/// A lone line keeps its gap where a method was not run.
#[test]
fn an_ablation_with_a_gap() {
    let mut gap = grid(2, 3);
    gap.series[1].points[1] = None;
    check(&gap, "lines_gap");
}

#[test]
fn spreads_are_spelled_in_snake_case() {
    let spread: Spread = serde_json::from_str("\"standard_deviation\"").expect("known");
    assert_eq!((spread, Spread::default()), (Spread::StandardDeviation, Spread::StandardError));
}

#[test]
fn training_curves() {
    let names = ["ours", "no_gating", "no_ads", "no_multi_scale", "no_discriminator_at_all", "plain"];
    let runs: Vec<_> = names.into_iter().map(|name| run(name, if name == "plain" { 40 } else { 60 })).collect();
    let curves = Curves::of_logs("Training", &runs);
    assert_eq!(curves.panels.len(), 12);
    assert_eq!((curves.panels[2].title.as_str(), curves.panels[2].curves.len()), ("Learning rate", 6));
    assert_eq!((curves.panels[3].y_title.as_str(), curves.panels[3].curves.len()), ("V_D", 5));
    check(&curves, "curves");
}

/// The second round of colours has other markers and dashes.
#[test]
fn training_curves_of_many_and_of_one() {
    let methods = ["unet_pce", "unet_wpce", "unet_crf", "ts_unet_crf", "postdae", "unet_d", "accl", "ours", "unet_ub"];
    let methods = methods.into_iter().chain(["unet_d_ub", "tsda", "plain"]);
    let runs: Vec<_> = methods.map(|name| run(name, 40)).collect();
    check(&Curves::of_logs("Training with 25 % of the labels", &runs), "curves_12");
    check(
        &Curves::of_logs("ablation, run 20261125-101112-1", &[run("train[label_fraction=25,method=ours]", 60)]),
        "curves_one",
    );
    check(&Curves::of_logs("ablation, run 20261125-101112-1", &[run("plain", 60)]), "curves_plain");
}

#[test]
fn training_curves_of_one_epoch_and_of_none() {
    check(&Curves::of_logs("Training", &[run("plain", 1)]), "curves_1");
    let empty = Curves::of_logs("Training", &[("plain".into(), Vec::new())]);
    assert!(empty.panels.is_empty());
    check(&empty, "curves_0");
}

#[test]
fn sample_predictions() {
    check(&samples(48).checked().expect("consistent"), "samples_48");
    check(&samples(112).checked().expect("consistent"), "samples_112");
}

#[test]
fn a_mask_of_another_size_is_named() {
    let mut wrong = samples(48);
    wrong.rows[0].cells[2].tile = Tile::Labels(vec![0; 7]);
    let error = wrong.checked().expect_err("too short");
    assert_eq!(error.to_string(), "`Truth` of case000: 7 values where 2304 are needed");
}
