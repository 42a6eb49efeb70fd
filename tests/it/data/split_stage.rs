//! The stage that splits: lists in files, their keys, and slips in its parameters.

use runner::contract::{Source, Stage};
use runner::engine::{Options, SilentObserver, Store, run};
use runner::plan::resolve;
use runner::science::data::Split;
use runner::spec::{Request, load};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn stage() -> &'static dyn Stage {
    *runner::stage::ALL.iter().find(|stage| stage.kind() == "split").unwrap()
}

#[test]
fn a_file_of_lists_is_a_source() {
    for (by, parameter) in [
        (json!({"official": {"file": "lists.json"}}), "by.official.file"),
        (json!({"list": {"file": "lists.json"}}), "by.list.file"),
    ] {
        let canonical = stage().canonical(&json!({ "by": by })).unwrap();
        let source = Source { parameter: parameter.to_owned(), path: PathBuf::from("lists.json") };
        assert_eq!(stage().sources(&canonical), [source]);
    }
    let shares = stage().canonical(&json!({"by": "shares", "fold": 2})).unwrap();
    assert_eq!(shares, json!({"test": 0.15, "validation": 0.15, "folds": 3, "fold": 2}));
    assert!(stage().sources(&shares).is_empty());
}

#[test]
fn slips_in_the_parameters_are_named() {
    let refused = |with: Value| stage().canonical(&with).unwrap_err().to_string();
    assert!(refused(json!({"fold": 3})).contains("fold 3 does not exist"));
    assert!(refused(json!({"test": 0.2, "by": {"groups": {}}})).contains("this share has no effect beside `by`"));
    assert!(refused(json!({"by": {"list": {}}})).contains("give either `file`"));
    assert!(refused(json!({"by": {"list": {"file": "a", "cases": {"test": []}}}})).contains("give either `file`"));
    assert!(refused(json!({"by": "share"})).contains("share"));
    assert!(refused(json!({"by": {"official": {}}})).contains("file"));
}

const PIPELINE: &str = "
settings: { seed: 1 }
stages:
  prepare:
    stage: preprocess
    seed: 1
    with:
      dataset: { kind: phantom, cases: 6, slices: 2 }
      preprocessing: { spacing_mm: 5.4, size: 32 }
  split:
    stage: split
    inputs: { slices: prepare }
    seed: 1
    with: { by: { list: { file: FILE } } }
    publish: { split: split }
";

/// What the stage writes with a file of lists, or why it fails.
fn split_with(folder: &Path, file: &str, text: &str) -> Result<Split, String> {
    let pipeline = folder.join("pipelines/tiny.yaml");
    std::fs::create_dir_all(pipeline.parent().unwrap()).unwrap();
    std::fs::write(&pipeline, PIPELINE.replace("FILE", file)).unwrap();
    std::fs::write(folder.join(file), text).unwrap();
    let experiment = load(&Request { pipeline, ..Request::default() }).unwrap();
    let plan = resolve(&experiment, runner::stage::ALL).unwrap();
    let summary = run(&plan, &Store::open(folder.join("store")), &Options::default(), &SilentObserver).unwrap();
    if !summary.succeeded() {
        return Err(format!("{:?}", summary.failed));
    }
    let text = std::fs::read_to_string(folder.join("results/tiny/split/split.yaml")).unwrap();
    Ok(serde_saphyr::from_str(&text).unwrap())
}

#[test]
fn lists_are_read_from_yaml_and_from_lines() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "test: [phantom001]\nvalidation: [2]\nsegmentor: [phantom006, phantom003]\ndiscriminator: [4, 5]\n";
    let split = split_with(folder.path(), "lists.yaml", yaml).unwrap();
    assert_eq!((split.test, split.validation), (vec!["phantom001".to_owned()], vec!["phantom002".to_owned()]));
    assert_eq!(split.segmentor, ["phantom006", "phantom003"]);
    let lines = "phantom001 test\nphantom002 validation\nphantom003 train\nphantom004 train\nphantom005 train\nphantom006 train\n";
    let split = split_with(folder.path(), "lists.txt", lines).unwrap();
    assert_eq!((split.segmentor.len(), split.discriminator.len()), (2, 2));
    let failed = split_with(folder.path(), "lists.txt", &lines.replace("phantom006", "phantm006")).unwrap_err();
    assert!(
        failed.contains("phantm006") && failed.contains("did you mean") && failed.contains("phantom006"),
        "{failed}"
    );
}
