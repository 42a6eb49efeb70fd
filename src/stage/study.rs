//! What the stages that compare methods share: the methods' names, and which scores go where.

use crate::contract::{NamedInput, StageError};
use crate::report::scores::{self, Score};
use crate::report::table::{Better, Column, Layout, Row, Selection};
use crate::science::method::{DiscriminatorKind, Method};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A file of `experiments/methods/`.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MethodEntry {
    /// Its name in tables and figures, e.g. `Ours` or `#3`.
    pub label: String,
    /// Its type of prior (Table I).
    #[serde(default)]
    pub prior: Option<String>,
    pub with: Method,
}

pub type Methods = BTreeMap<String, MethodEntry>;

/// Which scores are compared, and along which axes of the matrix.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Comparison {
    pub metric: String,
    /// Name of a class, or `all` for the multi-class score.
    pub class: String,
    pub rows: String,
    pub columns: String,
}

impl Default for Comparison {
    fn default() -> Self {
        let [metric, class, rows, columns] = ["dice", "all", "method", "label_fraction"].map(str::to_owned);
        Comparison { metric, class, rows, columns }
    }
}

impl Comparison {
    fn selection(&self) -> Selection {
        Selection {
            metric: self.metric.clone(),
            class: self.class.clone(),
            row_key: self.rows.clone(),
            column_key: self.columns.clone(),
        }
    }

    fn is_distance(&self) -> bool {
        ["hausdorff", "hd95", "assd"].iter().any(|distance| self.metric.starts_with(distance))
    }

    /// What the metric is called, and its unit.
    fn measure(&self) -> (&'static str, &'static str) {
        let measure = match self.metric.as_str() {
            metric if metric.starts_with("hd95") => "HD95",
            metric if metric.starts_with("assd") => "average surface distance",
            "mean_class_dice" => "mean of the classes' Dice",
            _ if self.is_distance() => "Hausdorff distance",
            _ => "multi-class Dice",
        };
        (
            measure,
            if self.metric.ends_with("_mm") {
                "mm"
            } else if self.is_distance() {
                "px"
            } else {
                "%"
            },
        )
    }

    /// Rows and columns in the order in which the inputs first show them, which is the matrix's.
    pub fn layout(&self, inputs: &[NamedInput], methods: &Methods, caption: &str) -> Result<Layout, StageError> {
        let rows = values_of(inputs, &self.rows)?;
        let columns = values_of(inputs, &self.columns)?;
        let row = |key: String| {
            let entry = methods.get(&key);
            let label = entry.map_or_else(|| key.clone(), |entry| entry.label.clone());
            Row { key, label, ticks: entry.map_or(vec![false; 3], |entry| components(&entry.with)) }
        };
        let percent = self.columns.ends_with("_fraction");
        let column = |key: String| Column { label: if percent { format!("{key} %") } else { key.clone() }, key };
        Ok(Layout {
            caption: caption.to_owned(),
            measure: self.measure().0.to_owned(),
            unit: self.measure().1.to_owned(),
            scale: if self.is_distance() { 1.0 } else { 100.0 },
            better: if self.is_distance() { Better::Lower } else { Better::Higher },
            row_title: "Method".to_owned(),
            components: ["Gating", "ADS", "Discriminator"].map(str::to_owned).to_vec(),
            rows: rows.into_iter().map(row).collect(),
            columns: columns.into_iter().map(column).collect(),
            selection: self.selection(),
        })
    }
}

/// Gating, ADS, any discriminator: the columns of ticks of Table III.
fn components(method: &Method) -> Vec<bool> {
    let kind = method.discriminator;
    vec![method.attention_gating, kind == DiscriminatorKind::MultiScale, kind != DiscriminatorKind::None]
}

/// The values of one coordinate, each once, in order.
pub fn values_of(inputs: &[NamedInput], axis: &str) -> Result<Vec<String>, StageError> {
    let mut values: Vec<String> = Vec::new();
    for input in inputs {
        let value = input.coordinates.get(axis).ok_or_else(|| {
            let axes: Vec<&str> = input.coordinates.keys().map(String::as_str).collect();
            let axes = axes.join("`, `");
            StageError::Failed(format!("the scores have no coordinate `{axis}`; they have `{axes}`"))
        })?;
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    Ok(values)
}

/// Every score on a `Many` port, each with the coordinates of its run.
pub fn read_scores(inputs: &[NamedInput]) -> Result<Vec<Score>, StageError> {
    let mut parts = Vec::with_capacity(inputs.len());
    for input in inputs {
        parts.push((input.coordinates.clone(), scores::read(&input.path).map_err(StageError::failed)?));
    }
    scores::concat(parts).map_err(StageError::failed)
}

/// Value of a coordinate of an input.
pub fn named(input: &NamedInput, axis: &str) -> Option<String> {
    input.coordinates.get(axis).cloned()
}

/// Each scribbles with the slices that they were drawn on: those whose coordinates they share.
pub fn paired<'a>(
    slices: &'a [NamedInput],
    scribbles: &'a [NamedInput],
) -> Result<Vec<(&'a NamedInput, &'a NamedInput)>, StageError> {
    let pair = |scribbles: &'a NamedInput| {
        let shares = |(axis, value): (&String, &String)| scribbles.coordinates.get(axis) == Some(value);
        let found = slices.iter().find(|slices| slices.coordinates.iter().all(shares));
        let found = found.ok_or_else(|| {
            StageError::Failed(format!(
                "no slices for the scribbles of {:?}: name their stage too",
                scribbles.coordinates
            ))
        })?;
        Ok((found, scribbles))
    };
    scribbles.iter().map(pair).collect()
}
