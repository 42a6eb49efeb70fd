use super::fault::{Fault, SpecError};
use super::{Located, Mark, Name, Tree, tree::Value};

/// Reads a mapping key by key; what is left at the end is unknown.
pub(super) struct Fields {
    place: String,
    entries: Vec<(Name, Tree)>,
    known: &'static [&'static str],
}

impl Fields {
    /// `place` names the mapping in messages, e.g. "stage `train`".
    pub fn new(tree: Tree, place: impl Into<String>, known: &'static [&'static str]) -> Result<Self, SpecError> {
        let place = place.into();
        let entries = mapping(tree, &place)?;
        if let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
            let known = known.iter().map(|&key| key.to_owned()).collect();
            return Err(Located::new(&key.mark, Fault::UnknownKey { place, key: key.text.clone(), known }));
        }
        Ok(Fields { place, entries, known })
    }

    /// Takes a key's value; one that is written as null counts as absent.
    pub fn take(&mut self, key: &'static str) -> Option<Tree> {
        debug_assert!(self.known.contains(&key));
        let index = self.entries.iter().position(|(name, _)| name.text == key)?;
        Some(self.entries.remove(index).1).filter(|tree| !tree.is_null())
    }

    /// `at` is where a missing key is missed.
    pub fn require(&mut self, key: &'static str, at: &Mark) -> Result<Tree, SpecError> {
        let missing = Fault::MissingKey { place: self.place.clone(), key };
        self.take(key).ok_or_else(|| Located::new(at, missing))
    }
}

pub(super) fn wrong_type(tree: &Tree, place: &str, expected: &'static str) -> SpecError {
    Located::new(&tree.mark, Fault::Type { place: place.to_owned(), expected, found: tree.kind().to_owned() })
}

/// The entries of a mapping; an empty value counts as an empty mapping.
pub(super) fn mapping(tree: Tree, place: &str) -> Result<Vec<(Name, Tree)>, SpecError> {
    match tree.value {
        Value::Map(entries) => Ok(entries),
        Value::Null => Ok(Vec::new()),
        _ => Err(wrong_type(&tree, place, "a mapping")),
    }
}

/// A text with its place.
pub(super) fn name(tree: Tree, place: &str) -> Result<Name, SpecError> {
    match &tree.value {
        Value::Text(text) => Ok(Name { text: text.clone(), mark: tree.mark }),
        _ => Err(wrong_type(&tree, place, "a text")),
    }
}

/// A list of texts; a single text counts as a list of one.
pub(super) fn names(tree: Tree, place: &str) -> Result<Vec<Name>, SpecError> {
    match tree.value {
        Value::List(items) => items.into_iter().map(|item| name(item, place)).collect(),
        _ => Ok(vec![name(tree, place)?]),
    }
}

/// Names stand in ids, file names and dotted paths, so that they are plain.
pub(super) fn plain(name: &Name) -> Result<(), SpecError> {
    let allowed = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if !name.text.is_empty() && name.text.chars().all(allowed) {
        return Ok(());
    }
    Err(Located::new(&name.mark, Fault::BadName { name: name.text.clone() }))
}
