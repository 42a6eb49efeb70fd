//! The stages around scribbles, through the engine: several annotators, the coverage table, Figure 4.

use runner::engine::{Options, SilentObserver, Store, Summary, run};
use runner::plan::{Plan, resolve};
use runner::spec::{Request, load};
use std::path::Path;

const PIPELINE: &str = "
results: results
matrix: { dataset: [ring, pedestrians] }
settings:
  seed: 1
  sizes: { ring: 40, pedestrians: [32, 16] }
  normalisations: { ring: median_iqr, pedestrians: max }
stages:
  prepare:
    stage: preprocess
    for_each: [dataset]
    seed: 1
    with:
      dataset: { kind: phantom, family: \"${matrix.dataset}\", cases: 3, slices: 3, size: 32, spacing_mm: 7.0 }
      preprocessing:
        spacing_mm: null
        size: ${sizes.${matrix.dataset}}
        normalisation: ${normalisations.${matrix.dataset}}
  scribble:
    stage: scribble
    for_each: [dataset]
    inputs: { slices: prepare }
    seed: ${seed}
    with: { scribbles: { random_walk: {} } }
  coverage:
    stage: coverage
    inputs: { slices: prepare, scribbles: scribble }
    with:
      name: coverage
      caption: Coverage
      published: { lvsc: { title: LVSC, source: section IV-A, stand_ins: { ring: rings }, classes: { MYO: [0.2, 0.1] } } }
    publish: { tables: tables }
  figure:
    stage: plot_scribbles
    inputs: { slices: prepare, scribbles: scribble }
    with: { name: figure, title: Scribbles, headings: { ring: { title: LVSC } } }
    publish: { figures: figures }
";

fn plan(folder: &Path, text: &str) -> Plan {
    let pipeline = folder.join("pipelines/tiny.yaml");
    std::fs::create_dir_all(pipeline.parent().unwrap()).unwrap();
    std::fs::write(&pipeline, text).unwrap();
    let experiment = load(&Request { pipeline, ..Request::default() }).unwrap();
    resolve(&experiment, runner::stage::ALL).unwrap()
}

fn succeeded(folder: &Path, text: &str) -> Summary {
    let store = Store::open(folder.join("store"));
    let summary = run(&plan(folder, text), &store, &Options::default(), &SilentObserver).unwrap();
    assert!(summary.succeeded(), "{:?}", summary.failed);
    summary
}

/// Arrays of the scribbles of one case, by name.
fn arrays(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(folder.join("phantom001_ed.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut arrays: Vec<_> = file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    arrays.sort();
    arrays
}

#[test]
fn the_pipeline_makes_table_and_figure() {
    let folder = tempfile::tempdir().unwrap();
    succeeded(folder.path(), PIPELINE);
    let read = |path: &str| std::fs::read(folder.path().join("results").join(path)).unwrap();
    let table = String::from_utf8(read("tables/coverage.md")).unwrap();
    let line = table.lines().find(|line| line.contains("MYO")).unwrap();
    assert!(line.contains("LVSC") && line.contains("rings") && line.contains("0.2 (0.1)"), "{table}");
    // 3 cases of 2 volumes of 3 slices, and 3 photos.
    assert!(line.contains(" 18 "), "{table}");
    assert!(table.lines().any(|line| line.contains("shoes") && line.contains("| pedestrians |")), "{table}");
    assert!(table.contains("Not measured on the real data"));
    assert!(read("figures/figure.png").starts_with(b"\x89PNG"));
    let svg = String::from_utf8(read("figures/figure.svg")).unwrap();
    assert!(svg.contains("LVSC"), "the heading");
}

/// A pipeline of ring phantoms with `with` for the scribbles, published to `results/scribbles`.
fn annotated(with: &str) -> String {
    format!(
        "results: results\nstages:\n  prepare:\n    stage: preprocess\n    seed: 1\n    with:\n      dataset: {{ kind: phantom, \
         family: ring, cases: 1, slices: 2, size: 32, spacing_mm: 5.4 }}\n      preprocessing: {{ spacing_mm: null, size: 32 }}\n  \
         scribble:\n    stage: scribble\n    inputs: {{ slices: prepare }}\n    seed: 1\n    with: {{ {with} }}\n    \
         publish: {{ scribbles: scribbles }}\n"
    )
}

#[test]
fn several_annotators_draw_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let found = |with: &str| {
        succeeded(folder.path(), &annotated(with));
        arrays(&folder.path().join("results/scribbles"))
    };
    let one = found("scribbles: { random_walk: {} }");
    assert_eq!(one.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["scribble"]);
    let four = found("scribbles: { random_walk: {} }, annotators: 3, others: [{ skeleton: { background: none } }]");
    let names: Vec<&str> = four.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["scribble", "scribble2", "scribble3", "scribble4"]);
    assert_eq!(four[0], one[0], "the first draws as if alone");
    assert!(four[1].1 != four[0].1 && four[2].1 != four[1].1);
    assert!(!four[3].1.contains(&0), "the skeleton's background is not drawn");
    let csv = std::fs::read_to_string(folder.path().join("results/scribbles/coverage.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 4 * 2);
    assert!(csv.contains("phantom001,ed#4,"), "{csv}");
    let large = found("scribbles: { random_walk: {} }, enlarge_px: 2");
    let count = |data: &[u8]| data.iter().filter(|&&label| label == 1).count();
    assert!(count(&large[0].1) > count(&one[0].1));
}

#[test]
fn one_annotator_has_the_key_of_older_results_and_two_skeletons_are_refused() {
    let stage = runner::stage::ALL.iter().find(|stage| stage.kind() == "scribble").unwrap();
    let canonical = |text: &str| stage.canonical(&serde_json::from_str(text).unwrap());
    let plain = canonical(r#"{"scribbles": "expert"}"#).unwrap();
    assert_eq!(plain, serde_json::json!({"scribbles": "expert"}));
    assert_eq!(canonical(r#"{"scribbles": "expert", "annotators": 1, "others": [], "enlarge_px": 0}"#).unwrap(), plain);
    let error = canonical(r#"{"scribbles": {"skeleton": {}}, "annotators": 2}"#).unwrap_err();
    assert!(error.to_string().starts_with("`annotators`: an expert's scribble and a skeleton are the same"), "{error}");
    let error =
        canonical(r#"{"scribbles": "expert", "others": [{"random_walk": {"until": {"steps": 0}}}]}"#).unwrap_err();
    assert_eq!(error.path, "others.0");
}
