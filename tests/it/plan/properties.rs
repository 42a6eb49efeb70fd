use super::toy::{STAGES, plan};
use crate::spec::project::Project;
use proptest::prelude::*;
use runner::plan::{Plan, resolve};
use std::collections::BTreeSet;

const AXES: [&str; 3] = ["a", "b", "c"];

type Shape = ([usize; 3], [bool; 3], [bool; 3], Vec<(usize, usize)>);

/// Lengths of three axes, which of them the first and the second stage run for, and some excluded pairs.
fn shapes() -> impl Strategy<Value = Shape> {
    let exclude = prop::collection::vec((0..4usize, 0..4usize), 0..4);
    (prop::array::uniform3(1..5usize), any::<[bool; 3]>(), any::<[bool; 3]>(), exclude)
}

fn for_each(on: [bool; 3]) -> String {
    let axes: Vec<&str> = AXES.into_iter().zip(on).filter(|(_, on)| *on).map(|(axis, _)| axis).collect();
    format!("for_each: [{}]", axes.join(", "))
}

/// `scores` for the first set of axes, gathered by `table` for the second.
fn pipeline(lengths: [usize; 3], first: [bool; 3], second: [bool; 3], exclude: &[(usize, usize)]) -> String {
    let mut text = String::from("matrix:\n");
    for (axis, length) in AXES.iter().zip(lengths) {
        let values: Vec<String> = (0..length).map(|i| i.to_string()).collect();
        text += &format!("  {axis}: [{}]\n", values.join(", "));
    }
    let excluded: Vec<String> = exclude.iter().map(|(a, b)| format!("{{ a: {a}, b: {b} }}")).collect();
    text += &format!("  exclude: [{}]\n", excluded.join(", "));
    text += &format!("stages:\n  table: {{ stage: table, {}, inputs: {{ scores: evaluate }} }}\n", for_each(second));
    text += &format!(
        "  evaluate: {{ stage: evaluate, {}, inputs: {{ weights: train, slices: prepare, split: split }} }}\n",
        for_each(first)
    );
    text += "  prepare: { stage: preprocess }\n  split: { stage: split, inputs: { slices: prepare } }\n";
    text += "  scribble: { stage: scribble, inputs: { slices: prepare } }\n";
    text += &format!("  train:\n    stage: train\n    {}\n", for_each(first));
    text += "    inputs: { slices: prepare, split: split, scribbles: scribble }\n";
    text + "    with: { method: '${methods.ours.with}' }\n"
}

fn count(plan: &Plan, entry: &str) -> usize {
    plan.nodes.iter().filter(|node| node.entry == entry).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_join_has_the_product_of_its_axes((lengths, first, second, _) in shapes()) {
        let plan = plan(&pipeline(lengths, first, second, &[]), &[]).unwrap();
        let size = |on: [bool; 3]| lengths.iter().zip(on).map(|(&n, on)| if on { n } else { 1 }).product::<usize>();
        prop_assert_eq!(count(&plan, "train"), size(first));
        prop_assert_eq!(count(&plan, "table"), size(second));
        let only_first = std::array::from_fn(|i| first[i] && !second[i]);
        for table in plan.nodes.iter().filter(|node| node.entry == "table") {
            prop_assert_eq!(table.inputs.len(), size(only_first));
        }
    }

    #[test]
    fn inputs_come_first_agree_and_ids_are_unique((lengths, first, second, exclude) in shapes()) {
        let exclude: Vec<_> = exclude.into_iter().filter(|(a, b)| *a < lengths[0] && *b < lengths[1]).collect();
        let plan = plan(&pipeline(lengths, first, second, &exclude), &[]).unwrap();
        for (index, node) in plan.nodes.iter().enumerate() {
            for input in &node.inputs {
                prop_assert!(input.from < index);
                let source = &plan.nodes[input.from].coordinates;
                prop_assert!(node.coordinates.iter().all(|(axis, v)| source.get(axis).is_none_or(|other| other == v)));
            }
            let at = |axis: &str| node.coordinates.get(axis).map(|v| v.parse::<usize>().unwrap());
            let excluded = exclude.iter().any(|(a, b)| at("a") == Some(*a) && at("b") == Some(*b));
            prop_assert!(!excluded, "{} is excluded", node.id);
        }
        let points = lengths.iter().zip(first).map(|(&n, on)| if on { n } else { 1 }).product::<usize>();
        let pairs: BTreeSet<_> = exclude.iter().collect();
        let dropped = if first[0] && first[1] { pairs.len() * if first[2] { lengths[2] } else { 1 } } else { 0 };
        prop_assert_eq!(count(&plan, "train"), points - dropped);
        prop_assert_eq!(count(&plan, "evaluate"), points - dropped);
        let ids: BTreeSet<&String> = plan.nodes.iter().map(|node| &node.id).collect();
        prop_assert_eq!(ids.len(), plan.nodes.len());
    }

    #[test]
    fn no_text_brings_the_loader_down(text in "[a-z:{}\\[\\]$&*<,'\" \n-]{0,80}") {
        if let Ok(experiment) = Project::new(&text).load(None, &[]) {
            let _ = resolve(&experiment, STAGES);
        }
        let _ = Project::new("stages: {}\n").load(None, &[&text]);
    }
}
