use crate::engine::Store;
use crate::engine::cache::Remote;
use clap::Args;
use miette::{IntoDiagnostic, Report};

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
