use super::fault::{Fault, SpecError};
use super::fields::{plain, wrong_type};
use super::project::{Project, listing_of};
use super::{Located, Mark, Name, Source, Tree, tree::Value, yaml};
use std::path::Path;

/// The settings in `experiments/`: `training.yaml` is `training`, `methods/ours.yaml` is `methods.ours`.
pub(super) struct Catalogue {
    pub entries: Vec<(Name, Tree)>,
    /// Paths of the files' own mappings, which may get keys that they don't spell out.
    pub files: Vec<String>,
}

/// `profiles/` are changes to the catalogue, not part of it.
const PROFILES: &str = "profiles";

impl Catalogue {
    pub fn load(project: &Project) -> Result<Self, SpecError> {
        let mut catalogue = Catalogue { entries: Vec::new(), files: Vec::new() };
        let folder = project.root.join("experiments");
        for name in listing_of(project, &folder)? {
            let path = folder.join(&name);
            if name != PROFILES && path.is_dir() {
                catalogue.add_folder(project, &path, &name)?;
            } else if let Some(stem) = name.strip_suffix(".yaml") {
                let (key, tree) = entry(project, &path, stem)?;
                catalogue.add(key, tree)?;
                catalogue.files.push(stem.to_owned());
            }
        }
        Ok(catalogue)
    }

    fn add_folder(&mut self, project: &Project, folder: &Path, name: &str) -> Result<(), SpecError> {
        let mut members = Vec::new();
        for file in listing_of(project, folder)? {
            if let Some(stem) = file.strip_suffix(".yaml") {
                members.push(entry(project, &folder.join(&file), stem)?);
                self.files.push(format!("{name}.{stem}"));
            }
        }
        if members.is_empty() {
            return Ok(());
        }
        let mark = Mark::start(&Source::file(project.shown(folder), ""));
        let key = Name { text: name.to_owned(), mark: mark.clone() };
        plain(&key)?;
        self.add(key, Tree::map(members, &mark))
    }

    fn add(&mut self, key: Name, tree: Tree) -> Result<(), SpecError> {
        if let Some((other, _)) = self.entries.iter().find(|(other, _)| other.text == key.text) {
            let by = format!("{} has it too", other.mark.source().code().name());
            return Err(Located::new(&key.mark, Fault::Taken { name: key.text, by }));
        }
        self.entries.push((key, tree));
        Ok(())
    }
}

fn entry(project: &Project, path: &Path, stem: &str) -> Result<(Name, Tree), SpecError> {
    let source = project.read(path)?;
    let key = Name { text: stem.to_owned(), mark: Mark::start(&source) };
    plain(&key)?;
    let mut tree = yaml::parse(&source)?;
    match tree.value {
        Value::Map(_) => {}
        Value::Null => tree.value = Value::Map(Vec::new()),
        _ => return Err(wrong_type(&tree, "a file of the catalogue", "a mapping")),
    }
    Ok((key, tree))
}

/// A profile's changes.
pub(super) fn profile(project: &Project, name: &Name) -> Result<Tree, SpecError> {
    let folder = project.root.join("experiments").join(PROFILES);
    let files = listing_of(project, &folder)?;
    let known: Vec<String> = files.iter().filter_map(|f| f.strip_suffix(".yaml")).map(str::to_owned).collect();
    if !known.contains(&name.text) {
        return Err(Located::new(&name.mark, Fault::UnknownProfile { name: name.text.clone(), known }));
    }
    yaml::parse(&project.read(&folder.join(format!("{}.yaml", name.text)))?)
}
