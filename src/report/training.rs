//! How a training went, in a line.

use super::ReportError;
use super::figure::Curves;
use super::log::{self, Row};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// `training.json` beside the weights.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Outcome {
    pub best_epoch: usize,
    /// Of the best epoch; null if no epoch was validated.
    #[serde(default)]
    pub validation_dice: Option<f64>,
    pub epochs: usize,
    /// What the user should know of it: that it diverged, that a discriminator won.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl Outcome {
    /// None where the weights have no such file.
    pub fn read(weights: &Path) -> Result<Option<Self>, ReportError> {
        let path = weights.join("training.json");
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ReportError::io("read", &path)(error)),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
                ReportError::io("read", &path)(error)
            }),
        }
    }
}

/// What is said of a training: of its best epoch the Dice, of its last epoch the losses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    pub epochs: usize,
    pub best_epoch: Option<usize>,
    pub validation_dice: Option<f64>,
    /// Of the last epoch that has them; null where the method has no such part.
    #[serde(flatten)]
    pub last: Last,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Last {
    pub supervised_loss: Option<f64>,
    pub discriminator_loss: Option<f64>,
    pub generator_loss: Option<f64>,
    pub accuracy_real: Option<f64>,
    pub accuracy_fake: Option<f64>,
}

impl Course {
    /// Of a log, and of what the training said at its end.
    pub fn of(rows: &[Row], outcome: Option<Outcome>) -> Self {
        let last = |name: &str| {
            let rows = rows.iter().filter(|row| row.name == name && row.value.is_finite());
            rows.max_by(|a, b| a.epoch.total_cmp(&b.epoch)).map(|row| row.value)
        };
        let dice = rows.iter().filter(|row| row.name == "validation_dice" && row.value.is_finite());
        // The first of equally good ones, as training takes it.
        let best = dice.max_by(|a, b| a.value.total_cmp(&b.value).then(b.epoch.total_cmp(&a.epoch)));
        // Other parts of a method have their names in front.
        let own = rows.iter().filter(|row| !row.name.contains('.'));
        let epochs = own.map(|row| row.epoch).filter(|epoch| epoch.is_finite()).fold(0.0, f64::max);
        let outcome = outcome.unwrap_or_else(|| Outcome {
            best_epoch: best.map_or(0, |row| row.epoch as usize),
            validation_dice: best.map(|row| row.value),
            epochs: epochs as usize,
            warnings: Vec::new(),
        });
        Course {
            epochs: outcome.epochs,
            best_epoch: (outcome.best_epoch > 0).then_some(outcome.best_epoch),
            validation_dice: outcome.validation_dice,
            last: Last {
                supervised_loss: last("supervised_loss"),
                discriminator_loss: last("discriminator_loss"),
                generator_loss: last("generator_loss"),
                accuracy_real: last("accuracy_real"),
                accuracy_fake: last("accuracy_fake"),
            },
            warnings: outcome.warnings,
        }
    }
}

/// A training by its label, as figures show it.
pub struct Training {
    pub label: String,
    pub rows: Vec<Row>,
    pub course: Course,
}

impl Training {
    /// From the folders of its artifacts.
    pub fn read(label: &str, log: &Path, weights: Option<&Path>) -> Result<Self, ReportError> {
        let rows = log::read(log)?;
        let outcome = weights.map(Outcome::read).transpose()?.flatten();
        let course = Course::of(&rows, outcome);
        Ok(Training { label: label.to_owned(), rows, course })
    }
}

/// At most so many lines of a figure can be told from each other.
pub const LINES: usize = 16;

/// The curves of trainings, as few figures as can be read, each with about as many lines.
pub fn curves(title: &str, trainings: &[Training]) -> Vec<Curves> {
    let figures = trainings.len().div_ceil(LINES).max(1);
    let lines = trainings.len().div_ceil(figures).max(1);
    let of = |(index, some): (usize, &[Training])| {
        let runs: Vec<(String, Vec<Row>)> = some.iter().map(|t| (t.label.clone(), t.rows.clone())).collect();
        let title = if figures == 1 { title.to_owned() } else { format!("{title} ({} of {figures})", index + 1) };
        Curves::of_logs(&title, &runs)
    };
    trainings.chunks(lines).enumerate().map(of).collect()
}
