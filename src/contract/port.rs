/// A named slot for an artifact, which is always a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    pub name: &'static str,
    /// What the folder holds, e.g. `slices`. An input takes outputs with the same word only.
    pub artifact: &'static str,
    pub arity: Arity,
}

/// How many artifacts an input port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    One,
    Optional,
    /// Any number: gathers all instances of a matrix, each with its coordinates.
    Many,
}

impl Port {
    pub const fn one(name: &'static str, artifact: &'static str) -> Self {
        Port { name, artifact, arity: Arity::One }
    }
    pub const fn optional(name: &'static str, artifact: &'static str) -> Self {
        Port { name, artifact, arity: Arity::Optional }
    }
    pub const fn many(name: &'static str, artifact: &'static str) -> Self {
        Port { name, artifact, arity: Arity::Many }
    }
}
