use super::{MetricError, Plane, squared_distances};
use crate::science::stat::quantile;
use serde::{Deserialize, Serialize};

/// Which pixels stand for a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Points {
    /// All of its pixel centres: the definition.
    #[default]
    Set,
    /// Pixels with a 4-neighbour outside of it (what medpy's `hd` compares).
    Surface4,
    /// Pixels with an 8-neighbour outside of it.
    Surface8,
}

/// How the distances of the points become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The Hausdorff distance.
    #[default]
    Maximum,
    /// HD95: 95th percentile of both directions' distances together (medpy's `hd95`).
    Percentile95Pooled,
    /// HD95: the greater of the two directions' 95th percentiles.
    Percentile95Directed,
    /// Average symmetric distance: mean of the two directions' means.
    Mean,
}

/// The answer when one of prediction and truth is empty, the other not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OneEmpty {
    /// The longer side of the image. The supplement's 192.0 (0) for empty predictions on 192x192 crops
    /// says so.
    #[default]
    ImageSide,
    /// From corner to corner of the image.
    Diagonal,
    /// From the first pixel's centre to the last's: the greatest distance that can occur.
    CentreDiagonal,
    Infinite,
    /// Left out of every mean.
    Undefined,
}

/// The answer when both are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BothEmpty {
    /// Left out of every mean: the published 192.0 with a standard deviation of 0 rules out 0, as more
    /// than half of those slices are empty.
    #[default]
    Undefined,
    Zero,
    ImageSide,
}

/// Largest distance of each direction, for a look behind the number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Directed {
    pub prediction_to_truth: f64,
    pub truth_to_prediction: f64,
}

/// Hausdorff distance of one class in a slice (supplement), in the units of the plane's spacing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hausdorff {
    pub points: Points,
    pub statistic: Statistic,
    pub one_empty: OneEmpty,
    pub both_empty: BothEmpty,
}

impl Hausdorff {
    /// `prediction`, `truth`: labels `[row, column]`. `None` where the answer is undefined.
    pub fn distance(
        &self,
        prediction: &[u8],
        truth: &[u8],
        class: u8,
        plane: Plane,
    ) -> Result<Option<f64>, MetricError> {
        let [prediction, truth] = self.points_of(prediction, truth, class, plane)?;
        let empty = |mask: &[bool]| !mask.contains(&true);
        Ok(match (empty(&prediction), empty(&truth)) {
            (true, true) => self.both_empty.value(plane),
            (false, false) => self.statistic.of(
                nearest(&prediction, &squared_distances(&truth, plane)),
                nearest(&truth, &squared_distances(&prediction, plane)),
            ),
            _ => self.one_empty.value(plane),
        })
    }

    /// The two one-sided distances; `None` if either mask is empty.
    pub fn directed(
        &self,
        prediction: &[u8],
        truth: &[u8],
        class: u8,
        plane: Plane,
    ) -> Result<Option<Directed>, MetricError> {
        let [prediction, truth] = self.points_of(prediction, truth, class, plane)?;
        let to = |from: &[bool], to: &[bool]| maximum(&nearest(from, &squared_distances(to, plane)));
        let pair = (to(&prediction, &truth), to(&truth, &prediction));
        let (Some(prediction_to_truth), Some(truth_to_prediction)) = pair else { return Ok(None) };
        Ok(Some(Directed { prediction_to_truth, truth_to_prediction }))
    }

    fn points_of(
        &self,
        prediction: &[u8],
        truth: &[u8],
        class: u8,
        plane: Plane,
    ) -> Result<[Vec<bool>; 2], MetricError> {
        if prediction.len() != truth.len() {
            return Err(MetricError::Length { prediction: prediction.len(), truth: truth.len() });
        }
        plane.check(truth.len())?;
        let points = |labels: &[u8]| {
            let mask = labels.iter().map(|&label| label == class).collect();
            self.points.of(mask, plane)
        };
        Ok([points(prediction), points(truth)])
    }
}

const NEIGHBOURS_4: [(isize, isize); 4] = [(-1, 0), (0, -1), (0, 1), (1, 0)];
const NEIGHBOURS_8: [(isize, isize); 8] = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)];

impl Points {
    fn of(self, mask: Vec<bool>, plane: Plane) -> Vec<bool> {
        match self {
            Points::Set => mask,
            Points::Surface4 => surface(&mask, plane, &NEIGHBOURS_4),
            Points::Surface8 => surface(&mask, plane, &NEIGHBOURS_8),
        }
    }
}

/// Mask pixels with one of `neighbours` outside; beyond the image is outside.
fn surface(mask: &[bool], plane: Plane, neighbours: &[(isize, isize)]) -> Vec<bool> {
    let inside = |row: usize, column: usize, (down, right): (isize, isize)| {
        let row = row.checked_add_signed(down).filter(|&row| row < plane.height);
        let column = column.checked_add_signed(right).filter(|&column| column < plane.width);
        row.zip(column).is_some_and(|(row, column)| mask[row * plane.width + column])
    };
    let pixels = (0..plane.height).flat_map(|row| (0..plane.width).map(move |column| (row, column)));
    mask.iter()
        .zip(pixels)
        .map(|(&set, (row, column))| set && !neighbours.iter().all(|&step| inside(row, column, step)))
        .collect()
}

/// Distance of each of `points` to the mask whose transform is given, in row-major order.
fn nearest(points: &[bool], squared: &[f64]) -> Vec<f64> {
    points.iter().zip(squared).filter(|(point, _)| **point).map(|(_, squared)| squared.sqrt()).collect()
}

fn maximum(distances: &[f64]) -> Option<f64> {
    let greatest = distances.iter().copied().reduce(f64::max)?;
    greatest.is_finite().then_some(greatest)
}

impl Statistic {
    /// `None` only if there is no distance at all.
    fn of(self, forward: Vec<f64>, backward: Vec<f64>) -> Option<f64> {
        let mean = |distances: &[f64]| distances.iter().sum::<f64>() / distances.len() as f64;
        match self {
            Statistic::Maximum => maximum(&[forward, backward].concat()),
            Statistic::Percentile95Pooled => quantile(&[forward, backward].concat(), 0.95),
            Statistic::Percentile95Directed => Some(quantile(&forward, 0.95)?.max(quantile(&backward, 0.95)?)),
            Statistic::Mean => Some(0.5 * (mean(&forward) + mean(&backward))),
        }
    }
}

/// Extent of the image in each direction.
fn sides(plane: Plane) -> [f64; 2] {
    [plane.height as f64 * plane.spacing[0], plane.width as f64 * plane.spacing[1]]
}

impl OneEmpty {
    fn value(self, plane: Plane) -> Option<f64> {
        let [height, width] = sides(plane);
        match self {
            OneEmpty::ImageSide => Some(height.max(width)),
            OneEmpty::Diagonal => Some(height.hypot(width)),
            OneEmpty::CentreDiagonal => Some((height - plane.spacing[0]).hypot(width - plane.spacing[1])),
            OneEmpty::Infinite => Some(f64::INFINITY),
            OneEmpty::Undefined => None,
        }
    }
}

impl BothEmpty {
    fn value(self, plane: Plane) -> Option<f64> {
        match self {
            BothEmpty::Undefined => None,
            BothEmpty::Zero => Some(0.0),
            BothEmpty::ImageSide => OneEmpty::ImageSide.value(plane),
        }
    }
}
