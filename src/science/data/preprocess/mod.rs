//! From a volume as it was scanned to the slices that networks see (IV-A).

mod crop;
mod inverse;
mod normalise;
mod resample;

pub use crop::{AxisCrop, Crop, Offset};
pub use inverse::Inverse;
pub use normalise::{Normalisation, clip, percentile};
pub use resample::{Grid, Resampling};

use super::{DataError, Image, Labels, Place, UNLABELLED, Volume};
use serde::{Deserialize, Deserializer, Serialize};

/// Longest side of an image, before and after.
const SIDE_LIMIT: usize = 8192;

/// How volumes are prepared. The defaults are the paper's for ACDC; what it leaves open is said at each field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocessing {
    /// In-plane spacing to resample to, in mm; `null` leaves the pixels as they are. Default 1.51.
    pub spacing_mm: Option<f64>,
    /// Rows and columns to crop or pad to, centred; one number stands for a square. Default 224 x 224.
    #[serde(deserialize_with = "side_or_pair")]
    #[schemars(with = "Size")]
    pub size: [usize; 2],
    /// Interpolation of images, labels are always nearest. Not in the paper; default linear.
    pub interpolation: Interpolation,
    /// How the grids lie over each other. Not in the paper; default `half_pixel`.
    pub grid: Grid,
    /// How the size is got. Default `crop_or_pad`.
    #[serde(skip_serializing_if = "Fit::is_default")]
    pub fit: Fit,
    /// Where the odd row or column goes. Not in the paper; default `floor_before`.
    pub offset: Offset,
    /// What images are padded with. Not in the paper; default `zero`. Masks are padded with background.
    pub fill: Fill,
    /// What experts' scribbles are padded with. Default `unlabelled`.
    #[serde(skip_serializing_if = "ScribbleFill::is_default")]
    pub scribble_fill: ScribbleFill,
    /// Default `median_iqr`, per volume.
    pub normalisation: Normalisation,
    /// Limits intensities to these two percentiles before normalising. Default `null`; the released code has [5, 95].
    pub clip_percentiles: Option<[f64; 2]>,
    /// Default `resample_crop_normalise`, the order of the text.
    pub order: Order,
}

impl Default for Preprocessing {
    fn default() -> Self {
        Preprocessing {
            spacing_mm: Some(1.51),
            size: [224, 224],
            interpolation: Interpolation::default(),
            grid: Grid::default(),
            fit: Fit::default(),
            offset: Offset::default(),
            fill: Fill::default(),
            scribble_fill: ScribbleFill::default(),
            normalisation: Normalisation::default(),
            clip_percentiles: None,
            order: Order::default(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    #[default]
    Linear,
    Nearest,
}

/// How an image comes to its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Cropped or padded around its centre, its pixels as they are.
    #[default]
    CropOrPad,
    /// Resampled to it, rows and columns each by themselves (PPSS).
    Stretch,
}

impl Fit {
    fn is_default(&self) -> bool {
        *self == Fit::default()
    }
}

/// What images are padded with. With the order of the text, padding is normalised too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    #[default]
    Zero,
    /// The nearest pixel.
    Edge,
    /// The least value of the volume's pixels that stay.
    Minimum,
}

/// What experts' scribbles are padded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScribbleFill {
    /// Nobody annotated what was not there.
    #[default]
    Unlabelled,
    /// Annotates all padding as background, as the released code does. The paper's figures do, too: ACDC's scribbles
    /// cover 10.4 (8.4) % as background (IV-A), and padding alone is 9.5 (8.4) % of a 224 x 224 slice.
    Background,
}

impl ScribbleFill {
    fn is_default(&self) -> bool {
        *self == ScribbleFill::default()
    }

    fn label(self) -> u8 {
        match self {
            ScribbleFill::Unlabelled => UNLABELLED,
            ScribbleFill::Background => 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    ResampleCropNormalise,
    ResampleNormaliseCrop,
    NormaliseResampleCrop,
}

/// A size as it may be written.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "expected a side (224) or rows and columns ([160, 80])")]
enum Size {
    Side(usize),
    Pair([usize; 2]),
}

/// Accepts `224` and `[160, 80]`.
fn side_or_pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[usize; 2], D::Error> {
    Ok(match Size::deserialize(deserializer)? {
        Size::Side(side) => [side, side],
        Size::Pair(pair) => pair,
    })
}

/// Prepares a volume: image, mask and scribble stay pixel on pixel.
pub fn preprocess(volume: &Volume, parameters: &Preprocessing) -> Result<Volume, DataError> {
    let (shape, target) = geometry(volume, parameters)?;
    let pipeline = Pipeline {
        parameters,
        resampling: Resampling::new(shape, volume.spacing, target, parameters.grid),
        resamples: target != volume.spacing,
    };
    Ok(Volume {
        case: volume.case.clone(),
        name: volume.name.clone(),
        group: volume.group.clone(),
        spacing: pipeline.spacing(target, shape),
        image: pipeline.image(&volume.image, shape),
        mask: pipeline.labels(&volume.mask, shape, 0),
        scribble: volume
            .scribble
            .as_ref()
            .map(|scribble| pipeline.labels(scribble, shape, parameters.scribble_fill.label())),
    })
}

/// What undoes what [`preprocess`] does to the planes of a volume.
pub fn inverse(volume: &Volume, parameters: &Preprocessing) -> Result<Inverse, DataError> {
    let (shape, target) = geometry(volume, parameters)?;
    Ok(Inverse::new(shape, volume.spacing, target, parameters))
}

/// Rows and columns of a sound volume, and the spacing that it is resampled to.
fn geometry(volume: &Volume, parameters: &Preprocessing) -> Result<([usize; 2], [f64; 2]), DataError> {
    check_parameters(parameters)?;
    let shape = check_volume(volume)?;
    let target = parameters.spacing_mm.map_or(volume.spacing, |spacing| [spacing, spacing]);
    check_target(volume, shape, target)?;
    Ok((shape, target))
}

struct Pipeline<'a> {
    parameters: &'a Preprocessing,
    resampling: Resampling,
    /// At the spacing that it has, a volume is left as it is, bit for bit.
    resamples: bool,
}

impl Pipeline<'_> {
    /// In double precision to the end.
    fn image(&self, image: &Image, shape: [usize; 2]) -> Image {
        let values = match self.parameters.order {
            Order::ResampleCropNormalise if self.is_simple() => self.normalise(self.window(&image.data, shape)),
            Order::ResampleCropNormalise => self.normalise(self.crop(self.resample(&image.data, shape), shape)),
            Order::ResampleNormaliseCrop => self.crop(self.normalise(self.resample(&image.data, shape)), shape),
            Order::NormaliseResampleCrop => {
                let values = self.normalise(image.data.iter().map(|&x| f64::from(x)).collect());
                self.crop(self.resample(&values, shape), shape)
            }
        };
        let [height, width] = self.parameters.size;
        let data = values.into_iter().map(|x| x as f32).collect();
        Image { slices: image.slices, channels: image.channels, height, width, data }
    }

    /// Of the result.
    fn spacing(&self, target: [f64; 2], shape: [usize; 2]) -> [f64; 2] {
        let (is, size) = (self.resampled_shape(shape), self.parameters.size);
        match self.parameters.fit {
            Fit::CropOrPad => target,
            Fit::Stretch => std::array::from_fn(|i| target[i] * is[i] as f64 / size[i] as f64),
        }
    }

    fn labels(&self, labels: &Labels, shape: [usize; 2], fill: u8) -> Labels {
        let (is, size) = (self.resampled_shape(shape), self.parameters.size);
        let crop = Crop::new(is, size, self.parameters.offset);
        let stretch = Resampling::between(is, size);
        let plane = |plane: &[u8]| {
            let resampled = if self.resamples { self.resampling.nearest(plane) } else { plane.to_vec() };
            match self.parameters.fit {
                Fit::CropOrPad => crop.apply(&resampled, Some(fill)),
                Fit::Stretch => stretch.nearest(&resampled),
            }
        };
        let data = joined(labels.data.chunks_exact(shape[0] * shape[1]).map(plane));
        let [height, width] = self.parameters.size;
        Labels { slices: labels.slices, height, width, data }
    }

    fn resampled_shape(&self, shape: [usize; 2]) -> [usize; 2] {
        if self.resamples { self.resampling.shape() } else { shape }
    }

    /// Whether resampling and cropping are one step: what is cropped away need not be known.
    fn is_simple(&self) -> bool {
        let Preprocessing { fit, fill, interpolation, .. } = *self.parameters;
        self.resamples && fit == Fit::CropOrPad && fill == Fill::Zero && interpolation == Interpolation::Linear
    }

    /// [`Pipeline::resample`] and [`Pipeline::crop`] at once.
    fn window(&self, values: &[f32], shape: [usize; 2]) -> Vec<f64> {
        let [height, width] = self.parameters.size;
        let (kept, first) = Crop::new(self.resampled_shape(shape), [height, width], self.parameters.offset).window();
        let planes = values.chunks_exact(shape[0] * shape[1]);
        let mut all = vec![0.0; planes.len() * height * width];
        for (source, target) in planes.zip(all.chunks_exact_mut(height * width)) {
            self.resampling.linear_into(source, kept.clone(), &mut target[first..], width);
        }
        all
    }

    fn resample<T: Copy + Into<f64>>(&self, values: &[T], shape: [usize; 2]) -> Vec<f64> {
        if !self.resamples {
            return values.iter().map(|&x| x.into()).collect();
        }
        let plane = |plane: &[T]| match self.parameters.interpolation {
            Interpolation::Linear => self.resampling.linear(plane),
            Interpolation::Nearest => self.resampling.nearest(plane).into_iter().map(Into::into).collect(),
        };
        joined(values.chunks_exact(shape[0] * shape[1]).map(plane))
    }

    fn crop(&self, values: Vec<f64>, shape: [usize; 2]) -> Vec<f64> {
        let shape = self.resampled_shape(shape);
        if self.parameters.fit == Fit::Stretch {
            return self.stretch(values, shape);
        }
        let crop = Crop::new(shape, self.parameters.size, self.parameters.offset);
        let planes = || values.chunks_exact(shape[0] * shape[1]);
        let fill = match self.parameters.fill {
            Fill::Zero => Some(0.0),
            Fill::Edge => None,
            Fill::Minimum => Some(planes().flat_map(|plane| crop.kept(plane)).fold(f64::INFINITY, f64::min)),
        };
        joined(planes().map(|plane| crop.apply(plane, fill)))
    }

    fn stretch(&self, values: Vec<f64>, shape: [usize; 2]) -> Vec<f64> {
        if shape == self.parameters.size {
            return values;
        }
        let stretch = Resampling::between(shape, self.parameters.size);
        let plane = |plane: &[f64]| match self.parameters.interpolation {
            Interpolation::Linear => stretch.linear(plane),
            Interpolation::Nearest => stretch.nearest(plane),
        };
        joined(values.chunks_exact(shape[0] * shape[1]).map(plane))
    }

    fn normalise(&self, mut values: Vec<f64>) -> Vec<f64> {
        if let Some(percentiles) = self.parameters.clip_percentiles {
            clip(&mut values, percentiles);
        }
        self.parameters.normalisation.apply(&mut values);
        values
    }
}

/// Planes one after the other; copied whole, where a flattened iterator goes value by value.
fn joined<T: Copy>(planes: impl Iterator<Item = Vec<T>>) -> Vec<T> {
    let mut all = Vec::new();
    let more = planes.size_hint().0;
    planes.for_each(|plane| {
        if all.is_empty() {
            all.reserve_exact(more.saturating_mul(plane.len()));
        }
        all.extend_from_slice(&plane);
    });
    all
}

fn check_parameters(parameters: &Preprocessing) -> Result<(), DataError> {
    let wrong = |name, message: &str| Err(DataError::Parameter { name, message: message.to_owned() });
    let is_spacing = |spacing: f64| spacing.is_finite() && spacing > 0.0;
    if parameters.spacing_mm.is_some_and(|spacing| !is_spacing(spacing)) {
        return wrong(
            "spacing_mm",
            "must be a positive number of millimetres, or null to leave the pixels as they are",
        );
    }
    if parameters.size.iter().any(|side| !(1..=SIDE_LIMIT).contains(side)) {
        return wrong("size", &format!("rows and columns go from 1 to {SIDE_LIMIT}"));
    }
    let in_order = |[low, high]: [f64; 2]| 0.0 <= low && low < high && high <= 100.0;
    if parameters.clip_percentiles.is_some_and(|percentiles| !in_order(percentiles)) {
        return wrong("clip_percentiles", "must be two rising numbers between 0 and 100");
    }
    Ok(())
}

/// Rows and columns of a sound volume.
fn check_volume(volume: &Volume) -> Result<[usize; 2], DataError> {
    let place = || Place::new(&volume.case, format_args!("volume {}", volume.name));
    let Image { slices, channels, height, width, ref data } = volume.image;
    let image = [slices, height, width];
    if [channels, slices, height, width].contains(&0) || height.max(width) > SIDE_LIMIT {
        return Err(DataError::Size { place: place(), size: [height, width], limit: SIDE_LIMIT });
    }
    if data.len() != slices * channels * height * width {
        return Err(DataError::Shape { place: place(), is: [data.len(), 1, 1], image });
    }
    for labels in [Some(&volume.mask), volume.scribble.as_ref()].into_iter().flatten() {
        let is = [labels.slices, labels.height, labels.width];
        if is != image || labels.data.len() != slices * height * width {
            return Err(DataError::Shape { place: place(), is, image });
        }
    }
    if volume.spacing.iter().any(|&spacing| !(spacing.is_finite() && spacing > 0.0)) {
        return Err(DataError::Spacing { place: place(), spacing: volume.spacing });
    }
    match data.iter().filter(|x| !x.is_finite()).count() {
        0 => Ok([height, width]),
        count => Err(DataError::NotFinite { place: place(), count }),
    }
}

/// A spacing far off would ask for more memory than there is.
fn check_target(volume: &Volume, shape: [usize; 2], target: [f64; 2]) -> Result<(), DataError> {
    let length = |i: usize| Resampling::length(shape[i], volume.spacing[i], target[i]);
    if length(0).max(length(1)) <= SIDE_LIMIT as f64 {
        return Ok(());
    }
    let place = Place::new(&volume.case, format_args!("volume {} resampled", volume.name));
    Err(DataError::Size { place, size: [length(0) as usize, length(1) as usize], limit: SIDE_LIMIT })
}
