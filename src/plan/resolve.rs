use super::demands::demands;
use super::fault::{Fault, PlanError};
use super::matrix::{Join, MOST_STAGES, Point, feeds, points};
use super::order::order;
use super::publish::{Published, folders};
use super::wire::{Entries, Wire};
use super::{Binding, Node, Plan};
use crate::contract::{Arity, Port, Ports, Stage};
use crate::spec::{self, Entry, Experiment, Located, Mark, Tree, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Turns an experiment into concrete stages: one node for each entry at each point of its axes.
///
/// An input takes the instances of the entry that it names which agree with it on all axes that both run for.
pub fn resolve(experiment: &Experiment, stages: &[&'static dyn Stage]) -> Result<Plan, PlanError> {
    let entries = Entries::new(experiment, stages)?;
    let wires = entries.wires()?;
    let mut nodes = Vec::new();
    let mut published = Published::default();
    let mut instances: Vec<Vec<(Point, usize)>> = vec![Vec::new(); experiment.entries.len()];
    for index in order(experiment, &wires)? {
        let entry = &experiment.entries[index];
        let join = |wire: &Wire| Join::new(entry, &experiment.entries[wire.from], &instances[wire.from]);
        let joins: Vec<Join> = wires[index].iter().map(join).collect();
        let mut made = Vec::new();
        for point in points(experiment, entry)? {
            let Some(feeds) = feeds(&wires[index], &joins, &point) else { continue };
            if nodes.len() == MOST_STAGES {
                return Err(Located::new(entry.mark(), Fault::TooMany { limit: MOST_STAGES }));
            }
            let (stage, ports) = (entries.stages[index], &entries.ports[index]);
            let at = Instance { experiment, entry, stage, ports, point: &point };
            let node = at.node(bindings(&wires[index], &feeds), &mut published)?;
            made.push((point, nodes.len()));
            nodes.push(node);
        }
        instances[index] = made;
    }
    published.check()?;
    if nodes.is_empty() {
        return Err(Located::new(&experiment.mark, Fault::Nothing));
    }
    Ok(Plan {
        name: experiment.name.clone(),
        title: experiment.title.clone(),
        nodes,
        results: experiment.results.clone(),
        root: experiment.root.clone(),
    })
}

fn bindings(wires: &[Wire], feeds: &[&[usize]]) -> Vec<Binding> {
    let feed = wires.iter().zip(feeds);
    let binding = |(wire, nodes): (&Wire, &&[usize])| -> Vec<Binding> {
        let binding = |&from| Binding { port: wire.port.name.to_string(), from, output: wire.output.clone() };
        nodes.iter().map(binding).collect()
    };
    feed.flat_map(binding).collect()
}

/// An entry at one point of the matrix.
pub(super) struct Instance<'a> {
    pub experiment: &'a Experiment,
    pub entry: &'a Entry,
    pub stage: &'static dyn Stage,
    pub ports: &'a Arc<Ports>,
    pub point: &'a Point,
}

impl Instance<'_> {
    fn node(&self, inputs: Vec<Binding>, published: &mut Published) -> Result<Node, PlanError> {
        let coordinates = self.coordinates();
        let id = id(&self.entry.name.text, &coordinates);
        Ok(Node {
            publish: folders(self, &id, published)?,
            id,
            entry: self.entry.name.text.clone(),
            coordinates,
            stage: self.stage,
            params: self.parameters()?.into(),
            seed: self.seed()?,
            inputs,
            ports: self.stage.open().then(|| Arc::clone(self.ports)),
            demands: demands(self)?,
        })
    }

    fn coordinates(&self) -> BTreeMap<String, String> {
        let text = |&axis: &usize| {
            let axis = (&self.experiment.axes[axis], self.point[axis]?);
            Some((axis.0.name.text.clone(), axis.0.texts[axis.1].clone()))
        };
        self.entry.axes.iter().filter_map(text).collect()
    }

    /// Puts in references as they stand at this point.
    pub fn expand(&self, tree: &Tree) -> Result<Tree, PlanError> {
        let value = |&axis: &usize| {
            let values = &self.experiment.axes[axis];
            Some((values.name.text.as_str(), values.values.get(self.point[axis]?)?))
        };
        let point: Vec<(&str, &Tree)> = self.entry.axes.iter().filter_map(value).collect();
        self.experiment.scope.expand(tree, &point).map_err(|error| error.map(Fault::Spec))
    }

    /// Canonical parameters; an error points at where the rejected one was written.
    fn parameters(&self) -> Result<serde_json::Value, PlanError> {
        let with = match &self.entry.with {
            Some(with) => self.expand(with)?,
            None => Tree::map(Vec::new(), self.entry.mark()),
        };
        if !matches!(with.value, Value::Map(_)) {
            let place = format!("`with` of stage `{}`", self.entry.name);
            let fault = spec::Fault::Type { place, expected: "a mapping", found: with.kind().to_owned() };
            return Err(Located::new(&with.mark, fault.into()));
        }
        let canonical = self.stage.canonical(&with.to_json()).map(|canonical| self.with_outputs(canonical));
        canonical.map_err(|error| {
            let at = self.blame(&with, &error.path, error.message.starts_with("unknown field"));
            let (entry, message) = (self.entry.name.text.clone(), plainly(&error.message));
            Located::new(&at, Fault::Parameter { entry, path: error.path, message })
        })
    }

    /// What an entry declares to write, and how it sees what it reads, is part of what its stage does.
    fn with_outputs(&self, mut canonical: serde_json::Value) -> serde_json::Value {
        if let Some(map) = canonical.as_object_mut().filter(|_| self.stage.open()) {
            let output = |port: &Port| (port.name.to_string(), port.artifact.as_ref().into());
            let outputs = self.ports.outputs.iter().map(output).collect();
            map.insert("outputs".to_owned(), serde_json::Value::Object(outputs));
            let gathers = self.ports.inputs.iter().filter(|port| port.arity == Arity::Many);
            let gathers: Vec<&str> = gathers.map(|port| port.name.as_ref()).collect();
            if !gathers.is_empty() {
                map.insert("gathers".to_owned(), gathers.into());
            }
        }
        canonical
    }

    /// A key that is unknown is to blame itself, of others the value; for what isn't written, what is around it.
    fn blame(&self, with: &Tree, path: &str, key: bool) -> Mark {
        if path.is_empty() && self.entry.with.is_none() { self.entry.mark().clone() } else { with.locate(path, key) }
    }

    fn seed(&self) -> Result<Option<u64>, PlanError> {
        let Some(seed) = &self.entry.seed else { return Ok(None) };
        let seed = self.expand(seed)?;
        match &seed.value {
            Value::Null => Ok(None),
            Value::Number(number) if number.is_u64() => Ok(number.as_u64()),
            _ => {
                let found = seed.scalar().map_or_else(|| seed.kind().to_owned(), |text| format!("`{text}`"));
                let entry = self.entry.name.text.clone();
                Err(Located::new(&seed.mark, Fault::Seed { entry, found }))
            }
        }
    }
}

/// Serde names Rust's types.
fn plainly(message: &str) -> String {
    let plain = |is: &str| match is {
        "usize" | "u64" | "u32" | "u16" | "u8" => Some("a whole number from 0"),
        "isize" | "i64" | "i32" => Some("a whole number"),
        "f64" | "f32" => Some("a number"),
        "a string" => Some("a text"),
        "a boolean" => Some("true or false"),
        _ => None,
    };
    match message.rsplit_once("expected ") {
        Some((before, is)) => plain(is).map_or_else(|| message.to_owned(), |plain| format!("{before}expected {plain}")),
        None => message.to_owned(),
    }
}

/// `train[label_fraction=5,method=ours]`, axes in alphabetical order.
fn id(entry: &str, coordinates: &BTreeMap<String, String>) -> String {
    if coordinates.is_empty() {
        return entry.to_owned();
    }
    let pairs: Vec<String> = coordinates.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
    format!("{entry}[{}]", pairs.join(","))
}
