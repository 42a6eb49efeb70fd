//! CPU milliseconds of the engine on a layered DAG of trivial stages: 10 layers, each stage reads two of the layer above.
//!
//! `cargo bench --bench engine` times a run with nothing to do by criterion. `cargo bench --bench engine -- table [N..]`
//! prints the CPU time of every phase for DAGs of N stages, and `-- digests FOLDER..` what digests cost. Stages run inside of the process, so that a cold run
//! costs what the engine costs; `benches/peers/` has the same DAGs with real commands, beside other runners.

use criterion::{BenchmarkId, Criterion};
use runner::contract::{ParameterError, Port, Source, Stage, StageContext, StageError};
use runner::digest::{Digest, list};
use runner::engine::{Options, SilentObserver, Store, run, status};
use runner::plan::{self, Plan};
use runner::spec::{self, Request};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LAYERS: usize = 10;

/// Writes the digest of its inputs, one after the other.
struct Toy;
static TABLE: [&dyn Stage; 1] = [&Toy];

const INPUTS: &[Port] = &[Port::optional("a", "text"), Port::optional("b", "text")];
const OUTPUTS: &[Port] = &[Port::one("out", "text")];

impl Stage for Toy {
    fn kind(&self) -> &'static str {
        "toy"
    }
    fn summary(&self) -> &'static str {
        "joins two texts"
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
    fn sources(&self, canonical: &Value) -> Vec<Source> {
        let source = |(name, value): (&String, &Value)| {
            Some(Source { parameter: name.clone(), path: PathBuf::from(value.as_str()?) })
        };
        canonical.as_object().map(|all| all.iter().filter_map(source).collect()).unwrap_or_default()
    }
    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let sources = context.params.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
        let inputs = ["a", "b"].into_iter().filter_map(|port| context.optional_input(port));
        let paths = sources.map(PathBuf::from).chain(inputs.map(|folder| folder.join("out.txt")));
        let read = |path: PathBuf| fs::read(path).map_err(StageError::failed);
        let text = Digest::of_bytes(&paths.map(read).collect::<Result<Vec<_>, _>>()?.concat()).to_string();
        fs::write(context.output("out")?.join("out.txt"), text).map_err(StageError::failed)
    }
}

/// A project of `stages` toys in a temporary folder.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new(stages: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let project = Project { folder };
        let (width, mut yaml) = (stages / LAYERS, String::from("stages:\n"));
        for layer in 0..LAYERS {
            for i in 0..width {
                let (a, b) = (i, (i + 1) % width);
                let from = match layer.checked_sub(1) {
                    None => format!("with: {{ a: in/{a}.txt, b: in/{b}.txt }}"),
                    Some(above) => format!("inputs: {{ a: l{above}_{a}, b: l{above}_{b} }}"),
                };
                yaml += &format!("  l{layer}_{i}:\n    stage: toy\n    {from}\n    publish: {{ out: l{layer}_{i} }}\n");
            }
        }
        for folder in ["pipelines", "in"] {
            fs::create_dir_all(project.path(folder)).expect("a folder");
        }
        fs::write(project.pipeline(), yaml).expect("a pipeline");
        (0..width).for_each(|leaf| project.write_leaf(leaf, "leaf"));
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pipeline(&self) -> PathBuf {
        self.path("pipelines/layers.yaml")
    }

    fn write_leaf(&self, leaf: usize, text: &str) {
        fs::write(self.path(&format!("in/{leaf}.txt")), format!("{leaf} {text}\n")).expect("a leaf");
    }

    fn experiment(&self) -> spec::Experiment {
        spec::load(&Request { pipeline: self.pipeline(), ..Request::default() }).expect("a valid pipeline")
    }

    fn plan(&self) -> Plan {
        plan::resolve(&self.experiment(), &TABLE).expect("a valid pipeline")
    }

    fn store(&self) -> Store {
        Store::open(self.path(".runner"))
    }

    /// Stages that ran.
    fn run(&self, plan: &Plan) -> usize {
        let summary = run(plan, &self.store(), &Options::default(), &SilentObserver).expect("a run");
        assert!(summary.succeeded(), "{summary:?}");
        summary.ran.len()
    }
}

/// CPU time of this process, in user space and in the kernel.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, which fills it.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn measured<T>(what: &str, stages: usize, work: impl FnOnce() -> T) -> T {
    let (start, wall) = (cpu(), std::time::Instant::now());
    let result = work();
    let (cpu, wall) = (cpu() - start, wall.elapsed());
    let a_stage = cpu.as_secs_f64() * 1e6 / stages as f64;
    println!("{stages:>6}  {what:<18} {:>9.1} ms CPU  {:>9.1} ms wall  {a_stage:>7.1} us a stage", ms(cpu), ms(wall));
    result
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn table(stages: usize) {
    let project = Project::new(stages);
    let experiment = measured("load YAML", stages, || project.experiment());
    let plan = measured("resolve", stages, || plan::resolve(&experiment, &TABLE).expect("a valid pipeline"));
    assert_eq!(measured("cold", stages, || project.run(&plan)), stages);
    for what in ["no-op, just after", "no-op"] {
        assert_eq!(measured(what, stages, || project.run(&plan)), 0);
        // What changed within the clock's tick is read again: later runs need not.
        std::thread::sleep(Duration::from_millis(2100));
    }
    assert_eq!(measured("no-op", stages, || project.run(&plan)), 0);
    measured("status", stages, || status(&plan, &project.store(), &[]).expect("a status"));
    project.write_leaf(0, "changed");
    measured("one leaf changed", stages, || project.run(&plan));
    remove(&project.path("results"));
    assert_eq!(measured("restore", stages, || project.run(&plan)), 0);
}

/// A folder's digest, by reading and by what is remembered of it.
fn digests(folder: &Path) {
    let own = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(own.path().join(".runner"));
    let listing = measured("digest", 1, || list(folder).expect("a folder"));
    let again = || store.source_digest(folder).expect("a folder");
    measured("digest and note", 1, again);
    assert_eq!(measured("unchanged", 1, again), listing.digest());
    println!("{} files", listing.files.len());
}

fn remove(folder: &Path) {
    fs::remove_dir_all(folder).expect("a folder to remove");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "table") {
        let sizes: Vec<usize> = arguments[at + 1..].iter().filter_map(|size| size.parse().ok()).collect();
        return if sizes.is_empty() { vec![1000, 10_000] } else { sizes }.into_iter().for_each(table);
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "digests") {
        return arguments[at + 1..].iter().for_each(|folder| digests(Path::new(folder)));
    }
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("nothing to do");
    for stages in [100, 1000] {
        let project = Project::new(stages);
        project.run(&project.plan());
        group.bench_function(BenchmarkId::from_parameter(stages), |b| b.iter(|| project.run(&project.plan())));
    }
    group.finish();
    criterion.final_summary();
}
