//! Stages that treat their folders badly: they end well or with a clear error, and leave nothing behind.

use super::command::Project;
use super::toys::files;
use crate::kill;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// `first` writes `x`; `second` runs `line` and reads it as `inputs/a`; `third` reads it after that.
fn chain(line: &str, more: &str) -> Project {
    chain_in(tempfile::tempdir().unwrap(), line, more)
}

fn chain_in(folder: tempfile::TempDir, line: &str, more: &str) -> Project {
    let stage = |name: &str, inputs: &str, line: &str, more: &str| {
        format!(
            "  {name}:\n    stage: command\n    inputs: {{ {inputs} }}\n    outputs: {{ out: t }}\n    with:\n      \
             run: {line:?}\n{more}    publish: {{ out: {name} }}\n"
        )
    };
    Project::at(
        folder,
        &(stage("first", "", "echo one > outputs/out/x; echo two > outputs/out/y", "")
            + &stage("second", "a: first", line, more)
            + &stage("third", "a: first, b: second", "cat inputs/a/* > outputs/out/z", "")),
    )
}

const OPEN: &str = "      sandbox: false\n";

/// Nothing stays in `tmp/`, whatever happened; the error of `second`.
fn error(line: &str, more: &str) -> String {
    error_of(&chain(line, more), line)
}

fn error_of(project: &Project, line: &str) -> String {
    let summary = project.run();
    assert_eq!(files(&project.path(".runner/tmp")), [project.path(".runner/tmp/.gate")], "{line}");
    assert_eq!(summary.failed.len(), 1, "{line}: {summary:?}");
    assert_eq!(summary.failed[0].node, "second");
    summary.failed[0].error.clone()
}

fn succeeds(line: &str, more: &str) -> Project {
    whole(chain(line, more), line)
}

fn whole(project: Project, line: &str) -> Project {
    let summary = project.run();
    assert!(summary.succeeded(), "{line}: {summary:?}");
    let left = std::fs::read_dir(project.path(".runner/tmp")).unwrap().flatten();
    assert_eq!(left.map(|entry| entry.file_name()).collect::<Vec<_>>(), [".gate"], "{line}");
    assert_eq!(std::fs::read_to_string(project.path("results/p/third/z")).unwrap(), "one\ntwo\n", "{line}");
    assert_eq!(project.run().cached.len(), 3, "{line}");
    project
}

#[test]
fn inputs_may_be_deleted_for_oneself_alone() {
    succeeds("rm -r inputs; echo x > outputs/out/a", "");
    assert!(error("echo x > outputs/out/a; echo x > inputs/new", "").contains("wrote inputs/new"));
    #[cfg(target_os = "linux")]
    assert!(error("echo x > outputs/out/a && echo x > inputs/a/new", "").contains("exit code"));
}

#[test]
fn what_a_stage_without_a_sandbox_does_to_its_inputs_reaches_no_other() {
    for harm in ["rm $folder/x", "rm -r $folder", "echo new > $folder/more", "rm $folder/x; echo X > $folder/x"] {
        succeeds(&format!("folder=$(readlink -f inputs/a); echo x > outputs/out/a; {harm}"), OPEN);
    }
    // It writes into the object itself, which is found out and made again.
    let line =
        "file=$(readlink -f inputs/a)/x; chmod u+w $file; sleep 0.01; echo spoilt > $file; echo x > outputs/out/a";
    let project = chain(line, OPEN);
    project.run();
    assert_eq!(std::fs::read_to_string(project.path("results/p/third/z")).unwrap(), "one\ntwo\n");
    assert_eq!(std::fs::read_to_string(project.path("results/p/first/x")).unwrap(), "one\n");
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    for (line, expected) in [
        ("ln -s . outputs/out/loop", "loop in its output `out`: a symbolic link"),
        ("mkdir outputs/out/d; ln -s ../d outputs/out/d/up", "d/up in its output `out`: a symbolic link"),
        ("mkfifo outputs/out/pipe", "pipe in its output `out`: neither a file nor a folder"),
        ("echo x > outputs/out/$(printf '\\377')", "a name that is not UTF-8"),
        ("rm -r outputs/out; echo x > outputs/out", "outputs/out"),
        ("rm -r outputs/out; mkdir tmp/o; echo x > tmp/o/x; ln -s ../tmp/o outputs/out", "out"),
    ] {
        let error = error(line, "");
        assert!(error.contains(expected), "{line}: {error}");
    }
    // In its own folder for temporary files it may do as it likes.
    succeeds("ln -s . tmp/loop; mkfifo tmp/pipe; echo > tmp/$(printf '\\377'); echo x > outputs/out/a", "");
}

#[test]
fn names_may_be_odd_and_as_long_as_they_can_be() {
    let long = "n".repeat(255);
    let line =
        format!("echo 1 > outputs/out/{long}; ln outputs/out/{long} tmp/kept; ln outputs/out/{long} outputs/out/b");
    let project = succeeds(&format!("{line}; echo 2 > \"outputs/out/a'\\\" \\\\ ü\"; echo 3 > outputs/out/-rf"), "");
    assert_eq!(files(&project.path("results/p/second")).len(), 4);
    assert_eq!(std::fs::read_to_string(project.path("results/p/second").join(long)).unwrap(), "1\n");
    assert_eq!(std::fs::read_to_string(project.path("results/p/second/a'\" \\ ü")).unwrap(), "2\n");
}

/// A line that makes `rounds` times a thousand folders, each in the one before, with a file in the deepest.
fn deep(into: &str, rounds: usize) -> String {
    let thousand = vec!["d"; 1000].join("/");
    let round = format!("mkdir -p {thousand} && cd -P {thousand} && ");
    format!("(cd -P {into} && {} echo x > y)", round.repeat(rounds))
}

#[test]
fn folders_may_be_deeper_than_a_path_can_say() {
    let in_memory = |line: &str| chain_in(kill::in_memory(), line, "");
    let line = format!("{} && echo x > outputs/out/a", deep("tmp", 3));
    whole(in_memory(&line), &line);
    let line = deep("outputs/out", 3);
    let error = error_of(&in_memory(&line), &line);
    assert!(error.contains("File name too long") && error.contains("outputs/out"), "{error}");
    let line = deep("outputs/out", 1);
    let fine = whole(in_memory(&line), &line);
    assert_eq!(files(&fine.path("results/p/second")).len(), 1);
}

#[test]
fn links_to_an_input_are_copies_in_the_store() {
    let project = succeeds("ln $(readlink -f inputs/a)/x outputs/out/x || cp inputs/a/x outputs/out/x", OPEN);
    assert_eq!(std::fs::read_to_string(project.path("results/p/second/x")).unwrap(), "one\n");
    // One that keeps a name for its output cannot change what was stored.
    let project = succeeds("echo kept > outputs/out/x; ln outputs/out/x $RUNNER_SCRATCH/../../mine", OPEN);
    std::fs::write(project.path(".runner/mine"), "new").unwrap();
    std::fs::remove_dir_all(project.path("results")).unwrap();
    assert_eq!(project.run().cached.len(), 3);
    assert_eq!(std::fs::read_to_string(project.path("results/p/second/x")).unwrap(), "kept\n");
}

#[test]
fn thousands_of_files_are_fine() {
    let line = "seq 3000 | split -l 1 -a 4 - outputs/out/f";
    let project = whole(chain_in(kill::in_memory(), line, ""), line);
    assert_eq!(files(&project.path("results/p/second")).len(), 3000);
}

/// As a user without rights: root may read and remove anything.
#[test]
fn folders_and_files_without_rights_stop_nothing() {
    const NOBODY: u32 = 65534;
    let run = |line: &str| {
        let project = kill::Project::new(&format!(
            "  one:\n    stage: command\n    outputs: {{ out: t }}\n    with: {{ run: {line:?} }}\n    publish: {{ out: o }}\n"
        ));
        let mut command = project.command(&["run", "pipelines/p.yaml"]);
        // SAFETY: a system call without arguments.
        if unsafe { libc::geteuid() } == 0 {
            for path in [project.path(""), project.path("pipelines"), project.path("pipelines/p.yaml")] {
                std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        (command.stdout(Stdio::piped()).stderr(Stdio::piped()).output(), project)
    };
    if !run("echo x > outputs/out/x").0.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "SKIPPED folders_and_files_without_rights_stop_nothing: nobody can't run the program where it stands"
        );
        return;
    }
    let left = |project: &kill::Project| {
        let left = std::fs::read_dir(project.path(".runner/tmp")).unwrap().flatten();
        left.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let closed = "mkdir -p tmp/a/b outputs/out/a; echo x > tmp/a/b/c; echo x > outputs/out/a/x; chmod 0 tmp/a/b; \
                  chmod 555 tmp/a outputs/out/a outputs/out";
    let (output, project) = run(closed);
    let output = output.unwrap();
    assert!(output.status.success(), "{}", kill::said(&output));
    assert_eq!(project.files("results/p/o")["a/x"], b"x\n");
    assert_eq!(left(&project), [".gate"]);
    let (output, project) = run("echo x > outputs/out/secret; chmod 0 outputs/out/secret");
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(kill::said(&output).contains("Permission denied") && kill::said(&output).contains("outputs/out"));
    assert_eq!(left(&project), [".gate"]);
}
