use std::borrow::Cow;

/// A named slot for an artifact, which is always a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub name: Cow<'static, str>,
    /// What the folder holds, e.g. `slices`. An input takes outputs with the same word only.
    pub artifact: Cow<'static, str>,
    pub arity: Arity,
}

/// The artifact word of an input that takes any.
pub const ANY: &str = "*";

/// How many artifacts an input port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    One,
    Optional,
    /// Any number: gathers all instances of a matrix, each with its coordinates.
    Many,
}

/// The ports of one entry of a pipeline: its stage's, or, where the stage leaves them open, the entry's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

impl Port {
    pub const fn one(name: &'static str, artifact: &'static str) -> Self {
        Port { name: Cow::Borrowed(name), artifact: Cow::Borrowed(artifact), arity: Arity::One }
    }
    pub const fn optional(name: &'static str, artifact: &'static str) -> Self {
        Port { name: Cow::Borrowed(name), artifact: Cow::Borrowed(artifact), arity: Arity::Optional }
    }
    pub const fn many(name: &'static str, artifact: &'static str) -> Self {
        Port { name: Cow::Borrowed(name), artifact: Cow::Borrowed(artifact), arity: Arity::Many }
    }

    /// A port that an entry declares.
    pub fn declared(name: &str, artifact: &str, arity: Arity) -> Self {
        Port { name: Cow::Owned(name.to_owned()), artifact: Cow::Owned(artifact.to_owned()), arity }
    }

    /// Whether this input takes an output with that artifact word.
    pub fn takes(&self, artifact: &str) -> bool {
        self.artifact == ANY || self.artifact == artifact
    }
}
