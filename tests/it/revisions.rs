//! A REVISION can be forgotten: this test keeps the digest of what each stage that trains nothing writes
//! from a tiny data set. Trainings are left out, because their bits depend on the processor's vector width.

use runner::engine::{Options, SilentObserver, Store, run};
use runner::plan::resolve;
use runner::spec::{Request, load};
use std::path::Path;

/// Kind, REVISION, output port and the first digits of its digest.
const KNOWN: [(&str, u32, &str, &str); 3] = [
    ("preprocess", 3, "slices", "e564ae593728cf75"),
    ("scribble", 1, "scribbles", "1f1a47ff8673d959"),
    ("split", 1, "split", "0c0a6f705d2410ed"),
];

const PIPELINE: &str = "
settings: { seed: 1 }
stages:
  prepare:
    stage: preprocess
    seed: 1
    with:
      dataset: { kind: phantom, cases: 6, slices: 2 }
      preprocessing: { spacing_mm: 5.4, size: 32 }
  scribble: { stage: scribble, inputs: { slices: prepare }, with: { scribbles: { skeleton: {} } } }
  split: { stage: split, inputs: { slices: prepare }, seed: 1 }
";

#[test]
fn outputs_change_only_with_their_revision() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = folder.path().join("pipelines/tiny.yaml");
    std::fs::create_dir_all(pipeline.parent().unwrap()).unwrap();
    std::fs::write(&pipeline, PIPELINE).unwrap();
    let experiment = load(&Request { pipeline, ..Request::default() }).unwrap();
    let plan = resolve(&experiment, runner::stage::ALL).unwrap();
    let store = Store::open(folder.path().join("store"));
    let summary = run(&plan, &store, &Options::default(), &SilentObserver).unwrap();
    assert!(summary.succeeded(), "{:?}", summary.failed);
    let path = folder.path().join("results/tiny/provenance.json");
    let digests = found(&path);
    for (kind, revision, port, known) in KNOWN {
        let (now, digest) = digests.iter().find(|(k, p, _, _)| k == kind && p == port).map(|f| (f.2, &f.3)).unwrap();
        assert!(
            now == revision && digest.starts_with(known),
            "`{kind}` (REVISION {now}) writes other bytes than before ({digest}): raise its REVISION, and this table's line with it"
        );
    }
}

/// Kind, port, revision and digest of every output.
fn found(provenance: &Path) -> Vec<(String, String, u32, String)> {
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(provenance).unwrap()).unwrap();
    let stages = value["nodes"].as_array().unwrap().iter();
    let rows = stages.flat_map(|stage| {
        let kind = stage["manifest"]["kind"].as_str().unwrap().to_owned();
        let revision = stage["manifest"]["revision"].as_u64().unwrap() as u32;
        let outputs = stage["outputs"].as_object().unwrap().iter();
        let row = move |(port, digest): (&String, &serde_json::Value)| {
            (kind.clone(), port.clone(), revision, digest.as_str().unwrap().to_owned())
        };
        outputs.map(row).collect::<Vec<_>>()
    });
    rows.collect()
}
