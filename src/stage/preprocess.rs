use super::inspect::Fault;
use super::slices::{self, Origin, Prepared};
use crate::contract::{self, Cpus, ParameterError, Place, Port, Source, Stage, StageContext, StageError};
use crate::science::data::acdc::AcdcParameters;
use crate::science::data::chaos::{self, ChaosParameters, Sequence};
use crate::science::data::folder::FolderParameters;
use crate::science::data::lvsc::LvscParameters;
use crate::science::data::ppss::PpssParameters;
use crate::science::data::{self, Cases, DataError, Found, Phantom, Phantoms, Preprocessing, Volume, preprocess};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Reads a data set, or makes one, and brings its volumes to one spacing, size and intensity range
/// (section IV-A).
pub struct Preprocess;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreprocessParameters {
    pub dataset: Dataset,
    #[serde(default)]
    pub preprocessing: Preprocessing,
    /// What a corrupt, cut, mismatched or empty file does. Default `fail`.
    #[serde(default, skip_serializing_if = "OnBadCase::is_default")]
    pub on_bad_case: OnBadCase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadCase {
    /// The stage ends with the fault.
    #[default]
    Fail,
    /// The case is left out, and `faults.csv` in the output `faults` lists what is wrong with it.
    Skip,
}

impl OnBadCase {
    fn is_default(&self) -> bool {
        *self == OnBadCase::default()
    }
}

/// Where the volumes come from; a new data set is a row here, a reader in `science::data`, and a file
/// in `experiments/datasets/`.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Dataset {
    /// Synthetic cases, made from the stage's seed.
    Phantom(Phantom),
    /// ACDC as distributed, with the expert scribbles beside the masks or in their zip.
    Acdc(AcdcParameters),
    /// LVSC as distributed.
    Lvsc(LvscParameters),
    /// CHAOS as distributed, T1 in-phase images.
    ChaosT1(ChaosParameters),
    /// CHAOS as distributed, T2 images.
    ChaosT2(ChaosParameters),
    /// PPSS as distributed.
    Ppss(PpssParameters),
    /// Your own, by patterns of its files' paths.
    Folder(FolderParameters),
}

impl Dataset {
    pub fn open(&self, seed: u64) -> Result<Box<dyn Cases>, DataError> {
        match self {
            Dataset::Phantom(phantom) => {
                phantom.check()?;
                Ok(Box::new(Phantoms { phantom: phantom.clone(), seed }))
            }
            Dataset::Acdc(acdc) => acdc.open(),
            Dataset::Lvsc(lvsc) => lvsc.open(),
            Dataset::ChaosT1(chaos) => chaos::open(&chaos.root, Sequence::T1InPhase),
            Dataset::ChaosT2(chaos) => chaos::open(&chaos.root, Sequence::T2),
            Dataset::Ppss(ppss) => ppss.open(),
            Dataset::Folder(folder) => folder.open(),
        }
    }

    /// What is wrong with its parameters, files left aside.
    fn check(&self) -> Result<(), ParameterError> {
        let fault = match self {
            Dataset::Folder(folder) => folder.check().err(),
            _ => None,
        };
        match fault {
            Some(DataError::Parameter { name, message }) => {
                Err(ParameterError::new(format!("dataset.{name}"), message))
            }
            Some(other) => Err(ParameterError::new("dataset", other.to_string())),
            None => Ok(()),
        }
    }

    /// Its folder and how many of its cases are wanted.
    fn root_and_limit(&self) -> (Option<&Path>, Option<usize>) {
        match self {
            Dataset::Phantom(_) => (None, None),
            Dataset::Acdc(AcdcParameters { root, cases, .. })
            | Dataset::Lvsc(LvscParameters { root, cases, .. })
            | Dataset::ChaosT1(ChaosParameters { root, cases })
            | Dataset::ChaosT2(ChaosParameters { root, cases })
            | Dataset::Ppss(PpssParameters { root, cases, .. })
            | Dataset::Folder(FolderParameters { root, cases, .. }) => (Some(root), *cases),
        }
    }
}

impl Stage for Preprocess {
    fn kind(&self) -> &'static str {
        "preprocess"
    }

    fn summary(&self) -> &'static str {
        "read a data set (or make phantoms), resample, crop or pad, normalise"
    }

    fn revision(&self) -> u32 {
        3
    }

    fn inputs(&self) -> &'static [Port] {
        &[]
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("slices", "slices"), Port::one("faults", "faults")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        let dataset = &with["dataset"];
        if dataset["kind"].as_str().is_some_and(|kind| kind != "phantom") && dataset["root"].is_null() {
            let message = "this data set is read from a folder of yours: name it with --set data_root=FOLDER";
            return Err(ParameterError::new("dataset.root", message));
        }
        let canonical = contract::canonical::<PreprocessParameters>(with)?;
        if let Ok(PreprocessParameters { dataset, .. }) = serde_json::from_value(canonical.clone()) {
            dataset.check()?;
        }
        Ok(canonical)
    }

    fn schema(&self) -> Value {
        contract::schema::<PreprocessParameters>()
    }

    /// A data set's folder, and the scribbles that lie apart from it.
    fn sources(&self, canonical: &Value) -> Vec<Source> {
        let source = |name: &str| {
            let path = canonical["dataset"][name].as_str()?.into();
            Some(Source { parameter: format!("dataset.{name}"), path })
        };
        let is_acdc = canonical["dataset"]["kind"] == "acdc";
        source("root").into_iter().chain(source("scribbles").filter(|_| is_acdc)).collect()
    }

    fn cpus(&self, _: &Value) -> Cpus {
        Cpus::All
    }

    fn place(&self) -> Place {
        Place::Process
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let PreprocessParameters { dataset, preprocessing, on_bad_case } = context.parameters()?;
        let cases = dataset.open(context.seed).map_err(StageError::failed)?;
        let (root, limit) = dataset.root_and_limit();
        let names: Vec<String> = cases.names().into_iter().take(limit.unwrap_or(usize::MAX)).collect();
        let done = std::sync::atomic::AtomicU64::new(0);
        let prepared = names.par_iter().enumerate().map(|(index, name)| {
            let case = match on_bad_case {
                OnBadCase::Fail => whole(&*cases, index, &preprocessing).map_err(StageError::failed)?,
                OnBadCase::Skip => sound(&*cases, index, &preprocessing),
            };
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            context.progress.update(done, names.len() as u64, "cases");
            let fault = |fault| Fault::new(name, fault, root);
            Ok((case.volumes, case.faults.into_iter().map(fault).collect()))
        });
        let prepared: Vec<(Vec<Volume>, Vec<Fault>)> = prepared.collect::<Result<_, StageError>>()?;
        let (volumes, faults): (Vec<_>, Vec<_>) = prepared.into_iter().unzip();
        let faults = faults.concat();
        report(context, &faults)?;
        let volumes: Vec<Volume> = volumes.into_iter().flatten().collect();
        check(&volumes)?;
        let origin = Origin { classes: cases.classes(), codes: cases.codes(), preprocessing };
        Prepared::write(context.output("slices")?, origin, &volumes)
    }
}

/// A case without any fault, prepared.
fn whole(cases: &dyn Cases, index: usize, preprocessing: &Preprocessing) -> Result<Found, DataError> {
    let volumes = cases.read(index)?;
    let volumes = volumes.iter().map(|volume| preprocess(volume, preprocessing)).collect::<Result<_, _>>()?;
    Ok(Found { volumes, faults: Vec::new() })
}

/// A case prepared; none of it, if it has a fault: half a case is no case.
fn sound(cases: &dyn Cases, index: usize, preprocessing: &Preprocessing) -> Found {
    let mut found = Found::default();
    let data::Found { volumes, faults } = cases.survey(index);
    found.faults = faults;
    for volume in &volumes {
        let volume = found.note(preprocess(volume, preprocessing));
        found.volumes.extend(volume);
    }
    if !found.faults.is_empty() {
        found.volumes.clear();
    }
    found
}

/// Says which cases are left out. A data set without faults has no such file.
fn report(context: &StageContext, faults: &[Fault]) -> Result<(), StageError> {
    if faults.is_empty() {
        return Ok(());
    }
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut table = "case,file,fault\n".to_owned();
    for Fault { case, file, fault } in faults {
        context.progress.log(&format!("left out: {fault}"));
        table.push_str(&format!("{},{},{}\n", quoted(case), quoted(file), quoted(fault)));
    }
    slices::write_file(&context.output("faults")?.join("faults.csv"), table.as_bytes())
}

/// Networks see one number of channels, and each volume has a file of its own.
fn check(volumes: &[Volume]) -> Result<(), StageError> {
    let Some(first) = volumes.first() else { return Ok(()) };
    let mut files = std::collections::BTreeMap::new();
    for volume in volumes {
        let (a, b) = (first.image.channels, volume.image.channels);
        if a != b {
            let advice = "say which by `channels` in the data set's file";
            let message = format!("{} has {a} channel(s), and {} has {b}; {advice}", first.case, volume.case);
            return Err(StageError::Failed(message));
        }
        let name = format!("{}_{}", volume.case, volume.name);
        if let Some(other) = files.insert(name, &volume.case) {
            let (case, volume) = (&volume.case, &volume.name);
            let message =
                format!("volume {volume} of case {case} and one of case {other} would have one name together");
            return Err(StageError::Failed(message));
        }
    }
    Ok(())
}
