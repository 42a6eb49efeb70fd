use super::cache_text as text;
use super::common::{PipelineArgs, StoreArgs, print};
use super::remote::RemoteArgs;
use super::units;
use crate::engine::cache::{Gc, GcOptions, Remote};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Report, miette};
use serde::Serialize;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Look after the store: what it holds, whether it is sound, what may go; share it with others
#[derive(Debug, Args)]
pub struct Cache {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Stat(Stat),
    Verify(Verify),
    Gc(Collect),
    Push(Push),
    Pull(Pull),
}

/// Say what the store holds and what it takes on the disk
#[derive(Debug, Args)]
struct Stat {
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Read every byte of the store and hold it against its digest; exit code 1 if something is wrong
#[derive(Debug, Args)]
#[command(
    after_help = "A repair sets corrupt files aside (.runner/corrupt), fetches good copies if there is a remote, \
                        and forgets results that are lost, so that the next run makes them again."
)]
struct Verify {
    /// Mend what can be mended
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    remote: RemoteArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Free disk space: files that no result needs, and the results that the options name
#[derive(Debug, Args)]
#[command(after_help = "The latest result of every stage of every pipeline stays, whatever the options say, unless \
                        --keep-last is 0.\nWithout options only files that no result needs are removed.\n\nExamples:\n  \
                        runner cache gc --dry-run --older-than 30d     what a month without use would free\n  \
                        runner cache gc --keep-last 2                  the last two results of each stage stay\n  \
                        runner cache gc --max-size 20GiB               the least recently used go until it fits")]
struct Collect {
    /// Of each stage of each pipeline keep the N results that were used last [default: 1]. Alone, all others go;
    /// beside --older-than or --max-size these N stay
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// Remove results that no run has used for so long, e.g. 12h, 30d, 8w; and logs, journals and the checkpoints
    /// of interrupted stages of that age
    #[arg(long, value_name = "AGE", value_parser = units::age)]
    older_than: Option<Duration>,
    /// Remove the least recently used results until the store takes no more than this, e.g. 20GiB
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    max_size: Option<u64>,
    /// List what would go, and stop there
    #[arg(long)]
    dry_run: bool,
    /// Go on although latest results, or more than an hour of computing, would be lost
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Send to a remote what it lacks: file:///DIR or s3://BUCKET/PREFIX
#[derive(Debug, Args)]
#[command(after_help = "Cut short, the next push sends the rest. Credentials for S3 come from the environment \
                        (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT).")]
struct Push {
    url: String,
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Fetch from a remote what a pipeline's run would find there: file:///DIR, s3://BUCKET/PREFIX or https://HOST/PATH
#[derive(Debug, Args)]
#[command(
    after_help = "Everything is checked on arrival: what doesn't have its digest or its size is thrown away, and \
                        the exit code is 1.\n\nExample:\n  runner cache pull https://example.org/store \
                        pipelines/ablation.yaml --profile mini"
)]
struct Pull {
    url: String,
    /// The pipeline whose results are wanted, e.g. pipelines/ablation.yaml
    #[arg(required_unless_present = "all")]
    pipeline: Option<PathBuf>,
    /// All that the remote has, of whatever pipeline; a plain HTTP server can't list that
    #[arg(long, conflicts_with_all = ["pipeline", "profile", "set"])]
    all: bool,
    /// As for `run`
    #[arg(long)]
    profile: Option<String>,
    /// As for `run`
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Cache {
    pub fn exec(self) -> Result<ExitCode, Report> {
        match self.what {
            What::Stat(command) => command.exec(),
            What::Verify(command) => command.exec(),
            What::Gc(command) => command.exec(),
            What::Push(command) => command.exec(),
            What::Pull(command) => command.exec(),
        }
    }
}

impl Stat {
    fn exec(self) -> Result<ExitCode, Report> {
        let store = self.store.existing()?;
        let usage = store.usage().into_diagnostic()?;
        show(self.json, &usage, || text::usage(store.root(), &usage))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Verify {
    fn exec(self) -> Result<ExitCode, Report> {
        let store = self.remote.attach(self.store.existing()?)?;
        let bar = Bar::new("checked");
        let found = store.verify(&|done, total| bar.set(done, total)).into_diagnostic()?;
        bar.clear();
        if !self.repair {
            show(self.json, &found, || text::verification(store.root(), &found))?;
            return Ok(ExitCode::from(u8::from(!found.is_sound())));
        }
        let repair = store.repair(&found).into_diagnostic()?;
        let notes = store.take_notes();
        let all = serde_json::json!({"found": found, "repair": repair, "notes": notes});
        show(self.json, &all, || {
            text::verification(store.root(), &found) + &text::repair(&found, &repair) + &text::lines("note: ", &notes)
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Above this much computing, `gc` asks to be told twice.
const CHEAP: Duration = Duration::from_secs(3600);

impl Collect {
    fn exec(self) -> Result<ExitCode, Report> {
        let store = self.store.existing()?;
        let (keep_last, older_than, max_size) = (self.keep_last, self.older_than, self.max_size);
        let options = GcOptions { keep_last, older_than, max_size };
        let gc = if self.dry_run { store.plan_gc(&options) } else { store.begin_gc(&options) }.into_diagnostic()?;
        if !self.dry_run && !self.yes && costly(&gc) {
            print(&text::gc(&gc, true))?;
            return Err(miette!(
                "nothing was removed: latest results, or more than an hour of computing, would be lost\n\
                 give --yes if that is meant"
            ));
        }
        if !self.dry_run {
            gc.delete_records(&store).into_diagnostic()?;
            gc.delete_rest().into_diagnostic()?;
        }
        show(self.json, &gc, || text::gc(&gc, self.dry_run))?;
        Ok(ExitCode::from(u8::from(gc.over.is_some())))
    }
}

fn costly(gc: &Gc) -> bool {
    gc.seconds() > CHEAP.as_secs_f64() || gc.records.iter().any(|record| record.latest)
}

impl Push {
    fn exec(self) -> Result<ExitCode, Report> {
        let (store, remote) = (self.store.existing()?, Remote::open(&self.url).into_diagnostic()?);
        let bar = Bar::new("sent");
        let pushed = store.push(&remote, &|done, total| bar.set(done, total)).into_diagnostic()?;
        bar.clear();
        show(self.json, &pushed, || text::pushed(remote.url(), &pushed))?;
        Ok(ExitCode::from(u8::from(!pushed.left_out.is_empty())))
    }
}

impl Pull {
    fn exec(self) -> Result<ExitCode, Report> {
        let remote = Remote::open(&self.url).into_diagnostic()?;
        let bar = Bar::new("fetched");
        let meter = |done, total| bar.set(done, total);
        let (store, pulled);
        match self.pipeline {
            Some(pipeline) => {
                let (profile, set, store_path) = (self.profile, self.set, self.store.store.clone());
                let arguments = PipelineArgs { pipeline, profile, set, store: store_path };
                let plan = arguments.plan()?;
                store = arguments.store(&plan);
                pulled = store.pull_plan(&remote, &plan, &meter).into_diagnostic()?;
            }
            None => {
                store = self.store.open(Path::new("."));
                pulled = store.pull_all(&remote, &meter).into_diagnostic()?;
            }
        }
        bar.clear();
        let notes = store.take_notes();
        show(self.json, &pulled, || text::pulled(remote.url(), &pulled) + &text::lines("note: ", &notes))?;
        Ok(ExitCode::from(u8::from(!pulled.refused.is_empty())))
    }
}

fn show(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Report> {
    if json { print(&(serde_json::to_string_pretty(value).into_diagnostic()? + "\n")) } else { print(&text()) }
}

/// Bytes done on a terminal's stderr; nothing elsewhere.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(what: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        if let Some(bar) = &bar {
            let style = "{bar:20} {bytes} of {total_bytes} {msg} · {bytes_per_sec}, ETA {eta}";
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what.to_owned());
        }
        Bar(bar)
    }

    fn set(&self, done: u64, total: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
