use super::toys::{Heard, Project, chain, files, object};
use runner::engine::cache::{Gc, GcError, GcOptions};
use runner::engine::{Options, run};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const DAY: u64 = 86_400;

fn keep_last(keep: usize) -> GcOptions {
    GcOptions { keep_last: Some(keep), ..GcOptions::default() }
}

fn older_than(days: u64) -> GcOptions {
    GcOptions { older_than: Some(Duration::from_secs(days * DAY)), ..GcOptions::default() }
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Collects, and closes the store again.
fn collect(project: &Project, options: &GcOptions) -> Gc {
    let store = project.store();
    let gc = store.begin_gc(options).unwrap();
    gc.delete_records(&store).unwrap();
    gc.delete_rest().unwrap();
    gc
}

fn stages(gc: &Gc) -> Vec<&str> {
    gc.records.iter().flat_map(|record| &record.stages).map(|(_, node)| node.as_str()).collect()
}

/// `chain` run with each of these texts in its middle, in turn.
fn run_with(texts: &[&str]) -> Project {
    let mut project = chain();
    for text in texts {
        project.set("middle", "text", *text);
        assert!(project.run().succeeded());
    }
    project
}

fn all_cached(project: &Project) -> bool {
    project.run().ran.is_empty()
}

#[test]
fn without_options_only_garbage_goes() {
    let mut project = run_with(&["a", "b"]);
    std::fs::create_dir_all(project.path(".runner/objects/ab")).unwrap();
    std::fs::write(project.path(".runner/objects/ab").join("c".repeat(62)), "of no record").unwrap();
    std::fs::write(project.path(".runner/objects/ab/.x.4242-0.partial"), "torn").unwrap();
    assert_eq!(project.store().usage().unwrap().unneeded.count, 2);
    let gc = collect(&project, &GcOptions::default());
    assert_eq!((gc.records.len(), gc.objects.count, gc.objects.bytes, gc.leftovers.count), (0, 1, 12, 1));
    assert_eq!(project.store().usage().unwrap().unneeded.count, 0);
    assert!(all_cached(&project));
    project.set("middle", "text", "a");
    assert!(all_cached(&project), "an earlier result went");
}

#[test]
fn keep_last_keeps_so_many_of_each_stage() {
    let mut project = run_with(&["a", "b", "c"]);
    let gc = collect(&project, &keep_last(2));
    assert_eq!(stages(&gc), ["middle", "last"]);
    assert!(!object(&project, "a a(1)").exists() && object(&project, "b a(1)").exists());
    assert!(project.store().verify(&|_, _| {}).unwrap().is_sound());
    assert!(all_cached(&project));
    project.set("middle", "text", "b");
    assert!(all_cached(&project));
    project.set("middle", "text", "a");
    assert_eq!(project.run().ran, ["middle", "last"]);
}

#[test]
fn the_latest_stay_whatever_their_age_unless_they_are_given_up() {
    let mut project = run_with(&["a", "b"]);
    let store = project.store();
    let gc = store.plan_gc_at(&older_than(30), now() + 20 * DAY).unwrap();
    assert!(gc.is_empty(), "{gc:?}");
    let gc = store.plan_gc_at(&older_than(30), now() + 40 * DAY).unwrap();
    assert_eq!(stages(&gc), ["middle", "last"]);
    assert!(gc.records.iter().all(|record| !record.latest));
    gc.delete_records(&store).unwrap();
    gc.delete_rest().unwrap();
    assert!(all_cached(&project));
    let give_up = GcOptions { keep_last: Some(0), ..older_than(30) };
    let gc = store.plan_gc_at(&give_up, now() + 40 * DAY).unwrap();
    assert_eq!(gc.records.iter().filter(|record| record.latest).count(), 3);
    gc.delete_records(&store).unwrap();
    gc.delete_rest().unwrap();
    assert!(files(&project.path(".runner/objects")).is_empty());
    assert!(files(&project.path(".runner/latest")).is_empty());
    project.set("first", "text", "1");
    assert_eq!(project.run().ran.len(), 3);
}

#[test]
fn a_use_counts_not_only_the_making() {
    let mut project = run_with(&["a", "b", "c"]);
    // Back to the first: it is the newest of its stage now.
    project.set("middle", "text", "a");
    std::thread::sleep(Duration::from_millis(1100));
    assert!(all_cached(&project));
    collect(&project, &keep_last(1));
    assert!(all_cached(&project));
    assert!(object(&project, "a a(1)").exists() && !object(&project, "c a(1)").exists());
}

#[test]
fn max_size_takes_the_oldest_first_and_says_what_it_may_not_take() {
    let big = |letter: &str| letter.repeat(10_000);
    let mut project = Project::new().node("big", json!({}), &[]);
    for letter in ["a", "b", "c"] {
        project.set("big", "text", big(letter));
        project.run();
    }
    let takes = project.store().usage().unwrap().bytes;
    let limit = |bytes: u64| GcOptions { max_size: Some(bytes), ..GcOptions::default() };
    assert!(collect(&project, &limit(takes + 10_000)).is_empty());
    let gc = collect(&project, &limit(takes - 5_000));
    assert_eq!((gc.records.len(), gc.over), (1, None));
    assert!(!object(&project, &big("a")).exists() && object(&project, &big("b")).exists());
    let gc = collect(&project, &limit(100));
    assert_eq!(gc.records.len(), 1);
    assert!(gc.over.is_some_and(|over| over > 9_000), "{gc:?}");
    assert!(all_cached(&project));
}

#[test]
fn pipelines_share_objects_and_each_keeps_its_own() {
    let mut project = chain();
    project.run();
    project.plan.name = "other".into();
    project.set("last", "text", "other");
    project.run();
    project.set("last", "text", "newest");
    project.run();
    let gc = collect(&project, &keep_last(1));
    assert_eq!(stages(&gc), ["last"]);
    assert!(all_cached(&project));
    project.plan.name = "toys".into();
    project.set("last", "text", "3");
    assert!(all_cached(&project));
    let holdings = project.store().usage().unwrap().pipelines;
    let of: Vec<_> = holdings.iter().map(|holding| (holding.pipeline.as_str(), holding.stages)).collect();
    assert_eq!(of, [("other", 3), ("toys", 3)]);
}

#[test]
fn a_kill_between_the_halves_leaves_garbage_and_no_broken_promise() {
    let mut project = run_with(&["a", "b"]);
    let store = project.store();
    let gc = store.begin_gc(&keep_last(1)).unwrap();
    gc.delete_records(&store).unwrap();
    drop(store);
    assert!(project.store().verify(&|_, _| {}).unwrap().is_sound());
    assert!(project.store().usage().unwrap().unneeded.count > 0);
    let again = collect(&project, &GcOptions::default());
    assert_eq!((again.records.len(), again.objects.count), (0, 4));
    assert_eq!(project.store().usage().unwrap().unneeded.count, 0);
    project.set("middle", "text", "a");
    assert_eq!(project.run().ran, ["middle", "last"]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let project = run_with(&["a", "b"]);
    let all = |root: &Path| files(root).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap()));
    let before: Vec<_> = all(&project.path(".runner")).collect();
    let gc = project.store().plan_gc(&keep_last(1)).unwrap();
    assert_eq!(gc.records.len(), 2);
    assert!(gc.bytes() > 0);
    assert_eq!(all(&project.path(".runner")).collect::<Vec<_>>(), before);
}

#[test]
fn a_run_keeps_collections_away_and_a_collection_lets_runs_wait() {
    let project = chain();
    project.run();
    let slow = Project { folder: tempfile::tempdir().unwrap(), plan: project.plan.clone() };
    let mut plan = slow.plan.clone();
    plan.nodes[0].params = json!({"text": "slow", "sleep_ms": 400}).into();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&plan, &project.store(), &Options::default(), &Heard::default()).unwrap());
        std::thread::sleep(Duration::from_millis(150));
        let refused = project.store().begin_gc(&keep_last(0)).unwrap_err();
        assert!(matches!(refused, GcError::InUse { .. }), "{refused}");
        assert!(running.join().unwrap().succeeded());
    });
    // Now the other way round: everything is given up, and the run that waited makes it again.
    let store = project.store();
    let gc = store.begin_gc(&keep_last(0)).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let heard = Heard::default();
            let summary = run(&project.plan, &project.store(), &Options::default(), &heard).unwrap();
            (summary, heard.lines.into_inner())
        });
        std::thread::sleep(Duration::from_millis(100));
        gc.delete_records(&store).unwrap();
        gc.delete_rest().unwrap();
        drop(store);
        let (summary, lines) = waiting.join().unwrap();
        assert_eq!(summary.ran.len(), 3, "{summary:?}");
        assert!(summary.succeeded());
        assert!(lines.iter().any(|line| line.contains("waited for a `cache gc`")), "{lines:?}");
    });
}

#[test]
fn checkpoints_logs_and_journals_go_by_age_alone() {
    let project = Project::new().node("train", json!({"do": "resume"}), &[]);
    project.run();
    let store = project.store();
    let kept = store.plan_gc_at(&keep_last(0), now()).unwrap();
    assert_eq!((kept.scratch.count, kept.logs.count), (0, 0));
    let gc = store.plan_gc_at(&older_than(30), now() + 40 * DAY).unwrap();
    // The newest journal of a pipeline tells durations: it stays.
    assert_eq!((gc.scratch.count, gc.logs.count, gc.journals.count), (1, 1, 0));
    project.run();
    let gc = store.plan_gc_at(&older_than(30), now() + 40 * DAY).unwrap();
    // It succeeded: no checkpoint is left, and its log belongs to a record that stays.
    assert_eq!((gc.scratch.count, gc.logs.count, gc.journals.count), (0, 0, 1));
}

#[test]
fn a_damaged_store_is_not_collected() {
    let project = run_with(&["a", "b"]);
    let record = files(&project.path(".runner/actions")).remove(0);
    let whole = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, &whole[..whole.len() / 2]).unwrap();
    let refused = project.store().plan_gc(&keep_last(1)).unwrap_err();
    assert!(refused.to_string().contains("cache verify --repair"), "{refused}");
    std::fs::write(&record, whole).unwrap();
    let latest = files(&project.path(".runner/latest")).remove(0);
    std::fs::write(&latest, "no key").unwrap();
    assert!(matches!(project.store().plan_gc(&keep_last(1)).unwrap_err(), GcError::Damaged { .. }));
}

#[test]
fn results_whose_journals_are_gone_are_kept_by_keep_last() {
    let project = run_with(&["a", "b"]);
    std::fs::remove_dir_all(project.path(".runner/journal")).unwrap();
    let gc = project.store().plan_gc(&keep_last(1)).unwrap();
    assert_eq!((gc.records.len(), gc.of_no_known_stage), (0, 2));
}
