mod tally;

use super::MetricError;
use crate::science::data::Labels;
use serde::{Deserialize, Serialize};

/// What 0/0 counts: neither prediction nor truth shows the organ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptyDice {
    /// A right answer. The published CHAOS rows imply it: a method that predicts empty masks scores
    /// 57.9, out of reach unless slices without the organ count 1. May be written `paper`.
    #[default]
    #[serde(alias = "paper")]
    One,
    Zero,
    /// Left out of every mean.
    Undefined,
}

impl EmptyDice {
    fn value(self) -> Option<f64> {
        match self {
            EmptyDice::One => Some(1.0),
            EmptyDice::Zero => Some(0.0),
            EmptyDice::Undefined => None,
        }
    }
}

/// Pixel counts of one class, or of several pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overlap {
    pub intersection: u64,
    pub prediction: u64,
    pub truth: u64,
}

impl Overlap {
    /// 2|P ∩ T| / (|P| + |T|).
    pub fn dice(self, empty: EmptyDice) -> Option<f64> {
        match self.prediction + self.truth {
            0 => empty.value(),
            sum => Some(2.0 * self.intersection as f64 / sum as f64),
        }
    }

    pub(super) fn plus(self, other: Overlap) -> Overlap {
        Overlap {
            intersection: self.intersection + other.intersection,
            prediction: self.prediction + other.prediction,
            truth: self.truth + other.truth,
        }
    }
}

/// Counts by class, background (0) included, over `[pixel]`.
pub fn overlaps(prediction: &[u8], truth: &[u8], classes: usize) -> Result<Vec<Overlap>, MetricError> {
    check_length(prediction, truth)?;
    let (counts, greatest) = tally::classes(prediction, truth, classes);
    if usize::from(greatest) < classes { Ok(counts) } else { Err(label_outside(prediction, truth, classes)) }
}

/// Counts of all foreground classes pooled, in one go over the pixels.
fn foreground(prediction: &[u8], truth: &[u8], classes: usize) -> Result<Overlap, MetricError> {
    check_length(prediction, truth)?;
    let (count, greatest) = tally::foreground(prediction, truth);
    if usize::from(greatest) < classes { Ok(count) } else { Err(label_outside(prediction, truth, classes)) }
}

fn check_length(prediction: &[u8], truth: &[u8]) -> Result<(), MetricError> {
    match prediction.len() == truth.len() {
        true => Ok(()),
        false => Err(MetricError::Length { prediction: prediction.len(), truth: truth.len() }),
    }
}

/// The first label that is no class; there is one.
fn label_outside(prediction: &[u8], truth: &[u8], classes: usize) -> MetricError {
    let outside = |label: &u8| usize::from(*label) >= classes;
    let pairs = prediction.iter().zip(truth).map(|(&predicted, &truth)| [predicted, truth]);
    let found = pairs.enumerate().find_map(|(pixel, pair)| pair.into_iter().find(outside).map(|label| (pixel, label)));
    let (pixel, label) = found.unwrap_or_default();
    MetricError::Label { label, pixel, classes }
}

/// Multi-class Dice, 2|ỹ·y| / (|ỹ| + |y|) with all foreground channels pooled (the supplement says
/// that it is not the mean of the classes' Dice). `prediction`, `truth`: `[pixel]`, background 0.
pub fn multi_class_dice(
    prediction: &[u8],
    truth: &[u8],
    classes: usize,
    empty: EmptyDice,
) -> Result<Option<f64>, MetricError> {
    Ok(foreground(prediction, truth, classes)?.dice(empty))
}

/// Dice of one class against all others.
pub fn class_dice(
    prediction: &[u8],
    truth: &[u8],
    classes: usize,
    class: u8,
    empty: EmptyDice,
) -> Result<Option<f64>, MetricError> {
    let counts = overlaps(prediction, truth, classes)?;
    let overlap = counts.get(usize::from(class)).ok_or(MetricError::Class { class, classes })?;
    Ok(overlap.dice(empty))
}

/// Mean of the foreground classes' Dice: the quantity that the paper does *not* report, for comparison
/// with papers that do.
pub fn mean_class_dice(
    prediction: &[u8],
    truth: &[u8],
    classes: usize,
    empty: EmptyDice,
) -> Result<Option<f64>, MetricError> {
    let counts = overlaps(prediction, truth, classes)?;
    Ok(mean(counts.into_iter().skip(1).map(|overlap| overlap.dice(empty))))
}

/// How slices become one number; the paper does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolumeDice {
    /// Mean over slices: the released code's choice, and the one that the CHAOS rows fit.
    #[default]
    SliceMean,
    /// Pixels of all slices pooled first.
    Pooled,
}

/// Multi-class Dice of a volume, or that of one class.
pub fn volume_dice(
    prediction: &Labels,
    truth: &Labels,
    classes: usize,
    class: Option<u8>,
    unit: VolumeDice,
    empty: EmptyDice,
) -> Result<Option<f64>, MetricError> {
    let shape = |labels: &Labels| [labels.slices, labels.height, labels.width];
    if shape(prediction) != shape(truth) {
        return Err(MetricError::Shape { prediction: shape(prediction), truth: shape(truth) });
    }
    let score = |prediction: &[u8], truth: &[u8]| match class {
        Some(class) => class_dice(prediction, truth, classes, class, empty),
        None => multi_class_dice(prediction, truth, classes, empty),
    };
    match unit {
        VolumeDice::Pooled => score(&prediction.data, &truth.data),
        VolumeDice::SliceMean => {
            let slices = (0..truth.slices).map(|slice| score(prediction.slice(slice), truth.slice(slice)));
            Ok(mean(slices.collect::<Result<Vec<_>, _>>()?))
        }
    }
}

/// Mean of the defined values.
fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let defined: Vec<f64> = values.into_iter().flatten().collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
}
