//! A reviewer's way, with the real binary: a bundle of the small study at each depth, re-made somewhere else.

use super::cli::{ABLATION, Project, stderr, stdout};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs in a folder that has nothing of the study.
fn elsewhere(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    command.current_dir(folder).env("NO_COLOR", "1").env_remove("RUNNER_STORE").stdin(Stdio::null());
    command.args(arguments).output().unwrap()
}

#[test]
fn a_reviewer_remakes_the_study_at_each_depth() {
    let author = Project::new();
    let run = author.run(&["run", ABLATION], &[]);
    assert!(run.status.success(), "{}{}", stdout(&run), stderr(&run));
    let reviewer = tempfile::tempdir().unwrap();
    // A study of the reviewer's own, above the folder of the bundle: it must play no part.
    std::fs::create_dir_all(reviewer.path().join("experiments/profiles")).unwrap();
    std::fs::write(reviewer.path().join("experiments/training.yaml"), "epochs: nonsense\n").unwrap();
    let table = author.text("results/ablation/tables/ablation.csv");
    let cases = [
        ("figures", "nothing is recomputed", "", "table, dice, samples[fold=0], curves"),
        (
            "scores",
            "identical         table tables/ablation.csv  20 numbers",
            "figures that show images",
            "samples[fold=0]",
        ),
        (
            "predictions",
            "identical         samples[fold=0] figures/samples_25.png",
            "images of the cases (prepare.slices, scribble.scribbles)",
            "",
        ),
        (
            "weights",
            "identical         evaluate[fold=0,label_fraction=25,method=ours] scores/scores.parquet  112 numbers",
            "images of the cases",
            "",
        ),
    ];
    for (depth, recomputed, warning, recorded) in cases {
        let file = reviewer.path().join(format!("{depth}.tar.zst"));
        let name = file.to_string_lossy().into_owned();
        let made = author.run(&["bundle", "create", ABLATION, "-o", &name, "--depth", depth], &[]);
        assert!(made.status.success(), "{depth}: {}", stderr(&made));
        assert!(stderr(&made).contains(warning), "{depth}: {}", stderr(&made));
        let sound = elsewhere(reviewer.path(), &["bundle", "verify", &name]);
        assert!(stdout(&sound).starts_with("sound: "), "{depth}: {}", stdout(&sound));
        let show = elsewhere(reviewer.path(), &["bundle", "show", &name]);
        assert!(stdout(&show).contains("Ablation of the components (Table III)"), "{}", stdout(&show));
        let again = elsewhere(reviewer.path(), &["run", "--from-bundle", &name]);
        let text = stdout(&again);
        assert!(again.status.success(), "{depth}: {text}{}", stderr(&again));
        assert!(text.contains(recomputed), "{depth}: {text}");
        if !recorded.is_empty() {
            assert!(text.contains(&format!("as recorded, not recomputed: {recorded}\n")), "{depth}: {text}");
        }
        let folder = reviewer.path().join(depth);
        assert_eq!(
            std::fs::read_to_string(folder.join("results/ablation/tables/ablation.csv")).unwrap(),
            table,
            "{depth}"
        );
        assert!(!stderr(&again).contains("train["), "{depth}: {}", stderr(&again));
    }
    assert!(!reviewer.path().join("results").exists() && !reviewer.path().join(".runner").exists());
    tampered_results_are_found(reviewer.path());
    a_sample_of_the_store_is_verified(&author);
}

/// The maker's table isn't what the scores give.
fn tampered_results_are_found(reviewer: &Path) {
    let lie = reviewer.join("scores");
    let plan = std::fs::read_to_string(lie.join("pipelines/ablation.yaml")).unwrap();
    let changed = plan.replace(
        "name: ablation\n      caption",
        "compare: { metric: hausdorff_px, class: LV }\n      name: ablation\n      caption",
    );
    assert_ne!(plan, changed);
    // A pipeline that isn't the bundle's any more is refused, as every changed file of it.
    std::fs::write(lie.join("pipelines/ablation.yaml"), changed).unwrap();
    let again = elsewhere(reviewer, &["run", "--from-bundle", "scores.tar.zst"]);
    assert_eq!(again.status.code(), Some(2), "{}", stdout(&again));
    assert!(stderr(&again).contains("is not what the bundle's manifest says"), "{}", stderr(&again));
}

fn a_sample_of_the_store_is_verified(author: &Project) {
    let verify = author.run(&["verify", ABLATION, "--sample", "3", "--seed", "5"], &[]);
    let text = stdout(&verify);
    assert!(verify.status.success(), "{text}{}", stderr(&verify));
    assert_eq!(text.matches("identical  ").count(), 3, "{text}");
    assert!(text.contains("0 of 3 diverge: with 95 % confidence, less than 63.2 % of the cached work"), "{text}");
    let ledger = author.run(&["verify", ABLATION, "--json"], &[]);
    let value: serde_json::Value = serde_json::from_str(&stdout(&ledger)).unwrap();
    assert_eq!(value["checked"].as_array().unwrap().len(), 16);
}

#[test]
fn run_takes_a_pipeline_or_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let neither = elsewhere(folder.path(), &["run"]);
    assert_eq!(neither.status.code(), Some(2));
    assert!(stderr(&neither).contains("<PIPELINE>"), "{}", stderr(&neither));
    let both = elsewhere(folder.path(), &["run", "x.yaml", "--from-bundle", "x.tar.zst"]);
    assert!(stderr(&both).contains("cannot be used with"), "{}", stderr(&both));
    let alone = elsewhere(folder.path(), &["run", "x.yaml", "--into", "x"]);
    assert!(stderr(&alone).contains("--from-bundle"), "{}", stderr(&alone));
    let missing = elsewhere(folder.path(), &["run", "--from-bundle", "x.tar.zst"]);
    assert!(stderr(&missing).contains("cannot open"), "{}", stderr(&missing));
    std::fs::write(folder.path().join("notes"), "").unwrap();
    let unnamed = elsewhere(folder.path(), &["run", "--from-bundle", "notes"]);
    assert!(stderr(&unnamed).contains("--into"), "{}", stderr(&unnamed));
    assert!(std::fs::read_dir(folder.path()).unwrap().count() == 1);
}
