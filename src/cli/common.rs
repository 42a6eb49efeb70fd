use crate::engine::Store;
use crate::engine::history::{self, Run};
use crate::plan::{self, Plan};
use crate::{spec, stage};
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::IntoRawFd;
use std::path::{Path, PathBuf};

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

/// Which store, for commands that ask what has run and need no pipeline.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Where artifacts are kept [default: $RUNNER_STORE, else .runner of the project around the current folder]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

impl StoreArgs {
    /// `near`: a file or folder of the project.
    pub fn open(&self, near: &Path) -> Store {
        let named = self.store.clone().or_else(|| std::env::var_os("RUNNER_STORE").map(PathBuf::from));
        Store::open(named.unwrap_or_else(|| project_root(near).join(".runner")))
    }

    /// For commands that make no sense without a store.
    pub fn existing(&self) -> Result<Store, Report> {
        let store = self.open(Path::new("."));
        if store.root().is_dir() {
            return Ok(store);
        }
        Err(miette!("there is no store at {}; run a pipeline first, or name one by --store", store.root().display()))
    }

    /// All runs of the store around the current folder, the oldest first.
    pub fn runs(&self) -> Result<(Store, Vec<Run>), Report> {
        let store = self.open(Path::new("."));
        let runs = history::runs(&store).into_diagnostic()?;
        Ok((store, runs))
    }
}

/// The nearest folder above a path that looks like a project; else the path's own folder.
pub fn project_root(near: &Path) -> PathBuf {
    let folder = near.canonicalize().unwrap_or_else(|_| near.to_owned());
    let folder = if folder.is_dir() { folder } else { folder.parent().unwrap_or(&folder).to_owned() };
    let is_root = |folder: &Path| ["experiments", ".runner", "pipelines"].iter().any(|name| folder.join(name).is_dir());
    folder.ancestors().find(|above| is_root(above)).unwrap_or(&folder).to_owned()
}

/// No run has a stage of that name.
pub fn unknown_stage(runs: &[Run], name: &str) -> Report {
    let mut known: Vec<String> =
        runs.iter().flat_map(|run| run.nodes.keys()).map(|node| history::entry_of(node).to_owned()).collect();
    known.sort();
    known.dedup();
    let message = format!("no run has a stage `{name}`; there is {}", spec::listed(&known));
    match spec::did_you_mean(history::entry_of(name), &known) {
        Some(meant) => miette!(help = meant, "{message}"),
        None if runs.is_empty() => miette!("nothing has run yet, so that there is no stage `{name}`"),
        None => miette!("{message}"),
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

/// This very program, also when its file is replaced while it runs: other code must not write under this one's keys.
pub fn this_program() -> Option<PathBuf> {
    let path = std::env::current_exe().ok()?;
    if cfg!(not(target_os = "linux")) {
        return Some(path);
    }
    // Open for as long as the process lives.
    let descriptor = File::open(&path).ok()?.into_raw_fd();
    Some(PathBuf::from(format!("/proc/self/fd/{descriptor}")))
}

pub fn print(text: &str) -> Result<(), Report> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Who closes the pipe early (`runner explain … | head`) has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.into_diagnostic(),
    }
}

pub fn print_json<T: Serialize + ?Sized>(value: &T) -> Result<(), Report> {
    print(&(serde_json::to_string_pretty(value).into_diagnostic()? + "\n"))
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
