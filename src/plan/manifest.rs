use super::{Node, Plan};
use crate::contract::Source;
use crate::digest::{Digest, append, write_json, write_list, write_text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that can change the bytes that a stage writes, and nothing else: no path, no time, no machine.
///
/// The key of a stage is the digest of this value's canonical JSON, and [`super::dirty::diff`] compares two of
/// them: what is hashed and what is explained can't disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub kind: String,
    pub revision: u32,
    /// Canonical parameters without those that hold paths of sources.
    #[serde(with = "shared")]
    pub params: Arc<Value>,
    /// In the order in which the stage sees them, which is part of the key.
    pub inputs: Vec<Input>,
    pub sources: Vec<SourceContent>,
    pub seed: Option<u64>,
    pub numerics: Option<String>,
    /// Variables of the environment that the stage sees; `None` where one isn't set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Option<String>>,
}

/// An artifact on an input port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub port: String,
    /// Matrix coordinates of the stage that made it; empty unless the port is `Many`, where the stage sees them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub coordinates: BTreeMap<String, String>,
    pub digest: Digest,
}

/// Content of a file or folder from outside the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceContent {
    /// The parameter that names it.
    pub parameter: String,
    pub digest: Digest,
}

impl Manifest {
    /// `inputs` in the order of the node's bindings; `sources` in the order of `Stage::sources`.
    pub fn of(node: &Node, inputs: Vec<Input>, sources: Vec<SourceContent>) -> Self {
        Manifest {
            kind: node.stage.kind().to_owned(),
            revision: node.stage.revision(),
            params: without_sources(&node.params, &node.stage.sources(&node.params)),
            inputs,
            sources,
            seed: node.seed,
            numerics: node.stage.numerics(&node.params),
            environment: environment(node),
        }
    }

    /// The canonical JSON of this value, written straight away: a run that has nothing to do still writes them all.
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(512);
        text.push('{');
        if !self.environment.is_empty() {
            text.push_str("\"environment\":");
            write_json(&mut text, &serde_json::json!(self.environment));
            text.push(',');
        }
        text.push_str("\"inputs\":");
        write_list(&mut text, &self.inputs, Input::write);
        text.push_str(",\"kind\":");
        write_text(&mut text, &self.kind);
        text.push_str(",\"numerics\":");
        match &self.numerics {
            Some(numerics) => write_text(&mut text, numerics),
            None => text.push_str("null"),
        }
        text.push_str(",\"params\":");
        write_json(&mut text, &self.params);
        text.push_str(",\"revision\":");
        append(&mut text, self.revision);
        text.push_str(",\"seed\":");
        match self.seed {
            Some(seed) => append(&mut text, seed),
            None => text.push_str("null"),
        }
        text.push_str(",\"sources\":");
        write_list(&mut text, &self.sources, SourceContent::write);
        text.push('}');
        text
    }

    pub fn key(&self) -> Digest {
        Digest::of_bytes(self.canonical().as_bytes())
    }
}

impl Input {
    fn write(text: &mut String, input: &Input) {
        text.push('{');
        if !input.coordinates.is_empty() {
            text.push_str("\"coordinates\":");
            write_json(text, &serde_json::json!(input.coordinates));
            text.push(',');
        }
        text.push_str("\"digest\":");
        input.digest.write_json(text);
        text.push_str(",\"port\":");
        write_text(text, &input.port);
        text.push('}');
    }
}

impl SourceContent {
    fn write(text: &mut String, source: &SourceContent) {
        text.push_str("{\"digest\":");
        source.digest.write_json(text);
        text.push_str(",\"parameter\":");
        write_text(text, &source.parameter);
        text.push('}');
    }
}

/// An [`Arc`] is written as what it holds.
mod shared {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Arc<Value>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Value>, D::Error> {
        Value::deserialize(deserializer).map(Arc::new)
    }
}

fn environment(node: &Node) -> BTreeMap<String, Option<String>> {
    let value = |name: &String| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    node.stage.environment(&node.params).into_iter().map(|name| (name.clone(), value(&name))).collect()
}

/// The coordinates that the stage sees with the artifact of `node.inputs[binding]`.
///
/// A port that takes one artifact shows none, so that a stage downstream of a matrix keeps its key when only
/// the name of a coordinate changes.
pub fn coordinates(plan: &Plan, node: &Node, binding: usize) -> BTreeMap<String, String> {
    let binding = &node.inputs[binding];
    if node.gathers(&binding.port) { plan.nodes[binding.from].coordinates.clone() } else { BTreeMap::new() }
}

/// Parameters without the values that name sources: their content is in the key, their place is not.
pub fn without_sources(params: &Arc<Value>, sources: &[Source]) -> Arc<Value> {
    let mut params = Arc::clone(params);
    for source in sources {
        remove(Arc::make_mut(&mut params), &source.parameter);
    }
    params
}

fn remove(value: &mut Value, path: &str) {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    match (value, rest) {
        (Value::Object(map), None) => {
            map.remove(head);
        }
        (Value::Object(map), Some(rest)) => {
            if let Some(inner) = map.get_mut(head) {
                remove(inner, rest);
            }
        }
        (Value::Array(items), rest) => {
            let item = head.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            match (item, rest) {
                // The place stays, so that the other items keep their indices.
                (Some(item), None) => *item = Value::Null,
                (Some(item), Some(rest)) => remove(item, rest),
                (None, _) => {}
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_source_leaves_the_parameters() {
        let source = |parameter: &str| Source { parameter: parameter.into(), path: "x".into() };
        let params = Arc::new(json!({"a": {"root": "/data", "n": 1}, "list": ["x", "y"]}));
        let left = without_sources(&params, &[source("a.root"), source("list.1"), source("nowhere.at.all")]);
        assert_eq!(*left, json!({"a": {"n": 1}, "list": ["x", null]}));
    }
}
