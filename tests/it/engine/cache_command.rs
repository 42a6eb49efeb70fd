//! `runner cache` as people call it, on a pipeline of two small programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PIPELINE: &str = "
settings: { text: first }
stages:
  write:
    stage: command
    outputs: { text: text }
    with: { run: 'echo ${text} > outputs/text/a.txt', sandbox: false }
  count:
    stage: command
    inputs: { text: write }
    outputs: { count: count }
    publish: { count: counts }
    with: { run: 'wc -c < inputs/text/a.txt > outputs/count/b.txt', sandbox: false }
";

struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Project(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(project.path("pipelines")).unwrap();
        std::fs::write(project.path("pipelines/p.yaml"), PIPELINE).unwrap();
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn runner(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.env("NO_COLOR", "1").env_remove("RUNNER_STORE").env_remove("RUNNER_REMOTE").stdin(Stdio::null());
        command.current_dir(self.0.path()).args(arguments).output().unwrap()
    }

    /// Standard output of a command that ends with this code.
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.runner(arguments);
        let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{error}");
        // Errors are wrapped and framed: as one line they can be searched.
        if code == 2 {
            error.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
        } else {
            out
        }
    }

    fn run(&self, text: &str) -> String {
        self.says(0, &["run", "pipelines/p.yaml", "--set", &format!("text={text}")])
    }

    fn objects(&self) -> Vec<PathBuf> {
        super::toys::files(&self.path(".runner/objects"))
    }
}

fn holds(text: &'static str) -> impl Fn(&&PathBuf) -> bool {
    move |path| std::fs::read_to_string(path).is_ok_and(|found| found == text)
}

fn url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

#[test]
fn stat_and_verify_tell_what_is_there_and_what_is_wrong() {
    let project = Project::new();
    let nothing = project.says(2, &["cache", "stat"]);
    assert!(nothing.contains("there is no store at") && nothing.contains("run a pipeline first"), "{nothing}");
    assert!(!project.path(".runner").exists());
    project.run("first");
    let stat: serde_json::Value = serde_json::from_str(&project.says(0, &["cache", "stat", "--json"])).unwrap();
    assert_eq!((&stat["objects"]["count"], &stat["records"]["count"]), (&4.into(), &2.into()));
    assert_eq!(stat["pipelines"][0]["pipeline"], "p");
    let text = project.says(0, &["cache", "stat"]);
    assert!(text.contains("latest results of p: 2 stages, 4 objects"), "{text}");
    assert!(project.says(0, &["cache", "verify"]).ends_with("all is sound\n"));

    let objects = project.objects();
    super::toys::overwrite(objects.iter().find(holds("first\n")).unwrap(), "worst\n");
    let wrong = project.says(1, &["cache", "verify"]);
    assert!(wrong.contains("corrupt: objects/") && wrong.contains("lost: write of p: text: a.txt"), "{wrong}");
    let mended = project.says(0, &["cache", "verify", "--repair"]);
    assert!(mended.contains("runs again: write of p") && mended.ends_with("the store is sound now\n"), "{mended}");
    assert!(project.says(0, &["cache", "verify"]).ends_with("all is sound\n"));
    assert!(project.run("first").starts_with("1 ran, 1 cached"));
}

#[test]
fn gc_names_what_goes_and_wants_to_be_told_twice_before_the_latest() {
    let project = Project::new();
    project.run("first");
    project.run("second");
    let before = project.objects();
    let dry = project.says(0, &["cache", "gc", "--keep-last", "1", "--dry-run"]);
    assert!(dry.contains("would remove write of p") && dry.contains("would remove 4 objects"), "{dry}");
    assert_eq!(project.objects(), before);
    let gone = project.says(0, &["cache", "gc", "--keep-last", "1"]);
    assert!(gone.contains("removed write of p") && gone.contains("2 results stay"), "{gone}");
    assert!(!project.objects().iter().any(|path| holds("first\n")(&path)));
    assert!(project.run("second").starts_with("all 2 stages cached"));

    let before = project.objects();
    let refused = project.says(2, &["cache", "gc", "--keep-last", "0"]);
    assert!(refused.contains("nothing was removed") && refused.contains("--yes"), "{refused}");
    assert_eq!(project.objects(), before);
    let over = project.says(1, &["cache", "gc", "--max-size", "1"]);
    assert!(over.contains("above --max-size stay"), "{over}");
    project.says(0, &["cache", "gc", "--keep-last", "0", "--yes"]);
    assert!(project.objects().is_empty());
    let wrong = project.says(2, &["cache", "gc", "--older-than", "30"]);
    assert!(wrong.contains("12h, 30d"), "{wrong}");
}

#[test]
fn stores_are_shared_through_a_remote() {
    let (here, there) = (Project::new(), Project::new());
    here.run("first");
    let remote = url(&here.path("a remote"));
    let pushed = here.says(0, &["cache", "push", &remote]);
    assert!(pushed.starts_with("4 objects") && pushed.contains("2 records sent to file://"), "{pushed}");
    let absent = there.says(0, &["cache", "pull", &remote, "pipelines/p.yaml", "--set", "text=other"]);
    assert!(absent.contains("2 stages are not there, and would run"), "{absent}");
    let pulled = there.says(0, &["cache", "pull", &remote, "pipelines/p.yaml"]);
    assert!(pulled.starts_with("2 results fetched from"), "{pulled}");
    assert!(there.run("first").starts_with("all 2 stages cached"));
    let objects = there.objects();
    super::toys::overwrite(objects.iter().find(holds("first\n")).unwrap(), "worst\n");
    let mended = there.says(0, &["cache", "verify", "--repair", "--remote", &remote]);
    assert!(mended.contains("fetched: write of p"), "{mended}");
    // A lie is told by the exit code too.
    let elsewhere = Project::new();
    let objects = super::toys::files(&here.path("a remote/objects"));
    std::fs::write(objects.iter().find(holds("first\n")).unwrap(), "worst\n").unwrap();
    let lie = elsewhere.says(1, &["cache", "pull", &remote, "--all"]);
    assert!(lie.contains("which is thrown away: its bytes have the digest"), "{lie}");
}

#[test]
fn a_store_that_cannot_be_written_gives_an_error_and_is_still_read() {
    let project = Project::new();
    project.run("first");
    // As on a read-only disk, for whoever runs the tests: the superuser writes to read-only folders.
    std::fs::remove_file(project.path(".runner/gc.lock")).unwrap();
    std::fs::create_dir(project.path(".runner/gc.lock")).unwrap();
    let none = url(&project.path("none"));
    let commands: [&[&str]; 3] =
        [&["cache", "gc"], &["cache", "verify", "--repair"], &["cache", "pull", &none, "--all"]];
    for command in commands {
        let output = project.runner(command);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains("panicked"), "{error}");
        if output.status.code() != Some(0) {
            assert!(error.contains("gc.lock"), "{error}");
        }
    }
    project.says(2, &["cache", "gc"]);
    project.says(0, &["cache", "gc", "--dry-run"]);
    project.says(0, &["cache", "stat"]);
    project.says(0, &["cache", "verify"]);
}
