use crate::digest::Digest;
use crate::science::data::{DataError, Image, Preparation};
use crate::science::model::{Mode, Network, NetworkError, Weights, WeightsError, values};
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Slices of one inference batch.
const BATCH: usize = 12;
/// A side of the prepared slices is a multiple of this: the network halves it at each of four levels.
const SIDE: usize = 16;

/// A trained network with what it has to know of its data set.
pub struct Predictor {
    pub preparation: Preparation,
    /// Of `weights.safetensors`, `model.json` and `preparation.json`.
    pub digest: Digest,
    network: Network,
    weights: Weights,
    device: Device,
}

/// Weights that can't be used.
#[derive(Debug, Error)]
pub enum PredictorError {
    #[error("{folder} has no {file}: --weights is the folder that a training writes, or weights.safetensors in it")]
    Missing { folder: PathBuf, file: &'static str },
    #[error(
        "{folder} has no preparation.json, which says how images were prepared for this network: it was trained by an older \
         runner; train it again (`runner run`)"
    )]
    Unprepared { folder: PathBuf },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: not as a training writes it: {reason}")]
    Format { path: PathBuf, reason: String },
    #[error("{path}: {source}")]
    Preparation { path: PathBuf, source: Box<DataError> },
    #[error("{path}: {source}")]
    Weights { path: PathBuf, source: WeightsError },
    #[error("{folder}: model.json and preparation.json are not of one training: {what}")]
    Mismatch { folder: PathBuf, what: String },
}

const WEIGHTS: &str = "weights.safetensors";
const MODEL: &str = "model.json";
const PREPARATION: &str = "preparation.json";

impl Predictor {
    /// From a folder as the stage `train` writes it.
    pub fn load(folder: &Path, device: Device) -> Result<Self, PredictorError> {
        let bytes = [WEIGHTS, MODEL, PREPARATION].map(|name| read(folder, name));
        let [weights_bytes, model, preparation] = bytes;
        let (weights_bytes, model, preparation) = (weights_bytes?, model?, preparation?);
        let digest = Digest::of_bytes(
            [&weights_bytes, &model, &preparation].map(|bytes| Digest::of_bytes(bytes).to_string()).concat().as_bytes(),
        );
        let network: Network = parse(folder, MODEL, &model)?;
        let preparation: Preparation = parse(folder, PREPARATION, &preparation)?;
        let path = folder.join(PREPARATION);
        preparation.check().map_err(|source| PredictorError::Preparation { path, source: Box::new(source) })?;
        check(folder, &network, &preparation, weights_bytes.len())?;
        // Only for the names and shapes: all values are replaced.
        let mut weights = network.init(&mut ChaCha8Rng::seed_from_u64(0), &device);
        let failed = |source| PredictorError::Weights { path: folder.join(WEIGHTS), source };
        weights.load(&weights_bytes, &device).map_err(failed)?;
        Ok(Predictor { preparation, digest, network, weights, device })
    }

    /// Of each prepared slice in turn, `[class, row, column]`.
    pub fn probabilities(&self, image: &Image, mut each: impl FnMut(Vec<f32>)) -> Result<(), NetworkError> {
        let size = image.height * image.width;
        for first in (0..image.slices).step_by(BATCH) {
            let logits = self.logits(image, first, BATCH.min(image.slices - first))?;
            let slices = logits.chunks_exact((self.network.segmentor.classes * size).max(1));
            slices.for_each(|logits| each(softmax(logits, size)));
        }
        Ok(())
    }

    /// Of slices from `first` on, `[slice, class, row, column]`.
    fn logits(&self, image: &Image, first: usize, count: usize) -> Result<Vec<f32>, NetworkError> {
        let pixels: Vec<f32> = (first..first + count).flat_map(|i| image.slice(i)).copied().collect();
        let shape = [count, image.channels, image.height, image.width];
        let input = Tensor::<4>::from_data(TensorData::new(pixels, shape), &self.device);
        let logits = self.network.segmentor.forward(&self.weights, input.clone(), Mode::Infer).logits;
        Ok(values(&self.network.refine(&self.weights, logits, input)?))
    }
}

/// Over the classes of each pixel, in double precision.
fn softmax(logits: &[f32], size: usize) -> Vec<f32> {
    let mut probabilities = vec![0.0; logits.len()];
    for pixel in 0..size {
        let of_pixel = || logits[pixel..].iter().step_by(size).map(|&x| f64::from(x));
        let greatest = of_pixel().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = of_pixel().map(|x| libm::exp(x - greatest)).sum();
        for (to, x) in probabilities[pixel..].iter_mut().step_by(size).zip(of_pixel()) {
            *to = (libm::exp(x - greatest) / sum) as f32;
        }
    }
    probabilities
}

fn read(folder: &Path, name: &'static str) -> Result<Vec<u8>, PredictorError> {
    let path = folder.join(name);
    std::fs::read(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound if name == PREPARATION => PredictorError::Unprepared { folder: folder.to_owned() },
        std::io::ErrorKind::NotFound => PredictorError::Missing { folder: folder.to_owned(), file: name },
        _ => PredictorError::Read { path, source },
    })
}

fn parse<T: DeserializeOwned>(folder: &Path, name: &str, bytes: &[u8]) -> Result<T, PredictorError> {
    let wrong = |e: serde_json::Error| PredictorError::Format { path: folder.join(name), reason: e.to_string() };
    serde_json::from_slice(bytes).map_err(wrong)
}

/// Whether the parts belong together; before a network of that size takes memory.
fn check(folder: &Path, network: &Network, preparation: &Preparation, bytes: usize) -> Result<(), PredictorError> {
    let mismatch = |what: String| Err(PredictorError::Mismatch { folder: folder.to_owned(), what });
    let (classes, channels) = (preparation.classes.len(), preparation.channels);
    let segmentor = &network.segmentor;
    if segmentor.classes != classes {
        return mismatch(format!("{} classes and {classes}", segmentor.classes));
    }
    if segmentor.channels != channels {
        return mismatch(format!("{} channels and {channels}", segmentor.channels));
    }
    let sides = [preparation.height, preparation.width];
    if sides.iter().any(|&side| side == 0 || !side.is_multiple_of(SIDE)) {
        return mismatch(format!("slices of {} x {}, whose sides are no multiples of {SIDE}", sides[0], sides[1]));
    }
    if let Some(denoiser) = &network.denoiser
        && (denoiser.size != sides || denoiser.classes != classes)
    {
        let [rows, columns] = denoiser.size;
        return mismatch(format!("an autoencoder for {} classes of {rows} x {columns}", denoiser.classes));
    }
    let width = segmentor.width.max(network.denoiser.as_ref().map_or(0, |denoiser| denoiser.width));
    if segmentor.width == 0 || least_bytes(network) > bytes as u128 {
        return mismatch(format!("weights of {bytes} bytes for a network of width {width}"));
    }
    Ok(())
}

/// What the weights take at least, of 4 bytes each: 3 x 3 of the last block of the bottleneck, between 16 times as many channels as
/// at the top; of the autoencoder those of a block of half its width, and those around its code.
fn least_bytes(network: &Network) -> u128 {
    let square = |channels: usize| (channels as u128).saturating_mul(channels as u128).saturating_mul(9 * 4);
    let denoiser = network.denoiser.as_ref().map_or(0, |denoiser| {
        let code = (denoiser.code as u128).saturating_mul(denoiser.width as u128 / 2).saturating_mul(4);
        square(denoiser.width / 2).saturating_add(code)
    });
    square(network.segmentor.width.saturating_mul(16)).saturating_add(denoiser)
}
