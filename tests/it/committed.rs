//! What the committed results were made with still means the same: new settings leave older keys alone.

use serde_json::Value;
use std::path::Path;

/// Kinds whose parameters name no files of the user's.
const KINDS: [&str; 5] = ["scribble", "split", "train", "evaluate", "significance"];

#[test]
fn parameters_of_committed_results_keep_their_canonical_form() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let mut seen = 0;
    for study in std::fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(study.join("provenance.json")) else { continue };
        let provenance: Value = serde_json::from_str(&text).unwrap();
        for node in provenance["nodes"].as_array().unwrap() {
            let (kind, params) = (node["manifest"]["kind"].as_str().unwrap(), &node["manifest"]["params"]);
            if KINDS.contains(&kind) {
                let stage = runner::stage::ALL.iter().find(|stage| stage.kind() == kind).unwrap();
                assert_eq!(&stage.canonical(params).unwrap(), params, "{kind} of {}", study.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 40, "only {seen} stages in {}", results.display());
}
