use super::toys::{Heard, Project, chain, runs};
use runner::engine::{EngineError, Options, run};
use serde_json::json;
use std::sync::atomic::Ordering;

#[test]
fn cold_then_cached() {
    let project = chain();
    let summary = project.run();
    assert_eq!(summary.ran, ["first", "middle", "last"]);
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
    let summary = project.run();
    assert!(summary.ran.is_empty() && summary.succeeded());
    assert_eq!(summary.cached, ["first", "middle", "last"]);
}

#[test]
fn one_parameter_runs_what_depends_on_it() {
    let mut project = chain();
    project.run();
    project.set("middle", "text", "two");
    let summary = project.run();
    assert_eq!((summary.cached, summary.ran), (vec!["first".to_owned()], vec!["middle".into(), "last".into()]));
    assert_eq!(project.result("text/text.txt"), "3 a(two a(1))");
}

#[test]
fn the_same_bytes_cut_off_early() {
    let mut project = chain();
    project.run();
    project.set("first", "note", "changes the key only");
    let summary = project.run();
    assert_eq!((summary.ran, summary.cached), (vec!["first".to_owned()], vec!["middle".into(), "last".into()]));
}

#[test]
fn the_content_of_a_source_counts_not_its_place() {
    let mut project = Project::new().node("read", json!({}), &[]);
    for (name, text) in [("one", "x"), ("two", "x"), ("three", "y")] {
        std::fs::write(project.path(name), text).unwrap();
    }
    let source = |project: &Project, name: &str| project.path(name).to_string_lossy().into_owned();
    let one = source(&project, "one");
    project.set("read", "source", one);
    assert_eq!(project.run().ran, ["read"]);
    let two = source(&project, "two");
    project.set("read", "source", two);
    assert_eq!(project.run().cached, ["read"]);
    let three = source(&project, "three");
    project.set("read", "source", three);
    assert_eq!(project.run().ran, ["read"]);
    let gone = source(&project, "gone");
    project.set("read", "source", gone);
    let failed = project.run().failed;
    assert!(failed[0].error.contains("`source`") && failed[0].error.contains("gone"), "{failed:?}");
}

/// `bad` fails; `below` needs it, `apart` doesn't.
fn with_a_bad_one(how: &str) -> Project {
    Project::new()
        .node("bad", json!({"do": how}), &[])
        .node("below", json!({}), &[("a", 0)])
        .node("further", json!({}), &[("a", 1)])
        .node("apart", json!({"text": "fine"}), &[])
        .node("apart_too", json!({}), &[("a", 3)])
}

#[test]
fn a_failure_fails_what_depends_on_it_alone() {
    for (how, error) in [("fail", "this toy is broken"), ("panic", "panicked: this toy fell apart")] {
        let project = with_a_bad_one(how);
        let summary = project.run();
        assert_eq!(summary.ran, ["apart", "apart_too"]);
        assert_eq!(summary.failed[0].node, "bad");
        assert_eq!(summary.failed[0].error, error);
        assert!(summary.failed[0].log_tail.contains(&"seed 0".to_owned()));
        let skipped = [("below".to_owned(), "bad".to_owned()), ("further".into(), "bad".into())];
        assert_eq!(summary.skipped, skipped);
        assert!(!summary.succeeded());
    }
}

#[test]
fn fail_fast_starts_nothing_more() {
    let project = with_a_bad_one("fail");
    let summary = project.run_with(&Options { jobs: 1, fail_fast: true, ..Options::default() });
    assert_eq!(summary.failed.len(), 1);
    assert_eq!(summary.cancelled, ["apart", "apart_too"]);
    assert!(!summary.interrupted);
}

#[test]
fn an_output_that_is_no_plain_file_fails() {
    let project = Project::new().node("linker", json!({"do": "link"}), &[]);
    let failed = project.run().failed;
    assert!(failed[0].error.contains("symbolic link"), "{failed:?}");
}

#[test]
fn scratch_is_kept_after_a_failure_and_gone_after_success() {
    let project = Project::new().node("train", json!({"do": "resume", "text": "whole"}), &[]);
    assert_eq!(project.run().failed[0].error, "interrupted");
    assert_eq!(super::toys::files(&project.path(".runner/scratch")).len(), 1);
    assert_eq!(project.run().ran, ["train"]);
    assert!(std::fs::read_dir(project.path(".runner/scratch")).unwrap().next().is_none());
}

#[test]
fn a_wish_to_stop_leaves_a_checkpoint() {
    let project = Project::new().node("train", json!({"do": "wait"}), &[]).node("below", json!({}), &[("a", 0)]);
    let options = Options { jobs: 1, ..Options::default() };
    let summary = std::thread::scope(|scope| {
        let cancel = options.cancel.clone();
        scope.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            cancel.store(true, Ordering::Relaxed);
        });
        project.run_with(&options)
    });
    assert!(summary.interrupted);
    assert_eq!(summary.cancelled, ["train", "below"]);
    assert_eq!(super::toys::files(&project.path(".runner/scratch")).len(), 1);
}

#[test]
fn force_runs_what_is_cached_and_names_are_checked() {
    let project = chain();
    project.run();
    let force = |name: &str| Options { jobs: 1, force: vec![name.into()], ..Options::default() };
    assert_eq!(project.run_with(&force("middle")).ran, ["middle"]);
    let error = run(&project.plan, &project.store(), &force("midle"), &Heard::default()).unwrap_err();
    assert!(matches!(error, EngineError::UnknownStage { .. }));
    assert_eq!(error.to_string(), "no stage `midle` in pipeline `toys`; it has first, middle, last");
}

#[test]
fn equal_stages_of_one_plan_run_once() {
    let params = json!({"count": "equal stages", "text": "x", "sleep_ms": 20});
    let project = Project::new().node("one", params.clone(), &[]).node("two", params, &[]);
    let summary = project.run();
    assert_eq!(runs("equal stages"), 1);
    assert_eq!((summary.ran.len(), summary.cached.len()), (1, 1));
}

#[test]
fn a_many_port_takes_all_in_order() {
    let project = Project::new()
        .node("part[n=2]", json!({"text": "two"}), &[])
        .node("part[n=1]", json!({"text": "one"}), &[])
        .node("whole", json!({"text": "="}), &[("all", 0), ("all", 1)])
        .publish("whole", ".");
    project.run();
    assert_eq!(project.result("text.txt"), "= all(two) all(one)");
}

/// Threads of `count` stages that take spare cores, on four.
fn threads_of(count: usize, cpus: &str) -> Vec<String> {
    let ids: Vec<String> = (0..count).map(|i| format!("train{i}")).collect();
    let params = |id: &String| json!({"do": "count threads", "cpus": cpus, "text": id});
    let project = ids.iter().fold(Project::new(), |project, id| project.node(id, params(id), &[]).publish(id, id));
    let summary = project.run_with(&Options { jobs: 4, ..Options::default() });
    assert!(summary.succeeded());
    ids.iter().map(|id| project.result(&format!("{id}/text.txt"))).collect()
}

#[test]
fn spare_cores_are_shared_by_stages_that_can_use_them() {
    assert_eq!(threads_of(1, "at least one"), ["4 of 4"]);
    assert_eq!(threads_of(2, "at least one"), ["2 of 2", "2 of 2"]);
    assert_eq!(threads_of(3, "at least one"), ["1 of 1", "1 of 1", "2 of 2"]);
    // Where there are more stages than cores, one core each; what is left at the end is not foreseen.
    assert_eq!(threads_of(4, "at least one"), ["1 of 1"; 4]);
    assert_eq!(threads_of(2, "one"), ["1 of 1"; 2]);
    assert_eq!(threads_of(2, "all"), ["4 of 4"; 2]);
}
