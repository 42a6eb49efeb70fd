use super::common::{StoreArgs, print, print_json, project_root};
use super::text::{columns, time};
use crate::contract::{Arity, Port, Stage};
use crate::engine::history;
use crate::stage;
use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic, Report, WrapErr};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// List what there is: stage kinds, methods, data sets, profiles, pipelines, runs
#[derive(Debug, Args)]
pub struct Ls {
    what: What,
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Stage kinds, with their ports
    Stages,
    /// Files of experiments/methods/
    Methods,
    /// Files of experiments/datasets/
    Datasets,
    /// Files of experiments/profiles/
    Profiles,
    /// Files of pipelines/
    Pipelines,
    /// Past runs: what `runner log` shows
    Runs,
}

impl Ls {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let root = project_root(Path::new("."));
        let (text, json) = match self.what {
            What::Stages => (stage::ALL.iter().map(|stage| stage_text(*stage)).collect(), stages_json()),
            What::Methods => files(&root.join("experiments/methods"), method)?,
            What::Datasets => files(&root.join("experiments/datasets"), titled)?,
            What::Profiles => files(&root.join("experiments/profiles"), commented)?,
            What::Pipelines => files(&root.join("pipelines"), titled)?,
            What::Runs => self.runs()?,
        };
        if self.json {
            print_json(&json)?
        } else {
            print(&text)?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn runs(&self) -> Result<(String, Value), Report> {
        let (_, runs) = self.store.runs()?;
        let row = |run: &history::Run| {
            let counts = format!("{} ran, {} cached, {} failed", run.ran, run.cached, run.failed);
            vec![run.id.clone(), time(run.started), run.pipeline.clone(), counts]
        };
        let value = serde_json::to_value(&runs).into_diagnostic()?;
        Ok((columns(&runs.iter().map(row).collect::<Vec<_>>()), value))
    }
}

fn stage_text(stage: &dyn Stage) -> String {
    let (kind, summary) = (stage.kind(), stage.summary());
    if stage.open() {
        return format!("{kind}: {summary}\n    in, out: those of the entry\n");
    }
    format!("{kind}: {summary}\n    in:  {}\n    out: {}\n", ports(stage.inputs()), ports(stage.outputs()))
}

/// `slices, weights…, base?`: `…` takes any number, `?` none or one.
fn ports(ports: &[Port]) -> String {
    let name = |port: &Port| match port.arity {
        Arity::One => port.name.to_string(),
        Arity::Optional => format!("{}?", port.name),
        Arity::Many => format!("{}…", port.name),
    };
    if ports.is_empty() { "-".to_owned() } else { ports.iter().map(name).collect::<Vec<_>>().join(", ") }
}

fn stages_json() -> Value {
    let port = |port: &Port| {
        let takes = match port.arity {
            Arity::One => "one",
            Arity::Optional => "optional",
            Arity::Many => "many",
        };
        json!({"name": port.name, "artifact": port.artifact, "takes": takes})
    };
    let stage = |stage: &&dyn Stage| {
        json!({
            "kind": stage.kind(),
            "summary": stage.summary(),
            "revision": stage.revision(),
            "open": stage.open(),
            "inputs": stage.inputs().iter().map(port).collect::<Vec<_>>(),
            "outputs": stage.outputs().iter().map(port).collect::<Vec<_>>(),
        })
    };
    stage::ALL.iter().map(stage).collect()
}

/// A line for each YAML file of a folder: its name, and what `describe` makes of its value and its first comment.
fn files(folder: &Path, describe: fn(&Value, &str) -> Vec<String>) -> Result<(String, Value), Report> {
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for path in yaml_files(folder)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).into_diagnostic();
        let text = text.wrap_err_with(|| format!("cannot read {}", path.display()))?;
        // Broken files are listed too: `runner check` says what is wrong with them.
        let value: Value = serde_saphyr::from_str(&text).unwrap_or_default();
        let columns = describe(&value, &first_comment(&text));
        all.push(json!({"name": name, "description": columns.join(": ")}));
        rows.push([vec![name], columns].concat());
    }
    let none = || format!("none: there is no YAML file in {}\n", folder.display());
    Ok((if rows.is_empty() { none() } else { columns(&rows) }, Value::Array(all)))
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Report> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).into_diagnostic()? {
        paths.push(entry.into_diagnostic()?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    Ok(paths)
}

/// Its first sentence.
fn first_comment(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let comment = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    // Not the point of `eq. (1)`.
    let ends = |at: usize| comment[at + 2..].starts_with(|c: char| c.is_uppercase() || c == '`');
    let end = comment.match_indices(". ").map(|(at, _)| at).find(|&at| ends(at)).unwrap_or(comment.len());
    comment[..end].trim_end_matches('.').to_owned()
}

fn commented(_: &Value, comment: &str) -> Vec<String> {
    vec![comment.to_owned()]
}

fn titled(value: &Value, comment: &str) -> Vec<String> {
    vec![match (value["title"].as_str(), comment) {
        (Some(title), "") => title.to_owned(),
        (Some(title), comment) => format!("{title}: {comment}"),
        (None, comment) => comment.to_owned(),
    }]
}

/// Its label, its prior, and what it is.
fn method(value: &Value, comment: &str) -> Vec<String> {
    let text = |key: &str, none: &str| value[key].as_str().unwrap_or(none).to_owned();
    vec![text("label", ""), text("prior", "–"), comment.to_owned()]
}
