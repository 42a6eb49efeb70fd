use super::fault::{Fault, SpecError};
use super::suggest::closest;
use super::{Located, Mark, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a pipeline lives.
pub(super) struct Project {
    /// Absolute; `pipelines/` and `experiments/` stand in it.
    pub root: PathBuf,
    /// The pipeline's file, absolute.
    pub pipeline: PathBuf,
    /// Names below this folder are shown relative to it.
    shown_from: PathBuf,
}

impl Project {
    /// The nearest folder above the pipeline that holds `experiments/`, else the parent of `pipelines/`,
    /// else the pipeline's own folder.
    pub fn of(pipeline: &Path) -> Result<Self, SpecError> {
        let folder = pipeline.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(|e| unreadable(&pipeline.to_string_lossy(), &e, None))?;
        let above = folder.ancestors().find(|a| a.join("experiments").is_dir());
        let beside = folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == "pipelines"));
        let root = above.or(beside).unwrap_or(&folder).to_owned();
        // Paths that a terminal can open where people stand, else relative to the project.
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let shown_from = here.ok().filter(|here| root.starts_with(here)).unwrap_or_else(|| root.clone());
        let pipeline = folder.join(pipeline.file_name().unwrap_or_default());
        Ok(Project { root, pipeline, shown_from })
    }

    /// Reads a file below the root.
    pub fn read(&self, path: &Path) -> Result<Arc<Source>, SpecError> {
        let name = self.shown(path);
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Source::file(name, text)),
            Err(error) => Err(unreadable(&name, &error, neighbour(path))),
        }
    }

    pub fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.shown_from).unwrap_or(path);
        let parts: Vec<_> = relative.components().map(|c| c.as_os_str().to_string_lossy()).collect();
        if relative.is_absolute() { relative.to_string_lossy().into_owned() } else { parts.join("/") }
    }
}

fn unreadable(name: &str, error: &std::io::Error, nearest: Option<String>) -> SpecError {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let fault = Fault::Read { reason, nearest };
    Located::new(&Mark::start(&Source::file(name, "")), fault)
}

/// A file in the same folder with nearly the same name.
fn neighbour(path: &Path) -> Option<String> {
    let names = yaml_stems(path.parent()?).ok()?;
    let stem = path.file_stem()?.to_string_lossy();
    closest(&stem, names.iter().map(String::as_str)).map(|name| format!("{name}.yaml"))
}

/// Sorted stems of the YAML files in a folder; none where there is no folder.
pub(super) fn yaml_stems(folder: &Path) -> std::io::Result<Vec<String>> {
    Ok(listing(folder)?
        .into_iter()
        .filter(|name| name.ends_with(".yaml"))
        .map(|n| n[..n.len() - 5].to_owned())
        .collect())
}

/// Sorted names in a folder, without hidden ones; none where there is no folder.
pub(super) fn listing(folder: &Path) -> std::io::Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// As [`listing`], with an error that names the folder.
pub(super) fn listing_of(project: &Project, folder: &Path) -> Result<Vec<String>, SpecError> {
    listing(folder).map_err(|e| unreadable(&project.shown(folder), &e, None))
}
