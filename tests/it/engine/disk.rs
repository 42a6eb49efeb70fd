//! A store whose bytes rot, whose disk is full, or that can't be written to.

use super::toys::{Heard, Project, chain, files};
use crate::kill;
use runner::engine::{Options, run, status};
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// `chain`, with a source that was written long ago, so that the memo keeps its digest.
fn with_a_source() -> Project {
    let mut project = chain().publish("first", "first");
    project.folder = kill::in_memory();
    project.plan.root = project.folder.path().to_owned();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    project.set("first", "source", source.to_string_lossy().into_owned());
    project
}

fn results(project: &Project) -> BTreeMap<PathBuf, Vec<u8>> {
    files(&project.path("results")).into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

/// What a run said that must succeed.
fn succeeds(project: &Project, what: &str) -> Vec<String> {
    let heard = Heard::default();
    let options = Options { jobs: 2, ..Options::default() };
    let summary = run(&project.plan, &project.store(), &options, &heard).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(summary.succeeded(), "{what}: {summary:?}");
    heard.lines.into_inner()
}

/// Flips one bit where it stands: a hard link keeps its other names.
fn flip(path: &Path, at: usize, bit: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    let mode = |readonly: bool| {
        let mut permissions = path.metadata().unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, if readonly { 0o444 } else { 0o644 });
        std::fs::set_permissions(path, permissions).unwrap();
    };
    let readonly = path.metadata().unwrap().permissions().readonly();
    mode(false);
    std::fs::write(path, bytes).unwrap();
    mode(readonly);
}

#[test]
fn a_flipped_bit_in_any_file_of_the_store_changes_no_result() {
    let project = with_a_source();
    succeeds(&project, "the first run");
    let right = results(&project);
    assert_eq!(right.len(), 3);
    let kinds = ["objects", "actions", "latest", "trees", "journal", "logs", "published", "ledger", "memo.json"];
    for kind in kinds {
        let path = project.path(".runner").join(kind);
        let all = if path.is_file() { vec![path] } else { files(&path) };
        assert!(!all.is_empty(), "the store has no {kind}");
        for file in all {
            let length = file.metadata().unwrap().len() as usize;
            // Some places, from the first to the last.
            for at in (0..length).step_by((length / 8).max(1)) {
                if !file.exists() {
                    break;
                }
                flip(&file, at.min(file.metadata().unwrap().len() as usize - 1), at % 7);
                let what = format!("{kind}: {} at {at}", file.display());
                if at % 2 == 0 {
                    std::fs::remove_dir_all(project.path("results")).unwrap();
                }
                succeeds(&project, &what);
                assert!(results(&project) == right, "{what}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_a_record_an_object_or_the_ledger_is_said() {
    let said = |kind: &str, at: usize, then: &dyn Fn(&mut Project)| {
        let mut project = with_a_source();
        succeeds(&project, "the first run");
        let right = results(&project);
        let all = files(&project.path(".runner").join(kind));
        all.iter().for_each(|file| flip(file, at, 0));
        then(&mut project);
        let notes = succeeds(&project, kind).join("\n");
        assert!(results(&project) == right, "{kind}");
        notes
    };
    let unpublish = |project: &mut Project| std::fs::remove_dir_all(project.path("results")).unwrap();
    assert!(said("objects", 0, &unpublish).contains("was corrupt; it is set aside"));
    assert!(said("actions", 5, &|_| {}).contains("was corrupt; it is set aside"));
    assert!(said("published", 70, &|_| {}).contains("was corrupt and is made anew"));
}

/// A record whose outputs go by other names is no hit: what reads them would get nothing.
#[test]
fn a_record_of_other_ports_is_no_hit() {
    let project = chain();
    project.run();
    for path in files(&project.path(".runner/actions")) {
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"out\":", "\"oup\":")).unwrap();
    }
    std::fs::remove_dir_all(project.path("results")).unwrap();
    let states = status(&project.plan, &project.store(), &[]).unwrap();
    assert!(states.iter().all(|state| !state.cached()), "{states:?}");
    let lines = succeeds(&project, "the run");
    assert_eq!(lines.iter().filter(|line| line.starts_with("Ran ")).count(), 3, "{lines:?}");
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
}

#[test]
fn locks_gates_and_sessions_may_hold_anything() {
    let project = chain();
    project.run();
    std::fs::create_dir_all(project.path(".runner/locks")).unwrap();
    for name in [".runner/tmp/.gate", ".runner/locks/x.lock", ".runner/tmp/stray"] {
        std::fs::write(project.path(name), [0xff; 100]).unwrap();
    }
    let mut again = chain();
    again.folder = project.folder;
    again.plan.root = again.folder.path().to_owned();
    again.set("last", "text", "new");
    succeeds(&again, "the run");
    assert_eq!(again.result("text/text.txt"), "new a(2 a(1))");
}

/// Stages whose results are a few hundred KiB, so that a small disk is full at one or another place of a run.
const PIPELINE: &str = "stages:\n  \
    a: { stage: command, outputs: { out: t }, with: { run: 'seq 9000 > outputs/out/x' }, publish: { out: a } }\n  \
    b:\n    stage: command\n    inputs: { a: a }\n    outputs: { out: t }\n    \
    with: { run: 'cat inputs/a/x inputs/a/x > outputs/out/x' }\n    publish: { out: b }\n  \
    c: { stage: command, inputs: { a: b }, outputs: { out: t }, with: { run: 'cksum inputs/a/x > outputs/out/x' }, publish: { out: c } }\n";

/// A mount namespace of its own, in which this user is root.
fn unshared(script: &str, folder: &Path) -> Option<Output> {
    let command = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script]).current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null());
        command.env("RUNNER", env!("CARGO_BIN_EXE_runner")).env_remove("RUNNER_STORE");
        command.output()
    };
    let probe =
        "mkdir -p probe && mount -t tmpfs -o size=1m tmpfs probe && mount --bind probe probe && umount -R probe";
    if !command(probe).is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: this system lets nobody mount in a namespace of its own (unshare -rm)");
        return None;
    }
    Some(command(script).unwrap())
}

/// Blocks of `== NAME` in what a script said.
fn blocks(output: &Output) -> Vec<(String, String)> {
    let text = kill::said(output);
    let block = |block: &str| block.split_once('\n').map(|(name, rest)| (name.to_owned(), rest.to_owned()));
    text.split("== ").filter_map(block).collect()
}

#[test]
fn a_full_disk_fails_clearly_and_the_next_run_with_space_ends_right() {
    let project = kill::Project::new("");
    std::fs::write(project.path("pipelines/p.yaml"), PIPELINE).unwrap();
    // By blocks, and by inodes.
    let script = r#"
        for limit in size=28k size=60k size=100k size=180k size=240k size=300k size=360k size=420k size=500k \
                     nr_inodes=12 nr_inodes=22 nr_inodes=30 nr_inodes=40 nr_inodes=50 nr_inodes=60; do
            mkdir -p w && mount -t tmpfs -o size=64m,$limit tmpfs w && cp -r pipelines w && cd w
            echo "== first $limit"; "$RUNNER" run pipelines/p.yaml --jobs 2 2>&1; echo "exit $?"
            mount -o remount,size=64m,nr_inodes=10000 "$PWD"
            echo "== second $limit"; "$RUNNER" run pipelines/p.yaml --jobs 2 2>&1; echo "exit $?"
            (cd results/p && cksum a/x b/x c/x); ls -A .runner/tmp results/p
            cd .. && umount w
        done"#;
    let Some(output) = unshared(script, &project.path("")) else { return };
    project.succeeds();
    let sums = Command::new("cksum").args(["a/x", "b/x", "c/x"]).current_dir(project.path("results/p")).output();
    let sums = String::from_utf8(sums.unwrap().stdout).unwrap();
    let blocks = blocks(&output);
    assert_eq!(blocks.len(), 30);
    let mut full = 0;
    for (name, text) in blocks {
        assert!(!text.contains("panicked"), "{name}: {text}");
        if name.starts_with("second") {
            assert!(text.contains("exit 0\n") && text.contains(&sums), "{name}: {text}");
            assert!(text.contains(".gate\n") && !text.contains(".publishing"), "{name}: {text}");
        } else if !text.contains("exit 0\n") {
            full += 1;
            assert!(text.contains("exit 1\n") || text.contains("exit 2\n"), "{name}: {text}");
            // Which file, or of which program.
            let named = text.contains("No space left on device") && text.contains("cannot ");
            assert!(named || text.contains("left at "), "{name}: {text}");
        }
    }
    assert!(full >= 10, "the disk was full {full} times only");
}

#[test]
fn a_limit_of_file_size_fails_clearly() {
    let project = kill::Project::new("");
    std::fs::write(project.path("pipelines/p.yaml"), PIPELINE).unwrap();
    for limit in [10, 200, 1000, 1500, 4000, 30_000, 60_000] {
        let mut command = project.command(&["run", "pipelines/p.yaml"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let limited = move || {
            let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
            // SAFETY: system calls with numbers and with a value that outlives them.
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                if libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        };
        // SAFETY: between fork and exec it makes two system calls.
        let output = unsafe { command.pre_exec(limited) }.output().unwrap();
        let said = kill::said(&output);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{limit}: {said}");
        assert!(said.contains("File too large") && !said.contains("panicked"), "{limit}: {said}");
    }
    project.succeeds();
    assert_eq!(project.files("results").len(), 4);
}

#[test]
fn a_store_that_cannot_be_written_to_answers_and_a_run_says_why_it_cannot() {
    let project = kill::Project::new("");
    std::fs::write(project.path("pipelines/p.yaml"), PIPELINE).unwrap();
    let script = r#"
        "$RUNNER" run pipelines/p.yaml >/dev/null 2>&1
        mount --bind .runner .runner && mount -o remount,ro,bind .runner
        for command in status plan explain; do
            echo "== $command"; "$RUNNER" $command pipelines/p.yaml 2>&1; echo "exit $?"
        done
        echo "== run"; "$RUNNER" run pipelines/p.yaml 2>&1; echo "exit $?"
        umount .runner
        for file in .runner/actions/*/*.json; do printf x > $file; done
        mount --bind .runner .runner && mount -o remount,ro,bind .runner
        echo "== corrupt"; "$RUNNER" status pipelines/p.yaml 2>&1; echo "exit $?""#;
    let Some(output) = unshared(script, &project.path("")) else { return };
    let blocks = blocks(&output);
    assert_eq!(blocks.len(), 5, "{blocks:?}");
    for (name, text) in &blocks[..3] {
        assert!(text.contains("exit 0\n") && text.contains("cached"), "{name}: {text}");
    }
    let (_, run) = &blocks[3];
    assert!(run.contains("Read-only file system") && run.contains(".runner") && run.contains("exit 2\n"), "{run}");
    let (_, corrupt) = &blocks[4];
    assert!(corrupt.contains("3 of 3 stages would run") && corrupt.contains("exit 0\n"), "{corrupt}");
}

/// What a training goes on from is sealed: a flipped bit of a weight makes it begin anew, to the same bits.
#[test]
fn a_checkpoint_with_a_flipped_bit_is_not_gone_on_from() {
    let project = kill::with_trainings();
    let command = |store: &str| kill::training(&project, 3, &["--store", store]);
    let run = |store: &str| {
        let output = command(store).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{}", kill::said(&output));
    };
    run("undisturbed");
    let outputs = |store: &str| {
        let records = project.files(&format!("{store}/actions")).into_values();
        let records = records.map(|record| serde_json::from_slice::<Value>(&record).unwrap());
        let train = records.into_iter().find(|record| record["manifest"]["kind"] == "train");
        train.unwrap()["outputs"].clone()
    };
    // One that is interrupted once it has a checkpoint.
    let mut child = command("disturbed").spawn().unwrap();
    let checkpoint = || {
        let all = files(&project.path("disturbed/scratch"));
        all.into_iter().find(|path| path.ends_with("checkpoint.bin"))
    };
    while checkpoint().is_none() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let Some(path) = checkpoint() else {
        eprintln!("SKIPPED: the training was faster than its killer");
        return;
    };
    flip(&path, path.metadata().unwrap().len() as usize - 3, 6);
    run("disturbed");
    assert_eq!(outputs("disturbed"), outputs("undisturbed"));
    let logs: Vec<u8> = project.files("disturbed/logs").into_values().flatten().collect();
    assert!(String::from_utf8_lossy(&logs).contains("not those that were written; training starts anew"));
}
