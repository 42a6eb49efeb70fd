//! Artifacts by the names that people type.

use crate::digest::Digest;
use crate::engine::history::{Run, entry_of};
use crate::engine::{Store, is_named};
use crate::spec::{did_you_mean, listed};
use miette::{IntoDiagnostic, Report, miette};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// `train[method=ours].weights/model.json` in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Of a stage, or the beginning of a digest.
    pub stage: String,
    pub output: Option<String>,
    pub file: Option<String>,
}

impl Name {
    /// Coordinates may hold dots; names may not.
    pub fn parse(text: &str) -> Self {
        let coordinates = text.find(']').map_or(0, |end| end + 1);
        let end = text[coordinates..].find(['.', '/']).map_or(text.len(), |at| coordinates + at);
        let (stage, rest) = text.split_at(end);
        let some = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        let (output, file) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_once('/').map_or((some(rest), None), |(output, file)| (some(output), some(file))),
            None => (None, some(rest.trim_start_matches('/'))),
        };
        Name { stage: stage.to_owned(), output, file }
    }
}

/// One output of one stage of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Artifact {
    pub node: String,
    pub output: String,
    pub key: Digest,
    pub tree: Digest,
    pub pipeline: String,
    pub run: String,
}

impl Artifact {
    pub fn name(&self) -> String {
        format!("{}.{}", self.node, self.output)
    }
}

/// The outputs of stages with that name, each as of the newest run in which the stage succeeded.
pub fn by_stage(store: &Store, runs: &[Run], name: &Name) -> Result<Vec<Artifact>, Report> {
    let mut newest: BTreeMap<&str, (&Run, Digest)> = BTreeMap::new();
    // Instances of different pipelines aren't mixed: the newest run that knows the name says which.
    let knows = |run: &&Run| run.keys().keys().any(|node| is_named(node, entry_of(node), &name.stage));
    let Some(pipeline) = runs.iter().rev().find(knows).map(|run| &run.pipeline) else { return Ok(Vec::new()) };
    for run in runs.iter().filter(|run| run.pipeline == *pipeline) {
        let named = run.keys().into_iter().filter(|(node, _)| is_named(node, entry_of(node), &name.stage));
        newest.extend(named.map(|(node, key)| (node, (run, key))));
    }
    let mut artifacts = Vec::new();
    for (node, (run, key)) in newest {
        artifacts.extend(of_key(store, run, node, key)?);
    }
    only(artifacts, name)
}

fn of_key(store: &Store, run: &Run, node: &str, key: Digest) -> Result<Vec<Artifact>, Report> {
    let outputs = store.record(key).into_diagnostic()?.map(|record| record.outputs).unwrap_or_default();
    let (pipeline, run) = (run.pipeline.clone(), run.id.clone());
    let artifact = |(output, tree)| Artifact {
        node: node.to_owned(),
        output,
        key,
        tree,
        pipeline: pipeline.clone(),
        run: run.clone(),
    };
    Ok(outputs.into_iter().map(artifact).collect())
}

/// Every output of every stage that succeeded in a run.
pub fn of_run(store: &Store, run: &Run) -> Result<Vec<Artifact>, Report> {
    let of = |(node, key): (&str, Digest)| of_key(store, run, node, key);
    Ok(run.keys().into_iter().map(of).collect::<Result<Vec<_>, _>>()?.concat())
}

/// Of the artifacts those with the output that was named.
fn only(mut artifacts: Vec<Artifact>, name: &Name) -> Result<Vec<Artifact>, Report> {
    let Some(output) = &name.output else { return Ok(artifacts) };
    let known: BTreeSet<String> = artifacts.iter().map(|artifact| artifact.output.clone()).collect();
    artifacts.retain(|artifact| artifact.output == *output);
    if artifacts.is_empty() && !known.is_empty() {
        let known: Vec<String> = known.into_iter().collect();
        let message = format!("`{}` has no output `{output}`; it has {}", name.stage, listed(&known));
        return Err(
            did_you_mean(output, &known).map_or(miette!("{message}"), |meant| miette!(help = meant, "{message}"))
        );
    }
    Ok(artifacts)
}

/// Shorter beginnings than this mean nothing.
const SHORTEST: usize = 4;

/// Artifacts whose digest, or whose stage's key, begins so; each once, the newest run's first.
pub fn by_digest(store: &Store, runs: &[Run], name: &Name) -> Result<Vec<Artifact>, Report> {
    let prefix = name.stage.to_lowercase();
    if prefix.len() < SHORTEST || !prefix.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    let mut found: Vec<Artifact> = Vec::new();
    for artifact in all(store, runs)? {
        let begins = |digest: Digest| digest.to_string().starts_with(&prefix);
        let known = found.iter().any(|other| other.tree == artifact.tree);
        if !known && (begins(artifact.tree) || begins(artifact.key)) {
            found.push(artifact);
        }
    }
    only(found, name)
}

/// Every output of every run whose record is still there; each key once, the newest run's first.
pub fn all(store: &Store, runs: &[Run]) -> Result<Vec<Artifact>, Report> {
    let mut seen = BTreeSet::new();
    let mut artifacts = Vec::new();
    for run in runs.iter().rev() {
        for (node, key) in run.keys() {
            if seen.insert(key) {
                artifacts.extend(of_key(store, run, node, key)?);
            }
        }
    }
    Ok(artifacts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_parts() {
        let parts = |text: &str| {
            let Name { stage, output, file } = Name::parse(text);
            (stage, output.unwrap_or_default(), file.unwrap_or_default())
        };
        let expected = |stage: &str, output: &str, file: &str| (stage.into(), output.into(), file.into());
        assert_eq!(parts("train"), expected("train", "", ""));
        assert_eq!(parts("train[a=0.5,b=x]"), expected("train[a=0.5,b=x]", "", ""));
        assert_eq!(parts("train[a=0.5].weights"), expected("train[a=0.5]", "weights", ""));
        assert_eq!(parts("table.tables/a/b.md"), expected("table", "tables", "a/b.md"));
        assert_eq!(parts("3fa9c1/b.md"), expected("3fa9c1", "", "b.md"));
    }
}
