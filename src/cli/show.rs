use super::artifact::{Artifact, Name, by_digest, by_stage, of_run};
use super::common::{StoreArgs, print, print_json};
use super::text::{bytes, columns};
use super::training;
use crate::digest::{Digest, Entry};
use crate::engine::Store;
use crate::engine::history::{Run, UnknownRun, find};
use crate::report::preview::{Preview, parquet};
use crate::spec::{did_you_mean, listed};
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Look into an artifact: its files, or one of them; or watch trainings: their curves, and how they went
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  runner show 'train[label_fraction=25,method=ours]'            its outputs and their files
  runner show 'train[label_fraction=25,method=ours].weights'    one output
  runner show table.tables/ablation.md                          a file: text as it is, Parquet as a table
  runner show 'evaluate[method=ours].scores/scores.parquet' --rows 5
  runner show 3fa9c1                                            whatever has this digest, or key
  runner show table.tables --path                               where its files lie, for other programs
  runner show last                                              the trainings of a run; draws training-RUN.png
  runner show 'train[label_fraction=25]' --png curves.png       some trainings, with their curves")]
pub struct Show {
    /// STAGE, STAGE.OUTPUT, STAGE.OUTPUT/FILE, or the beginning of a digest, also with /FILE; or a run: an id, `last` or `last~1`
    #[arg(value_name = "ARTIFACT|RUN")]
    artifact: String,
    /// As it was in this run: an id, `last` or `last~1` [default: the last in which the stage succeeded]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only print the path of the folder or file
    #[arg(long)]
    path: bool,
    /// Draw the curves of the trainings [default, where a run is named: training-RUN.png]
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Rows of a Parquet file
    #[arg(long, default_value_t = 20)]
    rows: usize,
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let (store, mut runs) = self.store.runs()?;
        if let Some(name) = &self.run {
            runs = vec![find(&runs, name).into_diagnostic()?.clone()];
        }
        let name = Name::parse(&self.artifact);
        let mut artifacts = by_stage(&store, &runs, &name)?;
        if artifacts.is_empty() {
            artifacts = by_digest(&store, &runs, &name)?;
        }
        if artifacts.is_empty() {
            match find(&runs, &self.artifact) {
                Ok(run) => return self.trainings_of(&store, run),
                Err(UnknownRun::None { .. }) if !self.artifact.starts_with("last~") => {}
                Err(error) => return Err(error).into_diagnostic(),
            }
        }
        if let Some(path) = self.png.as_ref().filter(|_| !artifacts.is_empty()) {
            return self.curves(&store, &artifacts, path, &self.artifact, json!({}));
        }
        let text = match &name.file {
            _ if artifacts.is_empty() => return Err(super::common::unknown_stage(&runs, &name.stage)),
            Some(file) => self.file(&store, &artifacts, file)?,
            None if self.path => self.folders(&store, &artifacts)?,
            None if self.json => return print_json(&all_json(&store, &artifacts)?).map(|()| ExitCode::SUCCESS),
            None => all_text(&store, &artifacts)? + &courses(&store, &artifacts)?,
        };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }

    /// All trainings of a run, with their curves.
    fn trainings_of(&self, store: &Store, run: &Run) -> Result<ExitCode, Report> {
        let default = || PathBuf::from(format!("training-{}.png", run.id));
        let path = self.png.clone().unwrap_or_else(default);
        let title = format!("{}, run {}", run.pipeline, run.id);
        self.curves(store, &of_run(store, run)?, &path, &title, json!({"run": run}))
    }

    /// Draws the trainings among some artifacts and says how they went; `about`: what else is in the JSON.
    fn curves(
        &self,
        store: &Store,
        artifacts: &[Artifact],
        path: &Path,
        title: &str,
        mut about: Value,
    ) -> Result<ExitCode, Report> {
        let trainings = training::trainings(store, artifacts)?;
        if trainings.is_empty() {
            return Err(miette!("`{}` has no training whose log is in the store", self.artifact));
        }
        let figures = training::draw(path, title, &trainings)?;
        if self.json {
            let one = |t: &crate::report::training::Training| json!({"training": t.label, "course": t.course});
            about["trainings"] = trainings.iter().map(one).collect();
            about["figures"] = json!(figures);
            print_json(&about)?;
        } else {
            let written: Vec<String> = figures.iter().map(|path| format!("curves: {}\n", path.display())).collect();
            print(&(training::text(&trainings) + &written.concat()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn folders(&self, store: &Store, artifacts: &[Artifact]) -> Result<String, Report> {
        let folder =
            |artifact: &Artifact| Ok(format!("{}\n", store.checkout(artifact.tree).into_diagnostic()?.display()));
        artifacts.iter().map(folder).collect()
    }

    /// One file of one artifact.
    fn file(&self, store: &Store, artifacts: &[Artifact], name: &str) -> Result<String, Report> {
        let [artifact] = artifacts else {
            let names: Vec<String> = artifacts.iter().map(Artifact::name).collect();
            return Err(miette!("several artifacts could have `{name}`: {}; say which", listed(&names)));
        };
        let files = store.listing(artifact.tree).into_diagnostic()?.files;
        let Some(file) = files.iter().find(|file| file.path == name) else {
            let known: Vec<String> = files.into_iter().map(|file| file.path).collect();
            let message = format!("{} has no file `{name}`; it has {}", artifact.name(), listed(&known));
            return Err(
                did_you_mean(name, &known).map_or(miette!("{message}"), |meant| miette!(help = meant, "{message}"))
            );
        };
        if self.path {
            return Ok(format!("{}\n", store.checkout(artifact.tree).into_diagnostic()?.join(name).display()));
        }
        let object = store.object(file.sha256);
        let shown = if name.ends_with(".parquet") {
            Shown::Table(parquet(&object, self.rows).into_diagnostic()?)
        } else {
            let read =
                std::fs::read(&object).map_err(|error| miette!("{name} cannot be read from the store: {error}"))?;
            String::from_utf8(read).ok().filter(|text| is_plain(text)).map_or(Shown::Bytes, Shown::Text)
        };
        if self.json {
            let value = json!({"artifact": artifact, "file": file, "content": shown.json()});
            return Ok(serde_json::to_string_pretty(&value).into_diagnostic()? + "\n");
        }
        Ok(shown.text(file))
    }
}

/// What a terminal can show without being told to do something else.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

enum Shown {
    Text(String),
    Table(Preview),
    Bytes,
}

impl Shown {
    fn text(self, file: &Entry) -> String {
        match self {
            Shown::Text(text) if text.ends_with('\n') => text,
            Shown::Text(text) => text + "\n",
            Shown::Table(table) => {
                let shown = table.rows.len();
                let mut rows = vec![table.columns];
                rows.extend(table.rows);
                let more =
                    if shown < table.height { format!(", the first {shown} shown (--rows)") } else { String::new() };
                columns(&rows) + &format!("({} rows{more})\n", table.height)
            }
            Shown::Bytes => {
                let kind = Path::new(&file.path).extension().map_or("binary".into(), |e| e.to_string_lossy());
                format!("{}: {} of {kind}, no text; --path says where it lies\n", file.path, bytes(file.size))
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Shown::Text(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            Shown::Table(table) => json!(table),
            Shown::Bytes => Value::Null,
        }
    }
}

fn files(store: &Store, tree: Digest) -> Result<Option<Vec<Entry>>, Report> {
    match store.listing(tree) {
        Err(crate::engine::EngineError::Lost { .. }) => Ok(None),
        listing => Ok(Some(listing.into_diagnostic()?.files)),
    }
}

fn all_text(store: &Store, artifacts: &[Artifact]) -> Result<String, Report> {
    let mut text = String::new();
    for artifact in artifacts {
        text += &format!("{}  {}  (key {})\n", artifact.name(), artifact.tree.short(), artifact.key.short());
        let Some(files) = files(store, artifact.tree)? else {
            text += "  it is no longer in the store\n";
            continue;
        };
        let size: u64 = files.iter().map(|file| file.size).sum();
        let row = |file: &Entry| {
            vec![format!("  {}", file.sha256.short()), format!("{:>9}", bytes(file.size)), file.path.clone()]
        };
        text += &columns(&files.iter().map(row).collect::<Vec<_>>());
        text += &format!("  {} in {}\n", bytes(size), super::text::plural(files.len(), "file"));
    }
    Ok(text)
}

/// How the trainings among them went; nothing where there is none.
fn courses(store: &Store, artifacts: &[Artifact]) -> Result<String, Report> {
    let trainings = training::trainings(store, artifacts)?;
    Ok(if trainings.is_empty() { String::new() } else { format!("\n{}", training::text(&trainings)) })
}

fn all_json(store: &Store, artifacts: &[Artifact]) -> Result<Vec<Value>, Report> {
    let one = |artifact: &Artifact| Ok(json!({"artifact": artifact, "files": files(store, artifact.tree)?}));
    artifacts.iter().map(one).collect()
}
