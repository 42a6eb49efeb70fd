use super::fault::{Fault, SpecError};
use super::{Located, Mark, Name, Source, Tree, tree::Value, yaml};

/// Lays changes (a profile, a `--set`) over the values that a pipeline sees.
pub(super) struct Overlay<'a> {
    /// Paths whose mappings may get new keys: the files of the catalogue.
    pub open: &'a [String],
    /// Names at the top that can't be changed.
    pub fixed: &'a [&'a str],
}

impl Overlay<'_> {
    pub fn lay(&self, base: &mut Tree, changes: Tree) -> Result<(), SpecError> {
        match changes.value {
            Value::Map(entries) => self.lay_map(base, entries, ""),
            Value::Null => Ok(()),
            _ => Err(super::fields::wrong_type(&changes, "a profile", "a mapping")),
        }
    }

    fn lay_map(&self, base: &mut Tree, changes: Vec<(Name, Tree)>, path: &str) -> Result<(), SpecError> {
        for (key, change) in changes {
            let below = if path.is_empty() { key.text.clone() } else { format!("{path}.{}", key.text) };
            let fixed = path.is_empty() && self.fixed.contains(&key.text.as_str());
            let index = base.entries().iter().position(|(name, _)| name.text == key.text).filter(|_| !fixed);
            let Value::Map(entries) = &mut base.value else { continue };
            match index {
                Some(index) => {
                    self.lay_value(&mut entries[index], &key, change, &below)?;
                }
                None if self.is_open(path) => entries.push((key, change)),
                None => return Err(self.unknown(base, &key, path, below)),
            }
        }
        Ok(())
    }

    fn lay_value(&self, base: &mut (Name, Tree), key: &Name, change: Tree, path: &str) -> Result<(), SpecError> {
        match (&base.1.value, change.value) {
            (Value::Map(_), Value::Map(changes)) => self.lay_map(&mut base.1, changes, path),
            (Value::Map(_), _) if self.is_whole(path) => {
                let fault = Fault::WholeMapping { path: path.to_owned(), known: base.1.keys() };
                Err(Located::new(&key.mark, fault))
            }
            (_, value) => {
                *base = (key.clone(), Tree { value, mark: change.mark });
                Ok(())
            }
        }
    }

    fn unknown(&self, base: &Tree, key: &Name, within: &str, path: String) -> SpecError {
        let mut known = base.keys();
        if within.is_empty() {
            known.retain(|name| !self.fixed.contains(&name.as_str()));
        }
        let within = if within.is_empty() { "the pipeline".to_owned() } else { format!("`{within}`") };
        Located::new(&key.mark, Fault::CannotSet { path, within, key: key.text.clone(), known })
    }

    fn is_open(&self, path: &str) -> bool {
        self.open.iter().any(|file| path == file || path.strip_prefix(file).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Files and folders of the catalogue, and the matrix, stay mappings.
    fn is_whole(&self, path: &str) -> bool {
        let folder = |file: &String| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        path == "matrix" || self.open.iter().any(|file| file == path || folder(file))
    }
}

/// `a.b=value` as the mapping `{a: {b: value}}`; the value is YAML.
pub(super) fn assignment(argument: &str) -> Result<Tree, SpecError> {
    let source = Source::argument("--set", argument);
    let whole = Mark::new(&source, 0, argument.len());
    let Some((path, _)) = argument.split_once('=') else {
        return Err(Located::new(&whole, Fault::NotAnAssignment));
    };
    let mut tree = yaml::parse_fully(&source, path.len() + 1)?;
    let mut end = path.len();
    for step in path.rsplit('.') {
        let mark = Mark::new(&source, end - step.len(), step.len());
        let name = Name { text: step.trim().to_owned(), mark: mark.clone() };
        super::fields::plain(&name)?;
        tree = Tree::map(vec![(name, tree)], &mark);
        end = (end - step.len()).saturating_sub(1);
    }
    Ok(tree)
}
