use super::fault::{Fault, PlanError};
use crate::contract::{ANY, Arity, Port, Ports, Stage};
use crate::spec::{Entry, Experiment, Input, Located, Mark, Name};
use std::collections::HashMap;
use std::sync::Arc;

/// One connection between entries: an output of `from` feeds an input port.
pub(super) struct Wire {
    pub port: Port,
    /// Index of an entry.
    pub from: usize,
    pub output: String,
    pub mark: Mark,
}

/// The entries of a pipeline with their stages.
pub(super) struct Entries<'a> {
    pub experiment: &'a Experiment,
    pub stages: Vec<&'static dyn Stage>,
    pub ports: Vec<Arc<Ports>>,
    /// Index of each entry by its name.
    names: HashMap<&'a str, usize>,
}

impl<'a> Entries<'a> {
    pub fn new(experiment: &'a Experiment, table: &[&'static dyn Stage]) -> Result<Self, PlanError> {
        let stage = |entry: &Entry| {
            let known = || table.iter().map(|stage| stage.kind().to_owned()).collect();
            let unknown = || Fault::UnknownStage { kind: entry.kind.text.clone(), known: known() };
            let stage = table.iter().find(|stage| stage.kind() == entry.kind.text);
            stage.copied().ok_or_else(|| Located::new(&entry.kind.mark, unknown()))
        };
        let stages: Vec<&'static dyn Stage> = experiment.entries.iter().map(stage).collect::<Result<_, _>>()?;
        let ports = experiment.entries.iter().zip(&stages).map(|(entry, stage)| ports(entry, *stage).map(Arc::new));
        let names = experiment.entries.iter().enumerate().map(|(index, entry)| (entry.name.text.as_str(), index));
        Ok(Entries { experiment, ports: ports.collect::<Result<_, _>>()?, names: names.collect(), stages })
    }

    /// The connections into each entry: in the order of its ports, then as written.
    pub fn wires(&self) -> Result<Vec<Vec<Wire>>, PlanError> {
        let entries = self.experiment.entries.iter().zip(&self.ports);
        entries.map(|(entry, ports)| self.wires_into(entry, &ports.inputs)).collect()
    }

    fn wires_into(&self, entry: &Entry, ports: &[Port]) -> Result<Vec<Wire>, PlanError> {
        if let Some(input) = entry.inputs.iter().find(|input| !has(ports, &input.port.text)) {
            return Err(Located::new(&input.port.mark, unknown_input(entry, &input.port, ports)));
        }
        let mut wires = Vec::new();
        for port in ports {
            match entry.inputs.iter().find(|input| input.port.text == port.name) {
                Some(input) => wires.extend(self.wires_of(entry, port, input)?),
                None if port.arity == Arity::One => {
                    return Err(Located::new(entry.mark(), self.missing(entry, port)));
                }
                None => {}
            }
        }
        Ok(wires)
    }

    fn wires_of(&self, entry: &Entry, port: &Port, input: &Input) -> Result<Vec<Wire>, PlanError> {
        let count = input.from.len();
        if port.arity != Arity::Many && count > 1 || port.arity == Arity::One && count == 0 {
            let fault = Fault::Arity { entry: entry.name.text.clone(), port: port.name.to_string(), count };
            return Err(Located::new(&input.port.mark, fault));
        }
        input.from.iter().map(|from| self.wire(entry, port, from)).collect()
    }

    fn wire(&self, entry: &Entry, port: &Port, name: &Name) -> Result<Wire, PlanError> {
        let (from, output) = name.text.split_once('.').map_or((name.text.as_str(), None), |(e, o)| (e, Some(o)));
        let index = self.names.get(from).copied().ok_or_else(|| {
            let known = self.experiment.entries.iter().map(|other| other.name.text.clone()).collect();
            let (entry, port) = (entry.name.text.clone(), port.name.to_string());
            Located::new(&name.mark, Fault::UnknownEntry { entry, port, name: from.to_owned(), known })
        })?;
        let outputs = &self.ports[index].outputs;
        let output = match output {
            Some(output) => named_output(from, output, outputs),
            None => only_output(entry, port, from, outputs),
        };
        let output = output.map_err(|fault| Located::new(&name.mark, fault))?;
        if !port.takes(&output.artifact) {
            return Err(Located::new(&name.mark, artifact(entry, port, &name.text, std::slice::from_ref(output))));
        }
        if port.arity != Arity::Many {
            self.check_axes(entry, port, index, &name.mark)?;
        }
        Ok(Wire { port: port.clone(), from: index, output: output.name.to_string(), mark: name.mark.clone() })
    }

    /// A port for one artifact can't take an entry that runs for axes that its own stage doesn't run for.
    fn check_axes(&self, entry: &Entry, port: &Port, from: usize, mark: &Mark) -> Result<(), PlanError> {
        let from = &self.experiment.entries[from];
        let missing = from.axes.iter().filter(|axis| !entry.axes.contains(axis));
        let axes: Vec<String> = missing.map(|&axis| self.experiment.axes[axis].name.text.clone()).collect();
        if axes.is_empty() {
            return Ok(());
        }
        let (entry, port, from) = (entry.name.text.clone(), port.name.to_string(), from.name.text.clone());
        Err(Located::new(mark, Fault::MissingAxis { entry, port, from, axes }))
    }

    fn missing(&self, entry: &Entry, port: &Port) -> Fault {
        let entries = self.experiment.entries.iter().zip(&self.ports);
        let makers = entries.filter(|(other, ports)| {
            other.name.text != entry.name.text && ports.outputs.iter().any(|output| port.takes(&output.artifact))
        });
        Fault::MissingInput {
            entry: entry.name.text.clone(),
            port: port.name.to_string(),
            artifact: port.artifact.to_string(),
            makers: makers.map(|(other, _)| other.name.text.clone()).collect(),
        }
    }
}

/// The stage's own ports, or, where it leaves them open, those that the entry declares.
fn ports(entry: &Entry, stage: &dyn Stage) -> Result<Ports, PlanError> {
    let name = || entry.name.text.clone();
    if !stage.open() {
        return match entry.outputs.first() {
            Some((port, _)) => {
                let (kind, known) = (stage.kind().to_owned(), port_names(stage.outputs()));
                Err(Located::new(&port.mark, Fault::OwnOutputs { entry: name(), kind, known }))
            }
            None => Ok(Ports { inputs: stage.inputs().to_vec(), outputs: stage.outputs().to_vec() }),
        };
    }
    if entry.outputs.is_empty() {
        return Err(Located::new(entry.mark(), Fault::NoOutputs { entry: name() }));
    }
    let input = |input: &Input| {
        let arity = if input.list { Arity::Many } else { Arity::One };
        Port::declared(&input.port.text, ANY, arity)
    };
    let output = |(port, artifact): &(Name, Name)| Port::declared(&port.text, &artifact.text, Arity::One);
    Ok(Ports { inputs: entry.inputs.iter().map(input).collect(), outputs: entry.outputs.iter().map(output).collect() })
}

pub(super) fn has(ports: &[Port], name: &str) -> bool {
    ports.iter().any(|port| port.name == name)
}

pub(super) fn port_names(ports: &[Port]) -> Vec<String> {
    ports.iter().map(|port| port.name.to_string()).collect()
}

fn unknown_input(entry: &Entry, port: &Name, ports: &[Port]) -> Fault {
    Fault::UnknownInput { entry: entry.name.text.clone(), port: port.text.clone(), known: port_names(ports) }
}

fn named_output<'a>(from: &str, output: &str, outputs: &'a [Port]) -> Result<&'a Port, Fault> {
    outputs.iter().find(|port| port.name == output).ok_or_else(|| Fault::UnknownOutput {
        entry: from.to_owned(),
        port: output.to_owned(),
        known: port_names(outputs),
    })
}

/// The output that a port can mean when only the entry is named: the one with its artifact word.
fn only_output<'a>(entry: &Entry, port: &Port, from: &str, outputs: &'a [Port]) -> Result<&'a Port, Fault> {
    let fitting: Vec<&Port> = outputs.iter().filter(|output| port.takes(&output.artifact)).collect();
    match fitting.as_slice() {
        [] => Err(artifact(entry, port, from, outputs)),
        [output] => Ok(output),
        several => Err(Fault::Ambiguous {
            entry: entry.name.text.clone(),
            port: port.name.to_string(),
            from: from.to_owned(),
            outputs: several.iter().map(|port| port.name.to_string()).collect(),
        }),
    }
}

fn artifact(entry: &Entry, port: &Port, from: &str, outputs: &[Port]) -> Fault {
    Fault::Artifact {
        entry: entry.name.text.clone(),
        port: port.name.to_string(),
        takes: port.artifact.to_string(),
        from: from.to_owned(),
        makes: outputs.iter().map(|output| output.artifact.to_string()).collect(),
    }
}
