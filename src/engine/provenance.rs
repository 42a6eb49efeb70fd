use super::cache::{read_if_whole, seal, write_atomic};
use super::prepare::{Outputs, Prepared};
use super::staging::Staging;
use super::{EngineError, Store};
use crate::digest::{Digest, append, write_json, write_list, write_text};
use crate::plan::manifest::without_sources;
use crate::plan::{Binding, Node, Plan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::PathBuf;

/// Writes `provenance.json` beside the results: what each of the stages that succeeded was made from. It holds no
/// time and no machine, so that the same inputs give the same bytes.
pub fn write(
    plan: &Plan,
    store: &Store,
    prepared: &[Option<Prepared>],
    outputs: &[Option<Outputs>],
) -> Result<PathBuf, EngineError> {
    let path = plan.results.join("provenance.json");
    let target = plan.root.join(&path);
    // An incomplete run leaves earlier results in place, and so the provenance that belongs to them.
    if outputs.iter().any(Option::is_none) && target.exists() {
        return Ok(path);
    }
    let of = made_from(plan, prepared, outputs);
    let note = store.root().join("recent").join(format!("{}.provenance", Digest::of_bytes(name(plan).as_bytes())));
    if let Some(before) = read_if_whole::<Written>(&note)
        && Some(before.of) == of
        && store.file_digest(&target).is_ok_and(|digest| digest == before.sha256)
    {
        return Ok(path);
    }
    let text = document(plan, prepared, outputs)?;
    let sha256 = Digest::of_bytes(text.as_bytes());
    if !store.file_digest(&target).is_ok_and(|digest| digest == sha256) {
        let staging = Staging::open(&plan.root.join(&plan.results))?;
        let staged = staging.path("provenance.json");
        fs::write(&staged, text).map_err(EngineError::io("write", &staged))?;
        fs::rename(&staged, &target).map_err(EngineError::io("write", &target))?;
    }
    if let Some(of) = of {
        let written = seal(&Written { of, sha256 }).map_err(EngineError::io("write", &note))?;
        write_atomic(&note, &written, false)?;
    }
    Ok(path)
}

/// What the last document was made from, and its digest: the same need not be written again.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Written {
    of: Digest,
    sha256: Digest,
}

/// Two pipelines may share a name, not a results folder.
fn name(plan: &Plan) -> String {
    format!("{}\n{}", plan.name, plan.results.display())
}

/// A digest of all that is in the document, where keys stand for manifests. `None`: some stage has not succeeded.
fn made_from(plan: &Plan, prepared: &[Option<Prepared>], outputs: &[Option<Outputs>]) -> Option<Digest> {
    let mut text = String::with_capacity(256 * plan.nodes.len());
    text.push_str(env!("CARGO_PKG_VERSION"));
    write_json(&mut text, &json!([plan.name, plan.title]));
    for ((node, prepared), outputs) in plan.nodes.iter().zip(prepared).zip(outputs) {
        text.push('\n');
        write_text(&mut text, &node.id);
        prepared.as_ref()?.key.write_json(&mut text);
        for binding in &node.inputs {
            append(&mut text, binding.from);
            write_text(&mut text, &binding.output);
        }
        write_json(&mut text, &json!(node.publish));
        for (port, digest) in outputs.as_ref()? {
            write_text(&mut text, port);
            digest.write_json(&mut text);
        }
    }
    Some(Digest::of_bytes(text.as_bytes()))
}

fn document(plan: &Plan, prepared: &[Option<Prepared>], outputs: &[Option<Outputs>]) -> Result<String, EngineError> {
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
    let text = serde_json::to_string_pretty(&document).map_err(io::Error::from);
    Ok(text.map_err(EngineError::io("write", &plan.root.join(&plan.results)))? + "\n")
}

/// Digest of what was planned: stages, parameters and how they connect, wherever the project stands. Of canonical
/// JSON, which is written straight away: a run that has nothing to do still asks for it.
pub fn digest(plan: &Plan) -> Digest {
    let mut text = String::with_capacity(512 * plan.nodes.len());
    text.push_str("{\"name\":");
    write_text(&mut text, &plan.name);
    text.push_str(",\"nodes\":");
    write_list(&mut text, &plan.nodes, |text, node| write_node(text, plan, node));
    text.push_str(",\"title\":");
    write_text(&mut text, &plan.title);
    text.push('}');
    Digest::of_bytes(text.as_bytes())
}

fn write_node(text: &mut String, plan: &Plan, node: &Node) {
    text.push_str("{\"id\":");
    write_text(text, &node.id);
    text.push_str(",\"inputs\":");
    write_list(text, &node.inputs, |text, input: &Binding| {
        text.push_str("{\"from\":");
        write_text(text, &plan.nodes[input.from].id);
        text.push_str(",\"output\":");
        write_text(text, &input.output);
        text.push_str(",\"port\":");
        write_text(text, &input.port);
        text.push('}');
    });
    text.push_str(",\"kind\":");
    write_text(text, node.stage.kind());
    text.push_str(",\"params\":");
    write_json(text, &without_sources(&node.params, &node.stage.sources(&node.params)));
    text.push_str(",\"publish\":");
    write_json(text, &json!(node.publish));
    text.push_str(",\"revision\":");
    append(text, node.stage.revision());
    text.push_str(",\"seed\":");
    write_json(text, &json!(node.seed));
    text.push('}');
}
