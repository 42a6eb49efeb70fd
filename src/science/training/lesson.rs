use super::checkpoint::{Checkpoint, CheckpointError, Progress};
use super::losses::Losses;
use super::parameters::TrainingParameters;
use crate::science::loss::LossError;
use crate::science::model::{CrfError, NetworkError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Networks that learn step by step: what a [`Course`] drives.
pub trait Lesson {
    /// One update at a learning rate. `step` counts from 0 over the whole course. Every value put into `losses` must be
    /// finite: another ends the course as diverged.
    fn step(&mut self, step: usize, rate: f64, losses: &mut Losses) -> Result<(), TrainingError>;
    /// The validation score that the stopping rule looks at: higher is better.
    fn score(&mut self) -> Result<f64, TrainingError>;
    /// Takes the weights of now as the best so far.
    fn keep(&mut self);
    /// Puts everything that later steps depend on, and the best weights, into a checkpoint.
    fn save(&self, checkpoint: &mut Checkpoint);
    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError>;
}

/// What an epoch was like: means over its steps, by name, and the validation score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// 1 for the first.
    pub epoch: usize,
    pub steps: usize,
    /// Absent where the method has no such part.
    pub values: BTreeMap<String, f64>,
    /// Whether this epoch's weights are the best so far.
    pub best: bool,
}

/// Looks on, and may stop a training between steps.
pub trait Observer {
    /// Before a course: the state to go on from, if there is one.
    fn begin(&mut self, _: &Course) -> Option<Checkpoint> {
        None
    }
    /// After each step of an epoch. Returns false to stop at once; the epoch is then done again later.
    fn step(&mut self, epoch: usize, step: usize, steps: usize, losses: &Losses) -> bool;
    /// After each epoch; `checkpoint` makes the state on demand. Returns false to stop here.
    fn epoch(&mut self, report: &EpochReport, checkpoint: &mut dyn FnMut() -> Checkpoint) -> bool;
}

/// Why a training cannot go on.
#[derive(Debug, Error)]
pub enum TrainingError {
    #[error("no {0} in the training set; raise `cases` or the label fraction")]
    Empty(&'static str),
    #[error("images of {height}x{width}: both sides must be multiples of 16 and at least 32; change `size`")]
    Size { height: usize, width: usize },
    #[error(
        "batch_size, epochs, steps_per_epoch, width, learning_rate.period and early_stopping.every must be above 0"
    )]
    Parameters,
    #[error("{name} became {value} in epoch {epoch}, step {step}: the training diverged; lower learning_rate.high")]
    Diverged { name: &'static str, value: f64, epoch: usize, step: usize },
    #[error("{method} does not go with {other}: {why}")]
    Method { method: &'static str, other: &'static str, why: &'static str },
    #[error(transparent)]
    Loss(#[from] LossError),
    #[error(transparent)]
    Crf(#[from] CrfError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("cannot go on from the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// The schedule of one lesson: epochs, learning rate, validation and stopping rule are those of `training`.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// What learns: `segmentor`, or a part that a method trains before or after it.
    pub name: &'static str,
    /// Name of the score in the log.
    pub score: &'static str,
    pub training: &'a TrainingParameters,
    pub steps_per_epoch: usize,
}

/// How a course went.
#[derive(Debug, Clone, PartialEq)]
pub struct Taught {
    pub name: &'static str,
    pub log: Vec<EpochReport>,
    pub best_epoch: usize,
    pub best_score: f64,
    /// False if the observer stopped it; a later call goes on from the checkpoint.
    pub finished: bool,
}

impl Course<'_> {
    pub fn steps(&self) -> usize {
        self.steps_per_epoch.saturating_mul(self.training.epochs)
    }

    /// Epoch after epoch until the stopping rule or the observer ends it. A course that had ended ends at once.
    pub fn teach(&self, lesson: &mut dyn Lesson, observer: &mut dyn Observer) -> Result<Taught, TrainingError> {
        let mut progress = Progress::default();
        if let Some(checkpoint) = observer.begin(self) {
            lesson.load(&checkpoint)?;
            progress = checkpoint.progress;
        }
        let mut goes_on = true;
        while goes_on && !self.is_over(&progress) {
            let Some(report) = self.epoch(lesson, &mut progress, observer)? else { break };
            goes_on = observer.epoch(&report, &mut || {
                let mut checkpoint = Checkpoint { progress: progress.clone(), arrays: BTreeMap::new() };
                lesson.save(&mut checkpoint);
                checkpoint
            });
        }
        let (best_epoch, best_score) = progress.best.unwrap_or((0, f64::NAN));
        let finished = self.is_over(&progress);
        Ok(Taught { name: self.name, log: progress.log, best_epoch, best_score, finished })
    }

    /// One epoch, or nothing if the observer stopped it.
    fn epoch(
        &self,
        lesson: &mut dyn Lesson,
        progress: &mut Progress,
        observer: &mut dyn Observer,
    ) -> Result<Option<EpochReport>, TrainingError> {
        let (epoch, steps) = (progress.epochs + 1, self.steps_per_epoch);
        let mut sums: BTreeMap<&'static str, (f64, usize)> = BTreeMap::new();
        for done in 0..steps {
            let step = progress.epochs * steps + done;
            let rate = self.training.learning_rate.at_step(step, steps);
            let mut losses = Losses::default();
            lesson.step(step, rate, &mut losses)?;
            for (name, value) in losses.iter().chain([("learning_rate", rate)]) {
                if !value.is_finite() {
                    return Err(TrainingError::Diverged { name, value, epoch, step: done + 1 });
                }
                let (sum, count) = sums.entry(name).or_insert((0.0, 0));
                *sum += value;
                *count += 1;
            }
            if !observer.step(epoch, done + 1, steps, &losses) {
                return Ok(None);
            }
        }
        progress.epochs = epoch;
        let mut values: BTreeMap<String, f64> =
            sums.into_iter().map(|(name, (sum, n))| (name.to_owned(), sum / n as f64)).collect();
        let best = self.validate(lesson, progress, &mut values)?;
        let report = EpochReport { epoch, steps, values, best };
        progress.log.push(report.clone());
        Ok(Some(report))
    }

    /// Scores the validation cases and has the weights kept if they are the best so far.
    fn validate(
        &self,
        lesson: &mut dyn Lesson,
        progress: &mut Progress,
        values: &mut BTreeMap<String, f64>,
    ) -> Result<bool, TrainingError> {
        let (epoch, stopping) = (progress.epochs, &self.training.early_stopping);
        let last = epoch == self.training.epochs;
        if !epoch.is_multiple_of(stopping.every) && !last {
            return Ok(false);
        }
        let score = lesson.score()?;
        values.insert(self.score.to_owned(), score);
        let warm = epoch > stopping.warm_up || last;
        let best = warm && progress.best.is_none_or(|(_, best)| score > best);
        if best {
            progress.best = Some((epoch, score));
            lesson.keep();
        }
        Ok(best)
    }

    fn is_over(&self, progress: &Progress) -> bool {
        let done = progress.epochs;
        let stale = progress.best.is_some_and(|(best, _)| done - best >= self.training.early_stopping.patience);
        done >= self.training.epochs || stale
    }
}
