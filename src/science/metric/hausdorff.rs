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
    /// says so. May be written `paper`.
    #[default]
    #[serde(alias = "paper")]
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
    /// than half of those slices are empty. May be written `paper`.
    #[default]
    #[serde(alias = "paper")]
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
    /// medpy's `hd95`, the usual one: surfaces by 4-neighbours, both directions' distances together.
    pub fn hd95(self) -> Hausdorff {
        Hausdorff { points: Points::Surface4, statistic: Statistic::Percentile95Pooled, ..self }
    }

    /// medpy's `assd`, on the same surfaces.
    pub fn average(self) -> Hausdorff {
        Hausdorff { points: Points::Surface4, statistic: Statistic::Mean, ..self }
    }

    /// `prediction`, `truth`: labels `[row, column]`. `None` where the answer is undefined.
    pub fn distance(
        &self,
        prediction: &[u8],
        truth: &[u8],
        class: u8,
        plane: Plane,
    ) -> Result<Option<f64>, MetricError> {
        let pair = Pair::of(prediction, truth, class, plane)?;
        Ok(match pair {
            Pair::BothEmpty => self.both_empty.value(plane),
            Pair::OneEmpty => self.one_empty.value(plane),
            Pair::Masks { prediction, truth, frame } => {
                let [prediction, truth] = [prediction, truth].map(|mask| self.points.of(mask, frame));
                self.statistic.of(
                    nearest(&prediction, &squared_distances(&truth, frame)),
                    nearest(&truth, &squared_distances(&prediction, frame)),
                )
            }
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
        let Pair::Masks { prediction, truth, frame } = Pair::of(prediction, truth, class, plane)? else {
            return Ok(None);
        };
        let [prediction, truth] = [prediction, truth].map(|mask| self.points.of(mask, frame));
        let to = |from: &[bool], to: &[bool]| maximum(&nearest(from, &squared_distances(to, frame)));
        let pair = (to(&prediction, &truth), to(&truth, &prediction));
        let (Some(prediction_to_truth), Some(truth_to_prediction)) = pair else { return Ok(None) };
        Ok(Some(Directed { prediction_to_truth, truth_to_prediction }))
    }
}

/// The masks of one class, within the smallest frame that holds both: no distance needs more of the image, and whole
/// numbers of pixels stay exact.
enum Pair {
    BothEmpty,
    OneEmpty,
    Masks { prediction: Vec<bool>, truth: Vec<bool>, frame: Plane },
}

impl Pair {
    fn of(prediction: &[u8], truth: &[u8], class: u8, plane: Plane) -> Result<Pair, MetricError> {
        if prediction.len() != truth.len() {
            return Err(MetricError::Length { prediction: prediction.len(), truth: truth.len() });
        }
        plane.check(truth.len())?;
        let [one, other] = [prediction, truth].map(|labels| Frame::of(labels, class, plane.width));
        let Some(frame) = one.zip(other).map(|(one, other)| one.with(other)) else {
            return Ok(if one.is_none() && other.is_none() { Pair::BothEmpty } else { Pair::OneEmpty });
        };
        let mask = |labels: &[u8]| frame.mask(labels, class, plane.width);
        let inner =
            Plane { height: frame.rows[1] - frame.rows[0], width: frame.columns[1] - frame.columns[0], ..plane };
        Ok(Pair::Masks { prediction: mask(prediction), truth: mask(truth), frame: inner })
    }
}

/// First, and past the last, row and column.
#[derive(Clone, Copy)]
struct Frame {
    rows: [usize; 2],
    columns: [usize; 2],
}

impl Frame {
    /// Of the pixels of a class; `None` if there is none.
    fn of(labels: &[u8], class: u8, width: usize) -> Option<Frame> {
        let mut frame: Option<Frame> = None;
        for (row, pixels) in labels.chunks_exact(width.max(1)).enumerate() {
            // `contains` looks at many pixels at once, and most rows have none.
            if !pixels.contains(&class) {
                continue;
            }
            let Some(first) = pixels.iter().position(|&label| label == class) else { continue };
            let last = pixels.iter().rposition(|&label| label == class).unwrap_or(first);
            let own = Frame { rows: [row, row + 1], columns: [first, last + 1] };
            frame = Some(frame.map_or(own, |frame| frame.with(own)));
        }
        frame
    }

    fn with(self, other: Frame) -> Frame {
        let both = |a: [usize; 2], b: [usize; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        Frame { rows: both(self.rows, other.rows), columns: both(self.columns, other.columns) }
    }

    fn mask(&self, labels: &[u8], class: u8, width: usize) -> Vec<bool> {
        let row = |row: usize| &labels[row * width + self.columns[0]..row * width + self.columns[1]];
        (self.rows[0]..self.rows[1]).flat_map(row).map(|&label| label == class).collect()
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
