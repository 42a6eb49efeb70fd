use super::device::device_of;
use super::slices::{self, PredictedVolume, Prepared};
use crate::contract::{self, ParameterError, Place, Port, Stage, StageContext, StageError};
use crate::report::scores::{self, Score};
use crate::science::data::{Labels, Split, Volume};
use crate::science::device::DeviceName;
use crate::science::metric::{EmptyDice, Hausdorff, Measure, Scoring, Value, VolumeDice, VolumeScores};
use crate::science::model::kernel::ReleaseBuffers;
use crate::science::model::{Network, NetworkError, Weights};
use crate::science::training::predict;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Segments cases that no training saw, and scores them.
pub struct Evaluate;

/// A case's score is the mean over all slices of its volumes, as in the released code; the paper does
/// not say (golden 01: only slice means fit the supplement's PostDAE rows).
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateParameters {
    /// Which part of the split is scored.
    pub part: Part,
    /// Dice of a slice where prediction and truth are both empty.
    pub empty_dice: EmptyDice,
    pub hausdorff: Hausdorff,
    // These three are not in the canonical value when they are the default: older keys stay.
    /// Whether Dice is the mean over slices or that of a volume's pooled pixels (then a case's is the mean over its volumes).
    #[serde(skip_serializing_if = "is_default")]
    pub volume_dice: VolumeDice,
    /// Further measures, each a metric of that name in the scores.
    #[serde(skip_serializing_if = "is_default")]
    pub more: Vec<Measure>,
    /// What a row of the scores stands for.
    #[serde(skip_serializing_if = "is_default")]
    pub rows: Rows,
    #[serde(skip_serializing_if = "DeviceName::is_flex")]
    pub device: DeviceName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    #[default]
    Test,
    Validation,
}

/// The rows of the scores. Finer ones than `case` leave the mean of a case, over its rows, to who reads them: for tests by
/// volume or by slice (`unit` of `significance`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// The mean over all slices of all volumes of a case.
    #[default]
    Case,
    /// The mean over the slices of a volume.
    Volume,
    /// Each slice: `frame01/3` in the column `volume`, from 1.
    Slice,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Part {
    fn of(self, split: &Split) -> &[String] {
        match self {
            Part::Test => &split.test,
            Part::Validation => &split.validation,
        }
    }
}

impl Stage for Evaluate {
    fn kind(&self) -> &'static str {
        "evaluate"
    }

    fn summary(&self) -> &'static str {
        "segment the test cases; Dice and Hausdorff distance of each case, by class and over all"
    }

    fn revision(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Port] {
        const { &[Port::one("slices", "slices"), Port::one("split", "split"), Port::one("weights", "weights")] }
    }

    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("scores", "scores"), Port::one("predictions", "predictions")] }
    }

    fn canonical(&self, with: &serde_json::Value) -> Result<serde_json::Value, ParameterError> {
        let canonical = contract::canonical::<EvaluateParameters>(with)?;
        device_of(&canonical)?;
        if canonical["volume_dice"] == "pooled" && canonical["rows"] == "slice" {
            let message = "a slice has no Dice of pooled slices: rows go with `volume_dice: slice_mean`";
            return Err(ParameterError::new("rows", message));
        }
        Ok(canonical)
    }

    fn schema(&self) -> serde_json::Value {
        contract::schema::<EvaluateParameters>()
    }

    fn numerics(&self, canonical: &serde_json::Value) -> Option<String> {
        device_of(canonical).ok().map(|device| device.numerics().to_owned())
    }

    fn place(&self) -> Place {
        Place::Process
    }

    /// Of the volumes, those alone that it scores.
    fn reads(&self, context: &StageContext) -> Result<Option<Vec<PathBuf>>, StageError> {
        let part = context.parameters::<EvaluateParameters>()?.part;
        let (slices, split) = (context.input("slices")?, context.input("split")?);
        let mut files = vec![slices.join("slices.json"), split.to_owned(), context.input("weights")?.to_owned()];
        files.extend(Prepared::open(slices)?.files(part.of(&slices::read_split(split)?), slices));
        Ok(Some(files))
    }

    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        let parameters: EvaluateParameters = context.parameters()?;
        let prepared = Prepared::open(context.input("slices")?)?;
        let split = slices::read_split(context.input("split")?)?;
        let device = parameters.device.open(context.threads).map_err(StageError::failed)?;
        let _release = ReleaseBuffers;
        let weights_folder = context.input("weights")?;
        let network: Network = slices::read_json(&weights_folder.join("model.json"))?;
        let bytes = slices::read_file(&weights_folder.join("weights.safetensors"))?;
        let weights = network.load(&bytes, &device).map_err(StageError::failed)?;

        let EvaluateParameters { empty_dice, hausdorff, volume_dice, ref more, .. } = parameters;
        let scoring = Scoring { empty_dice, volume_dice, hausdorff, more: more.clone() };
        let cases = parameters.part.of(&split);
        let predictions = context.output("predictions")?;
        let mut rows = Vec::new();
        for (done, case) in cases.iter().enumerate() {
            let mut scored = Scored::new(parameters.rows, case, &prepared.classes);
            for volume in prepared.volumes(std::slice::from_ref(case))? {
                let predicted = segment(&network, &weights, &volume, &device).map_err(StageError::failed)?;
                let scores = scoring.volume(&predicted.labels, &volume.mask, prepared.classes.len(), volume.spacing);
                scored.add(&volume.name, scores.map_err(StageError::failed)?);
                slices::write_prediction(predictions, &volume, &predicted)?;
            }
            rows.extend(scored.into_scores());
            context.progress.update(done as u64 + 1, cases.len() as u64, "cases");
        }
        scores::write(context.output("scores")?, &rows).map_err(StageError::failed)
    }
}

fn segment(
    network: &Network,
    weights: &Weights,
    volume: &Volume,
    device: &Device,
) -> Result<PredictedVolume, NetworkError> {
    let slices = predict(network, weights, &volume.image, device)?;
    let labels: Vec<u8> = slices.iter().flat_map(|slice| slice.labels.iter().copied()).collect();
    let mut attention: Vec<(usize, usize, Vec<f32>)> = Vec::new();
    for slice in slices {
        for (level, (height, width, map)) in slice.attention.into_iter().enumerate() {
            match attention.get_mut(level) {
                Some((_, _, all)) => all.extend(map),
                None => attention.push((height, width, map)),
            }
        }
    }
    Ok(PredictedVolume { labels: Labels { data: labels, ..volume.mask }, attention })
}

/// Sums over the slices of one row of the scores, by (metric, class), with the number of slices that have a value.
type Sums = BTreeMap<(&'static str, String), (f64, usize)>;

/// The scores of a case.
struct Scored<'a> {
    rows: Rows,
    case: &'a str,
    classes: &'a [String],
    /// By the row's name in the column `volume`, in order.
    sums: Vec<(String, Sums)>,
}

impl<'a> Scored<'a> {
    fn new(rows: Rows, case: &'a str, classes: &'a [String]) -> Self {
        Scored { rows, case, classes, sums: Vec::new() }
    }

    fn add(&mut self, volume: &str, scores: VolumeScores) {
        for (slice, values) in scores.slices.into_iter().enumerate() {
            self.put(volume, slice + 1, values);
        }
        // Never with rows of slices.
        self.put(volume, 0, scores.pooled);
    }

    fn put(&mut self, volume: &str, slice: usize, values: Vec<Value>) {
        let row = match self.rows {
            Rows::Case => String::new(),
            Rows::Volume => volume.to_owned(),
            Rows::Slice => format!("{volume}/{slice}"),
        };
        for Value { metric, class, value } in values {
            let name = class.and_then(|class| self.classes.get(usize::from(class)));
            let class = name.map_or_else(|| "all".to_owned(), Clone::clone);
            if self.sums.last().is_none_or(|(last, _)| *last != row) {
                self.sums.push((row.clone(), Sums::new()));
            }
            let Some((_, sums)) = self.sums.last_mut() else { continue };
            let (sum, count) = sums.entry((metric, class)).or_default();
            *sum += value.unwrap_or(0.0);
            *count += usize::from(value.is_some());
        }
    }

    fn into_scores(self) -> impl Iterator<Item = Score> {
        let case = self.case;
        self.sums.into_iter().flat_map(move |(volume, sums)| {
            sums.into_iter().map(move |((metric, class), (sum, count))| Score {
                coordinates: BTreeMap::new(),
                case: case.to_owned(),
                volume: volume.clone(),
                class,
                metric: metric.to_owned(),
                value: (count > 0).then(|| sum / count as f64),
            })
        })
    }
}
