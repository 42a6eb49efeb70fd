use super::toy::{ABLATION, STAGES, listing, plan};
use crate::spec::project::Project;
use insta::assert_snapshot;
use runner::plan::resolve;

fn ids(pipeline: &str, set: &[&str]) -> Vec<String> {
    plan(pipeline, set).unwrap().nodes.into_iter().map(|node| node.id).collect()
}

/// The ids that feed a node.
fn inputs(pipeline: &str, set: &[&str], id: &str) -> Vec<String> {
    let plan = plan(pipeline, set).unwrap();
    let node = plan.nodes.iter().find(|node| node.id == id).unwrap();
    node.inputs.iter().map(|input| plan.nodes[input.from].id.clone()).collect()
}

#[test]
fn ablation() {
    assert_snapshot!(listing(&plan(ABLATION, &[]).unwrap()));
}

#[test]
fn ablation_on_other_data() {
    let set = ["dataset=acdc", "data_root=../data", "matrix.method=plain", "matrix.label_fraction=[25]"];
    assert_snapshot!(listing(&plan(ABLATION, &set).unwrap()));
}

#[test]
fn the_order_of_for_each_does_not_matter() {
    let other = ABLATION.replace("[fold, method, label_fraction]", "[label_fraction, fold, method]");
    assert_eq!(ids(ABLATION, &[]), ids(&other, &[]));
}

#[test]
fn points_that_are_excluded_drop_what_reads_them() {
    let pipeline = ABLATION.replace(
        "    seed: ${seed}\n    with:",
        "    seed: ${seed}\n    exclude: [{ method: ours, label_fraction: 5 }]\n    with:",
    );
    let all = ids(&pipeline, &[]);
    assert!(!all.iter().any(|id| id.contains("label_fraction=5,method=ours")), "{all:?}");
    assert_eq!(all.iter().filter(|id| id.starts_with("evaluate")).count(), 3);
    assert_eq!(inputs(&pipeline, &[], "table").len(), 3);
}

#[test]
fn the_matrix_excludes_where_all_its_axes_run() {
    let pipeline = ABLATION.replace("  fold: [0]\n", "  fold: [0, 1]\n  exclude: [{ fold: 1, method: [ours] }]\n");
    let all = ids(&pipeline, &[]);
    assert_eq!(all.iter().filter(|id| id.starts_with("split")).count(), 2);
    assert_eq!(all.iter().filter(|id| id.starts_with("train")).count(), 6);
    // Narrowing an axis leaves the exclusion valid.
    assert_eq!(ids(&pipeline, &["matrix.fold=0"]).iter().filter(|id| id.starts_with("train")).count(), 4);
}

#[test]
fn a_gathering_stage_can_run_for_some_of_the_axes() {
    let pipeline = ABLATION
        .replace("    stage: table\n", "    stage: table\n    for_each: method\n")
        .replace("publish: { tables: tables }", "publish: { tables: 'tables/${matrix.method}' }");
    let expected = ["evaluate[fold=0,label_fraction=5,method=ours]", "evaluate[fold=0,label_fraction=50,method=ours]"];
    assert_eq!(inputs(&pipeline, &[], "table[method=ours]"), expected);
}

#[test]
fn a_port_gathers_from_several_entries_in_the_written_order() {
    let pipeline = ABLATION.replace("scores: evaluate }", "scores: [again, evaluate], logs: train.log }")
        + "  again: { stage: evaluate, inputs: { weights: one.weights, slices: prepare, split: halved } }\n"
        + "  halved: { stage: split, inputs: { slices: half.right } }\n"
        + "  half: { stage: halves, inputs: { slices: prepare } }\n"
        + "  one:\n    stage: train\n    inputs: { slices: half.left, scribbles: scribble, split: halved }\n"
        + "    with: { method: '${methods.ours.with}' }\n";
    let feeds = inputs(&pipeline, &[], "table");
    assert_eq!(feeds.len(), 1 + 4 + 4);
    assert_eq!(feeds[0], "again");
    assert!(feeds[1].starts_with("evaluate[") && feeds[5].starts_with("train["));
}

#[test]
fn an_optional_port_may_stay_empty_or_take_one() {
    let base = "    inputs: { slices: prepare, scribbles: scribble, split: split }\n";
    let pipeline = ABLATION.replace(base, &base.replace("split: split", "split: split, start: first"))
        + "  first:\n    stage: train\n    inputs: { slices: prepare, scribbles: scribble, split: split }\n"
        + "    for_each: fold\n    with: { method: '${methods.plain.with}' }\n";
    let feeds = inputs(&pipeline, &[], "train[fold=0,label_fraction=5,method=ours]");
    assert_eq!(feeds[3], "first[fold=0]");
}

#[test]
fn ten_thousand_points_resolve() {
    let values: Vec<String> = (0..2500).map(|i| i.to_string()).collect();
    let pipeline = ABLATION.replace("fold: [0]", &format!("fold: [{}]", values.join(", ")));
    let plan = resolve(&Project::new(&pipeline).load(None, &[]).unwrap(), STAGES).unwrap();
    // prepare, scribble, table; a split for each fold; train and evaluate for 2 methods and 2 fractions.
    assert_eq!(plan.nodes.len(), 3 + 2500 + 2 * 4 * 2500);
    assert_eq!(plan.nodes.last().unwrap().inputs.len(), 10_000);
}
