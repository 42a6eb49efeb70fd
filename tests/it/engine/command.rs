//! `stage: command`: programs of the user's own.

use super::toys::{Heard, sandboxed};
use runner::engine::{Options, Store, Summary, run};
use runner::plan::{Plan, resolve};
use runner::spec::{Request, load};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A project with one pipeline.
pub struct Project(tempfile::TempDir);

impl Project {
    pub fn new(stages: &str) -> Self {
        Project::at(tempfile::tempdir().unwrap(), stages)
    }

    pub fn at(folder: tempfile::TempDir, stages: &str) -> Self {
        let project = Project(folder);
        project.write("pipelines/p.yaml", &format!("stages:\n{stages}"));
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn plan(&self) -> Result<Plan, String> {
        let request = Request { pipeline: self.path("pipelines/p.yaml"), ..Request::default() };
        let experiment = load(&request).map_err(|e| e.to_string())?;
        resolve(&experiment, runner::stage::ALL).map_err(|e| e.to_string())
    }

    pub fn run(&self) -> Summary {
        let options = Options { jobs: 2, ..Options::default() };
        let store = Store::open(self.path(".runner"));
        run(&self.plan().unwrap(), &store, &options, &Heard::default()).unwrap()
    }

    pub fn error(&self) -> String {
        let summary = self.run();
        assert_eq!(summary.failed.len(), 1, "{summary:?}");
        summary.failed[0].error.clone()
    }
}

/// One stage that runs `line`, with `more` lines of its entry.
fn one(line: &str, more: &str) -> Project {
    Project::new(&format!(
        "  one:\n    stage: command\n    outputs: {{ out: text }}\n    with:\n      run: {line:?}\n{more}    publish: {{ out: out }}\n"
    ))
}

#[test]
fn programs_read_inputs_write_outputs_and_are_cached() {
    let project = Project::new(
        "  first:\n    stage: command\n    outputs: { out: text }\n    with: { run: 'echo one > outputs/out/a' }\n  \
           second:\n    stage: command\n    inputs: { a: first, all: [first, first] }\n    outputs: { x: text, y: text }\n    \
             with: { run: [sh, -c, 'cat inputs/a/a inputs/all/*/a > outputs/x/b; ls inputs/all > outputs/y/c'] }\n    \
             publish: { x: x, y: y }\n",
    );
    assert_eq!(project.run().ran, ["first", "second"]);
    assert_eq!(std::fs::read_to_string(project.path("results/p/x/b")).unwrap(), "one\none\none\n");
    assert_eq!(std::fs::read_to_string(project.path("results/p/y/c")).unwrap(), "0\n1\n");
    assert_eq!(project.run().cached, ["first", "second"]);
}

#[test]
fn a_port_that_gathers_names_its_artifacts_by_their_coordinates() {
    let project = Project::new(
        "  each:\n    stage: command\n    for_each: [n]\n    outputs: { out: text }\n    \
             with: { run: 'echo ${matrix.n} > outputs/out/a' }\n  \
           all:\n    stage: command\n    inputs: { all: [each] }\n    outputs: { out: text }\n    \
             with: { run: 'ls inputs/all > outputs/out/b' }\n    publish: { out: out }\nmatrix: { n: [1, 2] }\n",
    );
    project.run();
    assert_eq!(std::fs::read_to_string(project.path("results/p/out/b")).unwrap(), "n=1\nn=2\n");
}

#[test]
fn a_source_counts_by_its_content_and_stands_under_its_name() {
    let project = one("sh scripts/a.sh > outputs/out/a", "      sources: [scripts/a.sh]\n");
    project.write("scripts/a.sh", "echo one");
    assert_eq!(project.run().ran, ["one"]);
    assert_eq!(project.run().cached, ["one"]);
    project.write("scripts/a.sh", "echo two");
    assert_eq!(project.run().ran, ["one"]);
    assert_eq!(std::fs::read_to_string(project.path("results/p/out/a")).unwrap(), "two\n");
}

#[test]
fn only_declared_variables_are_seen() {
    let more = "      environment: { MINE: 'a b' }\n      pass: [CARGO_MANIFEST_DIR]\n";
    let project = one("env | cut -d= -f1 | sort > outputs/out/a; echo $MINE >> outputs/out/a", more);
    project.run();
    let seen = std::fs::read_to_string(project.path("results/p/out/a")).unwrap();
    let expected = "CARGO_MANIFEST_DIR HOME LC_ALL MINE OMP_NUM_THREADS PATH PWD PYTHONDONTWRITEBYTECODE \
                    RUNNER_SCRATCH RUNNER_SEED RUNNER_THREADS TMPDIR TZ a b";
    assert_eq!(seen.split_whitespace().collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn an_undeclared_output_is_an_error_and_so_is_a_missing_one() {
    assert!(one("echo x > outputs/out/a; echo y > other", "").error().contains("wrote other, which is no declared"));
    assert!(one("echo x > outputs/out/a; mkdir outputs/more", "").error().contains("wrote outputs/more"));
    assert!(one("true", "").error().contains("wrote nothing to outputs/out"));
    assert!(one("rm -r outputs", "").error().contains("outputs/out"));
    // What is temporary goes to tmp.
    assert!(one("echo x > $TMPDIR/y; cp $HOME/y outputs/out/a", "").run().succeeded());
}

#[test]
fn failures_tell_how_they_ended() {
    assert!(one("exit 3", "").error().contains("exit code 3"));
    assert!(
        one("false; echo x > outputs/out/a", "").error().contains("exit code 1"),
        "a failed command was passed over"
    );
    assert!(one("kill -SEGV $$", "").error().contains("SIGSEGV"));
    assert!(one("kill -KILL $$", "").error().contains("when memory runs out"));
    let project = one("echo to the log; echo and this >&2; exit 1", "");
    let summary = project.run();
    assert_eq!(summary.failed[0].log_tail[..2], ["to the log", "and this"]);
    let missing =
        Project::new("  one:\n    stage: command\n    outputs: { out: text }\n    with: { run: [no-such-program] }\n");
    assert!(missing.error().contains("no-such-program"));
}

#[test]
fn a_time_out_ends_the_program_and_all_that_it_started() {
    let mark = format!("{}.5", 10_000 + std::process::id());
    let start = Instant::now();
    let error = one(&format!("sleep {mark} & sleep {mark}; echo x > outputs/out/a"), "    timeout: 300 ms\n").error();
    assert!(error.contains("time-out of 0.3 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(9));
    assert!(!running(&mark));
}

/// Whether a process has this word in its command line.
fn running(word: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes()))
}

#[test]
fn what_was_not_declared_cannot_be_read_or_written() {
    if !sandboxed("what_was_not_declared_cannot_be_read_or_written") {
        return;
    }
    let project = one("true", "");
    project.write("secret.txt", "hidden");
    let line = format!("cat {} > outputs/out/a", project.path("secret.txt").display());
    let reads = one(&line, "");
    assert!(reads.error().contains("exit code 1"), "an undeclared file of another project was read");
    let line = format!("echo x > outputs/out/a; echo spoilt > {}", project.path("secret.txt").display());
    assert!(one(&line, "").error().contains("exit code"));
    assert_eq!(std::fs::read_to_string(project.path("secret.txt")).unwrap(), "hidden");
    // Without the sandbox it can, and the user said so.
    let line = format!("cat {} > outputs/out/a", project.path("secret.txt").display());
    assert!(one(&line, "      sandbox: false\n").run().succeeded());
}

#[test]
fn an_input_cannot_be_changed() {
    if !sandboxed("an_input_cannot_be_changed") {
        return;
    }
    let project = Project::new(
        "  first:\n    stage: command\n    outputs: { out: text }\n    with: { run: 'echo one > outputs/out/a' }\n  \
           second:\n    stage: command\n    inputs: { a: first }\n    outputs: { out: text }\n    \
             with: { run: 'echo two > inputs/a/a || true; rm -f inputs/a/a || true; cat inputs/a/a > outputs/out/b' }\n    \
             publish: { out: out }\n",
    );
    project.run();
    assert_eq!(std::fs::read_to_string(project.path("results/p/out/b")).unwrap(), "one\n");
}

#[test]
fn mistakes_in_an_entry_are_named() {
    let refused = |stages: &str| Project::new(stages).plan().err().unwrap();
    assert!(refused("  a:\n    stage: command\n    with: { run: x }\n").contains("has no `outputs`"));
    assert!(refused("  a:\n    stage: command\n    outputs: { o: t }\n    with: { run: ' ' }\n").contains("is empty"));
    let absolute = "  a:\n    stage: command\n    outputs: { o: t }\n    with: { run: x, sources: [/etc/passwd] }\n";
    assert!(refused(absolute).contains("inside of the project"));
    let inside = "  a:\n    stage: command\n    outputs: { o: t }\n    with: { run: x, outputs: { o: t } }\n";
    assert!(refused(inside).contains("beside `with`"));
    let other = "  a:\n    stage: split\n    outputs: { o: t }\n";
    assert!(refused(other).contains("takes no `outputs`"));
    let demand = "  a:\n    stage: command\n    outputs: { o: t }\n    with: { run: x }\n    timeout: soon\n";
    assert!(refused(demand).contains("must be a time"));
    let demand = "  a:\n    stage: command\n    outputs: { o: t }\n    with: { run: x }\n    resources: { cpu: 1 }\n";
    assert!(refused(demand).contains("has no `cpu`"));
}
