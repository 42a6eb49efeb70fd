use runner::contract::{Cpus, ParameterError, Port, Source, Stage, StageContext, StageError};
use runner::engine::{Event, Observer, Options, Store, Summary, run};
use runner::plan::{Binding, Node, Plan};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Writes `text` (and what it reads, in order) to `out/text.txt`. Its parameters tell it how to misbehave.
pub struct Toy;
pub static TOY: Toy = Toy;

/// As [`Toy`] with a later revision.
pub struct Revised;
pub static REVISED: Revised = Revised;

/// How often each `count` name ran, over all tests.
static RUNS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

pub fn runs(name: &str) -> u32 {
    RUNS.lock().unwrap().get(name).copied().unwrap_or(0)
}

const INPUTS: &[Port] = &[Port::optional("a", "text"), Port::optional("b", "text"), Port::many("all", "text")];
const OUTPUTS: &[Port] = &[Port::one("out", "text")];

impl Stage for Toy {
    fn kind(&self) -> &'static str {
        "toy"
    }
    fn summary(&self) -> &'static str {
        "writes a text"
    }
    fn revision(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [Port] {
        INPUTS
    }
    fn outputs(&self) -> &'static [Port] {
        OUTPUTS
    }
    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        Ok(with.clone())
    }
    fn cpus(&self, canonical: &Value) -> Cpus {
        match canonical.get("cpus").and_then(Value::as_str) {
            Some("all") => Cpus::All,
            Some("at least one") => Cpus::AtLeast(1),
            _ => Cpus::Exactly(1),
        }
    }
    fn sources(&self, canonical: &Value) -> Vec<Source> {
        let source = |path: &Value| path.as_str().map(|path| Source { parameter: "source".into(), path: path.into() });
        canonical.get("source").and_then(source).into_iter().collect()
    }
    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        act(context)
    }
}

impl Stage for Revised {
    fn kind(&self) -> &'static str {
        "toy"
    }
    fn summary(&self) -> &'static str {
        "writes a text"
    }
    fn revision(&self) -> u32 {
        2
    }
    fn inputs(&self) -> &'static [Port] {
        INPUTS
    }
    fn outputs(&self) -> &'static [Port] {
        OUTPUTS
    }
    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        Ok(with.clone())
    }
    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        act(context)
    }
}

fn act(context: &StageContext) -> Result<(), StageError> {
    let given = |name: &str| context.params.get(name).and_then(Value::as_str);
    if let Some(name) = given("count") {
        *RUNS.lock().unwrap().entry(name.to_owned()).or_default() += 1;
    }
    if let Some(ms) = context.params.get("sleep_ms").and_then(Value::as_u64) {
        std::thread::sleep(std::time::Duration::from_millis(ms));
    }
    context.progress.log(&format!("seed {}", context.seed));
    match given("do") {
        Some("fail") => return Err(StageError::Failed("this toy is broken".into())),
        Some("panic") => panic!("this toy fell apart"),
        Some("link") => {
            return std::os::unix::fs::symlink("/", context.output("out")?.join("l")).map_err(StageError::failed);
        }
        // Fails at the first attempt; the second goes on from what the first left.
        Some("resume") => {
            let checkpoint = context.scratch.join("checkpoint");
            if !checkpoint.exists() {
                std::fs::write(&checkpoint, "half").map_err(StageError::failed)?;
                return Err(StageError::Failed("interrupted".into()));
            }
        }
        Some("wait") => {
            while !context.cancelled() {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            std::fs::write(context.scratch.join("checkpoint"), "half").map_err(StageError::failed)?;
            return Err(StageError::Cancelled);
        }
        // Leaves time for others to start beside it.
        Some("count threads") => {
            std::thread::sleep(std::time::Duration::from_millis(30));
            let text = format!("{} of {}", context.threads, rayon::current_num_threads());
            return std::fs::write(context.output("out")?.join("text.txt"), text).map_err(StageError::failed);
        }
        _ => {}
    }
    let mut text = given("text").unwrap_or_default().to_owned();
    for port in ["a", "b", "all"] {
        for input in context.all_inputs(port) {
            let read = std::fs::read_to_string(input.path.join("text.txt")).map_err(StageError::failed)?;
            text += &format!(" {port}({read})");
        }
    }
    if let Some(path) = given("source") {
        text += &std::fs::read_to_string(path).map_err(StageError::failed)?;
    }
    // What only matters to the key: early cut-off.
    let out = context.output("out")?;
    let files = context.params.get("files").and_then(Value::as_array).cloned().unwrap_or_default();
    for name in files.iter().filter_map(Value::as_str) {
        std::fs::write(out.join(name), &text).map_err(StageError::failed)?;
    }
    std::fs::write(out.join("text.txt"), text).map_err(StageError::failed)
}

/// A project in a temporary folder, and the plan that a test changes.
pub struct Project {
    pub folder: tempfile::TempDir,
    pub plan: Plan,
}

impl Project {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let plan = Plan { name: "toys".into(), title: "Toys".into(), nodes: vec![], results: "results".into(), root };
        Project { folder, plan }
    }

    /// Adds a node; `inputs`: (port, index of the node that it reads).
    pub fn node(mut self, id: &str, params: Value, inputs: &[(&str, usize)]) -> Self {
        let bind = |(port, from): &(&str, usize)| Binding { port: (*port).into(), from: *from, output: "out".into() };
        self.plan.nodes.push(Node {
            id: id.into(),
            entry: id.split('[').next().unwrap().into(),
            coordinates: coordinates(id),
            stage: &TOY,
            params: params.into(),
            seed: None,
            inputs: inputs.iter().map(bind).collect(),
            publish: BTreeMap::new(),
            ports: None,
            demands: Default::default(),
        });
        self
    }

    pub fn publish(mut self, id: &str, folder: &str) -> Self {
        self.at(id).publish.insert("out".into(), folder.into());
        self
    }

    pub fn at(&mut self, id: &str) -> &mut Node {
        self.plan.nodes.iter_mut().find(|node| node.id == id).unwrap()
    }

    pub fn set(&mut self, id: &str, name: &str, value: impl Into<Value>) {
        Arc::make_mut(&mut self.at(id).params)[name] = value.into();
    }

    pub fn store(&self) -> Store {
        Store::open(self.path(".runner"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self) -> Summary {
        self.run_with(&Options { jobs: 2, ..Options::default() })
    }

    pub fn run_with(&self, options: &Options) -> Summary {
        run(&self.plan, &self.store(), options, &Heard::default()).unwrap()
    }

    /// The text in the results, which `publish` put there.
    pub fn result(&self, name: &str) -> String {
        std::fs::read_to_string(self.path("results").join(name)).unwrap()
    }
}

/// `train[fold=1,method=ours]` has two.
fn coordinates(id: &str) -> BTreeMap<String, String> {
    let inner = id.split_once('[').map_or("", |(_, rest)| rest.trim_end_matches(']'));
    inner.split(',').filter_map(|part| part.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// first → middle → last, `last` published to `results/text`.
pub fn chain() -> Project {
    Project::new()
        .node("first", json!({"text": "1"}), &[])
        .node("middle", json!({"text": "2"}), &[("a", 0)])
        .node("last", json!({"text": "3"}), &[("a", 1)])
        .publish("last", "text")
}

#[derive(Default)]
pub struct Heard {
    pub lines: RefCell<Vec<String>>,
}

impl Observer for Heard {
    fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::Started { node, .. } => format!("started {}", node.id),
            Event::Finished { node, how, .. } => format!("{how:?} {}", node.id),
            Event::Failed { node, error, .. } => format!("failed {}: {error}", node.id),
            Event::Skipped { node, because } => format!("skipped {} because of {because}", node.id),
            Event::Note { message } => format!("note {message}"),
            _ => return,
        };
        self.lines.borrow_mut().push(line);
    }
}

/// All files below a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    walk.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// The object that holds exactly this text.
pub fn object(project: &Project, text: &str) -> PathBuf {
    project.store().object(runner::digest::Digest::of_bytes(text.as_bytes()))
}

/// Objects are read-only: who corrupts one for a test replaces it.
pub fn overwrite(path: &Path, text: &str) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Whether the kernel holds programs to what they declared. Says so where it can't, and a test skips.
pub fn sandboxed(test: &str) -> bool {
    // SAFETY: the call asks for the version of Landlock, and takes no memory.
    #[cfg(target_os = "linux")]
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, 1_u32) };
    #[cfg(not(target_os = "linux"))]
    let version = -1;
    if version <= 0 {
        eprintln!("SKIPPED {test}: this kernel has no Landlock");
    }
    version > 0
}
