use super::toys::{Project, runs};
use runner::digest::Digest;
use runner::engine::{Options, SilentObserver, run};
use serde_json::json;

#[test]
fn runners_that_share_a_store_run_each_stage_once() {
    let mut project = Project::new();
    for n in 0..6 {
        let params = json!({"count": format!("shared {n}"), "text": n.to_string(), "sleep_ms": 10});
        project = project.node(&format!("stage{n}"), params, &[]);
    }
    project = project.node("sum", json!({"count": "shared sum"}), &[("all", 0), ("all", 1), ("all", 2)]);
    let options = || Options { jobs: 2, ..Options::default() };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let summary = run(&project.plan, &project.store(), &options(), &SilentObserver).unwrap();
                assert!(summary.succeeded());
                assert_eq!(summary.ran.len() + summary.cached.len(), 7);
            });
        }
    });
    (0..6).for_each(|n| assert_eq!(runs(&format!("shared {n}")), 1));
    assert_eq!(runs("shared sum"), 1);
}

#[test]
fn a_lock_is_free_once_its_holder_is_gone() {
    let project = Project::new();
    let key = Digest::of_bytes(b"key");
    let (one, two) = (project.store(), project.store());
    let held = one.lock(key, &|| false).unwrap().unwrap();
    let waited = std::time::Instant::now();
    let impatient = || waited.elapsed().as_millis() > 20;
    assert!(two.lock(key, &impatient).unwrap().is_none());
    drop(held);
    assert!(two.lock(key, &|| false).unwrap().is_some());
    // A file that a dead process left locks nothing.
    std::fs::write(project.path(".runner/locks").join(format!("{key}.lock")), "").unwrap();
    assert!(one.lock(key, &|| false).unwrap().is_some());
}
