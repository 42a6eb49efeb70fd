//! RO-Crate 1.1 metadata after the profiles of Workflow Run RO-Crate 0.5 (Process, Workflow and Provenance Run Crate).

use super::choice::Kept;
use super::manifest::{BundleManifest, object_path};
use crate::digest::{Digest, Entry, Listing};
use crate::engine::cache::Record;
use crate::plan::manifest::without_sources;
use crate::plan::{Node, Plan};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const FILE: &str = "ro-crate-metadata.json";
pub(super) const RO_CRATE: &str = "https://w3id.org/ro/crate/1.1";
const WORKFLOW_RO_CRATE: &str = "https://w3id.org/workflowhub/workflow-ro-crate/1.0";
/// What the root claims to conform to.
pub(super) const PROFILES: [(&str, &str, &str); 4] = [
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"),
    (WORKFLOW_RO_CRATE, "Workflow RO-Crate", "1.0"),
];
const RUNNER: &str = "#runner";
const LANGUAGE: &str = "#runner-pipeline";

/// What the metadata tells of.
pub(super) struct Story<'a> {
    pub plan: &'a Plan,
    pub kept: &'a [Kept],
    /// As packed, one for each of `kept`.
    pub records: &'a [Record],
    /// Of each packed tree.
    pub listings: &'a BTreeMap<Digest, Listing>,
    /// Without its last word on files: these are `files`.
    pub manifest: &'a BundleManifest,
    pub files: &'a [Entry],
    /// An SPDX identifier.
    pub license: Option<&'a str>,
    pub authors: &'a [String],
}

/// Entities in order, each `@id` once: what two stages share is told by the first.
#[derive(Default)]
struct Graph {
    entities: Vec<Value>,
    known: std::collections::BTreeSet<String>,
}

impl Graph {
    fn add(&mut self, id: &str, kind: impl Into<Value>, properties: Value) -> Value {
        if self.known.insert(id.to_owned()) {
            let mut entity = json!({"@id": id, "@type": kind.into()});
            if let (Value::Object(entity), Value::Object(properties)) = (&mut entity, properties) {
                entity.extend(properties.into_iter().filter(|(_, value)| !value.is_null()));
            }
            self.entities.push(entity);
        }
        reference(id)
    }
}

fn reference(id: &str) -> Value {
    json!({ "@id": id })
}

/// The whole document.
pub(super) fn document(story: &Story<'_>) -> Value {
    let mut graph = Graph::default();
    let conforms = [RO_CRATE, WORKFLOW_RO_CRATE].map(reference);
    graph.add(FILE, "CreativeWork", json!({"about": reference("./"), "conformsTo": conforms}));
    let mut parts = Graph::default();
    let files = files(story, &mut parts);
    let people: Vec<Value> = story.authors.iter().map(|name| person(name, &mut parts)).collect();
    let license = license(story, &mut parts);
    let actions = actions(story, &people, &mut parts);
    for (id, name, version) in PROFILES {
        parts.add(id, "CreativeWork", json!({"name": name, "version": version}));
    }
    let root = json!({
        "name": story.manifest.title,
        "description": format!(
            "Pipeline, settings, records and artifacts from which runner re-makes the results of `{}` from its {}.",
            story.plan.name, story.manifest.depth
        ),
        "datePublished": date(finished(story)),
        "license": license,
        "author": if people.is_empty() { Value::Null } else { people.into() },
        "conformsTo": PROFILES.map(|(id, _, _)| reference(id)),
        "mainEntity": reference(&encoded(&story.manifest.pipeline)),
        "hasPart": files,
        "mentions": actions,
    });
    graph.add("./", "Dataset", root);
    graph.entities.extend(parts.entities);
    json!({
        "@context": ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"],
        "@graph": graph.entities,
    })
}

fn files(story: &Story<'_>, graph: &mut Graph) -> Vec<Value> {
    let mut parts = vec![graph.add("manifest.json", "File", json!({"encodingFormat": "application/json"}))];
    workflow(story, graph);
    for file in story.files {
        let about = json!({
            "contentSize": file.size.to_string(),
            "sha256": file.sha256,
            "encodingFormat": media_type(&file.path),
        });
        graph.add(&encoded(&file.path), "File", about);
        parts.push(reference(&encoded(&file.path)));
    }
    parts
}

/// The pipeline's file, with a tool for each stage kind and a step for each entry.
fn workflow(story: &Story<'_>, graph: &mut Graph) {
    let (mut tools, mut steps) = (Vec::new(), Vec::new());
    for node in story.plan.nodes.iter() {
        let tool = reference(&tool_id(node));
        let step = reference(&step_id(node));
        if !tools.contains(&tool) {
            tools.push(tool);
        }
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    let path = &story.manifest.pipeline;
    let file = story.files.iter().find(|file| file.path == *path);
    let about = json!({
        "name": story.manifest.title,
        "programmingLanguage": reference(LANGUAGE),
        "encodingFormat": media_type(path),
        "contentSize": file.map(|file| file.size.to_string()),
        "sha256": file.map(|file| file.sha256),
        "hasPart": tools,
        "step": steps,
    });
    let types = json!(["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]);
    graph.add(&encoded(path), types, about);
    let (name, version) = ("pipelines of runner (YAML)", &story.manifest.runner);
    graph.add(LANGUAGE, "ComputerLanguage", json!({"name": name, "version": version}));
    graph.add(RUNNER, "SoftwareApplication", json!({"name": "runner", "softwareVersion": version}));
    for node in &story.plan.nodes {
        let position = steps.iter().position(|step| *step == reference(&step_id(node))).unwrap_or_default();
        let (summary, revision) = (node.stage.summary(), node.stage.revision());
        let tool = json!({
            "name": node.stage.kind(),
            "description": summary,
            "softwareVersion": format!("runner {version}, revision {revision}"),
        });
        let tool = graph.add(&tool_id(node), "SoftwareApplication", tool);
        let step = json!({"name": node.entry, "position": position.to_string(), "workExample": tool});
        graph.add(&step_id(node), "HowToStep", step);
    }
}

/// A `CreateAction` for the run as a whole and one for each kept stage, with what orchestrated them.
fn actions(story: &Story<'_>, people: &[Value], graph: &mut Graph) -> Vec<Value> {
    let agent = if people.is_empty() { Value::Null } else { people.into() };
    let (mut mentions, mut controls, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for (kept, record) in story.kept.iter().zip(story.records) {
        let node = &story.plan.nodes[kept.node];
        let action = stage_action(story, node, record, &agent, graph);
        let control = json!({"name": format!("orchestration of {}", node.id), "instrument": reference(&step_id(node)), "object": action});
        controls.push(graph.add(&format!("#control-{}", encoded(&node.id)), "ControlAction", control));
        results.extend(node.publish.keys().filter_map(|port| Some(tree(story, *record.outputs.get(port)?, graph))));
        mentions.push(action);
    }
    results.dedup();
    let settings = json!({"name": "--set", "value": story.manifest.set});
    let settings =
        if story.manifest.set.is_empty() { None } else { Some(graph.add("#settings", "PropertyValue", settings)) };
    let run = json!({
        "name": format!("run of {}", story.manifest.pipeline),
        "instrument": reference(&encoded(&story.manifest.pipeline)),
        "object": settings.map(|settings| vec![settings]),
        "result": results,
        "endTime": time(finished(story)),
        "agent": agent,
    });
    let run = graph.add("#run", "CreateAction", run);
    let engine = json!({"name": "run of runner", "instrument": reference(RUNNER), "object": controls, "result": run, "agent": agent});
    graph.add("#orchestration", "OrganizeAction", engine);
    mentions.insert(0, run);
    mentions.push(reference("#orchestration"));
    mentions.extend(graph.entities.iter().filter(|e| e["@type"] == "Collection").map(|e| json!({"@id": e["@id"]})));
    mentions.dedup();
    mentions
}

fn stage_action(story: &Story<'_>, node: &Node, record: &Record, agent: &Value, graph: &mut Graph) -> Value {
    let key = record.key;
    let mut objects: Vec<Value> = record.manifest.inputs.iter().map(|input| tree(story, input.digest, graph)).collect();
    let params = without_sources(&node.params, &node.stage.sources(&node.params));
    let value = crate::digest::canonical_json(&params);
    objects.push(graph.add(&format!("#parameters-{key}"), "PropertyValue", json!({"name": "with", "value": value})));
    if let Some(seed) = node.seed {
        let seed = json!({"name": "seed", "value": seed.to_string()});
        objects.push(graph.add(&format!("#seed-{key}"), "PropertyValue", seed));
    }
    let results: Vec<Value> = record.outputs.values().map(|output| tree(story, *output, graph)).collect();
    let action = json!({
        "name": format!("run of {}", node.id),
        "description": format!("stage `{}`, key {key}", node.stage.kind()),
        "instrument": reference(&tool_id(node)),
        "object": objects,
        "result": results,
        "startTime": time(record.finished.saturating_sub(record.seconds as u64)),
        "endTime": time(record.finished),
        "actionStatus": reference("http://schema.org/CompletedActionStatus"),
        "agent": agent,
    });
    graph.add(&format!("#stage-{key}"), "CreateAction", action)
}

/// An artifact: a folder of files in the store. Of one that isn't packed, the digest alone.
fn tree(story: &Story<'_>, digest: Digest, graph: &mut Graph) -> Value {
    let listing = story.listings.get(&digest);
    let mut files: Vec<Value> =
        listing.iter().flat_map(|l| &l.files).map(|file| reference(&encoded(&object_path(file.sha256)))).collect();
    files.dedup();
    let names: Vec<&str> = listing.iter().flat_map(|l| &l.files).map(|file| file.path.as_str()).collect();
    let about = json!({
        "name": format!("artifact {}", digest.short()),
        "sha256": digest,
        "alternateName": listing.map(|_| names),
        "hasPart": listing.map(|_| files),
    });
    graph.add(&format!("#artifact-{digest}"), "Collection", about)
}

fn license(story: &Story<'_>, graph: &mut Graph) -> Value {
    match story.license {
        Some(spdx) => {
            let id = format!("https://spdx.org/licenses/{}", encoded(spdx));
            graph.add(&id, "CreativeWork", json!({"name": spdx, "identifier": spdx}))
        }
        // It holds the project's own licence, or says that there is none.
        None => reference("LICENSE"),
    }
}

fn person(name: &str, graph: &mut Graph) -> Value {
    graph.add(&format!("#person-{}", encoded(name)), "Person", json!({ "name": name }))
}

fn tool_id(node: &Node) -> String {
    format!("#tool-{}", encoded(node.stage.kind()))
}

fn step_id(node: &Node) -> String {
    format!("#step-{}", encoded(&node.entry))
}

fn finished(story: &Story<'_>) -> u64 {
    story.records.iter().map(|record| record.finished).max().unwrap_or(0)
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "json" => "application/json",
        "yaml" | "yml" => "application/yaml",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "tex" => "application/x-tex",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "html" => "text/html",
        _ => "application/octet-stream",
    }
}

/// As an `@id` has to be: a relative URI.
pub(super) fn encoded(text: &str) -> String {
    let mut uri = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri
}

/// `2026-11-25T08:40:00Z`.
fn time(seconds: u64) -> String {
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(seconds))
}

/// The Gregorian date of a time since 1970, in eras of 400 years that begin on 1 March.
fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_gregorian() {
        assert_eq!(super::time(0), "1970-01-01T00:00:00Z");
        assert_eq!(super::time(951_782_400 + 3_661), "2000-02-29T01:01:01Z");
        assert_eq!(super::date(1_795_564_800), "2026-11-25");
        assert_eq!(super::date(4_107_542_400), "2100-03-01");
    }
}
