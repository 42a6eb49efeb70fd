use super::device::device_of;
use super::slices::{self, Prepared};
use crate::contract::{self, Cpus, ParameterError, Place, Port, Progress, Stage, StageContext, StageError};
use crate::digest::Digest;
use crate::report::log;
use crate::science::data::Volume;
use crate::science::device::DeviceName;
use crate::science::method::Method;
use crate::science::training::{
    Checkpoint, EpochReport, Losses, Observer, Subjects, TrainingParameters, TrainingSet, Validation, fit, segmentor,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

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
    // Not in the canonical value when it is the default; the key has it from `numerics` too.
    #[serde(default, skip_serializing_if = "DeviceName::is_flex")]
    pub device: DeviceName,
}

fn all_labels() -> f64 {
    50.0
}

impl Stage for Train {
    fn kind(&self) -> &'static str {
        "train"
    }

    fn summary(&self) -> &'static str {
        "train a segmentor, alone or against a discriminator; goes on from its checkpoint after an interruption"
    }

    fn revision(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::one("slices", "slices"), Port::one("scribbles", "scribbles"), Port::one("split", "split")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("weights", "weights"), Port::one("log", "log")] }
    }

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        let canonical = contract::canonical::<TrainParameters>(with)?;
        let fraction = canonical["label_fraction"].as_f64().unwrap_or_default();
        if !(fraction > 0.0 && fraction <= 50.0) {
            let message = format!("{fraction} is not above 0 and up to 50: the other half trains the discriminator");
            return Err(ParameterError::new("label_fraction", message));
        }
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
        let fraction = context.parameters::<TrainParameters>()?.label_fraction;
        let (slices, scribbles) = (context.input("slices")?, context.input("scribbles")?);
        let split_folder = context.input("split")?;
        let (split, prepared) = (slices::read_split(split_folder)?, Prepared::open(slices)?);
        let mut files = vec![split_folder.to_owned(), slices.join("slices.json")];
        for cases in [&split.segmentor, &split.discriminator, &split.validation] {
            files.extend(prepared.files(cases, slices));
        }
        files.extend(prepared.files(split.labelled(fraction), scribbles));
        Ok(Some(files))
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let parameters: TrainParameters = context.parameters()?;
        let set = training_set(context, &parameters)?;
        let checkpoint = context.scratch.join("checkpoint.bin");
        let resume = read_checkpoint(&checkpoint, context.progress.as_ref())?;
        let mut observer = StageObserver::new(context, &parameters, checkpoint);
        let TrainParameters { method, training, .. } = &parameters;
        let device = parameters.device.open(context.threads).map_err(StageError::failed)?;
        let outcome = fit(method, training, &set, context.seed, &device, resume, &mut observer);
        let fit = outcome.map_err(StageError::failed)?;
        if let Some(error) = observer.error {
            return Err(error);
        }
        if !fit.finished {
            return Err(StageError::Cancelled);
        }
        let weights = context.output("weights")?;
        let bytes = fit.weights.to_bytes().map_err(StageError::failed)?;
        slices::write_file(&weights.join("weights.safetensors"), &bytes)?;
        let network = segmentor(method, training, set.channels, set.classes);
        slices::write_json(&weights.join("model.json"), &network)?;
        let best = serde_json::json!({
            "best_epoch": fit.best_epoch, "validation_dice": fit.best_dice, "epochs": fit.log.len(),
        });
        slices::write_json(&weights.join("training.json"), &best)?;
        let rows = fit.log.iter().flat_map(|report| {
            let row = |(name, value): (&String, &f64)| log::Row {
                step: (report.epoch * report.steps) as i64,
                epoch: report.epoch as f64,
                name: name.clone(),
                value: *value,
            };
            report.values.iter().map(row).collect::<Vec<_>>()
        });
        log::write(context.output("log")?, &rows.collect::<Vec<_>>()).map_err(StageError::failed)
    }
}

/// Puts each case where the split says: nothing of test cases is opened here.
fn training_set(context: &StageContext, parameters: &TrainParameters) -> Result<TrainingSet, StageError> {
    let split = slices::read_split(context.input("split")?)?;
    let prepared = Prepared::open(context.input("slices")?)?;
    let scribbles = context.input("scribbles")?;
    let mut set = TrainingSet {
        channels: prepared.channels,
        height: prepared.height,
        width: prepared.width,
        classes: prepared.classes.len(),
        images: prepared.slices_of(&split.segmentor),
        annotated: Vec::new(),
        unlabelled: Vec::new(),
        masks: Vec::new(),
        validation: Vec::new(),
        subjects: Subjects::default(),
    };
    let mut cases = Vec::new();
    for volume in prepared.volumes(split.labelled(parameters.label_fraction))? {
        set.subjects.annotated.extend(subjects(&mut cases, &volume));
        let scribble = slices::read_scribble(scribbles, &volume)?;
        set.annotated.extend(TrainingSet::annotated_slices(&volume, &scribble, parameters.method.supervision));
    }
    for volume in prepared.volumes(split.unlabelled(parameters.label_fraction))? {
        set.subjects.unlabelled.extend(subjects(&mut cases, &volume));
        set.unlabelled.extend((0..volume.image.slices).map(|i| volume.image.slice(i).to_vec()));
    }
    for volume in prepared.volumes(&split.discriminator)? {
        set.subjects.masks.extend(subjects(&mut cases, &volume));
        set.masks.extend((0..volume.mask.slices).map(|i| volume.mask.slice(i).to_vec()));
    }
    let validation = prepared.volumes(&split.validation)?;
    set.validation = validation.into_iter().map(|volume| Validation { case: volume.case.clone(), volume }).collect();
    Ok(set)
}

/// The number of the volume's case, once for each slice. `cases` are those that have one.
fn subjects(cases: &mut Vec<String>, volume: &Volume) -> impl Iterator<Item = usize> + use<> {
    let known = cases.iter().position(|case| *case == volume.case);
    let number = known.unwrap_or(cases.len());
    if known.is_none() {
        cases.push(volume.case.clone());
    }
    std::iter::repeat_n(number, volume.image.slices)
}

/// A checkpoint that cannot be read is worth a line in the log, not a failed stage: training starts anew.
fn read_checkpoint(path: &Path, progress: &dyn Progress) -> Result<Option<Checkpoint>, StageError> {
    match std::fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StageError::Io { action: "read", path: path.to_owned(), source }),
        Ok(bytes) => {
            match unsealed(&bytes).and_then(|bytes| Checkpoint::from_bytes(bytes).map_err(|e| e.to_string())) {
                Ok(checkpoint) => {
                    progress.log(&format!("going on from epoch {}", checkpoint.progress.epochs));
                    Ok(Some(checkpoint))
                }
                Err(error) => {
                    progress.log(&format!("{error}; training starts anew"));
                    Ok(None)
                }
            }
        }
    }
}

/// The digest of what follows it: a flipped bit in a weight would go unseen otherwise.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    [Digest::of_bytes(bytes).to_string().as_bytes(), bytes].concat()
}

fn unsealed(bytes: &[u8]) -> Result<&[u8], String> {
    let (digest, rest) = bytes.split_at_checked(64).ok_or("broken checkpoint: it is cut off")?;
    let same = digest == Digest::of_bytes(rest).to_string().as_bytes();
    if same { Ok(rest) } else { Err("broken checkpoint: its bytes are not those that were written".to_owned()) }
}

/// Reports progress and writes checkpoints.
struct StageObserver<'a> {
    context: &'a StageContext,
    epochs: usize,
    plays: bool,
    checkpoint: PathBuf,
    dice: f64,
    error: Option<StageError>,
}

impl<'a> StageObserver<'a> {
    fn new(context: &'a StageContext, parameters: &TrainParameters, checkpoint: PathBuf) -> Self {
        let plays = parameters.method.discriminator != crate::science::method::DiscriminatorKind::None;
        let epochs = parameters.training.epochs;
        StageObserver { context, epochs, plays, checkpoint, dice: f64::NAN, error: None }
    }

    fn write(&self, checkpoint: &Checkpoint) -> Result<(), StageError> {
        let bytes = checkpoint.to_bytes().map_err(StageError::failed)?;
        let partial = self.checkpoint.with_extension("partial");
        slices::write_file(&partial, &sealed(&bytes))?;
        std::fs::rename(&partial, &self.checkpoint).map_err(|source| StageError::Io {
            action: "rename",
            path: partial,
            source,
        })
    }
}

impl Observer for StageObserver<'_> {
    fn step(&mut self, epoch: usize, step: usize, steps: usize, losses: &Losses) -> bool {
        let done = ((epoch - 1) * steps + step) as u64;
        let mut message = format!("epoch {epoch}/{}, L_sup {:.3}", self.epochs, losses.supervised);
        if self.plays {
            message += &format!(", V_D {:.2}, V_G {:.2}", losses.discriminator, losses.generator);
        }
        if self.dice.is_finite() {
            message += &format!(", validation Dice {:.3}", self.dice);
        }
        self.context.progress.update(done, (self.epochs * steps) as u64, &message);
        !self.context.cancelled()
    }

    fn epoch(&mut self, report: &EpochReport, checkpoint: &mut dyn FnMut() -> Checkpoint) -> bool {
        self.dice = report.values.get("validation_dice").copied().unwrap_or(self.dice);
        let values: Vec<String> = report.values.iter().map(|(name, value)| format!("{name} {value:.5}")).collect();
        self.context.progress.log(&format!("epoch {}: {}", report.epoch, values.join(", ")));
        // After every epoch: a wish to stop is mostly seen in the middle of one, when there is nothing to write.
        self.error = self.write(&checkpoint()).err();
        !self.context.cancelled() && self.error.is_none()
    }
}
