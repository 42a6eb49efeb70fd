mod observer;
mod set;

use super::device::device_of;
use super::slices::{self, Prepared};
use crate::contract::{self, Cpus, ParameterError, Place, Port, Stage, StageContext, StageError};
use crate::report::log;
use crate::science::device::DeviceName;
use crate::science::method::Method;
use crate::science::training::{Annotation, EpochReport, Fit, Roles, TrainingParameters, fit};
use observer::StageObserver;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Trains one method on one fold at one label fraction.
pub struct Train;

#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainParameters {
    #[serde(default)]
    pub method: Method,
    #[serde(default)]
    pub training: TrainingParameters,
    /// Percent of the training cases whose scribbles are used; 50 = all of the segmentor's.
    #[serde(default = "all_labels")]
    pub label_fraction: f64,
    /// Percent of the training cases that have full masks, beside those with scribbles (section V-F).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mask_fraction: f64,
    /// `sigma_gamma` of the method's CRF, which section IV-B chooses by data set: 10 for ACDC and LVSC, 3 for the others.
    /// Without effect, and not in the key, where the method has no CRF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crf_sigma_gamma: Option<f64>,
    // Not in the canonical value when it is the default; the key has it from `numerics` too.
    #[serde(default, skip_serializing_if = "DeviceName::is_flex")]
    pub device: DeviceName,
}

impl TrainParameters {
    /// With the data set's CRF.
    fn trained_method(&self) -> Method {
        let mut method = self.method.clone();
        if let (Some(crf), Some(gamma)) = (&mut method.crf, self.crf_sigma_gamma) {
            crf.field.sigma_gamma = gamma;
        }
        method
    }

    fn annotation(&self) -> Annotation {
        Annotation { label_fraction: self.label_fraction, mask_fraction: self.mask_fraction }
    }
}

fn all_labels() -> f64 {
    50.0
}

fn is_zero(percent: &f64) -> bool {
    *percent == 0.0
}

impl Stage for Train {
    fn kind(&self) -> &'static str {
        "train"
    }

    fn summary(&self) -> &'static str {
        "train a segmentor, alone or against a discriminator; goes on from its checkpoint after an interruption"
    }

    fn revision(&self) -> u32 {
        3
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::one("slices", "slices"), Port::one("scribbles", "scribbles"), Port::one("split", "split")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("weights", "weights"), Port::one("log", "log")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        let mut canonical = contract::canonical::<TrainParameters>(with)?;
        if let Some(fields) = canonical.as_object_mut().filter(|fields| fields["method"]["crf"].is_null()) {
            fields.remove("crf_sigma_gamma");
        }
        set::check(&canonical)?;
        device_of(&canonical)?;
        Ok(canonical)
    }

    fn schema(&self) -> Value {
        contract::schema::<TrainParameters>()
    }

    /// Measured on two cores (`runner bench train`): two trainings of one thread each do 1.20 times as many steps
    /// as one of two threads at 64x64 and width 8, and 1.01 times as many at 112x112 and width 16.
    fn cpus(&self, _: &Value) -> Cpus {
        Cpus::AtLeast(1)
    }

    fn numerics(&self, canonical: &Value) -> Option<String> {
        device_of(canonical).ok().map(|device| device.numerics().to_owned())
    }

    fn place(&self) -> Place {
        Place::Process
    }

    /// No file of a test case, and no scribble beyond the label fraction.
    fn reads(&self, context: &StageContext) -> Result<Option<Vec<PathBuf>>, StageError> {
        let parameters: TrainParameters = context.parameters()?;
        let (slices, scribbles) = (context.input("slices")?, context.input("scribbles")?);
        let split_folder = context.input("split")?;
        let (split, prepared) = (slices::read_split(split_folder)?, Prepared::open(slices)?);
        let mut files = vec![split_folder.to_owned(), slices.join("slices.json")];
        for cases in [&split.segmentor, &split.discriminator, &split.validation] {
            files.extend(prepared.files(cases, slices));
        }
        files.extend(
            prepared.files(&Roles::new(&split, &parameters.method, parameters.annotation()).scribbled, scribbles),
        );
        Ok(Some(files))
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let parameters: TrainParameters = context.parameters()?;
        let set = set::training_set(context, &parameters)?;
        let mut observer = StageObserver::new(context, &parameters);
        let (method, training) = (parameters.trained_method(), &parameters.training);
        let device = parameters.device.open(context.threads).map_err(StageError::failed)?;
        let outcome = fit(&method, training, &set, context.seed, &device, &mut observer);
        if let Some(error) = observer.error {
            return Err(error);
        }
        let fit = outcome.map_err(StageError::failed)?;
        if !fit.finished {
            return Err(StageError::Cancelled);
        }
        let weights = context.output("weights")?;
        let bytes = fit.weights.to_bytes().map_err(StageError::failed)?;
        slices::write_file(&weights.join("weights.safetensors"), &bytes)?;
        slices::write_json(&weights.join("model.json"), &fit.network)?;
        let prepared = Prepared::open(context.input("slices")?)?;
        slices::write_json(&weights.join("preparation.json"), &prepared.preparation())?;
        let best = serde_json::json!({
            "best_epoch": fit.best_epoch, "validation_dice": fit.best_dice, "epochs": fit.log.len(),
            "warnings": fit.warnings,
        });
        slices::write_json(&weights.join("training.json"), &best)?;
        log::write(context.output("log")?, &rows(&fit)).map_err(StageError::failed)
    }
}

/// The log of the segmentor, then those of the other parts, whose names have the part's in front.
fn rows(fit: &Fit) -> Vec<log::Row> {
    let others = fit.others.iter().flat_map(|taught| taught.log.iter().map(|report| (report, Some(taught.name))));
    let reports = fit.log.iter().map(|report| (report, None)).chain(others);
    let row = |report: &EpochReport, part: Option<&str>, name: &String, value: f64| log::Row {
        step: (report.epoch * report.steps) as i64,
        epoch: report.epoch as f64,
        name: part.map_or_else(|| name.clone(), |part| format!("{part}.{name}")),
        value,
    };
    reports
        .flat_map(|(report, part)| report.values.iter().map(move |(name, value)| row(report, part, name, *value)))
        .collect()
}
