//! Scores of cases: one row a (coordinates, case, volume, class, metric), `scores.parquet`.

use super::{ReportError, frame};
use polars_core::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FILE: &str = "scores.parquet";
const FIXED: [&str; 5] = ["case", "volume", "class", "metric", "value"];

/// One metric of one volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Where the run stands in the matrix, e.g. `method`, `label_fraction`, `fold`: one Parquet column each. A key that
    /// other rows have and this one lacks is null in the file.
    pub coordinates: BTreeMap<String, String>,
    /// The subject: the unit of means and tests.
    pub case: String,
    /// One of the subject's volumes, e.g. `patient001_frame01`.
    pub volume: String,
    /// Name of the class, or `all`: pooled over the foreground classes (the multi-class Dice), not a mean over classes.
    pub class: String,
    /// `dice`, `hausdorff_px`.
    pub metric: String,
    /// `None` where the metric is not defined, e.g. a distance to an empty mask.
    pub value: Option<f64>,
}

/// Adds the coordinates of the run that made them to scores.
pub fn with_coordinates(coordinates: &BTreeMap<String, String>, scores: Vec<Score>) -> Result<Vec<Score>, ReportError> {
    scores.into_iter().map(|score| extended(coordinates, score)).collect()
}

fn extended(coordinates: &BTreeMap<String, String>, mut score: Score) -> Result<Score, ReportError> {
    for (key, is) in coordinates {
        match score.coordinates.insert(key.clone(), is.clone()) {
            Some(was) if was != *is => {
                return Err(ReportError::Conflict { key: key.clone(), case: score.case, was, is: is.clone() });
            }
            _ => (),
        }
    }
    Ok(score)
}

/// The scores of many runs in one list, in the order given, each with its run's coordinates.
pub fn concat(parts: Vec<(BTreeMap<String, String>, Vec<Score>)>) -> Result<Vec<Score>, ReportError> {
    let parts: Result<Vec<_>, _> =
        parts.into_iter().map(|(coordinates, scores)| with_coordinates(&coordinates, scores)).collect();
    Ok(parts?.into_iter().flatten().collect())
}

/// Columns: the coordinates by name, then `case`, `volume`, `class`, `metric`, `value`.
pub fn frame(scores: &[Score]) -> Result<DataFrame, ReportError> {
    let keys: BTreeSet<&String> = scores.iter().flat_map(|score| score.coordinates.keys()).collect();
    if let Some(key) = keys.iter().find(|key| FIXED.contains(&key.as_str())) {
        return Err(ReportError::ReservedColumn { key: (*key).clone() });
    }
    scores.iter().try_for_each(check_finite)?;
    let coordinate = |key: &String| {
        let values = scores.iter().map(|score| score.coordinates.get(key).map(String::as_str));
        Column::new(key.as_str().into(), values.collect::<Vec<Option<&str>>>())
    };
    let mut columns: Vec<Column> = keys.into_iter().map(coordinate).collect();
    let text =
        |name: &str, get: fn(&Score) -> &str| Column::new(name.into(), scores.iter().map(get).collect::<Vec<_>>());
    columns.push(text("case", |score| &score.case));
    columns.push(text("volume", |score| &score.volume));
    columns.push(text("class", |score| &score.class));
    columns.push(text("metric", |score| &score.metric));
    columns.push(Column::new("value".into(), scores.iter().map(|score| score.value).collect::<Vec<Option<f64>>>()));
    frame::of("scores", columns)
}

fn check_finite(score: &Score) -> Result<(), ReportError> {
    match score.value {
        Some(value) if !value.is_finite() => Err(ReportError::NotFinite {
            case: score.case.clone(),
            class: score.class.clone(),
            metric: score.metric.clone(),
            value,
        }),
        _ => Ok(()),
    }
}

/// Writes `scores.parquet` into `folder`.
pub fn write(folder: &Path, scores: &[Score]) -> Result<(), ReportError> {
    frame::write(&folder.join(FILE), &mut frame(scores)?)
}

/// Reads `scores.parquet` of `folder`, in the order in which it was written.
pub fn read(folder: &Path) -> Result<Vec<Score>, ReportError> {
    let frame = frame::read(&folder.join(FILE))?;
    let mut scores = fixed_columns(&frame)?;
    let keys = frame.get_column_names().into_iter().map(|name| name.as_str().to_owned());
    for key in keys.filter(|key| !FIXED.contains(&key.as_str())) {
        let values = frame::texts(&frame, &key)?;
        for (score, value) in scores.iter_mut().zip(values) {
            if let Some(value) = value {
                score.coordinates.insert(key.clone(), value);
            }
        }
    }
    Ok(scores)
}

fn fixed_columns(frame: &DataFrame) -> Result<Vec<Score>, ReportError> {
    let cases = frame::names(frame, "case")?.into_iter().zip(frame::names(frame, "volume")?);
    let metrics = frame::names(frame, "class")?.into_iter().zip(frame::names(frame, "metric")?);
    let rows = cases.zip(metrics).zip(frame::numbers(frame, "value")?);
    let score = |(((case, volume), (class, metric)), value)| Score {
        coordinates: BTreeMap::new(),
        case,
        volume,
        class,
        metric,
        value,
    };
    Ok(rows.map(score).collect())
}
