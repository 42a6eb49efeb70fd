use super::project::Project;
use runner::spec::{Experiment, Tree};
use serde_json::{Value, json};
use std::path::Path;

const PIPELINE: &str = "
title: A study of ${dataset}
settings: { dataset: phantom, data_root: null, size: 224, window: { width: 3 } }
matrix: { method: [ours, plain], fold: [0, 1] }
stages: {}
";

fn value(experiment: &Experiment, text: &str) -> Value {
    experiment.scope.expand(&Tree::text(text, &experiment.mark), &[]).unwrap().to_json()
}

fn project() -> Project {
    Project::new(PIPELINE)
        .file("experiments/profiles/demo.yaml", "size: 64\ntraining: { epochs: 3 }\nmatrix: { fold: 0 }\n")
        .file("experiments/profiles/elsewhere.yaml", "results: elsewhere/${pipeline}/${profile}\n")
}

#[test]
fn without_changes_all_is_as_written() {
    let experiment = project().load(None, &[]).unwrap();
    assert_eq!(experiment.name, "study");
    assert_eq!(experiment.title, "A study of phantom");
    assert_eq!(experiment.results, Path::new("results/study"));
    assert_eq!(value(&experiment, "${training.epochs}"), 450);
    assert_eq!(experiment.axes[1].texts, ["0", "1"]);
}

#[test]
fn a_profile_changes_settings_catalogue_and_matrix_deeply() {
    let experiment = project().load(Some("demo"), &[]).unwrap();
    assert_eq!(value(&experiment, "${size}"), 64);
    assert_eq!(value(&experiment, "${training}"), json!({"epochs": 3, "learning_rate": {"low": 1e-5, "high": 1e-4}}));
    assert_eq!(experiment.axes[0].texts, ["ours", "plain"]);
    assert_eq!(experiment.axes[1].texts, ["0"]);
}

#[test]
fn set_comes_last_and_the_last_wins() {
    let set = ["training.epochs=7", "training.epochs=8", "matrix.method=[plain]", "data_root=../data", "title=T"];
    let experiment = project().load(Some("demo"), &set).unwrap();
    assert_eq!(value(&experiment, "${training.epochs}"), 8);
    assert_eq!(experiment.axes[0].texts, ["plain"]);
    assert_eq!(value(&experiment, "${datasets.acdc.root}"), "../data");
    assert_eq!(experiment.title, "T");
}

#[test]
fn a_catalogue_file_takes_keys_that_it_does_not_spell_out() {
    let experiment = project().load(None, &["training.adam.beta1=0.5", "methods.ours.with.depth=4"]).unwrap();
    assert_eq!(value(&experiment, "${training.adam}"), json!({"beta1": 0.5}));
    assert_eq!(value(&experiment, "${methods.ours.with.depth}"), 4);
}

#[test]
fn settings_can_be_set_to_null_and_to_references() {
    let experiment = project().load(None, &["dataset=null", "size=${training.epochs}", "title=x"]).unwrap();
    assert_eq!(value(&experiment, "${dataset}"), Value::Null);
    assert_eq!(value(&experiment, "${size}"), 450);
}

#[test]
fn results_follow_the_profile() {
    let experiment = project().load(Some("elsewhere"), &[]).unwrap();
    assert_eq!(experiment.results, Path::new("elsewhere/study/elsewhere"));
}

#[test]
fn references_nest_and_keep_types() {
    let experiment = project().load(None, &[]).unwrap();
    assert_eq!(value(&experiment, "${datasets.${dataset}.cases}"), 12);
    assert_eq!(value(&experiment, "${datasets.${dataset}}")["kind"], "phantom");
    assert_eq!(value(&experiment, "at ${size} px, $${plain}, $5"), "at 224 px, ${plain}, $5");
    assert_eq!(value(&experiment, "${training.learning_rate.low}"), 1e-5);
}

#[test]
fn the_root_is_the_nearest_folder_with_experiments() {
    let project = project();
    let root = project.request().pipeline.parent().unwrap().parent().unwrap().canonicalize().unwrap();
    assert_eq!(project.load(None, &[]).unwrap().root, root);
}

#[test]
fn without_experiments_the_root_is_beside_pipelines() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("pipelines")).unwrap();
    let pipeline = folder.path().join("pipelines/p.yaml");
    std::fs::write(&pipeline, "stages: {}\n").unwrap();
    let request = runner::spec::Request { pipeline, ..Default::default() };
    assert_eq!(runner::spec::load(&request).unwrap().root, folder.path().canonicalize().unwrap());
}

/// Recursion over what users write stays within a thread's stack.
#[test]
fn deep_settings_and_long_chains_of_references_are_fine() {
    let nested = |inner: &str| format!("{}{inner}{}", "[".repeat(50), "]".repeat(50));
    let mut text = String::from("settings:\n  a0: 1\n");
    for i in 1..15 {
        text += &format!("  a{i}: {}\n", nested(&format!("'${{a{}}}'", i - 1)));
    }
    let experiment = Project::new(&(text + "stages: {}\n")).load(None, &[]).unwrap();
    let depth = value(&experiment, "${a14}").to_string().matches('[').count();
    assert_eq!(depth, 14 * 50);
}
