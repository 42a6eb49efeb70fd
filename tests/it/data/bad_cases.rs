//! A run goes on without its bad cases, if it is told to.

use crate::cli::copy;
use runner::contract::{SilentProgress, Stage, StageContext, StageError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn preprocess() -> &'static dyn Stage {
    *runner::stage::ALL.iter().find(|stage| stage.kind() == "preprocess").unwrap()
}

/// Two patients, of which the second has a cut mask and an empty scribble.
fn root() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/acdc");
    for patient in ["patient001", "patient005"] {
        copy(&fixtures.join(patient), &scratch.path().join(patient));
    }
    let spoilt = scratch.path().join("patient005");
    let mask = spoilt.join("patient005_frame01_gt.nii.gz");
    let bytes = std::fs::read(&mask).unwrap();
    std::fs::write(mask, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(spoilt.join("patient005_frame13_scribble.nii.gz"), "").unwrap();
    scratch
}

/// Names and texts of the files that the stage writes.
fn run(with: &Value) -> Result<BTreeMap<String, String>, StageError> {
    let (output, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let context = StageContext {
        params: preprocess().canonical(with).unwrap(),
        seed: 1,
        threads: 1,
        inputs: BTreeMap::new(),
        outputs: ["slices", "faults"].map(|port| (port.to_owned(), output.path().to_owned())).into(),
        root: scratch.path().to_owned(),
        workspace: scratch.path().to_owned(),
        scratch: scratch.path().to_owned(),
        progress: Arc::new(SilentProgress),
        cancel: Arc::default(),
    };
    preprocess().run(&context)?;
    let files = std::fs::read_dir(output.path()).unwrap().map(|entry| entry.unwrap());
    let text = |entry: std::fs::DirEntry| String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
    Ok(files.map(|entry| (entry.file_name().into_string().unwrap(), text(entry))).collect())
}

fn with(root: &Path, on_bad_case: Option<&str>) -> Value {
    let mut with = json!({ "dataset": { "kind": "acdc", "root": root }, "preprocessing": { "size": 16 } });
    if let Some(choice) = on_bad_case {
        with["on_bad_case"] = choice.into();
    }
    with
}

#[test]
fn by_default_a_fault_ends_the_stage() {
    let root = root();
    for choice in [None, Some("fail")] {
        let error = run(&with(root.path(), choice)).unwrap_err().to_string();
        assert!(error.contains("case patient005") && error.contains("patient005_frame01_gt.nii.gz"), "{error}");
    }
}

#[test]
fn bad_cases_are_skipped_and_listed() {
    let root = root();
    let files = run(&with(root.path(), Some("skip"))).unwrap();
    assert_eq!(
        files["faults.csv"],
        "case,file,fault\n\
         \"patient005\",\"patient005/patient005_frame01_gt.nii.gz\",\"case patient005, patient005/patient005_frame01_gt.nii.gz: the file ends too early (a cut copy or download?); copy it again\"\n\
         \"patient005\",\"patient005/patient005_frame13_scribble.nii.gz\",\"case patient005, patient005/patient005_frame13_scribble.nii.gz: not a NIfTI file that can be read here: the file is empty\"\n"
    );
    let slices: Value = serde_json::from_str(&files["slices.json"]).unwrap();
    let cases: Vec<&str> = slices["volumes"].as_array().unwrap().iter().map(|v| v["case"].as_str().unwrap()).collect();
    assert_eq!(cases, ["patient001", "patient001"]);
    assert!(!files.keys().any(|name| name.starts_with("patient005")));
}

#[test]
fn without_faults_skipping_changes_no_byte() {
    let root = root();
    std::fs::remove_dir_all(root.path().join("patient005")).unwrap();
    let (fail, skip) = (run(&with(root.path(), None)).unwrap(), run(&with(root.path(), Some("skip"))).unwrap());
    assert!(!fail.contains_key("faults.csv"));
    assert_eq!(fail, skip);
}

#[test]
fn where_the_data_lie_changes_no_byte() {
    let (one, other) = (root(), root());
    assert_eq!(run(&with(one.path(), Some("skip"))).unwrap(), run(&with(other.path(), Some("skip"))).unwrap());
}

#[test]
fn a_data_set_of_bad_cases_alone_fails() {
    let root = root();
    std::fs::remove_dir_all(root.path().join("patient001")).unwrap();
    let error = run(&with(root.path(), Some("skip"))).unwrap_err().to_string();
    assert!(error.contains("no volume"), "{error}");
}

/// `a_b` of case `x` and `b` of case `x_a` would be one file.
#[test]
fn volumes_that_would_share_a_file_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    for (case, volume) in [("x", "a_b"), ("x_a", "b")] {
        std::fs::create_dir_all(scratch.path().join(case)).unwrap();
        super::write_png(&scratch.path().join(format!("{case}/{volume}.png")), 4, 4, |i| i as u8);
    }
    let classes = json!([{ "name": "background", "codes": 0 }, { "name": "other", "codes": 1 }]);
    let dataset = json!({ "kind": "folder", "root": scratch.path(), "image": "{case}/{volume}.png", "classes": classes, "spacing_mm": 1 });
    let with = |dataset: &Value| json!({ "dataset": dataset, "preprocessing": { "size": 16 } });
    let error = run(&with(&dataset)).unwrap_err().to_string();
    assert!(error.contains("volume b of case x_a and one of case x"), "{error}");
    super::write_rgb(&scratch.path().join("x_a/b.png"), 4, 4, |_| [1, 2, 3]);
    let error = run(&with(&dataset)).unwrap_err().to_string();
    assert!(error.contains("x has 1 channel(s), and x_a has 3"), "{error}");
}

/// What was there before the new parameters keeps its key.
#[test]
fn defaults_are_not_spelled_out() {
    let canonical = preprocess().canonical(&with(Path::new("data"), Some("fail"))).unwrap();
    assert_eq!(canonical.as_object().unwrap().keys().collect::<Vec<_>>(), ["dataset", "preprocessing"]);
    assert_eq!(canonical["dataset"], json!({ "kind": "acdc", "root": "data", "cases": null }));
    assert!(canonical["preprocessing"].get("fit").is_none());
    let sources = preprocess().sources(&canonical);
    assert_eq!(sources.iter().map(|source| source.parameter.as_str()).collect::<Vec<_>>(), ["dataset.root"]);
    let mut zipped = with(Path::new("data"), None);
    zipped["dataset"]["scribbles"] = "scribbles.zip".into();
    let sources = preprocess().sources(&preprocess().canonical(&zipped).unwrap());
    assert_eq!(
        sources.iter().map(|source| source.parameter.as_str()).collect::<Vec<_>>(),
        ["dataset.root", "dataset.scribbles"]
    );
}

#[test]
fn a_description_that_means_nothing_is_refused_before_anything_runs() {
    let dataset = json!({ "kind": "folder", "root": "x", "image": "{cse}.png", "classes": [] });
    let error = preprocess().canonical(&json!({ "dataset": dataset })).unwrap_err();
    assert_eq!(error.path, "dataset.image");
    assert!(error.message.contains("did you mean {case}?"), "{error}");
    for kind in ["lvsc", "chaos_t1", "chaos_t2", "ppss"] {
        let error = preprocess().canonical(&json!({ "dataset": { "kind": kind, "root": null } })).unwrap_err();
        assert!(error.message.contains("--set data_root=FOLDER"), "{error}");
    }
}

/// Every file of `experiments/datasets` is understood, with its preprocessing.
#[test]
fn the_data_sets_of_the_catalogue_are_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/datasets");
    let mut sizes = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let entry: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut with =
            json!({ "dataset": entry["source"], "preprocessing": entry.get("preprocessing").unwrap_or(&json!({})) });
        if entry["source"]["kind"] != "phantom" {
            with["dataset"]["root"] = "data".into();
        }
        let canonical = preprocess().canonical(&with).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(entry["title"].is_string() && entry.get("scribbles").is_some(), "{}", path.display());
        let preprocessing = &canonical["preprocessing"];
        let kind = path.file_stem().unwrap().to_str().unwrap().to_owned();
        sizes.insert(kind, (preprocessing["spacing_mm"].as_f64(), preprocessing["size"].clone()));
    }
    // Section IV-A.
    assert_eq!(sizes["acdc"], (Some(1.51), json!([224, 224])));
    assert_eq!(sizes["lvsc"], (Some(1.45), json!([224, 224])));
    assert_eq!(sizes["chaos_t1"], (Some(1.89), json!([192, 192])));
    assert_eq!(sizes["chaos_t2"], (Some(1.89), json!([192, 192])));
    assert_eq!(sizes["ppss"], (None, json!([160, 80])));
}
