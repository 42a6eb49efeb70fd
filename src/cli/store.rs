use crate::engine::Store;
use crate::engine::cache::Remote;
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use std::path::PathBuf;

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

    /// For commands that make no sense without a store.
    pub fn existing(&self) -> Result<Store, Report> {
        let store = self.open()?;
        if store.root().is_dir() {
            return Ok(store);
        }
        Err(miette!("there is no store at {}; run a pipeline first, or name one by --store", store.root().display()))
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
