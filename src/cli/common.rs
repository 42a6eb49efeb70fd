use crate::engine::cache::Remote;
use crate::engine::{NodeStatus, Store};
use crate::plan::{self, Plan};
use crate::{spec, stage};
use clap::Args;
use miette::{IntoDiagnostic, Report};
use std::io::{self, Write};
use std::path::PathBuf;

/// Which pipeline, with which settings.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    /// The pipeline, e.g. pipelines/ablation.yaml
    pub pipeline: PathBuf,
    /// Settings from experiments/profiles/PROFILE.yaml instead of the pipeline's own profile
    #[arg(long)]
    pub profile: Option<String>,
    /// Change a setting, e.g. --set training.epochs=3; may be given several times, the last wins
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Where artifacts are kept [default: $RUNNER_STORE, else .runner at the project's root]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

impl PipelineArgs {
    pub fn plan(&self) -> Result<Plan, Report> {
        let (pipeline, profile, set) = (self.pipeline.clone(), self.profile.clone(), self.set.clone());
        let experiment = spec::load(&spec::Request { pipeline, profile, set })?;
        Ok(plan::resolve(&experiment, stage::ALL)?)
    }

    pub fn store(&self, plan: &Plan) -> Store {
        let named = self.store.clone().or_else(|| std::env::var_os("RUNNER_STORE").map(PathBuf::from));
        Store::open(named.unwrap_or_else(|| plan.root.join(".runner")))
    }
}

/// Which store, for commands that name no pipeline.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Where artifacts are kept [default: $RUNNER_STORE, else .runner of the project around this folder]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

impl StoreArgs {
    /// The nearest `.runner` on the way up, else that of the nearest project.
    pub fn open(&self) -> Result<Store, Report> {
        if let Some(named) = self.store.clone().or_else(|| std::env::var_os("RUNNER_STORE").map(PathBuf::from)) {
            return Ok(Store::open(named));
        }
        let here = std::env::current_dir().into_diagnostic()?;
        let above = |names: &[&str]| here.ancestors().find(|a| names.iter().any(|name| a.join(name).is_dir()));
        let root = above(&[".runner"]).or_else(|| above(&["experiments", "pipelines"])).unwrap_or(&here);
        Ok(Store::open(root.join(".runner")))
    }
}

/// Where else to look for what the store lacks.
#[derive(Debug, Args)]
pub struct RemoteArgs {
    /// Fetch what is missing from here, if it is there: file:///DIR, s3://BUCKET/PREFIX or https://HOST/PATH
    /// [default: $RUNNER_REMOTE]
    #[arg(long, value_name = "URL")]
    remote: Option<String>,
    /// Ask no remote, whatever $RUNNER_REMOTE says
    #[arg(long, conflicts_with = "remote")]
    offline: bool,
}

impl RemoteArgs {
    pub fn attach(&self, store: Store) -> Result<Store, Report> {
        let from_environment = || std::env::var("RUNNER_REMOTE").ok().filter(|url| !url.is_empty());
        match self.remote.clone().or_else(from_environment).filter(|_| !self.offline) {
            Some(url) => Ok(store.with_remote(Remote::open(&url).into_diagnostic()?)),
            None => Ok(store),
        }
    }
}

pub fn print(text: &str) -> Result<(), Report> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Who closes the pipe early (`runner explain … | head`) has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.into_diagnostic(),
    }
}

pub fn print_json(all: &[NodeStatus]) -> Result<(), Report> {
    print(&(serde_json::to_string_pretty(all).into_diagnostic()? + "\n"))
}
