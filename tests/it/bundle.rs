//! A reviewer's way, with the real binary: a bundle of the small study at each depth, re-made somewhere else.

use super::cli::{ABLATION, Project, stderr, stdout};
use super::engine::forge;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// An error without the line breaks of the terminal.
fn flat(output: &Output) -> String {
    stderr(output).replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

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
            "identical         table tables/ablation.csv  16 numbers",
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
            "identical         evaluate[fold=0,label_fraction=25,method=ours] scores/scores.parquet  14 numbers",
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
    tampered_bundles_are_found(reviewer.path());
    a_sample_of_the_store_is_verified(&author);
}

fn tampered_bundles_are_found(reviewer: &Path) {
    // A pipeline that isn't the bundle's any more, as every changed file of it.
    let pipeline = reviewer.join("scores/pipelines/ablation.yaml");
    let text = std::fs::read_to_string(&pipeline).unwrap();
    std::fs::write(&pipeline, text.replace("percent", "per cent")).unwrap();
    let again = elsewhere(reviewer, &["run", "--from-bundle", "scores.tar.zst"]);
    assert_eq!(again.status.code(), Some(2), "{}", stdout(&again));
    assert!(flat(&again).contains("is not what the bundle's manifest says"), "{}", stderr(&again));

    // A table that the scores don't give: everything is consistent, so that only running it tells.
    let parts = forge::parts(&reviewer.join("scores.tar.zst"));
    let better = |csv: &str| {
        let (head, rest) = csv.split_once("Ours,dice,all,%,").unwrap();
        format!("{head}Ours,dice,all,%,9{rest}")
    };
    forge::lied(&reviewer.join("lie.tar.zst"), &parts, "table", "tables", "ablation.csv", better);
    let sound = elsewhere(reviewer, &["bundle", "verify", "lie.tar.zst"]);
    assert!(sound.status.success(), "{}", stdout(&sound));
    let lie = elsewhere(reviewer, &["run", "--from-bundle", "lie.tar.zst"]);
    let text = stdout(&lie);
    assert_eq!(lie.status.code(), Some(1), "{text}{}", stderr(&lie));
    assert!(text.contains("DIFFERS           table tables/ablation.csv"), "{text}");
    assert!(text.contains("row 2, mean: 9"), "{text}");
    assert!(text.contains("1 of 4 recomputed stages DISAGREE"), "{text}");

    // A table that would be written somewhere else.
    let mut parts = parts;
    let evil = text_of(&parts, "pipelines/ablation.yaml").replace("name: samples", "name: ok").replacen(
        "name: ablation",
        "name: ../../../../../escaped",
        1,
    );
    parts.insert("pipelines/ablation.yaml".into(), evil.into_bytes());
    forge::recrate(&mut parts);
    forge::forged(&reviewer.join("evil.tar.zst"), &parts, |_| {});
    let evil = elsewhere(reviewer, &["run", "--from-bundle", "evil.tar.zst"]);
    assert_eq!(evil.status.code(), Some(2), "{}", stdout(&evil));
    assert!(flat(&evil).contains("lead out of the folder"), "{}", stderr(&evil));
}

fn text_of(parts: &forge::Parts, name: &str) -> String {
    String::from_utf8(parts[name].clone()).unwrap()
}

/// Once confined, a process writes nowhere else, by whatever name. In a thread, since it can't be undone.
#[test]
#[cfg(target_os = "linux")]
fn a_confined_thread_writes_below_its_folder_alone() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("kept"), "kept").unwrap();
    let (folder, other) = (inside.path().to_owned(), outside.path().to_owned());
    let tried = std::thread::spawn(move || {
        if let Err(why) = runner::engine::bundle::confine(&folder) {
            eprintln!("SKIPPED: {why}");
            return;
        }
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        std::fs::write(folder.join("a/x"), "x").unwrap();
        std::fs::rename(folder.join("a/x"), folder.join("a/b/x")).unwrap();
        std::fs::hard_link(folder.join("a/b/x"), folder.join("y")).unwrap();
        std::fs::write("/dev/null", "x").unwrap();
        assert!(std::fs::write(other.join("evil"), "x").is_err());
        assert!(std::fs::write(folder.join("../evil"), "x").is_err());
        assert!(std::fs::remove_file(other.join("kept")).is_err());
        assert!(std::fs::create_dir(other.join("evil")).is_err());
        assert!(std::fs::rename(folder.join("y"), other.join("evil")).is_err());
        assert_eq!(std::fs::read_to_string(other.join("kept")).unwrap(), "kept");
    });
    tried.join().unwrap();
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
    assert!(flat(&both).contains("cannot be used with"), "{}", stderr(&both));
    let alone = elsewhere(folder.path(), &["run", "x.yaml", "--into", "x"]);
    assert!(flat(&alone).contains("cannot be used with"), "{}", stderr(&alone));
    let missing = elsewhere(folder.path(), &["run", "--from-bundle", "x.tar.zst"]);
    assert!(flat(&missing).contains("cannot open"), "{}", stderr(&missing));
    let missing = elsewhere(folder.path(), &["bundle", "verify", "x.tar.zst"]);
    assert_eq!(missing.status.code(), Some(2), "a file that isn't there is no verdict");
    std::fs::write(folder.path().join("notes"), "").unwrap();
    let unnamed = elsewhere(folder.path(), &["run", "--from-bundle", "notes"]);
    assert!(flat(&unnamed).contains("--into"), "{}", stderr(&unnamed));
    assert!(std::fs::read_dir(folder.path()).unwrap().count() == 1);
}

/// Programs in a study: one that isn't deterministic is found, and none runs from a bundle unasked.
#[test]
fn programs_are_verified_as_other_stages_and_run_from_a_bundle_only_when_allowed() {
    let author = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(author.path().join("pipelines")).unwrap();
    let pipeline = "stages:\n  \
        steady:\n    stage: command\n    outputs: { out: scores }\n    with: { run: \"echo 0.5 > outputs/out/x.csv\" }\n  \
        drifting:\n    stage: command\n    outputs: { out: scores }\n    with: { run: \"date +%s%N > outputs/out/x.csv\" }\n  \
        table:\n    stage: command\n    inputs: { numbers: steady }\n    outputs: { out: tables }\n    \
        with: { run: \"cp inputs/numbers/x.csv outputs/out/t.csv\" }\n    publish: { out: tables }\n";
    std::fs::write(author.path().join("pipelines/programs.yaml"), pipeline).unwrap();
    let run = elsewhere(author.path(), &["run", "pipelines/programs.yaml"]);
    assert!(run.status.success(), "{}{}", stdout(&run), stderr(&run));

    let verify = elsewhere(author.path(), &["verify", "pipelines/programs.yaml", "--sample", "3"]);
    let text = stdout(&verify);
    assert_eq!(verify.status.code(), Some(1), "{text}{}", stderr(&verify));
    assert!(text.contains("identical         steady") && text.contains("identical         table"), "{text}");
    assert!(text.contains("DIVERGENT         drifting\n    out/x.csv: row 1, "), "{text}");
    assert!(!text.contains("95 %"), "a bound holds only if nothing diverged: {text}");
    let ledger = elsewhere(author.path(), &["verify", "pipelines/programs.yaml"]);
    assert!(stdout(&ledger).contains("other bits seen   drifting"), "{}", stdout(&ledger));

    let create = elsewhere(author.path(), &["bundle", "create", "pipelines/programs.yaml", "-o", "programs.tar.zst"]);
    assert!(create.status.success(), "{}", stderr(&create));
    let reviewer = tempfile::tempdir().unwrap();
    let file = author.path().join("programs.tar.zst").to_string_lossy().into_owned();
    let refused = elsewhere(reviewer.path(), &["run", "--from-bundle", &file]);
    assert_eq!(refused.status.code(), Some(2), "{}", stdout(&refused));
    assert!(flat(&refused).contains("would run a command of the bundle"), "{}", stderr(&refused));
    let allowed = elsewhere(reviewer.path(), &["run", "--from-bundle", &file, "--allow-commands"]);
    assert!(allowed.status.success(), "{}{}", stdout(&allowed), stderr(&allowed));
    assert!(stdout(&allowed).contains("identical         table out/t.csv  1 number\n"), "{}", stdout(&allowed));
}
