//! `plan.json`: every stage of the pipeline, also those of which the bundle holds nothing else.

use crate::plan::manifest::without_sources;
use crate::plan::{Node, Plan};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Stages, parameters and how they connect, without any path of a machine.
pub(super) fn snapshot(plan: &Plan) -> Vec<u8> {
    let nodes: Vec<Value> = plan.nodes.iter().map(|node| stage(plan, node)).collect();
    let document = json!({"name": plan.name, "title": plan.title, "stages": nodes});
    format!("{document:#}\n").into_bytes()
}

fn stage(plan: &Plan, node: &Node) -> Value {
    let input = |input: &crate::plan::Binding| json!({"port": input.port, "from": plan.nodes[input.from].id, "output": input.output});
    json!({
        "id": node.id,
        "kind": node.stage.kind(),
        "revision": node.stage.revision(),
        "params": *without_sources(&node.params, &node.stage.sources(&node.params)),
        "seed": node.seed,
        "inputs": node.inputs.iter().map(input).collect::<Vec<_>>(),
        "publish": node.publish,
    })
}

/// What this runner plans otherwise than the one that made the bundle.
pub(super) fn differences(was: &[u8], plan: &Plan) -> Vec<String> {
    let stages = |bytes: &[u8]| -> BTreeMap<String, Value> {
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let stages = document.get("stages").and_then(Value::as_array).cloned().unwrap_or_default();
        stages.into_iter().filter_map(|stage| Some((stage.get("id")?.as_str()?.to_owned(), stage))).collect()
    };
    let (was, is) = (stages(was), stages(&snapshot(plan)));
    let fields = ["kind", "revision", "params", "seed", "inputs", "publish"];
    let compare = |(id, is): (&String, &Value)| match was.get(id) {
        None => Some(format!("{id} is new")),
        Some(was) => {
            let changed: Vec<&str> = fields.into_iter().filter(|field| was.get(*field) != is.get(*field)).collect();
            (!changed.is_empty()).then(|| format!("{id} differs in its {}", changed.join(", ")))
        }
    };
    let gone = was.keys().filter(|id| !is.contains_key(*id)).map(|id| format!("{id} is gone"));
    is.iter().filter_map(compare).chain(gone).collect()
}
