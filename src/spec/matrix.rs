use super::fault::{Fault, SpecError};
use super::fields::{mapping, plain, wrong_type};
use super::pipeline::EXCLUDE;
use super::{Located, Name, Scope, Tree, tree::Value};

/// One dimension of the matrix.
#[derive(Debug, Clone)]
pub struct Axis {
    pub name: Name,
    /// Scalars, in the order in which they were written.
    pub values: Vec<Tree>,
    /// The same as text.
    pub texts: Vec<String>,
}

/// Points that are left out: those that have, on each of these axes, one of these values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclude {
    /// Index of an axis and indices of its values.
    pub on: Vec<(usize, Vec<usize>)>,
}

impl Exclude {
    /// `point` holds an index of a value for each axis that a stage runs for. A stage that doesn't run for all
    /// axes of an exclusion keeps its points.
    pub fn drops(&self, point: &[Option<usize>]) -> bool {
        self.on.iter().all(|(axis, values)| point.get(*axis).copied().flatten().is_some_and(|i| values.contains(&i)))
    }
}

/// Reads the axes out of the matrix's mapping.
pub(super) fn axes(scope: &Scope) -> Result<Vec<Axis>, SpecError> {
    let entries = scope.root.get("matrix").map_or(&[][..], Tree::entries);
    entries.iter().filter(|(name, _)| name.text != EXCLUDE).map(|(name, tree)| axis(scope, name, tree)).collect()
}

fn axis(scope: &Scope, name: &Name, tree: &Tree) -> Result<Axis, SpecError> {
    plain(name)?;
    let tree = scope.expand(tree, &[])?;
    let values = match tree.value {
        Value::List(values) => values,
        Value::Null => Vec::new(),
        _ => vec![tree],
    };
    if values.is_empty() {
        return Err(Located::new(&name.mark, Fault::EmptyAxis { axis: name.text.clone() }));
    }
    let mut texts: Vec<String> = Vec::new();
    for value in &values {
        let text = coordinate(value)?;
        if texts.contains(&text) {
            return Err(Located::new(&value.mark, Fault::DuplicateValue { axis: name.text.clone(), value: text }));
        }
        texts.push(text);
    }
    Ok(Axis { name: name.clone(), values, texts })
}

/// A value as it stands in ids such as `train[method=ours]` and in names of files.
fn coordinate(value: &Tree) -> Result<String, SpecError> {
    let bad = |found: String| Located::new(&value.mark, Fault::BadValue { found });
    let text = value.scalar().ok_or_else(|| bad(value.kind().to_owned()))?;
    let special = |c: char| ",=[]/\\".contains(c) || c.is_control();
    if text.is_empty() || text.trim() != text || text.contains(special) {
        return Err(bad(format!("`{text}`")));
    }
    Ok(text)
}

/// Reads a list of partial coordinates. `written` are all values that the pipeline's file gives: an exclusion
/// stays valid when `--set` or a profile narrows an axis.
pub(super) fn excludes(
    tree: Option<&Tree>,
    axes: &[Axis],
    allowed: &[usize],
    written: &Tree,
) -> Result<Vec<Exclude>, SpecError> {
    let Some(tree) = tree.filter(|tree| !tree.is_null()) else { return Ok(Vec::new()) };
    let Value::List(items) = &tree.value else {
        return Err(wrong_type(tree, "`exclude`", "a list of partial coordinates"));
    };
    items.iter().map(|item| exclude(item, axes, allowed, written)).collect()
}

fn exclude(tree: &Tree, axes: &[Axis], allowed: &[usize], written: &Tree) -> Result<Exclude, SpecError> {
    let mut on = Vec::new();
    for (name, values) in mapping(tree.clone(), "an item of `exclude`")? {
        let index = allowed.iter().copied().find(|&i| axes[i].name.text == name.text);
        let known = || allowed.iter().map(|&i| axes[i].name.text.clone()).collect();
        let unknown = || Located::new(&name.mark, Fault::UnknownAxis { axis: name.text.clone(), known: known() });
        let index = index.ok_or_else(unknown)?;
        let mut indices = Vec::new();
        for value in items(&values) {
            let text = coordinate(value)?;
            let found = axes[index].texts.iter().position(|t| *t == text);
            if found.is_none() && !is_written(written, &name.text, &text) {
                let fault = Fault::UnknownValue { axis: name.text, value: text, known: axes[index].texts.clone() };
                return Err(Located::new(&value.mark, fault));
            }
            indices.extend(found);
        }
        on.push((index, indices));
    }
    if on.is_empty() {
        return Err(wrong_type(tree, "an item of `exclude`", "a mapping of at least one axis to values"));
    }
    Ok(Exclude { on })
}

/// A list's items; a scalar counts as a list of one.
fn items(tree: &Tree) -> &[Tree] {
    if let Value::List(items) = &tree.value { items } else { std::slice::from_ref(tree) }
}

fn is_written(matrix: &Tree, axis: &str, text: &str) -> bool {
    matrix.get(axis).is_some_and(|values| items(values).iter().any(|value| value.scalar().as_deref() == Some(text)))
}
