//! Trainings of past runs: their curves, and a line for each.

use super::artifact::Artifact;
use super::text::columns;
use crate::engine::history::coordinates_of;
use crate::engine::{EngineError, Store};
use crate::report::figure::png_bytes;
use crate::report::training::{Course, Last, Training, curves};
use miette::{IntoDiagnostic, Report, miette};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const LOG: &str = "log.parquet";
/// Stands in the metadata of figures.
const MADE_BY: &str = concat!("runner ", env!("CARGO_PKG_VERSION"));

/// The trainings among some artifacts: stages with a log. Those that the store has lost are left out.
pub fn trainings(store: &Store, artifacts: &[Artifact]) -> Result<Vec<Training>, Report> {
    let mut by_node: BTreeMap<&str, Vec<&Artifact>> = BTreeMap::new();
    artifacts.iter().for_each(|artifact| by_node.entry(&artifact.node).or_default().push(artifact));
    let mut found = Vec::new();
    for (node, artifacts) in by_node {
        let folder = |file: &str| {
            let having = artifacts.iter().find(|artifact| has(store, artifact, file));
            having.map(|artifact| store.checkout(artifact.tree).into_diagnostic()).transpose()
        };
        if let Some(log) = folder(LOG)? {
            let weights = folder("training.json")?;
            found.push(Training::read(node, &log, weights.as_deref()).into_diagnostic()?);
        }
    }
    Ok(found)
}

fn has(store: &Store, artifact: &Artifact, file: &str) -> bool {
    let files = match store.listing(artifact.tree) {
        Err(EngineError::Lost { .. }) => return false,
        listing => listing.map(|listing| listing.files).unwrap_or_default(),
    };
    files.iter().any(|entry| entry.path == file) && files.iter().all(|entry| store.object(entry.sha256).is_file())
}

/// Writes the curves; a figure for each few trainings: `a.png`, `a-2.png` and so on.
pub fn draw(path: &Path, title: &str, trainings: &[Training]) -> Result<Vec<PathBuf>, Report> {
    let labels = short(trainings);
    let labelled = trainings.iter().zip(labels).map(|(training, label)| Training {
        label,
        rows: training.rows.clone(),
        course: training.course.clone(),
    });
    let labelled: Vec<Training> = labelled.collect();
    let mut written = Vec::new();
    for (index, figure) in curves(title, &labelled).iter().enumerate() {
        let path = if index == 0 { path.to_owned() } else { numbered(path, index + 1) };
        let bytes = png_bytes(figure, MADE_BY).into_diagnostic()?;
        std::fs::write(&path, bytes).map_err(|e| miette!("cannot write {}: {e}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    let dot = if extension.is_empty() { "" } else { "." };
    path.with_file_name(format!("{stem}-{number}{dot}{extension}"))
}

/// What trainings differ in: the method by its value alone, other axes by name and value. One alone keeps its name.
fn short(trainings: &[Training]) -> Vec<String> {
    let all: Vec<BTreeMap<String, String>> = trainings.iter().map(|t| coordinates_of(&t.label)).collect();
    let varies =
        |axis: &String| all.iter().any(|other| other.get(axis) != all.first().and_then(|first| first.get(axis)));
    let label = |(training, coordinates): (&Training, &BTreeMap<String, String>)| {
        let mut parts: Vec<(&String, &String)> = coordinates.iter().filter(|(axis, _)| varies(axis)).collect();
        parts.sort_by_key(|(axis, _)| *axis != "method");
        let part = |(axis, value): &(&String, &String)| match axis.as_str() {
            "method" => (*value).clone(),
            axis => format!("{} {value}", axis.replace('_', " ")),
        };
        let parts: Vec<String> = parts.iter().map(part).collect();
        if parts.is_empty() { training.label.clone() } else { parts.join(", ") }
    };
    trainings.iter().zip(&all).map(label).collect()
}

/// A table, and below it what should be known.
pub fn text(trainings: &[Training]) -> String {
    let header = ["training", "epochs", "best", "Dice", "L_SUP", "V_D", "V_G", "real", "fake"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(trainings.iter().map(|training| row(&training.label, &training.course)));
    let mut text = columns(&rows);
    for Training { label, course, .. } in trainings {
        course.warnings.iter().for_each(|warning| text += &format!("warning: {label}: {warning}\n"));
    }
    text
}

fn row(label: &str, course: &Course) -> Vec<String> {
    let Last { supervised_loss, discriminator_loss, generator_loss, accuracy_real, accuracy_fake } = course.last;
    let number = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
    vec![
        label.to_owned(),
        course.epochs.to_string(),
        course.best_epoch.map_or("-".to_owned(), |epoch| epoch.to_string()),
        number(course.validation_dice, 4),
        number(supervised_loss, 4),
        number(discriminator_loss, 3),
        number(generator_loss, 3),
        number(accuracy_real, 2),
        number(accuracy_fake, 2),
    ]
}
