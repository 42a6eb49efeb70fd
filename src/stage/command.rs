use crate::contract::{self, Cpus, NamedInput, ParameterError, Place, Port, Program, Source, Stage};
use crate::contract::{StageContext, StageError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Any program. It runs in a folder of its own, where `inputs/PORT` holds each input (for a list of entries
/// `inputs/PORT/COORDINATES`), its sources stand under their own names, and it fills `outputs/PORT`. It sees no
/// other file of the project, and of the environment only what it declares, beside `PATH`, a locale, `HOME` and
/// `TMPDIR` (its own), and `RUNNER_SEED`, `RUNNER_THREADS`, `RUNNER_SCRATCH`.
pub struct Command;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandParameters {
    /// A line for `sh -e`, which ends at the first command that fails, or a program and its arguments.
    pub run: Run,
    /// Files and folders of the project that it reads, such as its script; their content is in the key.
    #[serde(default)]
    pub sources: Vec<PathBuf>,
    /// Variables that it sees, with their values.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Variables of your own environment that it sees; their values are in the key.
    #[serde(default)]
    pub pass: Vec<String>,
    /// Whether the kernel keeps it from reading and writing what it didn't declare.
    #[serde(default = "yes")]
    pub sandbox: bool,
    /// From the entry, beside `with`. It is in the key; the engine makes the folders.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    #[expect(dead_code, reason = "the parameters are read strictly, and this is among them")]
    pub outputs: BTreeMap<String, String>,
    /// From the entry: the inputs that gather any number of artifacts.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub gathers: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Run {
    Shell(String),
    Program(Vec<String>),
}

const NUL: &str = "holds a NUL character, which no program can be given";

fn yes() -> bool {
    true
}

impl Stage for Command {
    fn kind(&self) -> &'static str {
        "command"
    }

    fn summary(&self) -> &'static str {
        "run any program, with the inputs and outputs that the entry declares"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        &[]
    }

    fn outputs(&self) -> &'static [Port] {
        &[]
    }

    fn open(&self) -> bool {
        true
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        if let Some(name) = ["outputs", "gathers"].into_iter().find(|name| with.get(name).is_some()) {
            return Err(ParameterError::new(name, "is no parameter: `inputs` and `outputs` stand beside `with`"));
        }
        let parameters: CommandParameters = serde_path_to_error::deserialize(with).map_err(ParameterError::from)?;
        match &parameters.run {
            Run::Shell(line) if line.trim().is_empty() => Err(ParameterError::new("run", "is empty")),
            Run::Shell(line) if line.contains('\0') => Err(ParameterError::new("run", NUL)),
            Run::Program(argv) if argv.iter().any(|word| word.contains('\0')) => Err(ParameterError::new("run", NUL)),
            Run::Program(argv) if argv.first().is_none_or(String::is_empty) => {
                Err(ParameterError::new("run", "names no program"))
            }
            _ => Ok(()),
        }?;
        for (index, source) in parameters.sources.iter().enumerate() {
            let plain = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
            let taken = ["inputs", "outputs", "tmp"].iter().any(|taken| source.starts_with(taken));
            let nul = source.as_os_str().as_encoded_bytes().contains(&0);
            if source.as_os_str().is_empty() || nul || taken || !source.components().all(plain) {
                let message = "must be a path inside of the project, and not inputs, outputs or tmp";
                return Err(ParameterError::new(format!("sources.{index}"), message));
            }
        }
        let names = parameters.environment.keys().map(|name| ("environment", name));
        for (place, name) in names.chain(parameters.pass.iter().map(|name| ("pass", name))) {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(ParameterError::new(place, format!("`{name}` is no name of a variable")));
            }
        }
        if let Some((name, _)) = parameters.environment.iter().find(|(_, value)| value.contains('\0')) {
            return Err(ParameterError::new(format!("environment.{name}"), NUL));
        }
        serde_json::to_value(parameters).map_err(|error| ParameterError::new("", error.to_string()))
    }

    fn schema(&self) -> Value {
        contract::schema::<CommandParameters>()
    }

    fn sources(&self, canonical: &Value) -> Vec<Source> {
        let source = |(index, path)| Source { parameter: format!("sources.{index}"), path: PathBuf::from(path) };
        texts(canonical, "sources").enumerate().map(source).collect()
    }

    fn environment(&self, canonical: &Value) -> Vec<String> {
        texts(canonical, "pass").map(str::to_owned).collect()
    }

    fn cpus(&self, _: &Value) -> Cpus {
        Cpus::Exactly(1)
    }

    fn place(&self) -> Place {
        Place::Program
    }

    fn program(&self, context: &StageContext) -> Result<Program, StageError> {
        let parameters: CommandParameters = context.parameters()?;
        let mut links: Vec<(PathBuf, PathBuf)> = Vec::new();
        for (port, inputs) in &context.inputs {
            links.extend(named(port, inputs, parameters.gathers.contains(port)));
        }
        for path in &parameters.sources {
            // Its place in the project is its place here.
            links.push((path.strip_prefix(&context.root).unwrap_or(path).to_owned(), path.clone()));
        }
        let argv = match &parameters.run {
            Run::Shell(line) => vec!["/bin/sh".into(), "-ec".into(), line.into()],
            Run::Program(argv) => argv.iter().map(OsString::from).collect(),
        };
        Ok(Program { argv, environment: environment(context, &parameters), links, sandbox: parameters.sandbox })
    }

    fn run(&self, _: &StageContext) -> Result<(), StageError> {
        Err(StageError::Failed("a command runs as a program of its own".to_owned()))
    }
}

/// A list of the canonical parameters. Asked for several times a stage, so that the others aren't read for it.
fn texts<'a>(canonical: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    canonical.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// `inputs/PORT`, or one link for each artifact that the port gathers.
fn named(port: &str, inputs: &[NamedInput], gathers: bool) -> Vec<(PathBuf, PathBuf)> {
    let folder = Path::new("inputs").join(port);
    if !gathers {
        return inputs.iter().map(|input| (folder.clone(), input.path.clone())).collect();
    }
    let mut links: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let pairs: Vec<String> = input.coordinates.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
        let name = folder.join(pairs.join(","));
        // Artifacts without coordinates, or with the same, go by their number.
        let name = if pairs.is_empty() || links.iter().any(|(taken, _)| *taken == name) {
            folder.join(index.to_string())
        } else {
            name
        };
        links.push((name, input.path.clone()));
    }
    links
}

/// The same wherever it runs, but for `PATH` and what the entry passes on.
fn environment(context: &StageContext, parameters: &CommandParameters) -> BTreeMap<String, OsString> {
    let own = context.workspace.join("tmp").into_os_string();
    let threads = OsString::from(context.threads.to_string());
    let mut all: BTreeMap<String, OsString> = BTreeMap::from([
        ("HOME".into(), own.clone()),
        ("LC_ALL".into(), "C.UTF-8".into()),
        ("OMP_NUM_THREADS".into(), threads.clone()),
        ("PYTHONDONTWRITEBYTECODE".into(), "1".into()),
        ("RUNNER_SCRATCH".into(), context.scratch.clone().into_os_string()),
        ("RUNNER_SEED".into(), context.seed.to_string().into()),
        ("RUNNER_THREADS".into(), threads),
        ("TMPDIR".into(), own),
        ("TZ".into(), "UTC".into()),
    ]);
    let passed = parameters.pass.iter().map(String::as_str).chain(["PATH"]);
    all.extend(passed.filter_map(|name| Some((name.to_owned(), std::env::var_os(name)?))));
    all.extend(parameters.environment.iter().map(|(name, value)| (name.clone(), value.into())));
    all
}
