//! The real binary on the real pipeline, made as small as it goes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub const SMALL: [&str; 9] = [
    "training.epochs=1",
    "training.steps_per_epoch=1",
    "training.batch_size=2",
    "training.width=2",
    "datasets.phantom.preprocessing.size=32",
    "datasets.phantom.preprocessing.spacing_mm=5.4",
    "datasets.phantom.source={cases: 14, slices: 3}",
    "matrix.method=[ours,plain]",
    "matrix.label_fraction=[25,50]",
];

/// A project of its own: a copy of `pipelines/` and `experiments/`.
pub struct Project(tempfile::TempDir);

impl Project {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pipelines", "experiments"] {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name), &folder.path().join(name));
        }
        Project(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &[&str], set: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(self.0.path()).env("NO_COLOR", "1").env_remove("RUNNER_STORE").stdin(Stdio::null());
        command.args(arguments);
        set.iter().for_each(|set| {
            command.args(["--set", set]);
        });
        command
    }

    pub fn run(&self, arguments: &[&str], set: &[&str]) -> Output {
        let set: Vec<&str> = SMALL.iter().chain(set).copied().collect();
        self.command(arguments, &set).output().unwrap()
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

pub fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub const ABLATION: &str = "pipelines/ablation.yaml";

#[test]
fn the_ablation_runs_is_cached_and_reruns_only_what_depends_on_a_change() {
    let project = Project::new();
    let first = project.run(&["run", ABLATION], &[]);
    assert!(first.status.success(), "{}{}", stdout(&first), stderr(&first));
    let results = [
        "tables/ablation.md",
        "tables/ablation.csv",
        "tables/ablation.tex",
        "figures/ablation.svg",
        "figures/ablation.png",
        "samples/fold0/samples_25.png",
        "samples/fold0/attention_ours_50.png",
        "training/training_25.png",
        "provenance.json",
    ];
    for name in results {
        let path = project.path("results/ablation").join(name);
        assert!(path.metadata().is_ok_and(|file| file.len() > 0), "{name} is missing or empty");
    }
    let table = project.text("results/ablation/tables/ablation.md");
    assert!(table.contains("Ours") && table.contains("#5") && table.contains("25 %"), "{table}");

    let second = project.run(&["run", ABLATION], &[]);
    assert!(stdout(&second).starts_with("all 16 stages cached"), "{}", stdout(&second));

    // The rate is a parameter of trainings: data, scribbles and split stay.
    let change = ["training.learning_rate.high=0.0005"];
    let plan = project.run(&["plan", ABLATION], &change);
    let lines = stdout(&plan);
    assert!(lines.contains("train 4") && lines.contains("3 cached"), "{lines}");
    let explain = project.run(&["explain", ABLATION, "train[fold=0,label_fraction=25,method=ours]"], &change);
    assert!(stdout(&explain).contains("parameter training.learning_rate.high: 0.001 → 0.0005"), "{}", stdout(&explain));

    // A default spelled out is no change.
    let same = project.run(&["run", ABLATION], &["training.adam.beta1=0.9"]);
    assert!(stdout(&same).starts_with("all 16 stages cached"), "{}", stdout(&same));
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_digests() {
    let (undisturbed, killed) = (Project::new(), Project::new());
    assert!(undisturbed.run(&["run", ABLATION], &[]).status.success());
    let set: Vec<&str> = SMALL.to_vec();
    for pause in [150, 400, 800] {
        let mut child =
            killed.command(&["run", ABLATION], &set).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = killed.run(&["run", ABLATION], &[]);
    assert!(last.status.success(), "{}{}", stdout(&last), stderr(&last));
    let provenance = "results/ablation/provenance.json";
    assert!(undisturbed.text(provenance) == killed.text(provenance), "the digests differ");
}

#[test]
fn mistakes_are_named_with_their_place_and_nothing_runs() {
    let project = Project::new();
    let cases = [
        (vec!["training.epoch=3"], "epochs"),
        (vec!["datasets.phantom.source.case=3"], "cases"),
        (vec!["dataset=acdc"], "data_root"),
        (vec!["matrix.metod=[ours]"], "method"),
    ];
    for (set, hint) in cases {
        let output = project.command(&["run", ABLATION], &set).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{set:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(hint), "{set:?} should name {hint}: {}", stderr(&output));
        assert!(!project.path("results").exists(), "{set:?} left results");
    }
    let missing = project.command(&["run", "pipelines/none.yaml"], &[]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn real_acdc_runs_where_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/acdc");
    if !root.is_dir() {
        eprintln!("SKIPPED real_acdc_runs_where_it_is: no ACDC at {}", root.display());
        return;
    }
    let project = Project::new();
    let set = [
        "dataset=acdc".to_owned(),
        format!("data_root={}", root.display()),
        "datasets.acdc.source.cases=14".to_owned(),
        "matrix.label_fraction=[25]".to_owned(),
        "results=results/acdc".to_owned(),
    ];
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let output = project.run(&["run", ABLATION], &set);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(project.text("results/acdc/tables/ablation.md").contains("ACDC"));
    assert!(!project.text("results/acdc/provenance.json").contains("shared/data"), "a path is in the provenance");
}

/// A data root is relative to the project, wherever the program is started: its digest and its files are one.
#[test]
fn a_relative_data_root_means_the_same_folder_from_everywhere() {
    let project = Project::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/acdc"), &project.path("acdc"));
    std::fs::create_dir_all(project.path("elsewhere")).unwrap();
    let pipeline = "settings: { data_root: null }\nstages:\n  prepare:\n    stage: preprocess\n    with:\n      \
                    dataset: { kind: acdc, root: \"${data_root}\" }\n      preprocessing: { size: 32 }\n";
    std::fs::write(project.path("pipelines/tiny.yaml"), pipeline).unwrap();
    let mut command = project.command(&["run", "../pipelines/tiny.yaml"], &["data_root=acdc"]);
    let away = command.current_dir(project.path("elsewhere")).output().unwrap();
    assert!(away.status.success(), "{}{}", stdout(&away), stderr(&away));
    let home = project.command(&["run", "pipelines/tiny.yaml"], &["data_root=acdc"]).output().unwrap();
    assert!(stdout(&home).starts_with("all 1 stages cached"), "{}", stdout(&home));
}

#[test]
fn some_coordinates_name_a_stage_and_an_impossible_fraction_is_refused() {
    let project = Project::new();
    let explain = project.run(&["explain", ABLATION, "train[method=ours]"], &[]);
    assert_eq!(stdout(&explain).matches("would run").count(), 2, "{}{}", stdout(&explain), stderr(&explain));
    let refused = project.run(&["run", ABLATION], &["matrix.label_fraction=[0]"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("label_fraction"), "{}", stderr(&refused));
}

#[test]
fn an_incomplete_run_leaves_the_provenance_of_the_results_that_stand() {
    let project = Project::new();
    assert!(project.run(&["run", ABLATION], &[]).status.success());
    let before = project.text("results/ablation/provenance.json");
    // Images of 33 pixels are prepared, and then refused by the trainings.
    let failed = project.run(&["run", ABLATION], &["datasets.phantom.preprocessing.size=33"]);
    assert_eq!(failed.status.code(), Some(1), "{}{}", stdout(&failed), stderr(&failed));
    assert!(stdout(&failed).contains("multiples of 16"), "{}", stdout(&failed));
    assert_eq!(project.text("results/ablation/provenance.json"), before);
}

#[test]
fn a_program_of_the_users_own_takes_part_and_a_failure_says_how_to_see_it_again() {
    let project = Project::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts"), &project.path("scripts"));
    let run = || {
        let set = [
            "datasets.phantom.preprocessing.size=32",
            "datasets.phantom.preprocessing.spacing_mm=5.4",
            "datasets.phantom.source={cases: 3, slices: 2}",
        ];
        project.command(&["run", "pipelines/own_program.yaml"], &set).output().unwrap()
    };
    let output = run();
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let table = project.text("results/own_program/tables/coverage.md");
    assert!(table.contains("| background |") && table.contains("Over 6 volumes."), "{table}");
    assert!(stdout(&run()).starts_with("all 3 stages cached"));
    std::fs::write(project.path("scripts/coverage.awk"), "BEGIN { print \"no\" > \"elsewhere\"; exit 4 }").unwrap();
    let failed = run();
    assert_eq!(failed.status.code(), Some(1));
    let said = stdout(&failed);
    assert!(said.contains("exit code 4"), "{said}");
    assert!(
        said.contains("again: runner run pipelines/own_program.yaml --set datasets.phantom.preprocessing.size=32"),
        "{said}"
    );
    assert!(said.contains("--only 'summarise'"), "{said}");
    // What stood before stands.
    assert_eq!(project.text("results/own_program/tables/coverage.md"), table);
}

/// Processes with this word in their command line.
fn processes(word: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())).count()
}

fn within_seconds(seconds: u32, condition: impl Fn() -> bool) -> bool {
    (0..seconds * 50).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        condition()
    })
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_killed_run_had_started_dies_with_it() {
    let project = Project::new();
    let mark = format!("{}.25", 20_000 + std::process::id());
    let pipeline = format!(
        "stages:\n  one:\n    stage: command\n    outputs: {{ o: text }}\n    with: {{ run: \"sleep {mark} & sleep {mark}; true\" }}\n"
    );
    std::fs::write(project.path("pipelines/sleep.yaml"), pipeline).unwrap();
    for signal in ["KILL", "INT"] {
        let mut command = project.command(&["run", "pipelines/sleep.yaml"], &[]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(within_seconds(20, || processes(&mark) == 2), "{signal}: the stage didn't start");
        let kill = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let status = child.wait().unwrap();
        assert!(signal == "KILL" || status.code() == Some(130), "{status}");
        assert!(within_seconds(20, || processes(&mark) == 0), "{signal}: something still runs");
    }
}

#[test]
fn graph_draws_and_ls_lists() {
    let project = Project::new();
    for (format, start) in [("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")] {
        let output = project.command(&["graph", ABLATION, "--format", format], &[]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains(start), "{format}: {}", stdout(&output));
    }
    let stages = project.command(&["ls", "stages"], &[]).output().unwrap();
    for kind in ["preprocess", "scribble", "split", "train", "evaluate", "significance", "table", "plot_scores"] {
        assert!(stdout(&stages).contains(kind), "{kind} is not listed");
    }
}

#[test]
fn every_committed_pipeline_resolves_under_every_profile() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for profile in ["demo", "mini", "paper"] {
        let request =
            runner::spec::Request { pipeline: root.join(ABLATION), profile: Some(profile.to_owned()), set: Vec::new() };
        let experiment = runner::spec::load(&request).unwrap_or_else(|e| panic!("{profile}: {e}"));
        let plan = runner::plan::resolve(&experiment, runner::stage::ALL).unwrap_or_else(|e| panic!("{profile}: {e}"));
        let trainings = plan.nodes.iter().filter(|node| node.entry == "train").count();
        assert_eq!(trainings, if profile == "paper" { 54 } else { 18 }, "{profile}");
    }
}

#[test]
fn a_device_is_chosen_by_a_setting_and_one_that_is_not_there_is_refused_before_anything_runs() {
    let project = Project::new();
    let refused = |device: &str| {
        let output = project.run(&["run", ABLATION], &[&format!("device={device}")]);
        assert!(!output.status.success(), "{device}");
        assert!(!project.path(".runner").exists(), "{device}: something ran");
        stderr(&output)
    };
    let unknown = refused("libtroch");
    assert!(unknown.contains("did you mean `libtorch`?"), "{unknown}");
    if !cfg!(feature = "cuda") {
        let not_built = refused("cuda:0");
        assert!(not_built.contains("--features cuda"), "{not_built}");
    }
    if cfg!(feature = "tch") {
        let output = project.run(&["run", ABLATION], &["device=libtorch"]);
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        let provenance = project.text("results/ablation/provenance.json");
        assert!(provenance.contains("libtorch/f32") && !provenance.contains("flex/f32"));
    }
}
