use super::manifest::{Input, Manifest};
use crate::digest::Digest;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Why a stage would run: the field of its manifest that changed since it last ran, from what to what.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum DirtyReason {
    NeverRun,
    Kind {
        was: String,
        is: String,
    },
    Revision {
        was: u32,
        is: u32,
    },
    /// A parameter that one side lacks is `None` there.
    Parameter {
        path: String,
        was: Option<Value>,
        is: Option<Value>,
    },
    Input {
        port: String,
        coordinates: BTreeMap<String, String>,
        was: Option<Digest>,
        is: Option<Digest>,
    },
    /// The same artifacts in another order.
    InputOrder {
        port: String,
    },
    Source {
        parameter: String,
        was: Option<Digest>,
        is: Option<Digest>,
    },
    Seed {
        was: Option<u64>,
        is: Option<u64>,
    },
    Numerics {
        was: Option<String>,
        is: Option<String>,
    },
    /// A variable of the environment that the stage declares.
    Environment {
        name: String,
        was: Option<String>,
        is: Option<String>,
    },
    /// The user asked for it.
    Forced,
    /// An input comes from a stage that runs first: if that yields the same bytes, this one stays cached.
    Upstream {
        node: String,
    },
    /// It ran with these very inputs, but what it wrote is no longer in the store.
    OutputLost {
        what: String,
    },
}

impl fmt::Display for DirtyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverRun => write!(f, "never run"),
            Self::Kind { was, is } => write!(f, "stage: {was} → {is}"),
            Self::Revision { was, is } => write!(f, "revision: {was} → {is}"),
            Self::Parameter { path, was, is } => {
                write!(f, "parameter {path}: {} → {}", shown(was), shown(is))
            }
            Self::Input { port, coordinates, was, is } => {
                let at = coordinates.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
                let at = if at.is_empty() { String::new() } else { format!("[{}]", at.join(",")) };
                write!(f, "input {port}{at}: {} → {}", short(was), short(is))
            }
            Self::InputOrder { port } => write!(f, "input {port}: the same artifacts in another order"),
            Self::Source { parameter, was, is } => {
                write!(f, "files of {parameter}: {} → {}", short(was), short(is))
            }
            Self::Seed { was, is } => write!(f, "seed: {} → {}", shown(was), shown(is)),
            Self::Numerics { was, is } => write!(f, "numerics: {} → {}", shown(was), shown(is)),
            Self::Environment { name, was, is } => {
                write!(f, "environment variable {name}: {} → {}", shown(was), shown(is))
            }
            Self::Forced => write!(f, "forced"),
            Self::Upstream { node } => write!(f, "after {node}, which runs first"),
            Self::OutputLost { what } => write!(f, "its output is lost: {what}"),
        }
    }
}

fn shown(value: &Option<impl fmt::Display>) -> String {
    value.as_ref().map_or("(absent)".to_owned(), ToString::to_string)
}

fn short(digest: &Option<Digest>) -> String {
    digest.as_ref().map_or("(absent)".to_owned(), Digest::short)
}

/// Every field in which two manifests differ, in the order of the fields. Empty when the keys agree.
pub fn diff(was: &Manifest, is: &Manifest) -> Vec<DirtyReason> {
    let mut reasons = Vec::new();
    if was.kind != is.kind {
        reasons.push(DirtyReason::Kind { was: was.kind.clone(), is: is.kind.clone() });
    }
    if was.revision != is.revision {
        reasons.push(DirtyReason::Revision { was: was.revision, is: is.revision });
    }
    parameters("", Some(&was.params), Some(&is.params), &mut reasons);
    inputs(&was.inputs, &is.inputs, &mut reasons);
    sources(was, is, &mut reasons);
    if was.seed != is.seed {
        reasons.push(DirtyReason::Seed { was: was.seed, is: is.seed });
    }
    if was.numerics != is.numerics {
        reasons.push(DirtyReason::Numerics { was: was.numerics.clone(), is: is.numerics.clone() });
    }
    environment(was, is, &mut reasons);
    reasons
}

fn environment(was: &Manifest, is: &Manifest, reasons: &mut Vec<DirtyReason>) {
    let names: std::collections::BTreeSet<&String> = was.environment.keys().chain(is.environment.keys()).collect();
    for name in names {
        let value = |manifest: &Manifest| manifest.environment.get(name).cloned().flatten();
        let (was, is) = (value(was), value(is));
        if was != is {
            reasons.push(DirtyReason::Environment { name: name.clone(), was, is });
        }
    }
}

/// Objects are walked down to the leaf that differs; lists of the same length too.
fn parameters(path: &str, was: Option<&Value>, is: Option<&Value>, reasons: &mut Vec<DirtyReason>) {
    if was == is {
        return;
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (was, is) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                parameters(&below(name), a.get(name), b.get(name), reasons);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                parameters(&below(&index.to_string()), Some(a), Some(b), reasons);
            }
        }
        _ => reasons.push(DirtyReason::Parameter { path: path.to_owned(), was: was.cloned(), is: is.cloned() }),
    }
}

/// An artifact's place: its port, its coordinates, and a count where several share these.
type Place = (String, BTreeMap<String, String>, usize);

fn placed(inputs: &[Input]) -> Vec<(Place, Digest)> {
    let mut seen: BTreeMap<(String, BTreeMap<String, String>), usize> = BTreeMap::new();
    let place = |input: &Input| {
        let count = seen.entry((input.port.clone(), input.coordinates.clone())).or_default();
        *count += 1;
        ((input.port.clone(), input.coordinates.clone(), *count), input.digest)
    };
    inputs.iter().map(place).collect()
}

fn inputs(was: &[Input], is: &[Input], reasons: &mut Vec<DirtyReason>) {
    if was == is {
        return;
    }
    let (was, is) = (placed(was), placed(is));
    let (old, new): (BTreeMap<_, _>, BTreeMap<_, _>) = (was.iter().cloned().collect(), is.iter().cloned().collect());
    let before = reasons.len();
    let gone = was.iter().filter(|(place, _)| !new.contains_key(place));
    for (place, _) in is.iter().chain(gone) {
        let (was, is) = (old.get(place).copied(), new.get(place).copied());
        if was != is {
            let (port, coordinates, _) = place.clone();
            reasons.push(DirtyReason::Input { port, coordinates, was, is });
        }
    }
    if reasons.len() == before
        && let Some(((place, _), _)) = was.iter().zip(&is).find(|(a, b)| a != b)
    {
        reasons.push(DirtyReason::InputOrder { port: place.0.clone() });
    }
}

/// A parameter may name several sources: they are compared one by one, in the order of `Stage::sources`.
fn sources(was: &Manifest, is: &Manifest, reasons: &mut Vec<DirtyReason>) {
    let map = |manifest: &Manifest| {
        let mut map: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        manifest.sources.iter().for_each(|s| map.entry(s.parameter.clone()).or_default().push(s.digest));
        map
    };
    let (old, new) = (map(was), map(is));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (was, is) = (old.get(name).map_or(&[][..], Vec::as_slice), new.get(name).map_or(&[][..], Vec::as_slice));
        for index in 0..was.len().max(is.len()) {
            let (was, is) = (was.get(index).copied(), is.get(index).copied());
            if was != is {
                reasons.push(DirtyReason::Source { parameter: name.clone(), was, is });
            }
        }
    }
}
