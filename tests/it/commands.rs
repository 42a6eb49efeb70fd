//! The commands that report, by the real binary on one small project that has run twice.

use crate::cli::{Project, stderr, stdout};
use serde_json::Value;
use std::process::Output;
use std::sync::OnceLock;

const ABLATION: &str = "pipelines/ablation.yaml";
/// The second run differs from the first in this.
const CHANGE: [&str; 1] = ["training.learning_rate.low=0.0005"];

/// Two runs: one, and one with another learning rate.
fn project() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let project = Project::new();
        for change in [&[][..], &CHANGE] {
            let output = project.run(&["run", ABLATION], change);
            assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        }
        project
    })
}

/// Without the settings that make the pipeline small: for commands that take none.
fn plainly(arguments: &[&str]) -> Output {
    project().command(arguments, &[]).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", stdout(output), stderr(output));
    redacted(&stdout(output))
}

fn json(arguments: &[&str]) -> Value {
    let output = plainly(&[arguments, &["--json"]].concat());
    serde_json::from_str(&stdout(&output)).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", stderr(&output)))
}

/// What differs from run to run and from machine to machine: digests, numbers with a point, times, ids, hosts.
fn redacted(text: &str) -> String {
    let root = project().path("");
    let text = text.replace(root.to_str().unwrap(), "[project]/").replace(env!("CARGO_PKG_VERSION"), "[version]");
    text.lines().map(line).collect()
}

fn line(line: &str) -> String {
    let (indent, rest) = line.split_at(line.find(|c| !" │├└─".contains(c)).unwrap_or(line.len()));
    if rest.starts_with("on ") && rest.contains("cores") {
        return format!("{indent}on [machine]\n");
    }
    let mut words: Vec<String> = Vec::new();
    for next in rest.split_whitespace().map(word) {
        let unit = next.trim_end_matches([',', ';', ')']);
        let number = words.last().is_some_and(|last| last == "[number]" || last.parse::<u32>().is_ok());
        match unit {
            "ms" | "s" if number => *words.last_mut().unwrap() = next.replace(unit, "[took]"),
            "B" | "kB" if number => *words.last_mut().unwrap() = next.replace(unit, "[size]"),
            "[time]" if words.last().is_some_and(|last| last == "[date]") => *words.last_mut().unwrap() = next,
            _ => words.push(next),
        }
    }
    format!("{indent}{}\n", words.join(" "))
}

fn word(word: &str) -> String {
    let bare = word.trim_matches(|c| "(),:+".contains(c));
    let count = |c: char| bare.matches(c).count();
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let is = |kind: &str| word.replace(bare, kind);
    let hex = bare.chars().all(|c| c.is_ascii_hexdigit()) && bare.chars().any(|c| c.is_ascii_digit());
    match bare {
        _ if hex && (bare.len() == 12 || bare.len() == 64) => is("[digest]"),
        _ if count('-') == 2 && bare.split('-').all(digits) && bare.len() == 10 => is("[date]"),
        _ if count('-') == 2 && bare.split('-').all(digits) => is("[run]"),
        _ if count(':') == 2 && bare.split(':').all(digits) => is("[time]"),
        _ if count('.') == 1 && bare.trim_start_matches('-').split('.').all(digits) => is("[number]"),
        _ => word.to_owned(),
    }
}

#[test]
fn log_lists_runs_and_tells_what_a_stage_said() {
    let runs = plainly(&["log"]);
    let runs = text(&runs);
    assert_eq!(runs.lines().count(), 3, "{runs}");
    assert!(runs.contains("[run] [time] ablation 16 0 0") && runs.contains("[run] [time] ablation 13 3 0"), "{runs}");

    insta::assert_snapshot!(text(&plainly(&["log", "train[label_fraction=25,method=ours]", "--tail", "0"])));
    // Without a tail, a single stage's log is whole; with a pipeline before it, the same.
    let whole = stdout(&plainly(&["log", ABLATION, "train[label_fraction=25,method=ours]"]));
    assert!(whole.contains("| epoch 1: ") && !whole.contains("before this"), "{whole}");
    let several = json(&["log", "train"]);
    assert_eq!(several.as_array().unwrap().len(), 4);
    assert_eq!(several[0]["did"], "run");
    let before = json(&["log", "prepare", "--run", "last~1"]);
    let after = json(&["log", "prepare"]);
    assert_eq!((&before[0]["did"], &after[0]["did"]), (&"run".into(), &"cached".into()));

    let unknown = plainly(&["log", "trian"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("did you mean `train`?"), "{}", stderr(&unknown));
}

#[test]
fn diff_says_what_changed_and_what_it_did_to_the_results() {
    let shown = text(&plainly(&["diff", "last~1", "last"]));
    insta::assert_snapshot!(shown.split("\nconclusions").next().unwrap().split("\ntable.").next().unwrap());
    assert!(shown.contains("conclusions: ") && shown.contains(" moved, ") && shown.contains(" flipped"), "{shown}");
    let json = json(&["diff", "last~1", "last"]);
    let table = &json["metrics"]["tables"][0];
    assert_eq!((&table["name"], &table["cells"]), (&"table.tables/ablation.csv".into(), &4.into()));
    assert_eq!(json["metrics"]["decisions"].as_array().unwrap().len(), 2);
    let itself = stdout(&plainly(&["diff", "last", "last"]));
    assert!(
        itself.contains("16 the same, 0 changed") && itself.contains("0 cells moved, 0 decisions flipped"),
        "{itself}"
    );
    let unknown = plainly(&["diff", "last~9", "last"]);
    assert!(stderr(&unknown).contains("there are 2"), "{}", stderr(&unknown));
}

#[test]
fn show_draws_the_trainings_of_a_run() {
    let png = |name: &str| {
        let bytes = std::fs::read(project().path(name)).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.ends_with(b"IEND\xae\x42\x60\x82"), "{name}");
        bytes
    };
    insta::assert_snapshot!(text(&plainly(&["show", "last", "--png", "curves.png"])));
    let last = png("curves.png");
    // One is named after its run, and is the same each time; another run has other curves.
    let again = json(&["show", "last"]);
    let id = again["run"]["id"].as_str().unwrap();
    assert_eq!(again["figures"], serde_json::json!([format!("training-{id}.png")]));
    assert_eq!(png(&format!("training-{id}.png")), last);
    let before = json(&["show", "last~1", "--png", "before.png"]);
    assert_ne!(png("before.png"), last);
    let course = |run: &Value| run["trainings"][0]["course"].clone();
    assert_eq!(course(&again)["epochs"], 1);
    assert!(course(&again)["validation_dice"].is_number() && course(&again)["warnings"].is_array());
    assert_ne!(course(&before)["supervised_loss"], Value::Null);

    // Some trainings by their names: as an artifact they have files, too.
    let one = stdout(&plainly(&["show", "train[label_fraction=25,method=ours]"]));
    assert!(one.contains("model.json") && one.contains("epochs") && one.contains("L_SUP"), "{one}");
    let some = stdout(&plainly(&["show", "train[method=plain]", "--png", "plain.png"]));
    assert!(some.lines().count() == 4 && some.ends_with("curves: plain.png\n"), "{some}");
    png("plain.png");
    for (wrong, hint) in
        [("last~7", "there are 2"), ("table", "has no training"), ("lost", "no run has a stage `lost`")]
    {
        let output = plainly(&["show", wrong, "--png", "wrong.png"]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(stderr(&output).contains(hint), "{wrong}: {}", stderr(&output));
    }
    assert!(!project().path("wrong.png").exists());
}

#[test]
fn predict_names_weights_as_show_does() {
    let image = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nifti/A08_qform.nii.gz");
    let image = image.to_str().unwrap();
    for (wrong, hint) in [
        ("train", "means several: "),
        ("train[method=ours].weights", "say which"),
        ("trian", "did you mean `train`?"),
        ("table", "has no weights"),
        ("train[label_fraction=25,method=ours].log", "has no weights.safetensors"),
    ] {
        let output = plainly(&["predict", "--weights", wrong, "--out", "masks", image]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let message = stderr(&output).replace("\n  │ ", " ");
        assert!(message.contains(hint), "{wrong}: {message}");
    }
}

#[test]
fn show_lists_and_prints_artifacts() {
    insta::assert_snapshot!(text(&plainly(&["show", "table"])));
    let table = stdout(&plainly(&["show", "table.tables/ablation.md"]));
    assert_eq!(table, project().text("results/ablation/tables/ablation.md"));
    let scores =
        stdout(&plainly(&["show", "evaluate[label_fraction=25,method=ours].scores/scores.parquet", "--rows", "2"]));
    assert!(
        scores.contains("metric") && scores.contains("the first 2 shown") && scores.lines().count() == 4,
        "{scores}"
    );
    let path = stdout(&plainly(&["show", "table.tables", "--path"]));
    assert!(std::path::Path::new(path.trim()).join("ablation.md").is_file(), "{path}");
    // By the beginning of its digest.
    let tables = json(&["show", "table"]);
    let digest = &tables[0]["artifact"]["tree"].as_str().unwrap()[..10];
    assert_eq!(json(&["show", digest])[0]["artifact"]["node"], "table");
    // As it was before.
    let before = json(&["show", "table", "--run", "last~1"]);
    assert_ne!(before[0]["artifact"]["key"], tables[0]["artifact"]["key"]);

    for (wrong, hint) in [
        ("table.tabels", "did you mean `tables`?"),
        ("table.tables/ablation.mt", "did you mean `ablation.m"),
        ("tabel", "did you mean `table`?"),
        ("train.log/log.parquet", "say which"),
    ] {
        let output = plainly(&["show", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(stderr(&output).contains(hint), "{wrong}: {}", stderr(&output));
    }
}

const TABLE: &str = "results/ablation/tables/ablation.md";

#[test]
fn trace_goes_from_a_cell_down_to_the_seed() {
    insta::assert_snapshot!(text(&plainly(&["trace", TABLE, "--row", "Ours", "--column", "25 %"])));
    let whole = json(&["trace", TABLE]);
    let text = whole.to_string();
    assert!(
        text.contains("evaluate[fold=0,label_fraction=50,method=plain]") && text.contains("\"edited\":false"),
        "{text}"
    );
    let figure = stdout(&plainly(&["trace", "results/ablation/samples/fold0/samples_25.png"]));
    assert!(figure.contains("samples[fold=0].figures") && figure.contains("predictions: evaluate["), "{figure}");
    let unknown = plainly(&["trace", TABLE, "--row", "Our"]);
    assert!(stderr(&unknown).contains("did you mean `Ours`?"), "{}", stderr(&unknown));
    let no_table = plainly(&["trace", "results/ablation/samples/fold0/samples_25.png", "--row", "Ours"]);
    assert!(stderr(&no_table).contains("no table"), "{}", stderr(&no_table));
}

/// As in a clone: results and their provenance, but no store.
#[test]
fn trace_needs_no_store_and_sees_edits() {
    let clone = tempfile::tempdir().unwrap();
    let copy = clone.path().join("ablation");
    crate::cli::copy(&project().path("results/ablation"), &copy);
    let trace = |arguments: &[&str]| {
        let mut command = project().command(&[&["trace"], arguments].concat(), &[]);
        command.current_dir(clone.path()).output().unwrap()
    };
    let away = trace(&["ablation/tables/ablation.csv"]);
    assert!(stdout(&away).contains("as published"), "{}{}", stdout(&away), stderr(&away));
    std::fs::write(copy.join("tables/ablation.csv"), "made up").unwrap();
    let edited = trace(&["ablation/tables/ablation.csv"]);
    assert!(!edited.status.success() && stderr(&edited).contains("edited"), "{}", stderr(&edited));
    // With the store's ledger it is known what the file was. Here: a project with its own.
    let own = Project::new();
    crate::cli::copy(&project().path("results"), &own.path("results"));
    crate::cli::copy(&project().path(".runner"), &own.path(".runner"));
    std::fs::write(own.path(TABLE), "made up").unwrap();
    let edited = own.command(&["trace", TABLE], &[]).output().unwrap();
    assert_eq!(edited.status.code(), Some(1));
    assert!(stdout(&edited).starts_with("results/ablation/tables/ablation.md was EDITED"), "{}", stdout(&edited));
    assert!(stdout(&edited).contains("evaluate["), "{}", stdout(&edited));
}

#[test]
fn whence_finds_a_figure_that_was_carried_away() {
    let folder = tempfile::tempdir().unwrap();
    let away = folder.path().join("fig3.png");
    std::fs::copy(project().path("results/ablation/figures/ablation.png"), &away).unwrap();
    let shown = stdout(&plainly(&["whence", away.to_str().unwrap()]));
    assert!(
        shown.contains("says of itself: runner 0.")
            && shown.contains("made by dice.figures of ablation, as ablation.png"),
        "{shown}"
    );
    let svg = stdout(&plainly(&["whence", "results/ablation/figures/ablation.svg"]));
    assert!(svg.contains("says of itself: runner 0."), "{svg}");
    std::fs::write(&away, "nobody's").unwrap();
    let unknown = plainly(&["whence", away.to_str().unwrap()]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stdout(&unknown).contains("no run"), "{}", stdout(&unknown));
}

#[test]
fn plan_status_and_explain_of_an_edit() {
    let edit = ["training.epochs=2"];
    let shown = |command: &str| text(&project().run(&[command, ABLATION], &edit));
    let plan = shown("plan");
    insta::assert_snapshot!(plan.split("by what it took").next().unwrap());
    assert!(plan.contains("of core time, about"), "{plan}");
    let verbose = text(&project().run(&["plan", ABLATION, "--verbose"], &edit));
    assert!(verbose.matches("parameter training.epochs: 1 → 2").count() == 4, "{verbose}");
    assert!(shown("status").contains("cached prepare"), "{}", shown("status"));
    let explain = text(&project().run(&["explain", ABLATION, "train[method=ours]"], &edit));
    assert!(explain.matches("it last was key [digest], made [time] UTC in").count() == 2, "{explain}");
    let wrong = project().run(&["explain", ABLATION, "trian"], &edit);
    assert!(stderr(&wrong).contains("did you mean `train`?"), "{}", stderr(&wrong));
    // 50 stages are counted by entry.
    let many = project().command(&["status", ABLATION], &[]).output().unwrap();
    let many = text(&many);
    assert!(many.contains("train 18 stages would run") && many.lines().count() < 15, "{many}");
    let long = text(&project().command(&["status", ABLATION, "--long"], &[]).output().unwrap());
    assert!(long.lines().count() > 40, "{long}");
}

#[test]
fn ls_lists_what_there_is() {
    insta::assert_snapshot!(["profiles", "datasets"].map(|what| text(&plainly(&["ls", what]))).join("\n"));
    assert!(
        text(&plainly(&["ls", "pipelines"])).contains("ablation Ablation of the components (Table III): Table III of")
    );
    assert!(text(&plainly(&["ls", "methods"])).contains("ours Ours Multi-scale shape, via AAGs The paper's method"));
    assert_eq!(json(&["ls", "runs"]).as_array().unwrap().len(), 2);
    let stages = json(&["ls", "stages"]);
    let train = stages.as_array().unwrap().iter().find(|stage| stage["kind"] == "train").unwrap();
    assert_eq!(train["inputs"][0]["artifact"], "slices");
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&plainly(&["completions", shell]));
        assert!(script.contains("explain") && script.contains("whence"), "{shell}");
    }
}

#[test]
fn check_finds_every_fault_and_warns() {
    let clean = project().command(&["check", ABLATION, "--all-profiles", "--strict"], &[]).output().unwrap();
    assert_eq!(stdout(&clean), "0 faults, 0 warnings\n");
    assert!(clean.status.success());

    let own = Project::new();
    let broken = "\
settings: { seed: 1, left: over }
matrix: { fold: [0], unused: [1, 2] }
stages:
  prepare:
    stage: preprocess
    with: { dataset: { kind: acdc, root: nowhere } }
  wrong:
    stage: scribble
    inputs: { slice: prepare }
  split:
    stage: split
    inputs: { slices: prepare }
    with: { folds: many, fold: 7 }
  lonely:
    stage: scribble
    inputs: { slices: prepare }
    with: { scribbles: expert }
  follows:
    stage: train
    inputs: { slices: prepare, scribbles: lonely, split: split }
";
    std::fs::write(own.path("pipelines/broken.yaml"), broken).unwrap();
    let output = own.command(&["check", "pipelines/broken.yaml"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stdout(&output));
    // Without the faults, the warnings of the plan.
    let mended = broken.replace("slice: prepare", "slices: prepare").replace("folds: many, fold: 7", "fold: 0");
    let mended = mended.replace(
        "    inputs: { slices: prepare }\n  split:",
        "    inputs: { slices: prepare }\n    with: { scribbles: expert }\n  split:",
    );
    std::fs::write(own.path("pipelines/broken.yaml"), mended).unwrap();
    let output = own.command(&["check", "pipelines/broken.yaml"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    insta::assert_snapshot!(stdout(&output).replace(own.path("").to_str().unwrap(), "[project]/"));
    let seventh = own.text("pipelines/broken.yaml").replace("fold: 0", "fold: 7");
    std::fs::write(own.path("pipelines/seventh.yaml"), seventh).unwrap();
    let output = own.command(&["check", "pipelines/seventh.yaml"], &[]).output().unwrap();
    assert!(stdout(&output).contains("fold 7 does not exist: there are 3 folds"), "{}", stdout(&output));
    let strict = own.command(&["check", "pipelines/broken.yaml", "--strict"], &[]).output().unwrap();
    assert_eq!(strict.status.code(), Some(1));
}

#[test]
fn commands_that_report_write_nothing() {
    let empty = Project::new();
    for arguments in
        [&["log"][..], &["ls", "runs"], &["check", ABLATION], &["schema"], &["show", "train"], &["diff", "last"]]
    {
        empty.command(arguments, &[]).output().unwrap();
        assert!(!empty.path(".runner").exists(), "{arguments:?} made a store");
    }
}

mod schema {
    use super::*;

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(&stdout(&plainly(&["schema"]))).unwrap();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    fn parsed(yaml: &str) -> Value {
        serde_saphyr::from_str(yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"))
    }

    #[test]
    fn every_committed_pipeline_is_valid() {
        let validator = validator();
        for entry in std::fs::read_dir(project().path("pipelines")).unwrap() {
            let path = entry.unwrap().path();
            let value = parsed(&std::fs::read_to_string(&path).unwrap());
            let errors: Vec<String> =
                validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {}", path.display(), errors.join("\n"));
        }
    }

    #[test]
    fn broken_variants_are_refused() {
        let validator = validator();
        let good = project().text(ABLATION);
        let variants = [
            ("stages:", "stage:"),
            ("stage: train", "stage: trian"),
            (
                "inputs: { slices: prepare, scribbles: scribble, split: split }\n    seed",
                "inputs: { slices: prepare, scribbles: scribble }\n    seed",
            ),
            ("weights: train }", "wieghts: train }"),
            ("reference: ours", "referenz: ours"),
            ("reference: ours", "reference: [ours]"),
            ("publish: { tables: tables }", "publish: { table: tables }"),
            ("label_fraction: ${matrix.label_fraction}", "label_fraction: half"),
            ("for_each: [fold]", "foreach: [fold]"),
            ("for_each: [fold]", "for_each: [fold, fold]"),
            ("method: [ours,", "method: [{ours: 1},"),
            ("seed: ${seed}\n    with: { fold:", "seed: -1\n    with: { fold:"),
            (
                "scribbles: scribble, split: split, predictions: evaluate }",
                "scribbles: [scribble, scribble], split: split, predictions: evaluate }",
            ),
        ];
        for (from, to) in variants {
            assert!(good.contains(from), "{from}");
            let value = parsed(&good.replacen(from, to, 1));
            assert!(!validator.is_valid(&value), "{to} is accepted");
        }
    }

    #[test]
    fn parameters_are_described_and_checked_to_the_leaf() {
        let validator = validator();
        let stage = |with: &str| {
            parsed(&format!(
                "stages:\n  p:\n    stage: preprocess\n    with:\n      dataset: {{ kind: phantom }}\n      preprocessing: {with}\n"
            ))
        };
        for good in [
            "{ size: 64 }",
            "{ size: [64, 32] }",
            "{ spacing_mm: null }",
            "{ fill: edge }",
            "\"${p}\"",
            "{ fill: \"${p}\" }",
        ] {
            assert!(validator.is_valid(&stage(good)), "{good} is refused");
        }
        for bad in ["{ size: [64] }", "{ size: -1 }", "{ spacing_mm: wide }", "{ fill: egde }", "{ sise: 64 }", "64"] {
            assert!(!validator.is_valid(&stage(bad)), "{bad} is accepted");
        }
        let schema = stdout(&plainly(&["schema"]));
        assert!(schema.contains("In-plane spacing to resample to, in mm"));
    }

    #[test]
    fn commands_of_the_users_own_declare_their_ports() {
        let validator = validator();
        let stage = |entry: &str| parsed(&format!("stages:\n  c: {entry}\n"));
        assert!(validator.is_valid(&stage("{ stage: command, outputs: { out: text }, with: { run: echo } }")));
        assert!(validator.is_valid(&stage("{ stage: command, outputs: { out: text }, with: { run: [echo, a] } }")));
        assert!(!validator.is_valid(&stage("{ stage: command, outputs: { out: text }, with: { runs: echo } }")));
        assert!(!validator.is_valid(&stage("{ stage: split, inputs: { slices: a }, outputs: { out: text } }")));
    }
}

/// `paper` sets an axis that this pipeline lacks: a profile may be meant for other pipelines.
#[test]
fn a_profile_of_another_pipeline_is_no_fault() {
    let found = project().command(&["check", "pipelines/own_program.yaml", "--all-profiles"], &[]).output().unwrap();
    let text = String::from_utf8(found.stdout).unwrap();
    assert!(found.status.success(), "{text}");
    assert!(text.contains("this profile is not for pipelines/own_program.yaml (profile paper)"), "{text}");
    let strict = ["check", "pipelines/own_program.yaml", "--profile", "paper"];
    assert_eq!(project().command(&strict, &[]).output().unwrap().status.code(), Some(2));
}
