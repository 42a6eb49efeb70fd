use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the engine runs a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a thread: light work that nothing kills.
    Thread,
    /// In a child process of this program, so that a crash or an out-of-memory kill fails this stage alone.
    Process,
    /// It is a program of its own: [`super::Stage::program`].
    Program,
}

/// A program to run for a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments.
    pub argv: Vec<OsString>,
    /// All that it sees of the environment.
    pub environment: BTreeMap<String, OsString>,
    /// Links to make in its working folder: relative path → what it leads to.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Whether it may read and write only what it was given, where the kernel can see to that.
    pub sandbox: bool,
}
