use super::TrainParameters;
use crate::contract::{Progress, StageContext, StageError};
use crate::digest::Digest;
use crate::science::training::{Checkpoint, Course, EpochReport, Losses, Observer, warnings};
use crate::stage::slices;
use std::path::{Path, PathBuf};

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

/// Reports progress and keeps a checkpoint of each course in the stage's scratch folder.
pub struct StageObserver<'a> {
    context: &'a StageContext,
    checkpoint: PathBuf,
    course: &'static str,
    epochs: usize,
    score: f64,
    log: Vec<EpochReport>,
    pub error: Option<StageError>,
}

impl<'a> StageObserver<'a> {
    pub fn new(context: &'a StageContext, parameters: &TrainParameters) -> Self {
        let epochs = parameters.training.epochs;
        let checkpoint = PathBuf::new();
        StageObserver { context, checkpoint, course: "", epochs, score: f64::NAN, log: Vec::new(), error: None }
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

    /// What learns, where it is not the segmentor that will predict.
    fn part(&self) -> String {
        if self.course == "segmentor" { String::new() } else { format!("{}, ", self.course.replace('_', " ")) }
    }

    /// The log has a warning as soon as there is one.
    fn warn(&self, before: &[String]) {
        for warning in warnings(&self.log).iter().filter(|_| before.is_empty()) {
            self.context.progress.log(&format!("warning: {warning}"));
        }
    }
}

impl Observer for StageObserver<'_> {
    fn begin(&mut self, course: &Course) -> Option<Checkpoint> {
        self.course = course.name;
        self.epochs = course.training.epochs;
        self.checkpoint = self.context.scratch.join(format!("{}.checkpoint.bin", course.name));
        (self.score, self.log) = (f64::NAN, Vec::new());
        match read_checkpoint(&self.checkpoint, self.context.progress.as_ref()) {
            Ok(checkpoint) => checkpoint.inspect(|checkpoint| self.log.clone_from(&checkpoint.progress.log)),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    fn step(&mut self, epoch: usize, step: usize, steps: usize, losses: &Losses) -> bool {
        let done = ((epoch - 1) * steps + step) as u64;
        let mut message = format!("epoch {epoch}/{}", self.epochs);
        message.insert_str(0, &self.part());
        for (name, symbol, digits) in SHOWN {
            let value = losses.get(name);
            if value.is_finite() {
                message += &format!(", {symbol} {value:.digits$}");
            }
        }
        if self.score.is_finite() {
            message += &format!(", validation Dice {:.3}", self.score);
        }
        self.context.progress.update(done, (self.epochs * steps) as u64, &message);
        !self.context.cancelled() && self.error.is_none()
    }

    fn epoch(&mut self, report: &EpochReport, checkpoint: &mut dyn FnMut() -> Checkpoint) -> bool {
        self.score = report.values.get("validation_dice").copied().unwrap_or(self.score);
        let values: Vec<String> = report.values.iter().map(|(name, value)| format!("{name} {value:.5}")).collect();
        self.context.progress.log(&format!("{}epoch {}: {}", self.part(), report.epoch, values.join(", ")));
        let before = warnings(&self.log);
        self.log.push(report.clone());
        self.warn(&before);
        // After every epoch: a wish to stop is mostly seen in the middle of one, when there is nothing to write.
        self.error = self.write(&checkpoint()).err();
        !self.context.cancelled() && self.error.is_none()
    }
}

/// What the progress bar tells of a step: name, symbol, digits.
const SHOWN: [(&str, &str, usize); 3] =
    [("supervised_loss", "L_sup", 3), ("discriminator_loss", "V_D", 2), ("generator_loss", "V_G", 2)];
