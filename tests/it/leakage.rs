//! Which files of the data a training and an evaluation may open: the kernel holds them to these.

use runner::contract::{NamedInput, SilentProgress, Stage, StageContext};
use runner::engine::{Options, SilentObserver, Store, run};
use runner::plan::resolve;
use runner::spec::{Request, load};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PIPELINE: &str = "
stages:
  prepare:
    stage: preprocess
    seed: 1
    with:
      dataset: { kind: phantom, cases: 14, slices: 1 }
      preprocessing: { spacing_mm: 5.4, size: 32 }
    publish: { slices: slices }
  scribble:
    stage: scribble
    inputs: { slices: prepare }
    with: { scribbles: { skeleton: {} } }
    publish: { scribbles: scribbles }
  split: { stage: split, inputs: { slices: prepare }, seed: 1, publish: { split: split } }
";

fn stage(kind: &str) -> &'static dyn Stage {
    *runner::stage::ALL.iter().find(|stage| stage.kind() == kind).unwrap()
}

/// The cases of the named files, by the folder that they stand in.
fn cases(kind: &str, params: serde_json::Value, data: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let input = |name: &str| {
        let path = data.join(name);
        (name.to_owned(), vec![NamedInput { coordinates: BTreeMap::new(), path }])
    };
    let context = StageContext {
        params: stage(kind).canonical(&params).unwrap(),
        seed: 1,
        threads: 1,
        inputs: ["slices", "scribbles", "split", "weights"].map(input).into(),
        outputs: BTreeMap::new(),
        root: PathBuf::new(),
        workspace: PathBuf::new(),
        scratch: PathBuf::new(),
        progress: Arc::new(SilentProgress),
        cancel: Arc::default(),
    };
    let files = stage(kind).reads(&context).unwrap().unwrap();
    let mut cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "safetensors")) {
        assert!(file.is_file(), "{}", file.display());
        let folder = file.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
        let case = file.file_name().unwrap().to_string_lossy().split('_').next().unwrap().to_owned();
        cases.entry(folder).or_default().insert(case);
    }
    cases
}

#[test]
fn a_training_reaches_no_test_case_and_no_scribble_that_it_should_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = folder.path().join("pipelines/p.yaml");
    std::fs::create_dir_all(pipeline.parent().unwrap()).unwrap();
    std::fs::write(&pipeline, PIPELINE).unwrap();
    let plan = resolve(&load(&Request { pipeline, ..Request::default() }).unwrap(), runner::stage::ALL).unwrap();
    let store = Store::open(folder.path().join(".runner"));
    assert!(run(&plan, &store, &Options::default(), &SilentObserver).unwrap().succeeded());
    let data = folder.path().join("results/p");
    let split: serde_json::Value =
        serde_saphyr::from_str(&std::fs::read_to_string(data.join("split/split.yaml")).unwrap()).unwrap();
    let part = |name: &str| -> BTreeSet<String> {
        split[name].as_array().unwrap().iter().map(|case| case.as_str().unwrap().to_owned()).collect()
    };

    let train = cases("train", serde_json::json!({"label_fraction": 25}), &data);
    assert!(train["slices"].is_disjoint(&part("test")));
    assert_eq!(&train["slices"] | &part("test"), (1..=14).map(|n| format!("phantom{n:03}")).collect());
    // A quarter of the ten training cases, half up.
    assert_eq!(train["scribbles"].len(), 3);
    assert!(train["scribbles"].is_subset(&part("segmentor")));

    let test = cases("evaluate", serde_json::json!({}), &data);
    assert_eq!(test["slices"], part("test"));
    assert!(!test.contains_key("scribbles"));
    let validation = cases("evaluate", serde_json::json!({"part": "validation"}), &data);
    assert_eq!(validation["slices"], part("validation"));
}
