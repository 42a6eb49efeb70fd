use super::{EmptyDice, Hausdorff, MetricError, Overlap, Plane, VolumeDice, overlaps};
use crate::science::data::Labels;
use serde::{Deserialize, Serialize};

/// What a segmentation is scored by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scoring {
    pub empty_dice: EmptyDice,
    pub volume_dice: VolumeDice,
    pub hausdorff: Hausdorff,
    /// What is measured besides Dice and the Hausdorff distance in pixels.
    pub more: Vec<Measure>,
}

/// Further measures. Millimetres are those of the slices' spacing; the empty masks' answers are those of [`Hausdorff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The Hausdorff distance in millimetres.
    HausdorffMm,
    /// medpy's HD95, between the surfaces.
    Hd95Px,
    Hd95Mm,
    /// medpy's average symmetric surface distance.
    AssdPx,
    AssdMm,
    /// Mean of the foreground classes' Dice: not the paper's (the supplement says so), for comparison with papers that
    /// report it.
    MeanClassDice,
}

/// One value of a slice or a volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    pub metric: &'static str,
    /// `None`: over all foreground classes.
    pub class: Option<u8>,
    /// `None` where it is not defined.
    pub value: Option<f64>,
}

/// What a volume scores: its slices, and what is measured over all of its pixels at once.
pub struct VolumeScores {
    /// By slice.
    pub slices: Vec<Vec<Value>>,
    /// Dice over the pooled pixels; empty unless [`VolumeDice::Pooled`].
    pub pooled: Vec<Value>,
}

impl Scoring {
    /// Scores a volume. `spacing` is that of its pixels, `[row, column]` in mm.
    pub fn volume(
        &self,
        prediction: &Labels,
        truth: &Labels,
        classes: usize,
        spacing: [f64; 2],
    ) -> Result<VolumeScores, MetricError> {
        let shape = |labels: &Labels| [labels.slices, labels.height, labels.width];
        if shape(prediction) != shape(truth) {
            return Err(MetricError::Shape { prediction: shape(prediction), truth: shape(truth) });
        }
        let plane = Plane { height: truth.height, width: truth.width, spacing };
        let slice = |slice: usize| self.slice(prediction.slice(slice), truth.slice(slice), classes, plane);
        let slices = (0..truth.slices).map(slice).collect::<Result<_, _>>()?;
        let pooled = match self.volume_dice {
            VolumeDice::SliceMean => Vec::new(),
            VolumeDice::Pooled => self.dice(&prediction.data, &truth.data, classes)?,
        };
        Ok(VolumeScores { slices, pooled })
    }

    /// Scores a slice; `plane` has its spacing in mm.
    fn slice(&self, prediction: &[u8], truth: &[u8], classes: usize, plane: Plane) -> Result<Vec<Value>, MetricError> {
        let mut values = match self.volume_dice {
            VolumeDice::SliceMean => self.dice(prediction, truth, classes)?,
            VolumeDice::Pooled => Vec::new(),
        };
        let pixels = Plane::pixels(plane.height, plane.width);
        for class in (1..classes).map_while(|class| u8::try_from(class).ok()) {
            let mut add = |metric, hausdorff: Hausdorff, plane| {
                let value = hausdorff.distance(prediction, truth, class, plane)?;
                values.push(Value { metric, class: Some(class), value });
                Ok(())
            };
            add("hausdorff_px", self.hausdorff, pixels)?;
            for more in &self.more {
                match more {
                    Measure::HausdorffMm => add("hausdorff_mm", self.hausdorff, plane)?,
                    Measure::Hd95Px => add("hd95_px", self.hausdorff.hd95(), pixels)?,
                    Measure::Hd95Mm => add("hd95_mm", self.hausdorff.hd95(), plane)?,
                    Measure::AssdPx => add("assd_px", self.hausdorff.average(), pixels)?,
                    Measure::AssdMm => add("assd_mm", self.hausdorff.average(), plane)?,
                    Measure::MeanClassDice => (),
                }
            }
        }
        Ok(values)
    }

    /// Multi-class Dice and that of each foreground class.
    fn dice(&self, prediction: &[u8], truth: &[u8], classes: usize) -> Result<Vec<Value>, MetricError> {
        let counts = overlaps(prediction, truth, classes)?;
        let foreground = counts.get(1..).unwrap_or_default();
        let pooled = foreground.iter().copied().fold(Overlap::default(), Overlap::plus).dice(self.empty_dice);
        let each: Vec<Option<f64>> = foreground.iter().map(|overlap| overlap.dice(self.empty_dice)).collect();
        let mut values = vec![Value { metric: "dice", class: None, value: pooled }];
        if self.more.contains(&Measure::MeanClassDice) {
            let defined: Vec<f64> = each.iter().flatten().copied().collect();
            let mean = (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64);
            values.push(Value { metric: "mean_class_dice", class: None, value: mean });
        }
        values.extend((1..).zip(each).map(|(class, value)| Value { metric: "dice", class: Some(class), value }));
        Ok(values)
    }
}
