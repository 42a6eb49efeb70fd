use super::project::Project;
use runner::spec::{Tree, Value};
use serde_json::json;

/// The expanded value of a setting.
fn setting(settings: &str) -> Tree {
    let project = Project::new(&format!("settings:\n  it: {settings}\nstages: {{}}\n"));
    let experiment = project.load(None, &[]).unwrap();
    let reference = Tree::text("${it}", &experiment.mark);
    experiment.scope.expand(&reference, &[]).unwrap()
}

#[test]
fn integers_stay_integers_and_floats_floats() {
    let tree = setting("{ a: 3, b: 3.0, c: 1.0e-4, d: -7, e: 1e3, f: 0x10 }");
    let expected = r#"{"a":3,"b":3.0,"c":0.0001,"d":-7,"e":1000.0,"f":16}"#;
    assert_eq!(tree.to_json().to_string(), expected);
}

#[test]
fn core_types_are_those_of_yaml_1_2() {
    let tree = setting("{ yes: yes, no: 'null', on: true, null_: ~, text: \"12\", block: [1, [a, {}]] }");
    let expected =
        json!({"yes": "yes", "no": "null", "on": true, "null_": null, "text": "12", "block": [1, ["a", {}]]});
    assert_eq!(tree.to_json(), expected);
}

#[test]
fn values_know_their_line_and_column() {
    let tree = setting("{ a: 3,\n    b: [x, 'y'] }");
    assert_eq!(tree.get("a").unwrap().mark.to_string(), "pipelines/study.yaml:2:12");
    assert_eq!(tree.entry("b").unwrap().0.mark.to_string(), "pipelines/study.yaml:3:5");
    let Value::List(items) = &tree.get("b").unwrap().value else { panic!("not a list") };
    assert_eq!(items[1].mark.to_string(), "pipelines/study.yaml:3:12");
    assert_eq!(items[1].mark.span().1, 3);
}

#[test]
fn anchors_and_merges_are_understood() {
    let tree = setting("{ a: &a { x: 1, y: 2 }, b: *a, c: { <<: *a, y: 3 } }");
    let expected = json!({"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}});
    assert_eq!(tree.to_json(), expected);
}
