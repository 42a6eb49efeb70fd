use super::located::{Explain, Located};
use super::suggest::{did_you_mean, listed};
use std::fmt;
use thiserror::Error;

/// What is wrong with what was typed.
pub type SpecError = Located<Fault>;

#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Fault {
    #[error("{reason}")]
    Read { reason: String, nearest: Option<String> },
    #[error("{message}")]
    Yaml {
        message: String,
        /// The text has `${..}` without quotes inside of `[ ]` or `{ }`.
        reference: bool,
    },
    #[error("{place} has no key `{key}`; it has {}", listed(known))]
    UnknownKey { place: String, key: String, known: Vec<String> },
    #[error("{place} lacks the key `{key}`")]
    MissingKey { place: String, key: &'static str },
    #[error("{place} must be {expected}; this is {found}")]
    Type { place: String, expected: &'static str, found: String },
    #[error("there is no profile `{name}` in experiments/profiles; there is {}", listed(known))]
    UnknownProfile { name: String, known: Vec<String> },
    #[error("`{name}` is taken: {by}")]
    Taken { name: String, by: String },
    #[error("`{name}` is no name: use letters, digits, `_` and `-`")]
    BadName { name: String },
    #[error("`--set` takes PATH=VALUE; this has no `=`")]
    NotAnAssignment,
    #[error("`{path}` cannot be set: {within} has no `{key}`; it has {}", listed(known))]
    CannotSet { path: String, within: String, key: String, known: Vec<String> },
    #[error("`{path}` is a mapping of {}, and can't be set as a whole", listed(known))]
    WholeMapping { path: String, known: Vec<String> },
    #[error("`${{{path}}}` leads nowhere: {within} has no `{key}`; it has {}", listed(known))]
    UnknownReference { path: String, within: String, key: String, known: Vec<String> },
    #[error("`${{{path}}}` leads nowhere: {within} is {found}, not a mapping")]
    NotAMapping { path: String, within: String, found: &'static str },
    #[error("`${{matrix.{axis}}}` needs `{axis}` in this stage's `for_each`, which has {}", listed(for_each))]
    ForeignAxis { axis: String, for_each: Vec<String> },
    #[error("references go in a circle: {}", ring.join(" → "))]
    ReferenceCycle { ring: Vec<String> },
    #[error("`${{{path}}}` is {found}, which can't stand inside a text")]
    NotText { path: String, found: &'static str },
    #[error("`${{` without its `}}`")]
    OpenReference,
    #[error("references unfold to more than {limit} values")]
    TooMuch { limit: usize },
    #[error("axis `{axis}` has no value")]
    EmptyAxis { axis: String },
    #[error("axis `{axis}` has the value `{value}` twice")]
    DuplicateValue { axis: String, value: String },
    #[error("an axis takes texts and numbers without any of `, = [ ] /` or blanks at their ends; this is {found}")]
    BadValue { found: String },
    #[error("the matrix has no axis `{axis}`; it has {}", listed(known))]
    UnknownAxis { axis: String, known: Vec<String> },
    #[error("`for_each` names `{axis}` twice")]
    DuplicateAxis { axis: String },
    #[error("axis `{axis}` has no value `{value}`; it has {}", listed(known))]
    UnknownValue { axis: String, value: String, known: Vec<String> },
    #[error("{place} must stay inside the project: a relative path without `..`; this is `{path}`")]
    Escapes { place: String, path: String },
}

impl Explain for Fault {
    fn label(&self) -> String {
        match self {
            Fault::Read { .. } => "cannot be read",
            Fault::Yaml { .. } => "here",
            Fault::UnknownKey { .. } => "unknown key",
            Fault::MissingKey { key, .. } => return format!("needs `{key}`"),
            Fault::Type { expected, .. } => return format!("not {expected}"),
            Fault::UnknownProfile { .. } => "unknown profile",
            Fault::Taken { .. } => "taken",
            Fault::BadName { .. } => "not a name",
            Fault::NotAnAssignment => "no `=`",
            Fault::CannotSet { .. } => "no such setting",
            Fault::WholeMapping { .. } => "a mapping",
            Fault::UnknownReference { .. } | Fault::NotAMapping { .. } => "unknown reference",
            Fault::ForeignAxis { axis, .. } => return format!("not run for each `{axis}`"),
            Fault::ReferenceCycle { .. } => "leads back to itself",
            Fault::NotText { .. } => "not a text or number",
            Fault::OpenReference => "not closed",
            Fault::TooMuch { .. } => "unfolds without end",
            Fault::EmptyAxis { .. } => "empty",
            Fault::DuplicateValue { .. } => "second time",
            Fault::BadValue { .. } => "not a value for an axis",
            Fault::UnknownAxis { .. } => "unknown axis",
            Fault::DuplicateAxis { .. } => "second time",
            Fault::UnknownValue { .. } => "unknown value",
            Fault::Escapes { .. } => "leads outside",
        }
        .to_owned()
    }

    fn help(&self) -> Option<String> {
        match self {
            Fault::Read { nearest, .. } => nearest.as_ref().map(|name| format!("did you mean `{name}`?")),
            Fault::Yaml { reference: true, .. } => {
                Some("inside of `[ ]` and `{ }` a reference needs quotes: `\"${path}\"`".to_owned())
            }
            Fault::MissingKey { key: "stage", .. } => Some("it names the stage's kind, e.g. `stage: train`".to_owned()),
            Fault::UnknownKey { key, known, .. }
            | Fault::CannotSet { key, known, .. }
            | Fault::UnknownReference { key, known, .. } => did_you_mean(key, known),
            Fault::UnknownProfile { name, known } => did_you_mean(name, known),
            Fault::UnknownAxis { axis, known } => did_you_mean(axis, known),
            Fault::UnknownValue { value, known, .. } => did_you_mean(value, known),
            Fault::NotAnAssignment => Some("for example `--set training.epochs=3`".to_owned()),
            Fault::WholeMapping { path, known } => {
                known.first().map(|key| format!("set one of its keys, e.g. `--set {path}.{key}=...`"))
            }
            Fault::ForeignAxis { axis, .. } => Some(format!("add `{axis}` to this stage's `for_each`")),
            Fault::OpenReference => Some("a reference is `${path}`; write `$${` for a plain `${`".to_owned()),
            Fault::EmptyAxis { .. } => Some("give it at least one value, or take the axis out".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for super::Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
