//! JSON Schema (2020-12) of a pipeline's YAML, so that editors complete and check it.

use serde_json::{Map, Value, json};

/// A stage kind, as the schema needs it.
pub struct Kind {
    pub name: String,
    pub summary: String,
    /// Port, and how many artifacts it takes.
    pub inputs: Vec<(String, Takes)>,
    pub outputs: Vec<String>,
    /// The entry declares its own ports.
    pub open: bool,
    /// JSON Schema of `with`.
    pub with: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    One,
    Optional,
    Many,
}

/// The schema of a whole pipeline.
pub fn schema(kinds: &[Kind]) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of runner",
        "type": "object",
        "additionalProperties": false,
        "required": ["stages"],
        "properties": {
            "title": text("For people; default: the file's name."),
            "profile": text("experiments/profiles/NAME.yaml is laid over the settings, unless --profile names another."),
            "results": text("Folder below the project's root that results go to; default `results/${pipeline}`."),
            "settings": {
                "description": "What profiles and --set may change; `${name}` refers to one.",
                "type": ["object", "null"],
                "propertyNames": {"$ref": "#/$defs/name"},
            },
            "matrix": matrix(),
            "stages": {
                "description": "The stages, by name. A stage that names axes in `for_each` has an instance at each of their points.",
                "type": "object",
                "propertyNames": {"$ref": "#/$defs/name"},
                "additionalProperties": {"$ref": "#/$defs/stage"},
            },
        },
        "$defs": definitions(kinds),
    })
}

fn text(description: &str) -> Value {
    json!({"description": description, "type": ["string", "null"]})
}

fn matrix() -> Value {
    json!({
        "description": "Axes by name, each a list of texts or numbers.",
        "type": ["object", "null"],
        "properties": {"exclude": {"$ref": "#/$defs/exclude"}},
        "propertyNames": {"$ref": "#/$defs/name"},
        "additionalProperties": {
            "anyOf": [{"$ref": "#/$defs/scalar"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/scalar"}}],
        },
    })
}

fn definitions(kinds: &[Kind]) -> Value {
    json!({
        "reference": {
            "description": "A reference, `${path}`: to a setting, the catalogue in experiments/, or `matrix.AXIS`.",
            "type": "string",
            "pattern": "\\$\\{.+\\}",
        },
        "name": {"type": "string", "pattern": "^[\\p{L}\\p{N}_-]+$"},
        "scalar": {"type": ["string", "number", "boolean"]},
        "exclude": {
            "description": "Points that are left out: those that have, on each of these axes, one of these values.",
            "type": ["array", "null"],
            "items": {"type": "object", "minProperties": 1},
        },
        "entry": {
            "description": "A stage of this pipeline, or one of its outputs: `train` or `train.weights`.",
            "type": "string",
            "pattern": "^[\\p{L}\\p{N}_-]+(\\.[\\p{L}\\p{N}_-]+)?$",
        },
        "entries": {
            "anyOf": [{"$ref": "#/$defs/entry"}, {"type": "array", "items": {"$ref": "#/$defs/entry"}}],
        },
        "stage": stage(kinds),
    })
}

fn stage(kinds: &[Kind]) -> Value {
    let names: Vec<Value> = kinds.iter().map(|kind| json!({"const": kind.name, "description": kind.summary})).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["stage"],
        "properties": {
            "stage": {"description": "The stage's kind; `runner ls stages` lists them.", "type": "string", "oneOf": names},
            "for_each": {
                "description": "Axes of the matrix: one instance for each of their points.",
                "anyOf": [
                    {"$ref": "#/$defs/name"},
                    {"type": "array", "uniqueItems": true, "items": {"$ref": "#/$defs/name"}},
                    {"type": "null"},
                ],
            },
            "inputs": {"description": "Input port: the stage, or stage.output, that feeds it.", "type": ["object", "null"]},
            "outputs": {
                "description": "Output port: artifact word. Only where the stage leaves its ports open, as `command` does.",
                "type": ["object", "null"],
            },
            "seed": {
                "description": "Where the stage's random numbers start: a whole number from 0.",
                "anyOf": [{"type": "integer", "minimum": 0}, {"$ref": "#/$defs/reference"}, {"type": "null"}],
            },
            "with": {"description": "The stage's parameters."},
            "publish": {"description": "Output port: folder below `results` that gets a copy.", "type": ["object", "null"]},
            "exclude": {"$ref": "#/$defs/exclude"},
            "resources": {"description": "What it needs of the machine, e.g. `{ cpus: 2 }`."},
            "timeout": {"description": "It fails when it runs for longer."},
            "retries": {"description": "How often it is tried again after a failure."},
            "priority": {"description": "Of the stages that could start, those with a higher one do so first."},
        },
        "allOf": kinds.iter().map(of_kind).collect::<Vec<_>>(),
    })
}

/// What holds for entries of one kind.
fn of_kind(kind: &Kind) -> Value {
    let mut properties = Map::new();
    if !kind.open {
        properties.insert("inputs".to_owned(), inputs(&kind.inputs));
        properties.insert("publish".to_owned(), publish(&kind.outputs));
        properties.insert("outputs".to_owned(), json!({"type": "null"}));
    }
    let required = |schema: &Value| schema.get("required").is_some_and(|names| names != &json!([]));
    let with_required = required(&kind.with);
    let inputs_required = !kind.open && kind.inputs.iter().any(|(_, takes)| *takes == Takes::One);
    properties.insert("with".to_owned(), with(kind, with_required));
    let mut then = json!({"properties": properties});
    let needed = [("inputs", inputs_required), ("with", with_required)];
    then["required"] = needed.iter().filter(|(_, needed)| *needed).map(|(name, _)| json!(name)).collect();
    json!({"if": {"properties": {"stage": {"const": kind.name}}, "required": ["stage"]}, "then": then})
}

fn inputs(ports: &[(String, Takes)]) -> Value {
    let port = |(name, takes): &(String, Takes)| {
        let many = *takes == Takes::Many;
        (name.clone(), json!({"$ref": if many { "#/$defs/entries" } else { "#/$defs/entry" }}))
    };
    let needed = ports.iter().filter(|(_, takes)| *takes == Takes::One).map(|(name, _)| json!(name));
    let needed: Vec<Value> = needed.collect();
    json!({
        "type": if needed.is_empty() { json!(["object", "null"]) } else { json!("object") },
        "additionalProperties": false,
        "required": needed,
        "properties": ports.iter().map(port).collect::<Map<_, _>>(),
    })
}

fn publish(outputs: &[String]) -> Value {
    let folder = json!({"description": "A folder below `results`.", "type": "string"});
    json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": outputs.iter().map(|name| (name.clone(), folder.clone())).collect::<Map<_, _>>(),
    })
}

fn with(kind: &Kind, required: bool) -> Value {
    let mut parameters = kind.with.clone();
    if let Value::Object(map) = &mut parameters {
        map.remove("title");
        map.insert("description".to_owned(), json!(format!("Parameters of `{}`: {}.", kind.name, kind.summary)));
    }
    let parameters = or_reference(parameters);
    if required { parameters } else { json!({"anyOf": [parameters, {"type": "null"}]}) }
}

/// The same, where every value may also be a reference. The description stays on top, where editors look for it.
fn or_reference(schema: Value) -> Value {
    let schema = with_references_inside(schema);
    let Value::Object(mut map) = schema else { return schema };
    if map.get("type") == Some(&json!("string")) && !map.contains_key("enum") && !map.contains_key("const") {
        // Any text may hold references anyway.
        return Value::Object(map);
    }
    let mut wrapped = Map::new();
    for key in ["description", "default"] {
        if let Some(value) = map.remove(key) {
            wrapped.insert(key.to_owned(), value);
        }
    }
    wrapped.insert("anyOf".to_owned(), json!([map, {"$ref": "#/$defs/reference"}]));
    Value::Object(wrapped)
}

fn with_references_inside(schema: Value) -> Value {
    let Value::Object(map) = schema else { return schema };
    map.into_iter()
        .map(|(key, value)| match (key.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(all)) => {
                (key, all.into_iter().map(|(name, value)| (name, or_reference(value))).collect())
            }
            // A reference fits several variants: `oneOf` would refuse it.
            ("oneOf" | "anyOf", Value::Array(all)) => {
                ("anyOf".to_owned(), all.into_iter().map(with_references_inside).collect())
            }
            ("allOf" | "prefixItems", Value::Array(all)) => (key, all.into_iter().map(or_reference).collect()),
            ("items" | "additionalProperties", value @ Value::Object(_)) => (key, or_reference(value)),
            (_, value) => (key, value),
        })
        .collect()
}
