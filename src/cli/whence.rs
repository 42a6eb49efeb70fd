use super::artifact::{Artifact, all};
use super::common::{StoreArgs, print, print_json};
use super::text::time;
use crate::digest::{Digest, digest_file};
use crate::engine::Store;
use crate::engine::history::{self, Run};
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which stage made this file, wherever it lies now
#[derive(Debug, Args)]
#[command(after_help = "\
Looks for its bytes in what past runs made, and for what it says of itself (figures name the version of runner).

Example:
  runner whence ~/paper/figures/ablation.png")]
pub struct Whence {
    /// Any file
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Origin {
    file: PathBuf,
    sha256: Digest,
    /// From its metadata.
    says: Option<String>,
    made: Vec<Made>,
}

#[derive(Debug, Serialize)]
struct Made {
    #[serde(flatten)]
    artifact: Artifact,
    path: String,
    /// Version of runner, and when the run began.
    runner: String,
    started: u64,
}

impl Whence {
    /// 1 if nobody knows.
    pub fn exec(self) -> Result<ExitCode, Report> {
        let bytes = std::fs::read(&self.file).map_err(|e| miette!("cannot read {}: {e}", self.file.display()))?;
        let sha256 = digest_file(&self.file).into_diagnostic()?;
        // The file's own project, if it lies in one that has run something; else the one around us.
        let mut store = self.store.open(&self.file);
        if !store.root().is_dir() {
            store = self.store.open(Path::new("."));
        }
        let runs = history::runs(&store).into_diagnostic()?;
        let made = makers(&store, &runs, sha256)?;
        let origin = Origin { says: says(&bytes), made, sha256, file: self.file };
        if self.json {
            print_json(&origin)?;
        } else {
            print(&text(&origin))?;
        }
        let known = origin.says.is_some() || !origin.made.is_empty();
        Ok(if known { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

fn makers(store: &Store, runs: &[Run], sha256: Digest) -> Result<Vec<Made>, Report> {
    let mut made = Vec::new();
    for artifact in all(store, runs)? {
        let Ok(listing) = store.listing(artifact.tree) else { continue };
        let Some(file) = listing.files.into_iter().find(|file| file.sha256 == sha256) else { continue };
        let run = runs.iter().find(|run| run.id == artifact.run);
        let (runner, started) = run.map(|run| (run.runner.clone(), run.started)).unwrap_or_default();
        made.push(Made { artifact, path: file.path, runner, started });
    }
    Ok(made)
}

/// What a figure's metadata says: the `Provenance` text of a PNG, the `<metadata>` of an SVG.
fn says(bytes: &[u8]) -> Option<String> {
    if let Ok(reader) = png::Decoder::new(std::io::Cursor::new(bytes)).read_info() {
        let texts = &reader.info().uncompressed_latin1_text;
        return texts.iter().find(|chunk| chunk.keyword == "Provenance").map(|chunk| chunk.text.clone());
    }
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.contains("<svg"))?;
    let (_, rest) = text.split_once("<metadata>")?;
    rest.split_once("</metadata>").map(|(says, _)| says.trim().to_owned())
}

fn text(origin: &Origin) -> String {
    let mut text = format!("{}\n  sha256 {}\n", origin.file.display(), origin.sha256);
    if let Some(says) = &origin.says {
        text += &format!("  says of itself: {says}\n");
    }
    for Made { artifact, path, runner, started } in &origin.made {
        text += &format!("  made by {} of {}, as {path}\n", artifact.name(), artifact.pipeline);
        text += &format!(
            "    key {}\n    run {}, {} UTC, by runner {runner}\n",
            artifact.key,
            artifact.run,
            time(*started)
        );
    }
    if origin.made.is_empty() {
        text += "  no run that this store knows made these bytes: another one did, or it was edited\n";
    }
    text
}
