//! What a stage is: its ports, its parameters, and what it is handed when it runs.
//!
//! The engine knows stages only through [`Stage`]; the table of real stages is handed in by the cli.

mod context;
mod demands;
mod error;
mod port;
mod program;

pub use context::{NamedInput, Progress, SilentProgress, StageContext};
pub use demands::Demands;
pub use error::{ParameterError, StageError};
pub use port::{ANY, Arity, Port, Ports};
pub use program::{Place, Program};

use serde_json::Value;
use std::path::PathBuf;

/// A kind of stage. One implementation per kind; an instance in a pipeline is a `plan::Node`.
pub trait Stage: Send + Sync {
    /// Name used after `stage:` in a pipeline, e.g. `train`.
    fn kind(&self) -> &'static str;

    /// One line for `runner ls stages`.
    fn summary(&self) -> &'static str;

    /// Raised whenever the same inputs and parameters would give other bytes than before.
    fn revision(&self) -> u32;

    /// Artifacts that the stage reads, in the order in which they enter its key.
    fn inputs(&self) -> &'static [Port];

    /// Artifacts that the stage writes; each is one folder.
    fn outputs(&self) -> &'static [Port];

    /// Whether an entry declares its ports by its own `inputs` and `outputs`. The canonical parameters then get
    /// `outputs`, of port → artifact word, and `gathers`, the inputs that take many: they are part of the key.
    fn open(&self) -> bool {
        false
    }

    /// Parses `with:` and serialises it again with every default spelled out, so that writing a
    /// default keeps the key. Unknown and ill-typed fields are errors that name their path.
    fn canonical(&self, with: &Value) -> Result<Value, ParameterError>;

    /// JSON Schema of `with:`, for editors. [`schema`] makes it from the stage's parameter struct.
    fn schema(&self) -> Value {
        Value::Bool(true)
    }

    /// Files from outside the store that the stage reads; their content, never their path, is in the key.
    fn sources(&self, _canonical: &Value) -> Vec<Source> {
        Vec::new()
    }

    /// Variables of the environment that the stage sees; their values are in the key.
    fn environment(&self, _canonical: &Value) -> Vec<String> {
        Vec::new()
    }

    /// Cores that the stage keeps busy: the scheduler's budget.
    fn cpus(&self, _canonical: &Value) -> Cpus {
        Cpus::Exactly(1)
    }

    /// What besides the parameters can change bits, e.g. `flex/f32`. Part of the key.
    fn numerics(&self, _canonical: &Value) -> Option<String> {
        None
    }

    fn place(&self) -> Place {
        Place::Thread
    }

    /// What to run for a stage whose place is [`Place::Program`].
    fn program(&self, _context: &StageContext) -> Result<Program, StageError> {
        Err(StageError::Failed("this stage is no program".to_owned()))
    }

    /// The files of its inputs that the stage may read, where that is less than all: who reads another one, in a
    /// process of its own, fails. For trainings, so that a test case can't leak into them.
    fn reads(&self, _context: &StageContext) -> Result<Option<Vec<PathBuf>>, StageError> {
        Ok(None)
    }

    /// Does the work. Everything that it writes goes below [`StageContext::output`] or
    /// [`StageContext::scratch`]; the engine moves outputs into the store when this returns `Ok`.
    fn run(&self, context: &StageContext) -> Result<(), StageError>;
}

/// Cores for one stage. Never part of a key: no output may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cpus {
    Exactly(usize),
    /// This many, and a share of those that no other stage could use. For work that several cores do faster,
    /// but less than in proportion: n such stages on one core each finish before n in turn on n cores.
    AtLeast(usize),
    /// As many as there are.
    All,
}

/// A path from outside the store, named by the parameter that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Dotted path of the parameter, e.g. `dataset.root`. Its value is left out of the key.
    pub parameter: String,
    /// File or folder; relative paths are relative to the project's root.
    pub path: PathBuf,
}

/// Canonicalises by a round trip through the stage's parameter struct `P`.
pub fn canonical<P: serde::de::DeserializeOwned + serde::Serialize>(with: &Value) -> Result<Value, ParameterError> {
    let parsed: P = serde_path_to_error::deserialize(with).map_err(ParameterError::from)?;
    serde_json::to_value(parsed).map_err(|e| ParameterError::new("", e.to_string()))
}

/// JSON Schema (2020-12) of the parameter struct `P`, complete in itself. Doc comments are its descriptions.
pub fn schema<P: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<P>().to_value()
}
