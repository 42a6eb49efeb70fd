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

    /// What a person types to say the same again.
    pub fn command_line(&self, command: &str) -> String {
        let mut words = vec!["runner".to_owned(), command.to_owned(), self.pipeline.display().to_string()];
        let pair = |name: &str, value: &str| [name.to_owned(), value.to_owned()];
        words.extend(self.profile.iter().flat_map(|profile| pair("--profile", profile)));
        words.extend(self.set.iter().flat_map(|set| pair("--set", set)));
        words.extend(self.store.iter().flat_map(|store| pair("--store", &store.display().to_string())));
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    pub fn store(&self, plan: &Plan) -> Store {
        let named = self.store.clone().or_else(|| std::env::var_os("RUNNER_STORE").map(PathBuf::from));
        Store::open(named.unwrap_or_else(|| plan.root.join(".runner")))
    }
}

/// As a shell reads it as one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
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

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more() {
        assert_eq!(quoted("training.epochs=3"), "training.epochs=3");
        assert_eq!(quoted("matrix.method=[ours]"), "'matrix.method=[ours]'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
