//! Two runs beside each other: which stages have other keys, and why.

use super::history::{Run, entry_of};
use super::{EngineError, Store};
use crate::digest::Digest;
use crate::plan::dirty::{DirtyReason, diff};
use serde::Serialize;
use std::collections::BTreeMap;

/// What differs between two runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Stages that both have, with the same key.
    pub same: usize,
    pub changed: Vec<Changed>,
    /// Stages that succeeded in one of them alone.
    pub only_was: Vec<String>,
    pub only_is: Vec<String>,
}

/// A stage whose key differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    pub node: String,
    pub was: Digest,
    pub is: Digest,
    /// Fields of the manifests that differ; empty if a record is gone.
    pub reasons: Vec<DirtyReason>,
    /// Nothing but its inputs differs: it follows from other changes.
    pub follows: bool,
    /// The bytes that it made are the same nevertheless.
    pub same_output: bool,
}

impl Changed {
    pub fn entry(&self) -> &str {
        entry_of(&self.node)
    }
}

/// Compares by the keys of the stages that succeeded, and by the records that the store has of them.
pub fn compare(store: &Store, was: &Run, is: &Run) -> Result<Comparison, EngineError> {
    let (old, new) = (was.keys(), is.keys());
    let only = |these: &BTreeMap<&str, Digest>, others: &BTreeMap<&str, Digest>| -> Vec<String> {
        these.keys().filter(|node| !others.contains_key(*node)).map(|node| (*node).to_owned()).collect()
    };
    let mut comparison = Comparison { only_was: only(&old, &new), only_is: only(&new, &old), ..Comparison::default() };
    for (node, is) in &new {
        match old.get(node) {
            Some(was) if was == is => comparison.same += 1,
            Some(was) => comparison.changed.push(changed(store, node, *was, *is)?),
            None => {}
        }
    }
    Ok(comparison)
}

fn changed(store: &Store, node: &str, was: Digest, is: Digest) -> Result<Changed, EngineError> {
    let (old, new) = (store.record(was)?, store.record(is)?);
    let both = old.as_ref().zip(new.as_ref());
    let reasons = both.map(|(old, new)| diff(&old.manifest, &new.manifest)).unwrap_or_default();
    let input = |reason: &DirtyReason| matches!(reason, DirtyReason::Input { .. } | DirtyReason::InputOrder { .. });
    let follows = !reasons.is_empty() && reasons.iter().all(input);
    let same_output = both.is_some_and(|(old, new)| old.outputs == new.outputs);
    Ok(Changed { node: node.to_owned(), was, is, reasons, follows, same_output })
}
