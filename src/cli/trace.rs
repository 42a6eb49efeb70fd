use super::common::{StoreArgs, print, print_json, project_root};
use super::tree;
use crate::digest::{Digest, digest_file, list};
use crate::engine::lineage::{Keep, Made, Provenance, Step, trace};
use crate::engine::{Store, published};
use crate::spec::{did_you_mean, listed};
use clap::Args;
use miette::{IntoDiagnostic, Report, WrapErr, miette};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// From a table or a figure down to the raw files, with every digest between
#[derive(Debug, Args)]
#[command(after_help = "\
Works from the provenance.json beside the results; no store, no data and no training are needed.

Examples:
  runner trace results/ablation/tables/ablation.md
  runner trace results/ablation/tables/ablation.md --row Ours --column '25 %'
  runner trace results/ablation/figures/ablation.png --json")]
pub struct Trace {
    /// A file of the results
    result: PathBuf,
    /// Only what feeds this row of a table: its label, or its value on the axis
    #[arg(long)]
    row: Option<String>,
    /// Only what feeds this column
    #[arg(long)]
    column: Option<String>,
    /// Every instance, not only the first of each entry
    #[arg(long)]
    long: bool,
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON, always with every instance
    #[arg(long)]
    json: bool,
}

/// A published file, and who made it.
struct Found {
    node: usize,
    output: String,
    sha256: Digest,
    /// What was published, where that is known and the file is another one now.
    edited: Option<Digest>,
}

impl Trace {
    /// 1 if the file was edited.
    pub fn exec(self) -> Result<ExitCode, Report> {
        let file = self.result.canonicalize().map_err(|e| miette!("cannot read {}: {e}", self.result.display()))?;
        let (results, provenance) = provenance(&file)?;
        let found = find(&self.store.open(&file), &file, &results, &provenance)?;
        let node = &provenance.nodes[found.node];
        let cell = Cell::of(node, self.row.as_deref(), self.column.as_deref())?;
        let keep = |coordinates: &BTreeMap<String, String>| cell.wants(coordinates);
        let keep: Option<Keep<'_>> = if cell.is_all() { None } else { Some(&keep) };
        let Some(step) = trace(&provenance, found.node, &found.output, keep) else {
            return Err(miette!("provenance.json does not say what `{}` made", node.id));
        };
        if self.json {
            print_json(&serde_json::json!({
                "file": self.result,
                "sha256": found.sha256,
                "published": found.edited.unwrap_or(found.sha256),
                "edited": found.edited.is_some(),
                "pipeline": provenance.pipeline,
                "runner": provenance.runner,
                "step": step,
            }))?;
        } else {
            print(&self.text(&found, &provenance, &step))?;
        }
        Ok(if found.edited.is_some() { ExitCode::from(1) } else { ExitCode::SUCCESS })
    }

    fn text(&self, found: &Found, provenance: &Provenance, step: &Step) -> String {
        let name = self.result.display();
        let mut text = match found.edited {
            Some(was) => format!(
                "{name} was EDITED since it was published: its sha256 is {}, and was {}\nwhat was published came from:\n",
                found.sha256.short(),
                was.short()
            ),
            None => format!("{name}  sha256 {}, as published\n", found.sha256.short()),
        };
        text += &format!("pipeline {}, runner {}\n", provenance.pipeline, provenance.runner);
        text + &tree::text(step, self.long)
    }
}

/// `provenance.json` of the folder of results that a file is in.
fn provenance(file: &Path) -> Result<(PathBuf, Provenance), Report> {
    let above = file.ancestors().skip(1).find(|folder| folder.join("provenance.json").is_file());
    let Some(results) = above else {
        let help = "`runner whence` looks for a file's bytes wherever it lies";
        return Err(miette!(help = help, "no folder above {} has a provenance.json", file.display()));
    };
    let path = results.join("provenance.json");
    let text = std::fs::read(&path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let provenance = serde_json::from_slice(&text).into_diagnostic();
    Ok((results.to_owned(), provenance.wrap_err_with(|| format!("{} is not as runner writes it", path.display()))?))
}

/// By the store's ledger, if there is one; else by the digest of a folder above the file, which is its stage's output
/// as long as nobody edited anything in it.
fn find(store: &Store, file: &Path, results: &Path, provenance: &Provenance) -> Result<Found, Report> {
    let sha256 = digest_file(file).into_diagnostic()?;
    if let Some(found) = in_ledger(store, file, results, provenance, sha256)? {
        return Ok(found);
    }
    for folder in file.ancestors().skip(1).take_while(|folder| folder.starts_with(results)) {
        let tree = list(folder).into_diagnostic()?.digest();
        if let Some((node, output)) = provenance.maker(tree) {
            return Ok(Found { node, output: output.to_owned(), sha256, edited: None });
        }
    }
    let name = file.strip_prefix(results).unwrap_or(file).display();
    let help = "restore the folder as it was published, or run the pipeline again";
    Err(miette!(
        help = help,
        "{name} is not as any stage of provenance.json published it: it, or a file beside it, was edited"
    ))
}

fn in_ledger(
    store: &Store,
    file: &Path,
    results: &Path,
    provenance: &Provenance,
    sha256: Digest,
) -> Result<Option<Found>, Report> {
    let root = project_root(results);
    let ours = results.strip_prefix(&root).unwrap_or(results);
    let name = file.strip_prefix(results).unwrap_or(file).to_string_lossy().into_owned();
    let ledger = published(store, &provenance.pipeline, ours).into_diagnostic()?;
    let Some(entry) = ledger.get(&name) else { return Ok(None) };
    let Some(node) = provenance.node(&entry.node) else { return Ok(None) };
    let made = &provenance.nodes[node].outputs;
    // Of several outputs, the one that has the file.
    let has = |tree: &Digest| {
        let files = store.listing(*tree).map(|listing| listing.files).unwrap_or_default();
        files.iter().any(|file| file.sha256 == entry.sha256 && name.ends_with(&file.path))
    };
    let output = made.iter().find(|(_, tree)| made.len() == 1 || has(tree)).map(|(port, _)| port.clone());
    let edited = (sha256 != entry.sha256).then_some(entry.sha256);
    Ok(output.map(|output| Found { node, output, sha256, edited }))
}

/// The rows and columns of a comparison that are asked for, as coordinates.
struct Cell(Vec<(String, String)>);

impl Cell {
    fn of(node: &Made, row: Option<&str>, column: Option<&str>) -> Result<Self, Report> {
        let mut wanted = Vec::new();
        for (option, axis, typed) in [("--row", "rows", row), ("--column", "columns", column)] {
            let Some(typed) = typed else { continue };
            let Some(axis) = node.manifest.params["compare"][axis].as_str() else {
                return Err(miette!("`{}` makes no table of rows and columns: {option} says nothing here", node.id));
            };
            wanted.push((axis.to_owned(), value(node, option, axis, typed)?));
        }
        Ok(Cell(wanted))
    }

    fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    fn wants(&self, coordinates: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(axis, value)| coordinates.get(axis) == Some(value))
    }
}

/// The value on an axis that a label means: `Ours` is `ours`, `25 %` is `25`.
fn value(node: &Made, option: &str, axis: &str, typed: &str) -> Result<String, Report> {
    let mut values: Vec<&String> = node.manifest.inputs.iter().filter_map(|i| i.coordinates.get(axis)).collect();
    values.sort();
    values.dedup();
    let label = |value: &str| match node.manifest.params["methods"][value]["label"].as_str() {
        Some(label) => label.to_owned(),
        None if axis == "label_fraction" => format!("{value} %"),
        None => value.to_owned(),
    };
    let same = |a: &str, b: &str| a.replace(' ', "").eq_ignore_ascii_case(&b.replace(' ', ""));
    if let Some(found) = values.iter().find(|value| same(value, typed) || same(&label(value), typed)) {
        return Ok((*found).clone());
    }
    let known: Vec<String> = values.iter().map(|value| label(value)).collect();
    let message = format!("{option}: the table has no `{typed}`; it has {}", listed(&known));
    let all: Vec<String> = known.iter().cloned().chain(values.iter().map(|value| (*value).clone())).collect();
    Err(did_you_mean(typed, &all).map_or(miette!("{message}"), |meant| miette!(help = meant, "{message}")))
}
