use super::toys::{REVISED, chain};
use runner::digest::Digest;
use runner::plan::dirty::{DirtyReason, diff};
use runner::plan::manifest::{Input, Manifest};
use serde_json::json;

fn manifest() -> Manifest {
    let digest = |text: &str| Digest::of_bytes(text.as_bytes());
    let input = |port: &str, text| Input { port: port.into(), coordinates: Default::default(), digest: digest(text) };
    Manifest {
        params: json!({"n": 1}).into(),
        ..Manifest::of(&chain().plan.nodes[0], vec![input("a", "x"), input("b", "y")], vec![])
    }
}

#[test]
fn the_key_is_the_digest_of_the_canonical_json() {
    let manifest = manifest();
    let value = serde_json::to_value(&manifest).unwrap();
    assert_eq!(manifest.key(), Digest::of_value(&value));
    let again: Manifest = serde_json::from_value(value).unwrap();
    assert_eq!(again.key(), manifest.key());
}

#[test]
fn swapped_inputs_change_the_key() {
    let (was, mut is) = (manifest(), manifest());
    let (x, y) = (is.inputs[0].digest, is.inputs[1].digest);
    is.inputs[0].digest = y;
    is.inputs[1].digest = x;
    assert_ne!(was.key(), is.key());
    assert_eq!(diff(&was, &is).len(), 2);
}

#[test]
fn the_order_on_a_many_port_is_in_the_key() {
    let (mut was, mut is) = (manifest(), manifest());
    for (at, input) in was.inputs.iter_mut().enumerate() {
        input.port = "all".into();
        input.coordinates.insert("fold".into(), at.to_string());
    }
    is.inputs = was.inputs.iter().rev().cloned().collect();
    assert_ne!(was.key(), is.key());
    assert_eq!(diff(&was, &is), [DirtyReason::InputOrder { port: "all".into() }]);
}

#[test]
fn each_field_has_its_reason() {
    let was = manifest();
    let mut is = manifest();
    is.revision = 2;
    is.params = json!({"n": 2, "deep": {"m": true}}).into();
    is.seed = Some(7);
    is.numerics = Some("flex/f32".into());
    let lines: Vec<String> = diff(&was, &is).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    revision: 1 → 2
    parameter deep: (absent) → {"m":true}
    parameter n: 1 → 2
    seed: (absent) → 7
    numerics: (absent) → flex/f32
    "#);
    assert!(diff(&was, &was).is_empty());
}

#[test]
fn a_new_revision_runs_again() {
    let mut project = chain();
    project.run();
    project.at("first").stage = &REVISED;
    let summary = project.run();
    // The same bytes came out: what is below stays cached.
    assert_eq!(summary.ran, ["first"]);
}
