//! Faults that were reproduced in Snakemake, DVC, redun and moon, and what a clock can do.

use super::command::Project;
use super::toys::{Heard, chain, files, object, overwrite};
use crate::kill;
use runner::engine::{Options, run};
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

fn read(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.path(name)).unwrap()
}

/// redun: same size and mtime, new bytes. The memo holds the old digest by then.
#[test]
fn new_bytes_of_the_same_size_and_time_are_noticed() {
    let line = "  one: { stage: command, outputs: { out: t }, publish: { out: o }, with: { run: 'cp data/x outputs/out/x', sources: [data] } }\n";
    let project = Project::new(line);
    project.write("data/x", "old");
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(project.run().ran, ["one"]);
    assert!(read(&project, ".runner/memo.json").contains("data/x"), "the memo was to know it");
    let time = project.path("data/x").metadata().unwrap().modified().unwrap();
    let file = std::fs::File::options().write(true).open(project.path("data/x")).unwrap();
    std::io::Write::write_all(&mut &file, b"new").unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(project.path("data/x").metadata().unwrap().modified().unwrap(), time);
    assert_eq!(project.run().ran, ["one"]);
    assert_eq!(read(&project, "results/p/o/x"), "new");
}

/// Snakemake's between-workflow cache sorts the digests of inputs.
#[test]
fn swapped_inputs_are_no_hit() {
    let pipeline = |inputs: &str| {
        let write = |name: &str| {
            format!(
                "  {name}: {{ stage: command, outputs: {{ out: t }}, with: {{ run: 'echo {name} > outputs/out/x' }} }}\n"
            )
        };
        let both = format!(
            "  both: {{ stage: command, inputs: {{ {inputs} }}, outputs: {{ out: t }}, publish: {{ out: o }}, \
             with: {{ run: 'cat inputs/a/x inputs/b/x > outputs/out/x' }} }}\n"
        );
        write("one") + &write("two") + &both
    };
    let project = Project::new(&pipeline("a: one, b: two"));
    project.run();
    assert_eq!(read(&project, "results/p/o/x"), "one\ntwo\n");
    project.write("pipelines/p.yaml", &format!("stages:\n{}", pipeline("a: two, b: one")));
    assert_eq!(project.run().ran, ["both"]);
    assert_eq!(read(&project, "results/p/o/x"), "two\none\n");
    // And in a list, where they have the same port.
    let list = |inputs: &str| pipeline(inputs).replace("inputs/a/x inputs/b/x", "inputs/all/*/x");
    project.write("pipelines/p.yaml", &format!("stages:\n{}", list("all: [one, two]")));
    assert_eq!(project.run().ran, ["both"]);
    project.write("pipelines/p.yaml", &format!("stages:\n{}", list("all: [two, one]")));
    assert_eq!(project.run().ran, ["both"]);
}

/// DVC, Snakemake and moon let a stage see a variable that is in no key.
#[test]
fn only_declared_variables_matter() {
    let project = kill::Project::new(
        "  one:\n    stage: command\n    outputs: { out: t }\n    publish: { out: o }\n    \
           with: { run: 'echo $SEEN $HIDDEN > outputs/out/x', pass: [SEEN] }\n",
    );
    let run = |seen: &str, hidden: &str| {
        let mut command = project.command(&["run", "pipelines/p.yaml"]);
        command.env("SEEN", seen).env("HIDDEN", hidden).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", kill::said(&output));
        let text = String::from_utf8(project.files("results/p/o")["x"].clone()).unwrap();
        (kill::said(&output).starts_with("all 1 stages cached"), text)
    };
    assert_eq!(run("1", "1"), (false, "1\n".to_owned()));
    assert_eq!(run("1", "2"), (true, "1\n".to_owned()));
    assert_eq!(run("2", "2"), (false, "2\n".to_owned()));
    assert_eq!(run("1", "3"), (true, "1\n".to_owned()));
}

/// DVC restores a corrupt object, and moon counts a tampered output as a hit.
#[test]
fn tampered_results_are_put_right_and_come_from_whole_objects_only() {
    let project = chain().publish("first", "first");
    project.run();
    for name in ["text/text.txt", "first/text.txt"] {
        std::fs::write(project.path("results").join(name), "tampered").unwrap();
    }
    // The object of one is corrupt as well: same size, other bytes.
    overwrite(&object(&project, "3 a(2 a(1))"), "3 a(2 a(X))");
    let heard = Heard::default();
    let summary = run(&project.plan, &project.store(), &Options { jobs: 1, ..Options::default() }, &heard).unwrap();
    assert_eq!(summary.ran, ["last"], "{:?}", heard.lines);
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
    assert_eq!(project.result("first/text.txt"), "1");
}

/// moon deletes outputs before the cached ones have arrived: here nothing goes until all that replaces it stands.
#[test]
fn results_stand_until_those_that_replace_them_have_arrived() {
    let files = serde_json::json!(["a", "b", "c"]);
    let mut project = super::toys::Project::new().node("one", serde_json::json!({"text": "old", "files": files}), &[]);
    project = project.publish("one", "o");
    project.run();
    project.set("one", "text", "new");
    project.run();
    project.set("one", "text", "old");
    // What would have to come from the store is lost, and can't be made again.
    overwrite(&object(&project, "old"), "olX");
    project.at("one").demands.gpus = 1;
    let summary = project.run();
    assert_eq!(summary.failed.len(), 1, "{summary:?}");
    for name in ["a", "b", "c", "text.txt"] {
        assert_eq!(project.result(&format!("o/{name}")), "new");
    }
    project.at("one").demands.gpus = 0;
    assert_eq!(project.run().ran, ["one"]);
    assert_eq!(project.result("o/c"), "old");
}

/// DVC's lock file is rewritten in place: kill -9 leaves nothing of it. Here any small file may be empty or gone.
#[test]
fn no_small_file_of_the_store_is_needed() {
    for how in ["empty", "gone", "half"] {
        let project = chain();
        project.run();
        for folder in ["actions", "latest", "published", "journal", "logs"] {
            for path in files(&project.path(".runner").join(folder)) {
                let bytes = std::fs::read(&path).unwrap();
                match how {
                    "empty" => std::fs::write(&path, "").unwrap(),
                    "half" => std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
                    _ => std::fs::remove_file(&path).unwrap(),
                }
            }
        }
        let summary = project.run();
        assert!(summary.succeeded() && summary.ran.len() == 3, "{how}: {summary:?}");
        assert_eq!(project.run().cached.len(), 3, "{how}");
    }
}

#[test]
fn a_clock_that_goes_backwards_is_no_matter() {
    let project = Project::new(
        "  one: { stage: command, outputs: { out: t }, publish: { out: o }, with: { run: 'cp data outputs/out/x', sources: [data] } }\n",
    );
    // Everything was made in a year that is yet to come.
    let future = SystemTime::now() + Duration::from_secs(400 * 24 * 3600);
    let set = |name: &str, time: SystemTime| {
        let file = std::fs::File::options().write(true).open(project.path(name)).unwrap();
        file.set_modified(time).unwrap();
    };
    project.write("data", "one");
    set("data", future);
    assert_eq!(project.run().ran, ["one"]);
    for path in files(&project.path(".runner/actions")) {
        let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        record["finished"] = (u64::MAX / 4).into();
        record["seconds"] = 1e9.into();
        std::fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
    }
    for path in files(&project.path("results")).iter().chain(&files(&project.path(".runner"))) {
        let file = std::fs::File::open(path).unwrap();
        file.set_modified(future).unwrap();
    }
    assert_eq!(project.run().cached, ["one"]);
    // A file that claims to be of the future is never known by its times.
    project.write("data", "two");
    set("data", future);
    assert_eq!(project.run().ran, ["one"]);
    // And one from before 1970 is a file like others.
    project.write("data", "six");
    set("data", SystemTime::UNIX_EPOCH - Duration::from_secs(1000));
    assert_eq!(project.run().ran, ["one"]);
    assert_eq!(read(&project, "results/p/o/x"), "six");
}

/// What was read can't be told when a source changes meanwhile: that is no result.
#[test]
fn a_source_that_changes_while_it_is_read_fails_its_stage() {
    let line = |folder: &str| {
        format!(
            "  one:\n    stage: command\n    outputs: {{ out: t }}\n    publish: {{ out: o }}\n    with:\n      \
             run: 'cp data outputs/out/x; echo more >> {folder}/data'\n      sources: [data]\n      sandbox: false\n"
        )
    };
    let project = Project::new("");
    let folder = project.path("").to_string_lossy().into_owned();
    project.write("pipelines/p.yaml", &format!("stages:\n{}", line(&folder)));
    project.write("data", "one\n");
    let error = project.error();
    assert!(error.contains("`sources.0` changed while it ran"), "{error}");
    assert!(!project.path("results/p/o").exists());
}
