use crate::spec::{self, Explain, Located, did_you_mean, listed};
use thiserror::Error;

/// Why an experiment can't be turned into a plan.
pub type PlanError = Located<Fault>;

#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Fault {
    #[error(transparent)]
    Spec(#[from] spec::Fault),
    #[error("there is no stage kind `{kind}`; there is {}", listed(known))]
    UnknownStage { kind: String, known: Vec<String> },
    #[error("stage `{entry}` has no input `{port}`; it has {}", listed(known))]
    UnknownInput { entry: String, port: String, known: Vec<String> },
    #[error("stage `{entry}` has no output `{port}`; it has {}", listed(known))]
    UnknownOutput { entry: String, port: String, known: Vec<String> },
    #[error("stage `{entry}` lacks its input `{port}`, which takes `{artifact}`")]
    MissingInput { entry: String, port: String, artifact: String, makers: Vec<String> },
    #[error("input `{port}` of stage `{entry}` names `{name}`, but there is no such stage; there is {}", listed(known))]
    UnknownEntry { entry: String, port: String, name: String, known: Vec<String> },
    #[error("input `{port}` of stage `{entry}` takes `{takes}`, but `{from}` makes {}", listed(makes))]
    Artifact { entry: String, port: String, takes: String, from: String, makes: Vec<String> },
    #[error("`{from}` has several outputs that input `{port}` of stage `{entry}` could take: {}", listed(outputs))]
    Ambiguous { entry: String, port: String, from: String, outputs: Vec<String> },
    #[error("input `{port}` of stage `{entry}` takes one artifact; this names {count}")]
    Arity { entry: String, port: String, count: usize },
    #[error("input `{port}` of stage `{entry}` takes one artifact, but `{from}` runs for each {}", listed(axes))]
    MissingAxis { entry: String, port: String, from: String, axes: Vec<String> },
    #[error("stage `{entry}` takes no `outputs`: those of `{kind}` are {}", listed(known))]
    OwnOutputs { entry: String, kind: String, known: Vec<String> },
    #[error("stage `{entry}` has no `outputs`")]
    NoOutputs { entry: String },
    #[error("`{key}` of stage `{entry}` must be {expected}; this is {found}")]
    Demand { entry: String, key: String, expected: &'static str, found: String },
    #[error("`resources` of stage `{entry}` has no `{key}`; it has {}", listed(known))]
    UnknownResource { entry: String, key: String, known: Vec<String> },
    #[error("stages go in a circle: {}", ring.join(" → "))]
    Cycle { ring: Vec<String> },
    #[error("stage `{entry}` does not take these parameters: {}{message}", named(path))]
    Parameter { entry: String, path: String, message: String },
    #[error("`seed` of stage `{entry}` must be a whole number from 0; this is {found}")]
    Seed { entry: String, found: String },
    #[error("stage `{second}` publishes to `{folder}`, {} `{first}`", place(folder, other))]
    Published { second: String, first: String, folder: String, other: String },
    #[error("the matrix unfolds to more than {limit} stages")]
    TooMany { limit: usize },
    #[error("nothing is left to run: there is no stage, or `exclude` drops every point")]
    Nothing,
}

fn named(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("`{path}`: ") }
}

fn place(folder: &str, other: &str) -> String {
    if folder == other { "as does".to_owned() } else { format!("which is inside of `{other}` of") }
}

impl Explain for Fault {
    fn label(&self) -> String {
        match self {
            Fault::Spec(fault) => return fault.label(),
            Fault::UnknownStage { .. } => "unknown stage kind",
            Fault::UnknownInput { .. } => "unknown input",
            Fault::UnknownOutput { .. } => "unknown output",
            Fault::MissingInput { port, .. } => return format!("needs `{port}`"),
            Fault::UnknownEntry { .. } => "unknown stage",
            Fault::Artifact { takes, .. } => return format!("makes no `{takes}`"),
            Fault::Ambiguous { .. } => "which of its outputs?",
            Fault::Arity { .. } => "more than one",
            Fault::MissingAxis { axes, .. } => return format!("one for each {}", listed(axes)),
            Fault::OwnOutputs { .. } => "not its own to declare",
            Fault::NoOutputs { .. } => "writes nothing",
            Fault::Demand { expected, .. } => return format!("not {expected}"),
            Fault::UnknownResource { .. } => "unknown resource",
            Fault::Cycle { .. } => "closes the circle",
            Fault::Parameter { message, .. } if message.starts_with("missing field") => "incomplete",
            Fault::Parameter { .. } => "not accepted",
            Fault::Seed { .. } => "not a seed",
            Fault::Published { .. } => "taken",
            Fault::TooMany { .. } | Fault::Nothing => "in this pipeline",
        }
        .to_owned()
    }

    fn help(&self) -> Option<String> {
        match self {
            Fault::Spec(fault) => fault.help(),
            Fault::UnknownStage { kind, known } => {
                let list = "`runner ls stages` describes them";
                Some(did_you_mean(kind, known).map_or_else(|| list.to_owned(), |meant| format!("{meant} {list}")))
            }
            Fault::UnknownInput { port, known, .. } | Fault::UnknownOutput { port, known, .. } => {
                did_you_mean(port, known)
            }
            Fault::UnknownEntry { name, known, .. } => did_you_mean(name, known),
            Fault::MissingInput { port, makers, artifact, .. } => Some(match makers.first() {
                Some(maker) => format!("made by {}: add `{port}: {maker}` to its `inputs`", listed(makers)),
                None => format!("no stage of this pipeline makes `{artifact}`: add one that does"),
            }),
            Fault::Ambiguous { from, outputs, .. } => outputs.first().map(|o| format!("say which, e.g. `{from}.{o}`")),
            Fault::MissingAxis { entry, axes, .. } => Some(format!("add {} to `for_each` of `{entry}`", listed(axes))),
            Fault::Parameter { message, .. } => suggestion(message),
            Fault::NoOutputs { .. } => {
                Some("declare what it writes: `outputs: { NAME: ARTIFACT }`; the files go to outputs/NAME".to_owned())
            }
            Fault::UnknownResource { key, known, .. } => did_you_mean(key, known),
            Fault::Published { .. } => {
                Some("give each its own folder; a stage of the matrix can use `${matrix.AXIS}` in it".to_owned())
            }
            _ => None,
        }
    }
}

/// Serde says "unknown field `epochz`, expected one of `epochs`, `width`".
fn suggestion(message: &str) -> Option<String> {
    let quoted: Vec<String> = message.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let (typed, known) = quoted.split_first()?;
    if message.starts_with("unknown ") { did_you_mean(typed, known) } else { None }
}
