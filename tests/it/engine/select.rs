use super::toys::{Heard, Project, chain};
use runner::engine::{Options, Select, run};
use serde_json::json;
use std::collections::BTreeMap;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn selected(project: &Project, select: Select) -> (runner::engine::Summary, Vec<String>) {
    let heard = Heard::default();
    let options = Options { jobs: 2, select, ..Options::default() };
    (run(&project.plan, &project.store(), &options, &heard).unwrap(), heard.lines.into_inner())
}

#[test]
fn until_runs_a_stage_and_what_it_needs() {
    let project = chain();
    let (summary, _) = selected(&project, Select { until: names(&["middle"]), ..Select::default() });
    assert_eq!((summary.ran, summary.cancelled), (names(&["first", "middle"]), vec![]));
    assert!(!project.path("results/text").exists());
}

#[test]
fn only_needs_its_inputs_in_the_cache() {
    let project = chain();
    let (summary, _) = selected(&project, Select { only: names(&["last"]), ..Select::default() });
    assert!(summary.failed[0].error.contains("not cached"), "{summary:?}");
    assert!(summary.ran.is_empty());
    selected(&project, Select { until: names(&["middle"]), ..Select::default() });
    let (summary, _) = selected(&project, Select { only: names(&["last"]), ..Select::default() });
    // The key of `middle` is known only from what `first` wrote.
    assert_eq!((summary.ran, summary.cached), (names(&["last"]), names(&["first", "middle"])));
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
}

#[test]
fn from_and_until_meet() {
    let mut project = chain().node("aside", json!({"text": "4"}), &[("a", 0)]);
    project.run();
    project.set("middle", "text", "new");
    project.set("last", "text", "new");
    project.set("aside", "text", "new");
    let both = Select { from: names(&["middle"]), until: names(&["last"]), ..Select::default() };
    let (summary, _) = selected(&project, both);
    assert_eq!((summary.ran, summary.cached), (names(&["middle", "last"]), names(&["first"])));
}

#[test]
fn an_unknown_name_is_refused() {
    let project = chain();
    let select = Select { only: names(&["lasst"]), ..Select::default() };
    let error = run(&project.plan, &project.store(), &Options { select, ..Options::default() }, &Heard::default());
    assert!(error.unwrap_err().to_string().contains("first, middle, last"));
}

#[test]
fn what_is_left_out_keeps_its_results() {
    let mut project = chain().publish("first", "first");
    project.run();
    project.set("last", "text", "5");
    selected(&project, Select { only: names(&["last"]), ..Select::default() });
    assert_eq!(project.result("first/text.txt"), "1");
    assert_eq!(project.result("text/text.txt"), "5 a(2 a(1))");
}

#[test]
fn nothing_above_a_pinned_node_is_looked_at() {
    let mut project = chain();
    project.run();
    let record = project.store().last_success("toys", "middle").unwrap().unwrap();
    // The first stage could not run again, and the middle one would.
    project.set("first", "source", "gone");
    project.set("last", "text", "new");
    let pinned = BTreeMap::from([("middle".to_owned(), record)]);
    let options = Options { jobs: 2, pinned, ..Options::default() };
    let summary = run(&project.plan, &project.store(), &options, &Heard::default()).unwrap();
    assert_eq!((summary.ran.clone(), summary.cached.clone()), (names(&["last"]), names(&["middle"])), "{summary:?}");
    assert_eq!(project.result("text/text.txt"), "new a(2 a(1))");
}
