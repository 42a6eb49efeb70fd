use super::EngineError;
use super::prepare::{Outputs, Prepared};
use super::staging::Staging;
use crate::digest::Digest;
use crate::plan::Plan;
use crate::plan::manifest::without_sources;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::PathBuf;

/// Writes `provenance.json` beside the results: what each of the stages that succeeded was made from. It holds no
/// time and no machine, so that the same inputs give the same bytes.
pub fn write(plan: &Plan, prepared: &[Option<Prepared>], outputs: &[Option<Outputs>]) -> Result<PathBuf, EngineError> {
    let nodes = plan.nodes.iter().zip(prepared).zip(outputs);
    let nodes: Vec<Value> = nodes
        .filter_map(|((node, prepared), outputs)| {
            let (prepared, outputs) = (prepared.as_ref()?, outputs.as_ref()?);
            Some(json!({
                "id": node.id,
                "kind": node.stage.kind(),
                "key": prepared.key,
                "manifest": prepared.manifest,
                "outputs": outputs,
            }))
        })
        .collect();
    let document = json!({
        "pipeline": plan.name,
        "title": plan.title,
        "plan": digest(plan),
        "runner": env!("CARGO_PKG_VERSION"),
        "nodes": nodes,
    });
    let path = plan.results.join("provenance.json");
    let target = plan.root.join(&path);
    // An incomplete run leaves earlier results in place, and so the provenance that belongs to them.
    if outputs.iter().any(Option::is_none) && target.exists() {
        return Ok(path);
    }
    let text = serde_json::to_string_pretty(&document).map_err(io::Error::from);
    let text = text.map_err(EngineError::io("write", &target))? + "\n";
    if !fs::read(&target).is_ok_and(|bytes| bytes == text.as_bytes()) {
        let staging = Staging::open(&plan.root.join(&plan.results))?;
        let staged = staging.path("provenance.json");
        fs::write(&staged, text).map_err(EngineError::io("write", &staged))?;
        fs::rename(&staged, &target).map_err(EngineError::io("write", &target))?;
    }
    Ok(path)
}

/// Digest of what was planned: stages, parameters and how they connect, wherever the project stands.
pub fn digest(plan: &Plan) -> Digest {
    let node = |node: &crate::plan::Node| {
        let from = |input: &crate::plan::Binding| json!({"port": input.port, "from": plan.nodes[input.from].id, "output": input.output});
        json!({
            "id": node.id,
            "kind": node.stage.kind(),
            "revision": node.stage.revision(),
            "params": without_sources(&node.params, &node.stage.sources(&node.params)),
            "seed": node.seed,
            "inputs": node.inputs.iter().map(from).collect::<Vec<_>>(),
            "publish": node.publish,
        })
    };
    let nodes: Vec<Value> = plan.nodes.iter().map(node).collect();
    Digest::of_value(&json!({"name": plan.name, "title": plan.title, "nodes": nodes}))
}
