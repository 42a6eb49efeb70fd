use super::slices::{self, Prepared};
use crate::contract::{self, ParameterError, Port, Source, Stage, StageContext, StageError};
use crate::science::data::SplitParameters;
use crate::science::data::split::{CaseLists, ListSplit, Lists, Scheme, split};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Divides the cases into test, validation, segmentor and discriminator cases (section IV-A).
pub struct Split;

impl Stage for Split {
    fn kind(&self) -> &'static str {
        "split"
    }

    fn summary(&self) -> &'static str {
        "divide the cases into test, validation, segmentor and discriminator cases"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::one("slices", "slices")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("split", "split")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        let canonical = contract::canonical::<SplitParameters>(with)?;
        let (fold, folds) = (&canonical["fold"], &canonical["folds"]);
        if fold.as_u64() >= folds.as_u64() {
            let message = format!("fold {fold} does not exist: there are {folds} folds, counted from 0");
            return Err(ParameterError::new("fold", message));
        }
        check_lists(&canonical)?;
        check_shares(with)?;
        Ok(canonical)
    }

    fn schema(&self) -> Value {
        contract::schema::<SplitParameters>()
    }

    fn sources(&self, canonical: &Value) -> Vec<Source> {
        let source = |scheme: &str| {
            let path = PathBuf::from(canonical["by"][scheme]["file"].as_str()?);
            Some(Source { parameter: format!("by.{scheme}.file"), path })
        };
        ["official", "list"].into_iter().filter_map(source).collect()
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let parameters: SplitParameters = context.parameters()?;
        let members = Prepared::open(context.input("slices")?)?.members();
        let lists = read_lists(&parameters.by, &context.root)?;
        let parts = split(&members, &parameters, lists.as_ref(), context.seed).map_err(StageError::failed)?;
        slices::write_split(context.output("split")?, &parts)
    }
}

/// Either a file or the lists themselves.
fn check_lists(canonical: &Value) -> Result<(), ParameterError> {
    let list = &canonical["by"]["list"];
    if list.is_object() && list["file"].is_null() == list["cases"].is_null() {
        let message = "give either `file`, the file with the lists, or `cases`, the lists themselves";
        return Err(ParameterError::new("by.list", message));
    }
    Ok(())
}

/// Shares that would have no effect are a slip.
fn check_shares(with: &Value) -> Result<(), ParameterError> {
    let by = &with["by"];
    let other = !by.is_null() && by != "shares";
    match ["test", "validation"].into_iter().find(|share| other && !with[*share].is_null()) {
        None => Ok(()),
        Some(share) => {
            let message = "this share has no effect beside `by`, which decides who tests and validates";
            Err(ParameterError::new(share, message))
        }
    }
}

/// The lists in the file that the parameters name, if they name one.
fn read_lists(by: &Scheme, root: &Path) -> Result<Option<Lists>, StageError> {
    Ok(match by {
        Scheme::Official(official) => Some(Lists::Official(read_yaml(&root.join(&official.file))?)),
        Scheme::List(ListSplit { file: Some(file), .. }) => Some(Lists::Cases(read_cases(&root.join(file))?)),
        _ => None,
    })
}

fn read_cases(path: &Path) -> Result<CaseLists, StageError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    if extension.is_some_and(|extension| ["yaml", "yml", "json"].contains(&extension.as_str())) {
        return read_yaml(path);
    }
    let failed = |error| StageError::Failed(format!("{}: {error}", path.display()));
    CaseLists::from_lines(&read_text(path)?).map_err(failed)
}

/// YAML, and so JSON.
fn read_yaml<T: DeserializeOwned>(path: &Path) -> Result<T, StageError> {
    serde_saphyr::from_str(&read_text(path)?).map_err(|e| StageError::Failed(format!("{}: {e}", path.display())))
}

fn read_text(path: &Path) -> Result<String, StageError> {
    let failed = |e| StageError::Failed(format!("{}: {e}", path.display()));
    String::from_utf8(slices::read_file(path)?).map_err(failed)
}
