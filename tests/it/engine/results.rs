use super::toys::{Project, chain, files};
use serde_json::json;

#[test]
fn files_that_are_no_longer_made_go() {
    let mut project = Project::new().node("plot", json!({"files": ["a.svg", "b.svg"]}), &[]).publish("plot", "figures");
    project.run();
    std::fs::write(project.path("results/figures/mine.txt"), "the user's").unwrap();
    project.set("plot", "files", json!(["b.svg", "c.svg"]));
    project.run();
    let names: Vec<String> = files(&project.path("results/figures"))
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["b.svg", "c.svg", "mine.txt", "text.txt"]);
    project.plan.nodes.clear();
    project.run();
    assert_eq!(files(&project.path("results/figures")), [project.path("results/figures/mine.txt")]);
}

#[test]
fn a_failed_stage_keeps_its_earlier_results() {
    let mut project = chain();
    project.run();
    project.set("last", "do", "fail");
    assert_eq!(project.run().failed.len(), 1);
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
}

#[test]
fn unchanged_files_are_not_touched_and_edited_ones_are_put_right() {
    let project = chain();
    project.run();
    let path = project.path("results/text/text.txt");
    let time = || path.metadata().unwrap().modified().unwrap();
    let before = time();
    project.run();
    assert_eq!(time(), before);
    std::fs::write(&path, "edited").unwrap();
    project.run();
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
    // The store never shares a file with the results.
    assert!(!path.metadata().unwrap().permissions().readonly());
}

#[test]
fn two_stages_cannot_publish_one_file() {
    let project = Project::new()
        .node("one", json!({"text": "1"}), &[])
        .node("two", json!({"text": "2"}), &[])
        .publish("one", "text")
        .publish("two", "text");
    let failed = project.run().failed;
    assert_eq!(failed.len(), 1);
    assert!(failed[0].error.contains("publish"), "{failed:?}");
}

#[test]
fn nothing_is_published_outside_of_the_results() {
    let project = Project::new().node("one", json!({}), &[]).publish("one", "../elsewhere");
    assert!(project.run().failed[0].error.contains("outside"));
    assert!(!project.path("elsewhere").exists());
}

#[test]
fn provenance_is_the_same_wherever_and_whenever_it_was_made() {
    let read = |project: &Project| project.result("provenance.json");
    let (one, two) = (chain(), chain());
    one.run();
    two.run();
    assert_eq!(read(&one), read(&two));
    let cold = read(&one);
    one.run();
    assert_eq!(read(&one), cold);
    let value: serde_json::Value = serde_json::from_str(&cold).unwrap();
    assert_eq!(value["pipeline"], "toys");
    assert_eq!(value["nodes"].as_array().unwrap().len(), 3);
    assert!(!cold.contains(&*one.path("").to_string_lossy()));
}

#[test]
fn provenance_holds_what_succeeded() {
    let mut project = chain();
    project.set("middle", "do", "fail");
    project.run();
    let value: serde_json::Value = serde_json::from_str(&project.result("provenance.json")).unwrap();
    assert_eq!(value["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(value["nodes"][0]["id"], "first");
}
