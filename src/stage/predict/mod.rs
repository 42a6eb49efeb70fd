//! Segments images of no data set with the weights of a training (`runner predict`).

mod predictor;
mod target;
mod write;

pub use predictor::{Predictor, PredictorError};
pub use target::TargetError;

use crate::report::figure::class_colour;

use crate::science::data::dicom_file::{self, Original};
use crate::science::data::folder::Code;
use crate::science::data::preprocess::{inverse, preprocess};
use crate::science::data::scan::{self, Format, Origin, Scan};
use crate::science::data::{DataError, Preparation, nifti_file, picture_file};
use crate::science::device::{DeviceError, DeviceName};
use crate::science::model::NetworkError;
use serde::Serialize;
use std::path::{Path, PathBuf};
use target::{Target, targets};
use thiserror::Error;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Predict {
    /// The folder of `weights.safetensors`, `model.json` and `preparation.json`.
    pub weights: PathBuf,
    pub images: Vec<PathBuf>,
    /// Where masks go; none: beside each image.
    pub out: Option<PathBuf>,
    /// Replace what is there.
    pub force: bool,
    /// Of images over time, from 1.
    pub frame: Option<usize>,
    /// Side of a pixel where a file does not say it.
    pub spacing_mm: Option<f64>,
    /// Write the codes of the data set instead of labels.
    pub codes: bool,
    /// Name of the device, as in a pipeline.
    pub device: String,
    pub threads: usize,
}

/// Nothing can be segmented.
#[derive(Debug, Error)]
pub enum PredictError {
    #[error(transparent)]
    Predictor(#[from] PredictorError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error("--spacing is {0} mm, and must be above 0")]
    Spacing(f64),
    #[error("class `{class}` has {code}, which is no number from 0 to 255: leave --codes out")]
    Code { class: String, code: String },
    #[error("cannot make the folder {path}: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("no threads: {0}")]
    Threads(String),
}

/// What became of one image.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub image: PathBuf,
    #[serde(flatten, serialize_with = "either")]
    pub result: Result<Written, Failure>,
}

/// The fields of what there is.
fn either<S: serde::Serializer>(result: &Result<Written, Failure>, serializer: S) -> Result<S::Ok, S::Error> {
    match result {
        Ok(written) => written.serialize(serializer),
        Err(failure) => failure.serialize(serializer),
    }
}

#[derive(Debug, Serialize)]
pub struct Failure {
    pub error: String,
}

/// A mask that was written.
#[derive(Debug, Serialize)]
pub struct Written {
    /// A file, or the folder of a series.
    pub mask: PathBuf,
    pub slices: usize,
    pub rows: usize,
    pub columns: usize,
    /// `[row, column]`; null where the file does not say it.
    pub spacing_mm: Option<[f64; 2]>,
    pub slice_distance_mm: Option<f64>,
    /// All but the background.
    pub classes: Vec<Amount>,
}

/// How much of a class there is.
#[derive(Debug, Serialize)]
pub struct Amount {
    pub name: String,
    /// As it stands in the mask.
    pub value: u8,
    pub pixels: usize,
    /// Millilitres, where pixels have a known size.
    pub ml: Option<f64>,
}

/// Why one image has no mask.
#[derive(Debug, Error)]
enum ImageError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Write(#[from] write::WriteError),
    #[error(
        "{path}: it has no pixel spacing, and the network was trained on pixels of {trained} mm: say it by --spacing"
    )]
    NoSpacing { path: PathBuf, trained: f64 },
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("the mask cannot be written as PNG: {0}")]
    Png(#[from] png::EncodingError),
}

impl Predict {
    /// One image after the other; a bad one does not stop the others. `each` hears of every outcome.
    pub fn run(&self, each: &mut (dyn FnMut(&Outcome) + Send)) -> Result<Vec<Outcome>, PredictError> {
        if let Some(spacing) = self.spacing_mm.filter(|&spacing| !(spacing.is_finite() && spacing > 0.0)) {
            return Err(PredictError::Spacing(spacing));
        }
        let device: DeviceName = self.device.parse()?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build();
        let pool = pool.map_err(|error| PredictError::Threads(error.to_string()))?;
        pool.install(|| {
            let predictor = Predictor::load(&self.weights, device.open(self.threads)?)?;
            let legend = Legend::new(&predictor.preparation, self.codes)?;
            if let Some(path) = &self.out {
                let failed = |source| PredictError::Folder { path: path.clone(), source };
                std::fs::create_dir_all(path).map_err(failed)?;
            }
            let job = Job { asked: self, predictor: &predictor, legend: &legend };
            let planned = self.images.iter().zip(targets(&self.images, self.out.as_deref(), self.force));
            Ok(planned.map(|(image, target)| job.outcome(image, target, each)).collect())
        })
    }
}

struct Job<'a> {
    asked: &'a Predict,
    predictor: &'a Predictor,
    legend: &'a Legend,
}

impl Job<'_> {
    fn outcome(
        &self,
        image: &Path,
        target: Result<Target, TargetError>,
        each: &mut (dyn FnMut(&Outcome) + Send),
    ) -> Outcome {
        let result = target.map_err(ImageError::from).and_then(|target| self.segment(image, &target));
        let result = result.map_err(|error| Failure { error: self.advised(&error) });
        let outcome = Outcome { image: image.to_owned(), result };
        each(&outcome);
        outcome
    }

    /// With what to do about it, where an option of the command does it.
    fn advised(&self, error: &ImageError) -> String {
        match error {
            ImageError::Data(DataError::Frames { .. })
            | ImageError::Target(TargetError::Data(DataError::Frames { .. })) => {
                format!("{error} by --frame")
            }
            _ => error.to_string(),
        }
    }

    fn segment(&self, path: &Path, target: &Target) -> Result<Written, ImageError> {
        let Predict { frame, spacing_mm, .. } = *self.asked;
        let preparation = &self.predictor.preparation;
        let scan = scan::read(path, target.format, scan::Options { frame, spacing_mm })?;
        if let Some(trained) = preparation.preprocessing.spacing_mm.filter(|_| !scan.measured) {
            return Err(ImageError::NoSpacing { path: path.to_owned(), trained });
        }
        let scan = scan.with_channels(preparation.channels)?;
        let labels = self.labels(&scan)?;
        self.write(&scan, &labels, target)?;
        Ok(self.written(&scan, &labels, target))
    }

    /// As scanned, `[slice, row, column]`.
    fn labels(&self, scan: &Scan) -> Result<Vec<u8>, ImageError> {
        let preprocessing = &self.predictor.preparation.preprocessing;
        let prepared = preprocess(&scan.volume, preprocessing)?;
        let inverse = inverse(&scan.volume, preprocessing)?;
        let mut labels = Vec::new();
        self.predictor.probabilities(&prepared.image, |slice| labels.extend(inverse.labels(&slice)))?;
        Ok(labels)
    }

    fn write(&self, scan: &Scan, labels: &[u8], target: &Target) -> Result<(), ImageError> {
        let values: Vec<u8> = labels.iter().map(|&label| self.legend.value(label)).collect();
        let (image, force) = (&scan.volume.image, self.asked.force);
        let size = [image.height, image.width];
        match &scan.origin {
            Origin::Nifti(header) => {
                let file = nifti_file::mask(header, &values, &self.legend.short, target.is_zipped());
                write::file(&target.path, &file, force)?;
            }
            Origin::Picture => {
                let file = picture_file::mask(image.height, image.width, &values, &self.legend.palette())?;
                write::file(&target.path, &file, force)?;
            }
            Origin::Dicom(slices) => {
                let planes = values.chunks_exact((image.height * image.width).max(1));
                let files = slices
                    .iter()
                    .zip(planes)
                    .map(|((path, original), plane)| (path.as_path(), self.dicom(size, original, plane)));
                let files: Vec<(&Path, Vec<u8>)> = files.collect();
                match files.as_slice() {
                    [(_, bytes)] if target.format == Format::Dicom => write::file(&target.path, bytes, force)?,
                    files => write::folder(&target.path, files, force)?,
                }
            }
        }
        Ok(())
    }

    fn dicom(&self, [rows, columns]: [usize; 2], original: &Original, labels: &[u8]) -> Vec<u8> {
        let (digest, legend) = (self.predictor.digest, &self.legend.long);
        let description = format!("runner {VERSION}, weights {}: {legend}", digest.short());
        let maker = format!("{digest} {legend}");
        let (description, maker, version) = (&description, &maker, VERSION);
        dicom_file::Mask { original, rows, columns, labels, description, maker, version }.file()
    }

    fn written(&self, scan: &Scan, labels: &[u8], target: &Target) -> Written {
        let image = &scan.volume.image;
        let spacing = scan.measured.then_some(scan.volume.spacing);
        let ml = spacing.zip(scan.depth).map(|([down, across], depth)| down * across * depth / 1000.0);
        let mut counts = [0; 256];
        labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        let amount = |(label, name): (u8, &String)| {
            let pixels = counts[usize::from(label)];
            Amount { name: name.clone(), value: self.legend.value(label), pixels, ml: ml.map(|ml| ml * pixels as f64) }
        };
        Written {
            mask: target.path.clone(),
            slices: image.slices,
            rows: image.height,
            columns: image.width,
            spacing_mm: spacing,
            slice_distance_mm: scan.depth,
            classes: (0..=u8::MAX).zip(&self.legend.names).skip(1).map(amount).collect(),
        }
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What stands in a mask for each class.
struct Legend {
    names: Vec<String>,
    values: Vec<u8>,
    colours: Vec<[u8; 3]>,
    /// `0 background, 1 RV, ..`
    long: String,
    /// For a field of 80 bytes.
    short: String,
}

impl Legend {
    fn new(preparation: &Preparation, codes: bool) -> Result<Self, PredictError> {
        let (mut values, mut colours) = (Vec::new(), Vec::new());
        for (label, class) in (0..=u8::MAX).zip(&preparation.classes) {
            let code = class.codes.first().filter(|_| codes);
            let wrong = |code: String| PredictError::Code { class: class.name.clone(), code };
            let colour = code.map(|code| code.colour().map_err(&wrong)).transpose()?.flatten();
            colours.push(colour.unwrap_or_else(|| class_colour(usize::from(label))));
            values.push(match code {
                Some(Code::Number(number)) => u8::try_from(*number).map_err(|_| wrong(format!("code {number}")))?,
                _ => label,
            });
        }
        let names: Vec<String> = preparation.classes.iter().map(|class| class.name.clone()).collect();
        let entries = values.iter().zip(&names).map(|(value, name)| format!("{value} {}", ascii(name)));
        let long = entries.collect::<Vec<_>>().join(", ");
        let short = format!("runner: {long}");
        Ok(Legend { names, values, colours, long, short })
    }

    fn value(&self, label: u8) -> u8 {
        self.values.get(usize::from(label)).copied().unwrap_or(label)
    }

    /// Colours of all values up to the greatest that a class has.
    fn palette(&self) -> Vec<[u8; 3]> {
        let length = self.values.iter().copied().max().map_or(1, |value| usize::from(value) + 1);
        let mut palette = vec![[0; 3]; length];
        for (value, colour) in self.values.iter().zip(&self.colours) {
            palette[usize::from(*value)] = *colour;
        }
        palette
    }
}

/// Headers have no other letters.
fn ascii(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect()
}
