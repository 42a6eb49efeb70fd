use super::toys::chain;
use proptest::prelude::*;
use runner::digest::Digest;
use runner::engine::cache::Entry;
use runner::engine::difference::compare;
use runner::engine::history::{
    Did, Durations, End, Run, UnknownRun, coordinates_of, elapsed, entry_of, find, last_part, runs,
};

fn key(text: &str) -> Digest {
    Digest::of_bytes(text.as_bytes())
}

fn started(at: u64) -> Entry {
    Entry::RunStarted { at, pipeline: "study".into(), stages: 3, runner: "0.1.0".into() }
}

fn finished(at: u64, node: &str, cached: bool, seconds: f64) -> Entry {
    Entry::Finished { at, node: node.into(), key: key(node), cached, seconds }
}

fn run(id: &str, entries: &[Entry]) -> Run {
    Run::of(id, entries).unwrap()
}

#[test]
fn a_run_is_what_its_journal_says() {
    let entries = [
        started(100),
        finished(100, "prepare", true, 0.0),
        Entry::Started { at: 101, node: "train[a=1]".into(), key: key("t") },
        Entry::Started { at: 101, node: "train[a=2]".into(), key: key("u") },
        Entry::Failed { at: 105, node: "train[a=1]".into(), error: "no memory".into() },
        Entry::Skipped { at: 105, node: "table".into(), because: "train[a=1]".into() },
        finished(130, "train[a=2]", false, 29.0),
        Entry::RunFinished { at: 131, ran: 1, cached: 1, failed: 1, interrupted: false },
    ];
    let whole = run("7", &entries);
    assert_eq!((whole.ran, whole.cached, whole.failed, whole.seconds(), whole.end), (1, 1, 1, 31, End::Finished));
    assert_eq!(whole.nodes["train[a=1]"].key, Some(key("t")));
    assert_eq!(whole.nodes["table"].did, Did::Skip { because: "train[a=1]".into() });
    assert_eq!(whole.keys().into_keys().collect::<Vec<_>>(), ["prepare", "train[a=2]"]);
    // Killed after four lines.
    let torn = run("8", &entries[..4]);
    assert_eq!((torn.end, torn.seconds(), &torn.nodes["train[a=2]"].did), (End::Open, 1, &Did::Start));
    assert_eq!(Run::of("9", &entries[1..]), None);
}

#[test]
fn runs_have_names() {
    let all = ["100-5-0", "100-6-0", "200-5-0"].map(|id| run(id, &[started(1)]));
    let found = |name: &str| find(&all, name).map(|run| run.id.as_str());
    assert_eq!(found("last"), Ok("200-5-0"));
    assert_eq!(found("last~2"), Ok("100-5-0"));
    assert_eq!(found("100-6"), Ok("100-6-0"));
    assert!(matches!(found("100"), Err(UnknownRun::Several { ids, .. }) if ids.len() == 2));
    assert!(matches!(found("last~3"), Err(UnknownRun::None { runs: 3, .. })));
    assert!(matches!(found("last~x"), Err(UnknownRun::None { .. })));
    assert!(matches!(found(""), Err(UnknownRun::None { .. })));
}

#[test]
fn the_last_time_counts_and_what_was_skipped_is_passed_over() {
    let first = run("1", &[started(1), finished(2, "train[a=1]", false, 10.0)]);
    let skipped = Entry::Skipped { at: 12, node: "train[a=1]".into(), because: "prepare".into() };
    let all = [first, run("2", &[started(11), skipped])];
    assert_eq!(last_part(&all, "study", "train[a=1]").map(|(run, _)| run.id.as_str()), Some("1"));
    assert_eq!(last_part(&all, "another", "train[a=1]"), None);
}

#[test]
fn durations_are_of_the_node_else_of_its_entry() {
    let all = [
        run("1", &[started(1), finished(2, "train[a=1]", false, 9.0), finished(3, "train[a=2]", false, 30.0)]),
        run("2", &[started(5), finished(6, "train[a=1]", false, 10.0), finished(6, "train[a=2]", true, 0.001)]),
    ];
    let durations = Durations::of(&all, "study");
    assert_eq!(durations.seconds("train[a=1]"), Some(10.0));
    assert_eq!(durations.seconds("train[a=3]"), Some((10.0 + 30.0) / 2.0));
    assert_eq!(durations.seconds("table"), None);
    assert_eq!(Durations::of(&all, "another").seconds("train[a=1]"), None);
}

#[test]
fn ids_in_their_parts() {
    assert_eq!(entry_of("train[a=1,b=x]"), "train");
    assert_eq!(entry_of("table"), "table");
    assert_eq!(coordinates_of("train[a=1,b=x]"), [("a", "1"), ("b", "x")].map(|(a, b)| (a.into(), b.into())).into());
    assert!(coordinates_of("table").is_empty());
}

#[test]
fn time_on_cores_by_hand() {
    // 4 before 2; beside them 3: two cores need 6, one needs 9, however many need 6.
    let (seconds, above) = ([4.0, 2.0, 3.0], vec![vec![], vec![0], vec![]]);
    assert_eq!(elapsed(&seconds, &above, 2), 6.0);
    assert_eq!(elapsed(&seconds, &above, 1), 9.0);
    assert_eq!(elapsed(&seconds, &above, 100), 6.0);
}

proptest! {
    #[test]
    fn more_cores_are_never_slower(seconds in prop::collection::vec(0.0..100.0_f64, 1..20), cores in 1..8_usize) {
        let above: Vec<Vec<usize>> = (0..seconds.len()).map(|i| if i % 3 == 0 { vec![] } else { vec![i - 1] }).collect();
        let (few, more) = (elapsed(&seconds, &above, cores), elapsed(&seconds, &above, cores + 1));
        prop_assert!(more <= few);
        prop_assert!(few <= seconds.iter().sum::<f64>() + 1e-9);
    }
}

#[test]
fn two_runs_of_a_changed_plan_differ_in_what_changed() {
    let mut project = chain();
    project.run();
    project.set("middle", "text", "two");
    project.run();
    let all = runs(&project.store()).unwrap();
    assert_eq!(all.iter().map(|run| (run.ran, run.cached)).collect::<Vec<_>>(), [(3, 0), (2, 1)]);
    let comparison = compare(&project.store(), &all[0], &all[1]).unwrap();
    let lines: Vec<String> = comparison
        .changed
        .iter()
        .map(|changed| {
            let reasons: Vec<String> = changed.reasons.iter().map(ToString::to_string).collect();
            let follows = if changed.follows { " (follows)" } else { "" };
            format!("{}{follows}: {}", changed.node, reasons.join("; ").split(':').next().unwrap())
        })
        .collect();
    assert_eq!(lines, ["last (follows): input a", "middle: parameter text"]);
    assert_eq!(comparison.same, 1);
    assert!(comparison.only_was.is_empty() && comparison.only_is.is_empty());
    // A store that never ran has no runs, and asking makes none.
    let empty = chain();
    assert_eq!(runs(&empty.store()).unwrap(), []);
    assert!(!empty.path(".runner").exists());
}
