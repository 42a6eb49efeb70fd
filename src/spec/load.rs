use super::catalogue::{self, Catalogue};
use super::fault::{Fault, SpecError};
use super::fields::{Fields, mapping, name, plain, wrong_type};
use super::matrix::{Axis, Exclude, axes, excludes};
use super::overlay::{Overlay, assignment};
use super::pipeline::{self, EXCLUDE, Entry, PIPELINE_KEYS};
use super::project::Project;
use super::{Located, Mark, Name, Scope, Source, Tree, tree::Value, yaml};
use std::path::{Component, Path, PathBuf};

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub pipeline: PathBuf,
    /// Instead of the pipeline's own.
    pub profile: Option<String>,
    /// `a.b=c`, in order; the last wins.
    pub set: Vec<String>,
}

/// A pipeline with its catalogue, profile and `--set` arguments laid over each other.
#[derive(Debug, Clone)]
pub struct Experiment {
    pub name: String,
    pub title: String,
    pub profile: Option<String>,
    /// The project's root, absolute.
    pub root: PathBuf,
    /// Relative to the root.
    pub results: PathBuf,
    pub axes: Vec<Axis>,
    pub exclude: Vec<Exclude>,
    pub entries: Vec<Entry>,
    pub scope: Scope,
    /// Where the pipeline's file begins.
    pub mark: Mark,
}

/// Names that references know and settings can't take.
const RESERVED: &[&str] = &["pipeline", "profile", "title", "results", "matrix", "settings", "stages"];
/// Of these, what neither a profile nor `--set` may change.
const FIXED: &[&str] = &["pipeline", "profile"];

/// Reads a pipeline and all that it refers to.
pub fn load(request: &Request) -> Result<Experiment, SpecError> {
    let project = Project::of(&request.pipeline)?;
    let source = project.read(&project.pipeline)?;
    let mark = Mark::start(&source);
    let mut fields = Fields::new(yaml::parse(&source)?, "the pipeline", PIPELINE_KEYS)?;
    let stages = fields.require("stages", &mark)?;
    let written = fields.take("matrix").unwrap_or_else(|| Tree::map(Vec::new(), &mark));
    let catalogue = Catalogue::load(&project)?;
    let profile = profile_name(request, fields.take("profile"))?;
    let stem = project.pipeline.file_stem().unwrap_or_default().to_string_lossy().into_owned();

    let mut root = settings(fields.take("settings"), &catalogue)?;
    root.extend(catalogue.entries.iter().cloned());
    let value = |value: Option<Tree>, otherwise: &str| value.unwrap_or_else(|| Tree::text(otherwise, &mark));
    let profile_tree = profile.as_ref().map(|name| Tree::text(&name.text, &name.mark));
    for (key, tree) in [
        ("title", value(fields.take("title"), &stem)),
        ("results", value(fields.take("results"), "results/${pipeline}")),
        ("matrix", checked_matrix(&written)?),
        ("pipeline", Tree::text(&stem, &mark)),
        ("profile", profile_tree.unwrap_or(Tree { value: Value::Null, mark: mark.clone() })),
    ] {
        root.push((Name { text: key.to_owned(), mark: tree.mark.clone() }, tree));
    }
    let mut root = Tree::map(root, &mark);
    let overlay = Overlay { open: &catalogue.files, fixed: FIXED };
    if let Some(name) = &profile {
        overlay.lay(&mut root, catalogue::profile(&project, name)?)?;
    }
    for argument in &request.set {
        overlay.lay(&mut root, assignment(argument)?)?;
    }
    finish(project, Scope { root }, profile, stem, stages, &written, mark)
}

fn finish(
    project: Project,
    scope: Scope,
    profile: Option<Name>,
    name: String,
    stages: Tree,
    written: &Tree,
    mark: Mark,
) -> Result<Experiment, SpecError> {
    let axes = axes(&scope)?;
    let all: Vec<usize> = (0..axes.len()).collect();
    let exclude = scope.root.get("matrix").and_then(|matrix| matrix.get(EXCLUDE));
    let exclude = excludes(exclude, &axes, &all, written)?;
    let results = text(&scope, "results")?;
    Ok(Experiment {
        name,
        title: text(&scope, "title")?.text,
        profile: profile.map(|name| name.text),
        root: project.root,
        results: inside(&results.text, "`results`", &results.mark)?,
        entries: pipeline::entries(stages, &axes, written)?,
        axes,
        exclude,
        scope,
        mark,
    })
}

/// The asked profile, else the pipeline's.
fn profile_name(request: &Request, written: Option<Tree>) -> Result<Option<Name>, SpecError> {
    if let Some(text) = &request.profile {
        let source = Source::argument("--profile", text);
        return Ok(Some(Name { text: text.clone(), mark: Mark::new(&source, 0, text.len()) }));
    }
    written.map(|tree| name(tree, "`profile`")).transpose()
}

/// Settings must not hide what else references can name.
fn settings(tree: Option<Tree>, catalogue: &Catalogue) -> Result<Vec<(Name, Tree)>, SpecError> {
    let entries = tree.map_or(Ok(Vec::new()), |tree| mapping(tree, "`settings`"))?;
    for (key, _) in &entries {
        plain(key)?;
        let taken = catalogue.entries.iter().find(|(other, _)| other.text == key.text);
        let by = match taken {
            Some((other, _)) => format!("{} has it", other.mark.source().code().name()),
            None if RESERVED.contains(&key.text.as_str()) => "it has a meaning of its own".to_owned(),
            None => continue,
        };
        return Err(Located::new(&key.mark, Fault::Taken { name: key.text.clone(), by }));
    }
    Ok(entries)
}

fn checked_matrix(written: &Tree) -> Result<Tree, SpecError> {
    match written.value {
        Value::Map(_) => Ok(written.clone()),
        _ => Err(wrong_type(written, "`matrix`", "a mapping of axes to lists")),
    }
}

fn text(scope: &Scope, key: &'static str) -> Result<Name, SpecError> {
    let tree = scope.root.get(key).map_or_else(|| Ok(scope.root.clone()), |tree| scope.expand(tree, &[]))?;
    let text = tree.scalar().ok_or_else(|| wrong_type(&tree, &format!("`{key}`"), "a text"))?;
    Ok(Name { text, mark: tree.mark })
}

/// A relative path without `..`, so that a run can't write elsewhere.
pub fn inside(path: &str, place: &str, mark: &Mark) -> Result<PathBuf, SpecError> {
    let parts: Vec<Component> = Path::new(path).components().filter(|part| *part != Component::CurDir).collect();
    if path.contains('\\') || parts.is_empty() || parts.iter().any(|part| !matches!(part, Component::Normal(_))) {
        let fault = Fault::Escapes { place: place.to_owned(), path: path.to_owned() };
        return Err(Located::new(mark, fault));
    }
    Ok(parts.into_iter().collect())
}
