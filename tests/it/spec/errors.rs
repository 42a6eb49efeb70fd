use super::project::{Project, shown};
use insta::assert_snapshot;

fn error(project: &Project, profile: Option<&str>, set: &[&str]) -> String {
    shown(&project.load(profile, set).unwrap_err())
}

fn pipeline(text: &str) -> String {
    error(&Project::new(text), None, &[])
}

#[test]
fn top_level_key() {
    assert_snapshot!(pipeline("title: A\nmatirx: { fold: [0] }\nstages: {}\n"));
}

#[test]
fn stage_key() {
    assert_snapshot!(pipeline("stages:\n  train:\n    stage: train\n    foreach: [fold]\n"));
}

#[test]
fn missing_stage() {
    assert_snapshot!(pipeline("stages:\n  train:\n    seed: 1\n"));
}

#[test]
fn missing_stages() {
    assert_snapshot!(pipeline("title: A\n"));
}

#[test]
fn duplicate_key() {
    assert_snapshot!(pipeline("title: A\nstages:\n  a: { stage: x }\n  b: { stage: x }\n  a: { stage: y }\n"));
}

#[test]
fn broken_yaml() {
    assert_snapshot!(pipeline("title: A\nstages: [a, b\n"));
}

#[test]
fn reference_without_quotes() {
    assert_snapshot!(pipeline("title: A\nsettings: { a: ${size} }\nstages: {}\n"));
}

#[test]
fn anchor_bomb() {
    let mut text = String::from("settings:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..10 {
        text += &format!("  a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    assert_snapshot!(pipeline(&(text + "stages: {}\n")));
}

#[test]
fn reference_bomb() {
    let mut text = String::from("title: ${a12}\nsettings:\n  a0: x\n");
    for i in 1..13 {
        text += &format!("  a{i}: [{}]\n", vec![format!("'${{a{}}}'", i - 1); 10].join(", "));
    }
    assert_snapshot!(pipeline(&(text + "stages: {}\n")));
}

#[test]
fn reference_circle() {
    assert_snapshot!(pipeline("title: ${a}\nsettings:\n  a: x ${b}\n  b: ${c.d}\n  c: { d: '${a}' }\nstages: {}\n"));
}

#[test]
fn unknown_reference() {
    assert_snapshot!(pipeline("title: Runs ${trainig.epochs} epochs\nstages: {}\n"));
}

#[test]
fn reference_below_a_scalar() {
    assert_snapshot!(pipeline("title: ${training.epochs.many}\nstages: {}\n"));
}

#[test]
fn mapping_inside_a_text() {
    assert_snapshot!(pipeline("title: Runs ${training}\nstages: {}\n"));
}

#[test]
fn open_reference() {
    assert_snapshot!(pipeline("title: Runs ${training\nstages: {}\n"));
}

#[test]
fn empty_axis() {
    assert_snapshot!(pipeline("matrix:\n  fold: []\nstages: {}\n"));
}

#[test]
fn duplicate_value() {
    assert_snapshot!(pipeline("matrix:\n  fold: [0, 1, '0']\nstages: {}\n"));
}

#[test]
fn mapping_as_a_value() {
    assert_snapshot!(pipeline("matrix:\n  fold: [0, { a: 1 }]\nstages: {}\n"));
}

#[test]
fn unknown_axis() {
    assert_snapshot!(pipeline("matrix: { fold: [0] }\nstages:\n  a: { stage: x, for_each: [folds] }\n"));
}

#[test]
fn unknown_excluded_value() {
    assert_snapshot!(pipeline("matrix:\n  method: [ours, plain]\n  exclude:\n    - { method: plane }\nstages: {}\n"));
}

#[test]
fn setting_that_hides_the_catalogue() {
    assert_snapshot!(pipeline("settings:\n  training: 3\nstages: {}\n"));
}

#[test]
fn results_outside() {
    assert_snapshot!(pipeline("results: ../elsewhere\nstages: {}\n"));
    assert!(pipeline("results: /tmp/x\nstages: {}\n").contains("relative path without `..`"));
}

#[test]
fn wrong_type() {
    assert_snapshot!(pipeline("stages:\n  - train\n"));
}

const SET: &str = "settings: { size: 64 }\nmatrix: { fold: [0] }\nstages: {}\n";

#[test]
fn set_unknown() {
    assert_snapshot!(error(&Project::new(SET), None, &["trainig.epochs=3"]));
}

#[test]
fn set_unknown_below() {
    assert_snapshot!(error(&Project::new(SET), None, &["methods.our.label=x"]));
}

#[test]
fn set_unknown_axis() {
    assert_snapshot!(error(&Project::new(SET), None, &["matrix.folds=[1]"]));
}

#[test]
fn set_whole_mapping() {
    assert_snapshot!(error(&Project::new(SET), None, &["training=3"]));
}

#[test]
fn set_without_value() {
    assert_snapshot!(error(&Project::new(SET), None, &["training.epochs"]));
}

#[test]
fn set_broken_value() {
    assert_snapshot!(error(&Project::new(SET), None, &["matrix.fold=[1, 2"]));
}

#[test]
fn unknown_key_in_a_profile() {
    let project = Project::new(SET).file("experiments/profiles/demo.yaml", "# Small.\nsise: 32\n");
    assert_snapshot!(error(&project, Some("demo"), &[]));
}

#[test]
fn unknown_profile() {
    let project = Project::new(SET).file("experiments/profiles/demo.yaml", "size: 32\n");
    assert_snapshot!(error(&project, Some("dmeo"), &[]));
}

#[test]
fn unknown_profile_of_the_pipeline() {
    assert_snapshot!(pipeline("profile: paper\nstages: {}\n"));
}

#[test]
fn missing_pipeline() {
    let project = Project::new(SET);
    let mut request = project.request();
    request.pipeline.set_file_name("stduy.yaml");
    assert_snapshot!(shown(&runner::spec::load(&request).unwrap_err()));
}

#[test]
fn references_in_references_in_references() {
    let title = format!("title: {}x{}\nstages: {{}}\n", "${".repeat(5000), "}".repeat(5000));
    assert!(pipeline(&title).contains("references unfold to more than"));
    let deep = format!("settings: {{ a: {}{} }}\nstages: {{}}\n", "[".repeat(5000), "]".repeat(5000));
    assert!(pipeline(&deep).starts_with("pipelines/study.yaml:1:"));
}
