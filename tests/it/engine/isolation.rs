//! Stages in a process of their own. The program that stands for ours is a shell script: `SCRIPT exec JOB`.

use super::toys::{Heard, Project, TOY, sandboxed};
use runner::contract::{ParameterError, Place, Port, Stage, StageContext, StageError};
use runner::engine::{Event, Observer, Options, Summary, run};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Reads only what its parameter `reads` names of its input, if that is there.
struct Apart;
static APART: Apart = Apart;

impl Stage for Apart {
    fn kind(&self) -> &'static str {
        "apart"
    }
    fn summary(&self) -> &'static str {
        "a process of its own"
    }
    fn revision(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [Port] {
        TOY.inputs()
    }
    fn outputs(&self) -> &'static [Port] {
        TOY.outputs()
    }
    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        Ok(with.clone())
    }
    fn place(&self) -> Place {
        Place::Process
    }
    fn reads(&self, context: &StageContext) -> Result<Option<Vec<PathBuf>>, StageError> {
        let name = context.params.get("reads").and_then(Value::as_str);
        name.map(|name| Ok(vec![context.input("a")?.join(name)])).transpose()
    }
    fn run(&self, _: &StageContext) -> Result<(), StageError> {
        Err(StageError::Failed("not in a process of its own".into()))
    }
}

/// One stage `apart` that reads `first`, which wrote `text.txt` and `test.txt`, and the script that runs it.
/// In the script `$out` is its output folder, `$in` its input, `$scratch` its scratch.
fn project(script: &str, params: Value) -> (Project, Options) {
    let mut project = Project::new()
        .node("first", json!({"text": "1", "files": ["test.txt"]}), &[])
        .node("apart", params, &[("a", 0)])
        .publish("apart", "apart");
    project.at("apart").stage = &APART;
    let path = project.path("program");
    let field = |name: &str, key: &str| format!("{name}=$(sed 's/.*\"{key}\":\"\\([^\"]*\\)\".*/\\1/' \"$2\")\n");
    let header = field("out", "out") + &field("in", "path") + &field("scratch", "scratch");
    std::fs::write(&path, format!("#!/bin/sh\n{header}{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = Options { jobs: 2, executable: Some(path), ..Options::default() };
    (project, options)
}

fn ended(script: &str, params: Value) -> (Project, Summary) {
    let (project, options) = project(script, params);
    let summary = run(&project.plan, &project.store(), &options, &Heard::default()).unwrap();
    (project, summary)
}

fn error(script: &str, params: Value) -> String {
    let (_, summary) = ended(script, params);
    assert_eq!(summary.failed.len(), 1, "{summary:?}");
    summary.failed[0].error.clone()
}

const DONE: &str = r#"echo '{"event":"done"}'"#;

#[derive(Default)]
struct Watcher(std::cell::RefCell<Vec<String>>);

impl Observer for Watcher {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Progress { done, total, message, .. } => {
                self.0.borrow_mut().push(format!("{done}/{total} {message}"));
            }
            Event::Log { line, node } if node.id == "apart" => self.0.borrow_mut().push((*line).to_owned()),
            _ => {}
        }
    }
}

#[test]
fn a_child_reports_writes_and_is_measured() {
    let script = format!(
        "cp $in/text.txt $out/text.txt\nsleep 0.2\necho '{{\"event\":\"progress\",\"done\":3,\"total\":4,\"message\":\"loss 0.1\"}}'\n\
         echo '{{\"event\":\"log\",\"line\":\"hello\"}}'\necho to stderr >&2\necho no event\n{DONE}"
    );
    let (project, options) = project(&script, json!({}));
    let watcher = Watcher::default();
    let summary = run(&project.plan, &project.store(), &options, &watcher).unwrap();
    assert!(summary.succeeded(), "{summary:?}");
    assert_eq!(project.result("apart/text.txt"), "1");
    assert_eq!(*watcher.0.borrow(), ["3/4 loss 0.1", "hello", "no event"]);
    let record = project.store().last_success("toys", "apart").unwrap().unwrap();
    assert!(record.peak_memory.is_some_and(|bytes| (1 << 17..100 << 20).contains(&bytes)), "{:?}", record.peak_memory);
    assert!(record.log_tail.contains(&"to stderr".to_owned()), "{:?}", record.log_tail);
}

#[test]
fn a_crash_an_abort_and_a_kill_fail_that_stage_alone() {
    for (script, expected) in [
        ("kill -SEGV $$", "SIGSEGV"),
        ("kill -ABRT $$", "SIGABRT"),
        ("kill -KILL $$", "when memory runs out; its peak memory"),
        ("exit 7", "exit code 7"),
        ("exit 0", "ended without a word"),
        (r#"echo '{"event":"failed","error":"no such luck"}'; exit 1"#, "no such luck"),
    ] {
        let (_, summary) = ended(script, json!({}));
        assert_eq!(summary.ran, ["first"]);
        assert!(summary.failed[0].error.contains(expected), "{script}: {}", summary.failed[0].error);
    }
}

#[test]
fn a_word_of_success_before_a_crash_counts_for_nothing() {
    assert!(error(&format!("{DONE}\nkill -SEGV $$"), json!({})).contains("SIGSEGV"));
}

#[test]
fn a_time_out_ends_it() {
    let (mut project, options) = project("sleep 60", json!({}));
    project.at("apart").demands.timeout = Some(Duration::from_millis(200));
    let summary = run(&project.plan, &project.store(), &options, &Heard::default()).unwrap();
    assert!(summary.failed[0].error.contains("time-out of 0.2 s"), "{summary:?}");
}

#[test]
fn a_wish_to_stop_reaches_it_and_the_next_run_goes_on_from_its_scratch() {
    let script = format!(
        "if [ -f $scratch/half ]; then cat $scratch/half > $out/text.txt; {DONE}; exit; fi\n\
         echo half > $scratch/half; echo '{{\"event\":\"log\",\"line\":\"ready\"}}'; read word\n\
         [ \"$word\" = cancel ] && echo '{{\"event\":\"cancelled\"}}'"
    );
    let (project, options) = project(&script, json!({}));
    struct Stopper(Arc<AtomicBool>);
    impl Observer for Stopper {
        fn event(&self, event: &Event<'_>) {
            if matches!(event, Event::Log { line: "ready", .. }) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
    }
    let summary = run(&project.plan, &project.store(), &options, &Stopper(Arc::clone(&options.cancel))).unwrap();
    assert!(summary.interrupted && summary.failed.is_empty(), "{summary:?}");
    options.cancel.store(false, Ordering::Relaxed);
    let summary = run(&project.plan, &project.store(), &options, &Heard::default()).unwrap();
    assert!(summary.succeeded(), "{summary:?}");
    assert_eq!(project.result("apart/text.txt"), "half\n");
}

#[test]
fn a_file_of_a_test_case_is_out_of_reach() {
    if !sandboxed("a_file_of_a_test_case_is_out_of_reach") {
        return;
    }
    // The same file by two names is one file, so that the one that is allowed is another here.
    let script = format!(
        "if cat $in/text.txt > $out/text.txt 2> $out/error; then {DONE}; else\n\
         echo \"{{\\\"event\\\":\\\"failed\\\",\\\"error\\\":\\\"$(cat $out/error)\\\"}}\"; exit 1; fi"
    );
    assert!(ended(&script, json!({"reads": "text.txt"})).1.succeeded());
    let leak = error(&script, json!({"reads": "of_a_training_case.txt"}));
    assert!(leak.contains("Permission denied") && leak.contains("leakage"), "{leak}");
    // A stage that names no files may read all of its inputs.
    assert!(ended(&script, json!({})).1.succeeded());
}
