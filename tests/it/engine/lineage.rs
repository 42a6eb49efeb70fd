use super::toys::Project;
use runner::engine::lineage::{Provenance, Target, steps, trace};
use serde_json::json;
use std::collections::BTreeMap;

/// Two `part`s with the same bytes, gathered by `table`, which also reads `test`, which gathers them too.
fn ran() -> (Project, Provenance) {
    let mut project = Project::new()
        .node("raw", json!({"text": "r", "source": "raw.txt"}), &[])
        .node("part[x=1]", json!({"text": "p"}), &[("a", 0)])
        .node("part[x=2]", json!({"text": "p"}), &[("a", 0)])
        .node("test", json!({"text": "t"}), &[("all", 1), ("all", 2)])
        .node("table", json!({"text": "T"}), &[("a", 3), ("all", 1), ("all", 2)])
        .publish("table", "tables");
    let raw = project.path("raw.txt");
    std::fs::write(&raw, "from outside").unwrap();
    project.set("raw", "source", raw.to_string_lossy().into_owned());
    project.at("part[x=2]").seed = Some(2);
    assert!(project.run().succeeded());
    let provenance = std::fs::read(project.path("results/provenance.json")).unwrap();
    (project, serde_json::from_slice(&provenance).unwrap())
}

#[test]
fn a_trace_ends_at_the_raw_files_and_every_stage_stands_once() {
    let (_project, provenance) = ran();
    let root = trace(&provenance, provenance.node("table").unwrap(), "out", None).unwrap();
    let ids: Vec<&str> = steps(&root).iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["table", "test", "part[x=1]", "raw", "part[x=2]"]);
    // The same bytes, made by both: each instance is followed to its own maker, by its coordinates.
    let parts: Vec<&str> = root
        .inputs
        .iter()
        .filter(|link| link.port == "all")
        .filter_map(|link| match &link.to {
            Target::Step(step) => Some(step.id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(parts, ["part[x=1]", "part[x=2]"]);
    let raw = steps(&root).into_iter().find(|step| step.id == "raw").unwrap();
    assert_eq!(raw.sources.keys().collect::<Vec<_>>(), ["source"]);
}

#[test]
fn a_cell_is_traced_to_its_own_inputs_alone() {
    let (_project, provenance) = ran();
    let keep = |coordinates: &BTreeMap<String, String>| coordinates["x"] == "2";
    let root = trace(&provenance, provenance.node("table").unwrap(), "out", Some(&keep)).unwrap();
    let ids: Vec<&str> = steps(&root).iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["table", "test", "part[x=2]", "raw"]);
    let left: Vec<usize> = root
        .inputs
        .iter()
        .filter_map(|link| match link.to {
            Target::LeftOut { count } => Some(count),
            _ => None,
        })
        .collect();
    assert_eq!(left, [1], "part[x=1] is counted, not followed");
    let test = steps(&root).into_iter().find(|step| step.id == "test").unwrap();
    assert!(matches!(test.inputs[0].to, Target::LeftOut { count: 2 }), "{test:?}");
}

#[test]
fn what_nobody_made_is_said_so() {
    let (_project, mut provenance) = ran();
    provenance.nodes.retain(|node| node.id != "raw");
    let root = trace(&provenance, provenance.node("part[x=1]").unwrap(), "out", None).unwrap();
    assert!(matches!(root.inputs[0].to, Target::Unknown { .. }), "{root:?}");
    assert_eq!(trace(&provenance, 0, "nothing", None), None);
}
