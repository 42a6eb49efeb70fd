use super::toys::{Project, chain, object};
use runner::engine::{NodeStatus, State, status};

fn explained(project: &Project, force: &[&str]) -> String {
    let force: Vec<String> = force.iter().map(|name| (*name).to_owned()).collect();
    let all = status(&project.plan, &project.store(), &force).unwrap();
    let lines = |status: &NodeStatus| match &status.state {
        State::Cached => format!("{}: cached\n", status.id),
        State::Broken { error } => format!("{}: {error}\n", status.id),
        State::WouldRun { reasons } => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            format!("{}: {}\n", status.id, reasons.join("; "))
        }
    };
    all.iter().map(lines).collect()
}

#[test]
fn before_the_first_run() {
    insta::assert_snapshot!(explained(&chain(), &[]), @r"
    first: never run
    middle: never run; after first, which runs first
    last: never run; after middle, which runs first
    ");
}

#[test]
fn after_a_change() {
    let mut project = chain();
    project.run();
    insta::assert_snapshot!(explained(&project, &[]), @r"
    first: cached
    middle: cached
    last: cached
    ");
    project.set("middle", "text", "two");
    project.at("last").seed = Some(3);
    insta::assert_snapshot!(explained(&project, &[]), @r#"
    first: cached
    middle: parameter text: "2" → "two"
    last: seed: (absent) → 3; after middle, which runs first
    "#);
}

#[test]
fn another_input() {
    let mut project = chain();
    project.run();
    project.at("last").inputs[0].from = 0;
    let text = explained(&project, &[]);
    assert!(text.contains("last: input a: ") && text.contains(" → "), "{text}");
}

#[test]
fn forced_or_lost() {
    let project = chain();
    project.run();
    insta::assert_snapshot!(explained(&project, &["first"]), @r"
    first: forced
    middle: after first, which runs first
    last: after middle, which runs first
    ");
    std::fs::remove_file(object(&project, "3 a(2 a(1))")).unwrap();
    let text = explained(&project, &[]);
    assert!(text.contains("last: its output is lost: out: text.txt"), "{text}");
}

#[test]
fn status_matches_what_run_does() {
    let mut project = chain();
    project.run();
    project.set("middle", "text", "two");
    let would: Vec<String> = status(&project.plan, &project.store(), &[])
        .unwrap()
        .into_iter()
        .filter(|status| !status.cached())
        .map(|status| status.id)
        .collect();
    assert_eq!(project.run().ran, would);
}
