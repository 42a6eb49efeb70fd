use super::device::device_of;
use super::slices::{self, PredictedVolume, Prepared};
use crate::contract::{self, ParameterError, Place, Port, Stage, StageContext, StageError};
use crate::report::scores::{self, Score};
use crate::science::data::{Labels, Split, Volume};
use crate::science::device::DeviceName;
use crate::science::metric::{EmptyDice, Hausdorff, MetricError, Plane, class_dice, multi_class_dice};
use crate::science::model::kernel::ReleaseBuffers;
use crate::science::model::{Segmentor, Weights};
use crate::science::training::{Stream, generator, predict};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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

    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        let canonical = contract::canonical::<EvaluateParameters>(with)?;
        device_of(&canonical)?;
        Ok(canonical)
    }

    fn schema(&self) -> Value {
        contract::schema::<EvaluateParameters>()
    }

    fn numerics(&self, canonical: &Value) -> Option<String> {
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
        let network: Segmentor = slices::read_json(&weights_folder.join("model.json"))?;
        let weights = load(&network, &slices::read_file(&weights_folder.join("weights.safetensors"))?, &device)?;

        let cases = parameters.part.of(&split);
        let predictions = context.output("predictions")?;
        let mut rows = Vec::new();
        for (done, case) in cases.iter().enumerate() {
            let mut sums = Sums::default();
            for volume in prepared.volumes(std::slice::from_ref(case))? {
                let predicted = segment(&network, &weights, &volume, &device);
                for slice in 0..volume.image.slices {
                    let pair = (predicted.labels.slice(slice), volume.mask.slice(slice));
                    sums.add_slice(&parameters, &prepared, pair).map_err(StageError::failed)?;
                }
                slices::write_prediction(predictions, &volume, &predicted)?;
            }
            rows.extend(sums.into_scores(case));
            context.progress.update(done as u64 + 1, cases.len() as u64, "cases");
        }
        scores::write(context.output("scores")?, &rows).map_err(StageError::failed)
    }
}

/// The network's own fresh weights, replaced by the stored ones: names and shapes are checked.
fn load(network: &Segmentor, bytes: &[u8], device: &Device) -> Result<Weights, StageError> {
    let mut weights = network.init(&mut generator(0, Stream::SegmentorWeights, 0), device);
    weights.load(bytes, device).map_err(StageError::failed)?;
    Ok(weights)
}

fn segment(network: &Segmentor, weights: &Weights, volume: &Volume, device: &Device) -> PredictedVolume {
    let slices = predict(network, weights, &volume.image, device);
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
    PredictedVolume { labels: Labels { data: labels, ..volume.mask }, attention }
}

/// Sums over the slices of a case, by (metric, class), with the number of slices that have a value.
#[derive(Default)]
struct Sums(BTreeMap<(&'static str, String), (f64, usize)>);

impl Sums {
    fn add_slice(
        &mut self,
        parameters: &EvaluateParameters,
        prepared: &Prepared,
        (prediction, truth): (&[u8], &[u8]),
    ) -> Result<(), MetricError> {
        let classes = prepared.classes.len();
        let plane = Plane::pixels(prepared.height, prepared.width);
        let empty = parameters.empty_dice;
        self.add("dice", "all", multi_class_dice(prediction, truth, classes, empty)?);
        for (class, name) in (0u8..).zip(&prepared.classes).skip(1) {
            self.add("dice", name, class_dice(prediction, truth, classes, class, empty)?);
            self.add("hausdorff_px", name, parameters.hausdorff.distance(prediction, truth, class, plane)?);
        }
        Ok(())
    }

    fn add(&mut self, metric: &'static str, class: &str, value: Option<f64>) {
        let (sum, count) = self.0.entry((metric, class.to_owned())).or_default();
        *sum += value.unwrap_or(0.0);
        *count += usize::from(value.is_some());
    }

    fn into_scores(self, case: &str) -> impl Iterator<Item = Score> {
        self.0.into_iter().map(move |((metric, class), (sum, count))| Score {
            coordinates: BTreeMap::new(),
            case: case.to_owned(),
            volume: String::new(),
            class,
            metric: metric.to_owned(),
            value: (count > 0).then(|| sum / count as f64),
        })
    }
}
