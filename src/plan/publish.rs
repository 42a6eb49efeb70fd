use super::fault::{Fault, PlanError};
use super::resolve::Instance;
use super::wire::{has, port_names};
use crate::spec::{self, Located, Mark, inside};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Who publishes where, over all nodes.
#[derive(Default)]
pub(super) struct Published(Vec<(PathBuf, String, Mark)>);

/// The folders that a node publishes to, and a note of them in `published`.
pub(super) fn folders(
    at: &Instance,
    id: &str,
    published: &mut Published,
) -> Result<BTreeMap<String, PathBuf>, PlanError> {
    let mut folders = BTreeMap::new();
    for (port, folder) in &at.entry.publish {
        let outputs = &at.ports.outputs;
        if !has(outputs, &port.text) {
            let (entry, port_name) = (at.entry.name.text.clone(), port.text.clone());
            let fault = Fault::UnknownOutput { entry, port: port_name, known: port_names(outputs) };
            return Err(Located::new(&port.mark, fault));
        }
        let place = format!("`publish: {port}` of stage `{}`", at.entry.name);
        let tree = at.expand(folder)?;
        let text = tree.scalar().ok_or_else(|| {
            let fault = spec::Fault::Type { place: place.clone(), expected: "a folder", found: tree.kind().to_owned() };
            Located::new(&tree.mark, Fault::Spec(fault))
        })?;
        let path = inside(&text, &place, &tree.mark).map_err(|error| error.map(Fault::Spec))?;
        published.0.push((path.clone(), id.to_owned(), tree.mark));
        folders.insert(port.text.clone(), path);
    }
    Ok(folders)
}

impl Published {
    /// No folder may be another's, or stand in another's: each is replaced as a whole.
    pub fn check(mut self) -> Result<(), PlanError> {
        // Paths sort by component, so that a folder is followed by what stands in it; the sort is stable.
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        for pair in self.0.windows(2) {
            let [(other, first, _), (folder, second, mark)] = pair else { continue };
            if folder.starts_with(other) {
                let text = |path: &PathBuf| path.to_string_lossy().into_owned();
                let (first, second) = (first.clone(), second.clone());
                let fault = Fault::Published { second, first, folder: text(folder), other: text(other) };
                return Err(Located::new(mark, fault));
            }
        }
        Ok(())
    }
}
