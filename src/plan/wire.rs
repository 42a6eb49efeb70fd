use super::fault::{Fault, PlanError};
use crate::contract::{Arity, Port, Stage};
use crate::spec::{Entry, Experiment, Input, Located, Mark, Name};

/// One connection between entries: an output of `from` feeds an input port.
pub(super) struct Wire {
    pub port: Port,
    /// Index of an entry.
    pub from: usize,
    pub output: &'static str,
    pub mark: Mark,
}

/// The entries of a pipeline with their stages.
pub(super) struct Entries<'a> {
    pub experiment: &'a Experiment,
    pub stages: Vec<&'static dyn Stage>,
}

impl<'a> Entries<'a> {
    pub fn new(experiment: &'a Experiment, table: &[&'static dyn Stage]) -> Result<Self, PlanError> {
        let stage = |entry: &Entry| {
            let known = || table.iter().map(|stage| stage.kind().to_owned()).collect();
            let unknown = || Fault::UnknownStage { kind: entry.kind.text.clone(), known: known() };
            let stage = table.iter().find(|stage| stage.kind() == entry.kind.text);
            stage.copied().ok_or_else(|| Located::new(&entry.kind.mark, unknown()))
        };
        Ok(Entries { experiment, stages: experiment.entries.iter().map(stage).collect::<Result<_, _>>()? })
    }

    /// The connections into each entry: in the order of its ports, then as written.
    pub fn wires(&self) -> Result<Vec<Vec<Wire>>, PlanError> {
        let entries = self.experiment.entries.iter().zip(&self.stages);
        entries.map(|(entry, stage)| self.wires_into(entry, *stage)).collect()
    }

    fn wires_into(&self, entry: &Entry, stage: &dyn Stage) -> Result<Vec<Wire>, PlanError> {
        let ports = stage.inputs();
        if let Some(input) = entry.inputs.iter().find(|input| !has(ports, &input.port.text)) {
            return Err(Located::new(&input.port.mark, unknown_input(entry, &input.port, ports)));
        }
        let mut wires = Vec::new();
        for port in ports {
            match entry.inputs.iter().find(|input| input.port.text == port.name) {
                Some(input) => wires.extend(self.wires_of(entry, *port, input)?),
                None if port.arity == Arity::One => {
                    return Err(Located::new(entry.mark(), self.missing(entry, port)));
                }
                None => {}
            }
        }
        Ok(wires)
    }

    fn wires_of(&self, entry: &Entry, port: Port, input: &Input) -> Result<Vec<Wire>, PlanError> {
        let count = input.from.len();
        if port.arity != Arity::Many && count > 1 || port.arity == Arity::One && count == 0 {
            let fault = Fault::Arity { entry: entry.name.text.clone(), port: port.name.to_owned(), count };
            return Err(Located::new(&input.port.mark, fault));
        }
        input.from.iter().map(|from| self.wire(entry, port, from)).collect()
    }

    fn wire(&self, entry: &Entry, port: Port, name: &Name) -> Result<Wire, PlanError> {
        let (from, output) = name.text.split_once('.').map_or((name.text.as_str(), None), |(e, o)| (e, Some(o)));
        let all = &self.experiment.entries;
        let index = all.iter().position(|other| other.name.text == from).ok_or_else(|| {
            let known = all.iter().map(|other| other.name.text.clone()).collect();
            let (entry, port) = (entry.name.text.clone(), port.name.to_owned());
            Located::new(&name.mark, Fault::UnknownEntry { entry, port, name: from.to_owned(), known })
        })?;
        let outputs = self.stages[index].outputs();
        let output = match output {
            Some(output) => named_output(from, output, outputs),
            None => only_output(entry, port, from, outputs),
        };
        let output = output.map_err(|fault| Located::new(&name.mark, fault))?;
        if output.artifact != port.artifact {
            return Err(Located::new(&name.mark, artifact(entry, port, &name.text, &[output])));
        }
        if port.arity != Arity::Many {
            self.check_axes(entry, port, index, &name.mark)?;
        }
        Ok(Wire { port, from: index, output: output.name, mark: name.mark.clone() })
    }

    /// A port for one artifact can't take an entry that runs for axes that its own stage doesn't run for.
    fn check_axes(&self, entry: &Entry, port: Port, from: usize, mark: &Mark) -> Result<(), PlanError> {
        let from = &self.experiment.entries[from];
        let missing = from.axes.iter().filter(|axis| !entry.axes.contains(axis));
        let axes: Vec<String> = missing.map(|&axis| self.experiment.axes[axis].name.text.clone()).collect();
        if axes.is_empty() {
            return Ok(());
        }
        let (entry, port, from) = (entry.name.text.clone(), port.name.to_owned(), from.name.text.clone());
        Err(Located::new(mark, Fault::MissingAxis { entry, port, from, axes }))
    }

    fn missing(&self, entry: &Entry, port: &Port) -> Fault {
        let entries = self.experiment.entries.iter().zip(&self.stages);
        let makers = entries.filter(|(other, stage)| {
            other.name.text != entry.name.text && stage.outputs().iter().any(|o| o.artifact == port.artifact)
        });
        Fault::MissingInput {
            entry: entry.name.text.clone(),
            port: port.name.to_owned(),
            artifact: port.artifact.to_owned(),
            makers: makers.map(|(other, _)| other.name.text.clone()).collect(),
        }
    }
}

pub(super) fn has(ports: &[Port], name: &str) -> bool {
    ports.iter().any(|port| port.name == name)
}

pub(super) fn port_names(ports: &[Port]) -> Vec<String> {
    ports.iter().map(|port| port.name.to_owned()).collect()
}

fn unknown_input(entry: &Entry, port: &Name, ports: &[Port]) -> Fault {
    Fault::UnknownInput { entry: entry.name.text.clone(), port: port.text.clone(), known: port_names(ports) }
}

fn named_output(from: &str, output: &str, outputs: &[Port]) -> Result<Port, Fault> {
    outputs.iter().copied().find(|port| port.name == output).ok_or_else(|| Fault::UnknownOutput {
        entry: from.to_owned(),
        port: output.to_owned(),
        known: port_names(outputs),
    })
}

/// The output that a port can mean when only the entry is named: the one with its artifact word.
fn only_output(entry: &Entry, port: Port, from: &str, outputs: &[Port]) -> Result<Port, Fault> {
    let fitting: Vec<Port> = outputs.iter().copied().filter(|output| output.artifact == port.artifact).collect();
    match fitting.as_slice() {
        [] => Err(artifact(entry, port, from, outputs)),
        [output] => Ok(*output),
        several => Err(Fault::Ambiguous {
            entry: entry.name.text.clone(),
            port: port.name.to_owned(),
            from: from.to_owned(),
            outputs: port_names(several),
        }),
    }
}

fn artifact(entry: &Entry, port: Port, from: &str, outputs: &[Port]) -> Fault {
    Fault::Artifact {
        entry: entry.name.text.clone(),
        port: port.name.to_owned(),
        takes: port.artifact.to_owned(),
        from: from.to_owned(),
        makes: outputs.iter().map(|output| output.artifact.to_owned()).collect(),
    }
}
