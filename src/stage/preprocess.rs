use super::slices::Prepared;
use crate::contract::{self, Cpus, ParameterError, Place, Port, Source, Stage, StageContext, StageError};
use crate::science::data::{Phantom, Preprocessing, Volume, acdc, preprocess};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Reads a data set, or makes one, and brings its volumes to one spacing, size and intensity range
/// (section IV-A).
pub struct Preprocess;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreprocessParameters {
    pub dataset: Dataset,
    #[serde(default)]
    pub preprocessing: Preprocessing,
}

/// Where the volumes come from; a new data set is a row here, a reader in `science::data`, and a file
/// in `experiments/datasets/`.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Dataset {
    /// Synthetic cases, made from the stage's seed.
    Phantom(Phantom),
    /// ACDC as distributed, with the expert scribbles beside the masks.
    Acdc(AcdcParameters),
}

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcdcParameters {
    /// The folder that holds `training/patientNNN`.
    pub root: PathBuf,
    /// Only the first so many cases; null: all.
    #[serde(default)]
    pub cases: Option<usize>,
}

impl Stage for Preprocess {
    fn kind(&self) -> &'static str {
        "preprocess"
    }

    fn summary(&self) -> &'static str {
        "read a data set (or make phantoms), resample, crop or pad, normalise"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Port] {
        &[]
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("slices", "slices")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        if with["dataset"]["kind"] == "acdc" && with["dataset"]["root"].is_null() {
            let message = "this data set is read from a folder of yours: name it with --set data_root=FOLDER";
            return Err(ParameterError::new("dataset.root", message));
        }
        contract::canonical::<PreprocessParameters>(with)
    }

    fn schema(&self) -> Value {
        contract::schema::<PreprocessParameters>()
    }

    fn sources(&self, canonical: &Value) -> Vec<Source> {
        let root = canonical["dataset"]["root"].as_str();
        root.map(|path| Source { parameter: "dataset.root".to_owned(), path: path.into() }).into_iter().collect()
    }

    fn cpus(&self, _: &Value) -> Cpus {
        Cpus::All
    }

    fn place(&self) -> Place {
        Place::Process
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let PreprocessParameters { dataset, preprocessing } = context.parameters()?;
        let source = Cases::open(&dataset, context.seed)?;
        let count = source.len();
        let done = std::sync::atomic::AtomicU64::new(0);
        let cases = (0..count).into_par_iter().map(|index| {
            let volumes = source.read(index)?;
            let prepared = volumes.iter().map(|v| preprocess(v, &preprocessing).map_err(StageError::failed));
            let prepared = prepared.collect::<Result<Vec<Volume>, StageError>>()?;
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            context.progress.update(done, count as u64, "cases");
            Ok(prepared)
        });
        let volumes = cases.collect::<Result<Vec<_>, StageError>>()?.concat();
        Prepared::write(context.output("slices")?, source.classes(), &volumes)
    }
}

/// The cases of a data set, read one at a time.
enum Cases<'a> {
    Phantom(&'a Phantom, u64),
    Acdc(Vec<acdc::AcdcCase>),
}

impl<'a> Cases<'a> {
    fn open(dataset: &'a Dataset, seed: u64) -> Result<Self, StageError> {
        match dataset {
            Dataset::Phantom(phantom) => {
                phantom.check().map_err(StageError::failed)?;
                Ok(Cases::Phantom(phantom, seed))
            }
            Dataset::Acdc(AcdcParameters { root, cases }) => {
                let mut found = acdc::cases(root).map_err(StageError::failed)?;
                found.truncate(cases.unwrap_or(usize::MAX));
                Ok(Cases::Acdc(found))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Cases::Phantom(phantom, _) => phantom.cases,
            Cases::Acdc(cases) => cases.len(),
        }
    }

    fn classes(&self) -> Vec<String> {
        let names: &[&str] = match self {
            Cases::Phantom(phantom, _) => phantom.family.classes(),
            Cases::Acdc(_) => &acdc::CLASSES,
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn read(&self, index: usize) -> Result<Vec<Volume>, StageError> {
        match self {
            Cases::Phantom(phantom, seed) => Ok(phantom.case(index, *seed)),
            Cases::Acdc(cases) => acdc::read(&cases[index]).map_err(StageError::failed),
        }
    }
}
