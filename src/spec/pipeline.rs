use super::fault::{Fault, SpecError};
use super::fields::{Fields, mapping, name, names, plain};
use super::matrix::{Axis, Exclude, excludes};
use super::{Located, Mark, Name, Tree, tree::Value};

pub(super) const EXCLUDE: &str = "exclude";
pub(super) const PIPELINE_KEYS: &[&str] = &["title", "profile", "results", "settings", "matrix", "stages"];
const STAGE_KEYS: &[&str] = &[
    "stage",
    "for_each",
    "inputs",
    "outputs",
    "seed",
    "with",
    "publish",
    "exclude",
    "resources",
    "timeout",
    "retries",
    "priority",
];

/// One entry below `stages:`, before its references are put in.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Name,
    /// Name of the stage kind.
    pub kind: Name,
    /// Indices of the axes that it runs for, in the matrix's order.
    pub axes: Vec<usize>,
    pub inputs: Vec<Input>,
    /// Output port → artifact word, of stages that leave their ports open.
    pub outputs: Vec<(Name, Name)>,
    pub seed: Option<Tree>,
    pub with: Option<Tree>,
    /// Output port -> folder below the results, which may hold references.
    pub publish: Vec<(Name, Tree)>,
    pub exclude: Vec<Exclude>,
    /// What it asks of the scheduler: `resources`, `timeout`, `retries`, `priority`.
    pub demands: Vec<(&'static str, Tree)>,
}

pub(super) const DEMANDS: [&str; 4] = ["resources", "timeout", "retries", "priority"];

/// `port: entry`, `port: entry.output`, or a list of such.
#[derive(Debug, Clone)]
pub struct Input {
    pub port: Name,
    pub from: Vec<Name>,
    /// Whether it was written as a list.
    pub list: bool,
}

/// Reads the mapping below `stages:`.
pub(super) fn entries(stages: Tree, axes: &[Axis], written: &Tree) -> Result<Vec<Entry>, SpecError> {
    mapping(stages, "`stages`")?.into_iter().map(|(name, tree)| entry(name, tree, axes, written)).collect()
}

fn entry(entry: Name, tree: Tree, axes: &[Axis], written: &Tree) -> Result<Entry, SpecError> {
    plain(&entry)?;
    let place = format!("stage `{entry}`");
    let mut fields = Fields::new(tree, &place, STAGE_KEYS)?;
    let kind = name(fields.require("stage", &entry.mark)?, "`stage`")?;
    let indices = for_each(fields.take("for_each"), axes)?;
    let exclude = excludes(fields.take(EXCLUDE).as_ref(), axes, &indices, written)?;
    Ok(Entry {
        name: entry,
        kind,
        axes: indices,
        inputs: inputs(fields.take("inputs"))?,
        outputs: outputs(fields.take("outputs"))?,
        demands: DEMANDS.into_iter().filter_map(|key| Some((key, fields.take(key)?))).collect(),
        seed: fields.take("seed"),
        with: fields.take("with"),
        publish: fields.take("publish").map_or(Ok(Vec::new()), |tree| mapping(tree, "`publish`"))?,
        exclude,
    })
}

fn for_each(tree: Option<Tree>, axes: &[Axis]) -> Result<Vec<usize>, SpecError> {
    let mut indices: Vec<usize> = Vec::new();
    let known = || axes.iter().map(|axis| axis.name.text.clone()).collect();
    for name in tree.map_or(Ok(Vec::new()), |tree| names(tree, "`for_each`"))? {
        let fault = |fault: Fault| Located::new(&name.mark, fault);
        let index = axes.iter().position(|axis| axis.name.text == name.text);
        let index = index.ok_or_else(|| fault(Fault::UnknownAxis { axis: name.text.clone(), known: known() }))?;
        if indices.contains(&index) {
            return Err(fault(Fault::DuplicateAxis { axis: name.text.clone() }));
        }
        indices.push(index);
    }
    indices.sort_unstable();
    Ok(indices)
}

fn inputs(tree: Option<Tree>) -> Result<Vec<Input>, SpecError> {
    let entries = tree.map_or(Ok(Vec::new()), |tree| mapping(tree, "`inputs`"))?;
    let input = |(port, tree): (Name, Tree)| {
        let place = format!("input `{port}`");
        Ok(Input { list: matches!(tree.value, Value::List(_)), from: names(tree, &place)?, port })
    };
    entries.into_iter().map(input).collect()
}

fn outputs(tree: Option<Tree>) -> Result<Vec<(Name, Name)>, SpecError> {
    let entries = tree.map_or(Ok(Vec::new()), |tree| mapping(tree, "`outputs`"))?;
    let output = |(port, tree): (Name, Tree)| {
        plain(&port)?;
        let artifact = name(tree, "an output's artifact word")?;
        plain(&artifact)?;
        Ok((port, artifact))
    };
    entries.into_iter().map(output).collect()
}

/// A mark that a stage as a whole is shown at.
impl Entry {
    pub fn mark(&self) -> &Mark {
        &self.name.mark
    }
}
