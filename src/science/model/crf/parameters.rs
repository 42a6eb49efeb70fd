//! What a method says of its CRF.

use super::{Crf, CrfError, CrfLayer};
use serde::{Deserialize, Serialize};

/// CRF as RNN as a part of a method. The default is UNet_CRF of ACDC and LVSC; the other data sets have `sigma_gamma` 3, and
/// TS-UNet_CRF has `rate_factor` 1e-4 and `every` 10 (section IV-B, as in [5]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CrfParameters {
    /// Its kernels, the first values of its weights, and the iterations.
    pub field: Crf,
    /// What the intensities of the appearance kernel are.
    pub intensities: Intensities,
    /// Cells of the grid that stands for the appearance kernel, in sigmas: more than 0, at most 1. Null: 0.75 for images of one
    /// channel, where smaller ones cost little more, and 1 for others. [`super::Filter`] has the errors.
    pub cell: Option<f64>,
    /// How many weights a kernel has.
    pub kernel_weights: KernelWeights,
    /// The layer's learning rate, in those of the segmentor; 0 leaves it as it starts.
    pub rate_factor: f64,
    /// The layer's weights are updated at every so many-th iteration, by that iteration's gradient.
    pub every: usize,
}

/// Intensities for the appearance kernel. The paper takes `sigma_beta` 3 from [5] and [24] without naming the scale: theirs is
/// that of images of 0..255, and on images normalised by median and interquartile range it would be nearly without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intensities {
    /// Each image's least value, over all of its channels, is 0 and its greatest 255. A constant image is 0.
    #[default]
    Stretched,
    /// As they stand in the image.
    AsStored,
}

/// The weights of a kernel's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelWeights {
    /// One for each class: "individual kernel weights for each class label" in the text of [24].
    #[default]
    PerClass,
    /// A matrix of classes: the code of [24].
    Matrix,
}

impl Default for CrfParameters {
    fn default() -> Self {
        CrfParameters {
            field: Crf::default(),
            intensities: Intensities::default(),
            cell: None,
            kernel_weights: KernelWeights::default(),
            rate_factor: 1.0,
            every: 1,
        }
    }
}

impl CrfParameters {
    /// Refuses settings that mean nothing.
    pub fn check(&self) -> Result<(), CrfError> {
        self.field.check()?;
        if let Some(cell) = self.cell.filter(|cell| !(*cell > 0.0 && *cell <= 1.0)) {
            return Err(CrfError::Cell(cell));
        }
        if !(self.rate_factor.is_finite() && self.rate_factor >= 0.0) {
            return Err(CrfError::RateFactor(self.rate_factor));
        }
        if self.every == 0 { Err(CrfError::Every) } else { Ok(()) }
    }

    /// Sigmas of a cell for images of so many channels.
    pub(super) fn cell_for(&self, channels: usize) -> f64 {
        self.cell.unwrap_or(if channels == 1 { 0.75 } else { 1.0 })
    }

    /// The layer for `classes`, the background included.
    pub fn layer(&self, classes: usize) -> Result<CrfLayer, CrfError> {
        self.check()?;
        Ok(CrfLayer { classes, parameters: *self })
    }
}

impl Intensities {
    /// Brings all values of an image to the scale; they are finite.
    pub fn apply(self, image: &mut [f32]) {
        if self == Intensities::AsStored {
            return;
        }
        let (least, greatest) = image.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
        let scale = if greatest > least { 255.0 / (f64::from(greatest) - f64::from(least)) } else { 0.0 };
        image.iter_mut().for_each(|x| *x = ((f64::from(*x) - f64::from(least)) * scale) as f32);
    }
}
