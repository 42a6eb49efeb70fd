use super::toy::{ABLATION, STAGES, plan};
use crate::spec::project::{Project, shown};
use insta::assert_snapshot;
use runner::plan::resolve;

fn error(pipeline: &str, set: &[&str]) -> String {
    shown(&plan(pipeline, set).err().expect("an error"))
}

/// The ablation with one thing replaced.
fn broken(was: &str, is: &str) -> String {
    assert!(ABLATION.contains(was), "{was}");
    error(&ABLATION.replacen(was, is, 1), &[])
}

#[test]
fn unknown_stage_kind() {
    assert_snapshot!(broken("stage: evaluate", "stage: evaluation"));
}

#[test]
fn unknown_input() {
    assert_snapshot!(broken("scribbles: scribble,", "scribble: scribble,"));
}

#[test]
fn missing_input() {
    assert_snapshot!(broken("scribbles: scribble, ", ""));
}

#[test]
fn unknown_entry() {
    assert_snapshot!(broken("scores: evaluate", "scores: evalaute"));
}

#[test]
fn unknown_output_of_an_input() {
    assert_snapshot!(broken("scores: evaluate", "scores: evaluate.score"));
}

#[test]
fn unknown_output_to_publish() {
    assert_snapshot!(broken("publish: { tables:", "publish: { table:"));
}

#[test]
fn other_artifact() {
    assert_snapshot!(broken("scribbles: scribble,", "scribbles: prepare,"));
}

#[test]
fn other_output() {
    assert_snapshot!(broken("weights: train,", "weights: train.log,"));
}

#[test]
fn ambiguous_output() {
    let half = "  half: { stage: halves, inputs: { slices: prepare } }\n";
    assert_snapshot!(error(&(ABLATION.replacen("slices: prepare", "slices: half", 1) + half), &[]));
}

#[test]
fn several_on_a_port_for_one() {
    assert_snapshot!(broken("weights: train,", "weights: [train, train],"));
}

#[test]
fn missing_axis() {
    assert_snapshot!(broken("for_each: [method, label_fraction, fold]", "for_each: [method]"));
}

#[test]
fn foreign_axis_in_a_reference() {
    assert_snapshot!(broken("size: '${size}'", "size: '${matrix.fold}'"));
}

#[test]
fn circle() {
    assert_snapshot!(broken(
        "scribbles: scribble, split: split }",
        "scribbles: scribble, split: split, start: train }"
    ));
}

#[test]
fn longer_circle() {
    let text = ABLATION.replacen("inputs: { slices: prepare }", "inputs: { slices: back.left }", 1)
        + "  back: { stage: halves, inputs: { slices: other.right } }\n"
        + "  other: { stage: halves, inputs: { slices: back.left } }\n";
    assert_snapshot!(error(&text, &[]));
}

#[test]
fn unknown_parameter_in_the_pipeline() {
    assert_snapshot!(broken("label_fraction: ${matrix", "label_fractoin: ${matrix"));
}

#[test]
fn unknown_parameter_from_set() {
    assert_snapshot!(error(ABLATION, &["training.epoch=3"]));
}

#[test]
fn ill_typed_parameter_from_set() {
    assert_snapshot!(error(ABLATION, &["training.epochs=many"]));
}

#[test]
fn ill_typed_parameter_in_the_catalogue() {
    let project =
        Project::new(ABLATION).file("experiments/training.yaml", "epochs: 3\nlearning_rate: { low: 1, high: x }\n");
    let experiment = project.load(None, &[]).unwrap();
    assert_snapshot!(shown(&resolve(&experiment, STAGES).err().unwrap()));
}

#[test]
fn missing_parameter() {
    assert_snapshot!(broken("      method: ${methods.${matrix.method}.with}\n", ""));
}

#[test]
fn unknown_method() {
    assert_snapshot!(error(ABLATION, &["matrix.method=[ours, palin]"]));
}

#[test]
fn seed_that_is_none() {
    assert_snapshot!(error(ABLATION, &["seed=-1"]));
}

#[test]
fn two_publish_to_one_folder() {
    assert_snapshot!(broken("    stage: table\n", "    stage: table\n    for_each: method\n"));
}

#[test]
fn publish_into_another() {
    let text = ABLATION.to_owned()
        + "  more:\n    stage: table\n    inputs: { scores: evaluate }\n    publish: { tables: tables/more }\n";
    assert_snapshot!(error(&text, &[]));
}

#[test]
fn publish_outside() {
    assert_snapshot!(broken("tables: tables", "tables: ../tables"));
}

#[test]
fn nothing_to_run() {
    assert_snapshot!(error("stages: {}\n", &[]));
}

#[test]
fn matrix_without_bounds() {
    let axis: Vec<String> = (0..400).map(|i| i.to_string()).collect();
    let axes: Vec<String> = ["a", "b", "c"].iter().map(|a| format!("  {a}: [{}]\n", axis.join(", "))).collect();
    let text = format!("matrix:\n{}stages:\n  p: {{ stage: preprocess, for_each: [a, b, c] }}\n", axes.concat());
    assert!(error(&text, &[]).contains("more than 100000 stages"));
}
