use super::toys::{Heard, Project};
use runner::engine::{Event, Observer, Options, run};
use serde_json::{Value, json};
use std::cell::RefCell;

fn started(project: &Project, options: &Options) -> Vec<String> {
    let heard = Heard::default();
    let summary = run(&project.plan, &project.store(), options, &heard).unwrap();
    assert!(summary.succeeded(), "{summary:?}");
    let lines = heard.lines.into_inner();
    lines.iter().filter_map(|line| line.strip_prefix("started ")).map(str::to_owned).collect()
}

fn one_core() -> Options {
    Options { jobs: 1, ..Options::default() }
}

#[test]
fn what_took_longest_goes_first_the_next_time() {
    let text = |ms: u64| json!({"text": ms.to_string(), "sleep_ms": ms});
    let mut project =
        Project::new().node("short", text(1), &[]).node("long", text(60), &[]).node("middle", text(20), &[]);
    assert_eq!(started(&project, &one_core()), ["short", "long", "middle"]);
    for id in ["short", "long", "middle"] {
        project.set(id, "again", true);
    }
    assert_eq!(started(&project, &one_core()), ["long", "middle", "short"]);
}

#[test]
fn a_chain_weighs_as_much_as_all_of_it() {
    let text = |ms: u64, text: &str| json!({"text": text, "sleep_ms": ms});
    let build = |again: bool| {
        let mut project = Project::new().node("alone", text(30, "a"), &[]).node("head", text(15, "b"), &[]).node(
            "tail",
            text(40, "c"),
            &[("a", 1)],
        );
        if again {
            ["alone", "head", "tail"].iter().for_each(|id| project.set(id, "again", true));
        }
        project
    };
    let (first, again) = (build(false), build(true));
    started(&first, &one_core());
    let heard = Heard::default();
    run(&again.plan, &first.store(), &one_core(), &heard).unwrap();
    let lines: Vec<String> = heard.lines.into_inner().into_iter().filter(|line| line.starts_with("started")).collect();
    assert_eq!(lines, ["started head", "started tail", "started alone"]);
}

#[test]
fn priority_comes_before_length() {
    let mut project = Project::new().node("a", json!({"text": "a"}), &[]).node("b", json!({"text": "b"}), &[]);
    project.at("b").demands.priority = 1;
    assert_eq!(started(&project, &one_core()), ["b", "a"]);
}

/// The largest number of stages that ran at the same time.
#[derive(Default)]
struct Beside(RefCell<(usize, usize)>);

impl Observer for Beside {
    fn event(&self, event: &Event<'_>) {
        let mut counts = self.0.borrow_mut();
        match event {
            Event::Started { .. } => counts.0 += 1,
            Event::Finished { .. } | Event::Failed { .. } => counts.0 -= 1,
            _ => {}
        }
        counts.1 = counts.1.max(counts.0);
    }
}

fn at_once(change: impl Fn(&mut runner::contract::Demands), options: Options) -> usize {
    let mut project = Project::new();
    for n in 0..4 {
        let id = format!("stage{n}");
        project = project.node(&id, json!({"text": id, "sleep_ms": 30}), &[]);
        change(&mut project.at(&id).demands);
    }
    let beside = Beside::default();
    assert!(run(&project.plan, &project.store(), &options, &beside).unwrap().succeeded());
    beside.0.into_inner().1
}

#[test]
fn cores_memory_and_cards_are_budgets() {
    let options = || Options { jobs: 4, memory: 100, gpus: 3, ..Options::default() };
    assert_eq!(at_once(|_| {}, options()), 4);
    assert_eq!(at_once(|demands| demands.cpus = Some(2), options()), 2);
    assert_eq!(at_once(|demands| demands.memory = 40, options()), 2);
    assert_eq!(at_once(|demands| demands.gpus = 1, options()), 3);
    // More than there is: alone.
    assert_eq!(at_once(|demands| demands.memory = 1000, options()), 1);
    assert_eq!(at_once(|demands| demands.cpus = Some(64), options()), 1);
}

#[test]
fn cards_that_are_not_there_are_missed_only_by_what_has_to_run() {
    let mut project = Project::new().node("a", json!({"text": "a"}), &[]);
    project.at("a").demands.gpus = 1;
    let summary = project.run();
    assert!(summary.failed[0].error.contains("--gpus"), "{summary:?}");
    assert!(project.run_with(&Options { gpus: 1, ..Options::default() }).succeeded());
    assert_eq!(project.run().cached, ["a"]);
}

#[test]
fn a_declared_retry_is_taken_and_no_other() {
    let with = |retries: u32| {
        let mut project = Project::new().node("a", json!({"do": "resume", "text": "a"}), &[]);
        project.at("a").demands.retries = retries;
        let heard = Heard::default();
        let summary = run(&project.plan, &project.store(), &one_core(), &heard).unwrap();
        (summary.succeeded(), heard.lines.into_inner())
    };
    assert!(!with(0).0);
    let (succeeded, lines) = with(1);
    assert!(succeeded, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("tried again in 0.5 s (1 of 1)")), "{lines:?}");
}

#[test]
fn retries_end() {
    let mut project = Project::new().node("a", json!({"do": "fail"}), &[]);
    project.at("a").demands.retries = 1;
    let summary = project.run();
    assert_eq!(summary.failed.len(), 1);
}

#[test]
fn a_light_stage_is_asked_to_stop_at_its_time_out() {
    let mut project = Project::new().node("a", json!({"do": "wait"}), &[]).node("b", json!({"text": "b"}), &[]);
    project.at("a").demands.timeout = Some(std::time::Duration::from_millis(50));
    let summary = project.run();
    assert!(summary.failed[0].error.contains("time-out of 0.05 s"), "{summary:?}");
    assert_eq!(summary.ran, ["b"]);
}

#[test]
fn what_remains_is_told_from_history() {
    #[derive(Default)]
    struct Told(RefCell<Vec<f64>>);
    impl Observer for Told {
        fn event(&self, event: &Event<'_>) {
            if let Event::Remaining { duration } = event {
                self.0.borrow_mut().push(duration.as_secs_f64());
            }
        }
    }
    let mut project = Project::new();
    for n in 0..3 {
        project = project.node(&format!("s[n={n}]"), json!({"text": n.to_string(), "sleep_ms": 50}), &[]);
    }
    let told = Told::default();
    run(&project.plan, &project.store(), &one_core(), &told).unwrap();
    assert!(told.0.take().is_empty(), "nothing is known at first");
    for n in 0..3 {
        project.set(&format!("s[n={n}]"), "again", Value::from(true));
    }
    run(&project.plan, &project.store(), &one_core(), &told).unwrap();
    let told = told.0.take();
    // Three stages of at least 50 ms, one after the other.
    assert!(told[0] >= 0.15 && told.is_sorted_by(|a, b| a >= b) && told.last() == Some(&0.0), "{told:?}");
}
