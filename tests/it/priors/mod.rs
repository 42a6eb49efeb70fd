//! The learned priors that the paper compares with (PostDAE, ACCL) and the augmentation GAN (TSDA).

mod augmenter;
mod degeneracy;
mod denoiser;
mod losses;
mod patches;
mod spoilt;

use crate::training::{SIDE, set};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runner::science::method::{DiscriminatorKind, Method, Supervision};
use runner::science::model::{Arrays, Kind, Weights};
use runner::science::training::{
    Checkpoint, Course, EpochReport, Losses, Observer, Table, TrainingParameters, TrainingSet,
};

fn tensor(values: &[f32], shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn random(shape: [usize; 4], seed: u64, device: &Device) -> Tensor<4> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    tensor(&values, shape, device)
}

fn on_threads<R: Send>(threads: usize, f: impl Fn() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

/// A UNet alone, taught by masks: what TSDA augments.
fn plain() -> Method {
    let discriminator = DiscriminatorKind::None;
    Method { supervision: Supervision::Masks, attention_gating: false, discriminator, ..Method::default() }
}

fn parameters(epochs: usize) -> TrainingParameters {
    crate::training::parameters(epochs)
}

/// A training's method, set and parameters, and the device.
struct Ground {
    method: Method,
    training: TrainingParameters,
    set: TrainingSet,
    device: Device,
}

impl Ground {
    fn new(training: TrainingParameters) -> Self {
        let method = plain();
        Ground { set: set(&method), method, training, device: Device::flex() }
    }

    fn table(&self, seed: u64) -> Table<'_> {
        Table { method: &self.method, training: &self.training, set: &self.set, seed, device: &self.device }
    }
}

/// Keeps the checkpoints of all epochs, goes on from one, and may stop within a step.
#[derive(Default)]
struct Watch {
    resume: Option<Checkpoint>,
    stop_at: Option<usize>,
    steps: usize,
    checkpoints: Vec<Checkpoint>,
}

impl Watch {
    fn resuming(checkpoint: &Checkpoint) -> Self {
        let bytes = checkpoint.to_bytes().unwrap();
        Watch { resume: Some(Checkpoint::from_bytes(&bytes).unwrap()), ..Watch::default() }
    }

    fn stopping_at(step: usize) -> Self {
        Watch { stop_at: Some(step), ..Watch::default() }
    }
}

impl Observer for Watch {
    fn begin(&mut self, _: &Course) -> Option<Checkpoint> {
        self.resume.take()
    }

    fn step(&mut self, _: usize, _: usize, _: usize, _: &Losses) -> bool {
        self.steps += 1;
        self.stop_at != Some(self.steps)
    }

    fn epoch(&mut self, _: &EpochReport, checkpoint: &mut dyn FnMut() -> Checkpoint) -> bool {
        self.checkpoints.push(checkpoint());
        true
    }
}

/// Names of a network's arrays that are the same in two checkpoints.
fn still(before: &Arrays, after: &Arrays) -> Vec<String> {
    assert!(!before.is_empty() && before.keys().eq(after.keys()));
    before.keys().filter(|name| before[*name] == after[*name]).cloned().collect()
}

/// Names of trainable entries whose gradient is absent or all zero.
fn without_gradient(tracked: &Weights, loss: Tensor<1>) -> Vec<String> {
    dead(tracked, &loss.backward())
}

fn dead(tracked: &Weights, gradients: &Gradients) -> Vec<String> {
    let trainable = tracked.entries().filter(|(_, entry)| entry.kind == Kind::Trainable);
    let dead = trainable.filter(|(_, entry)| {
        let gradient = entry.value.grad(gradients);
        gradient.is_none_or(|g| g.to_data().iter::<f32>().all(|value| value == 0.0))
    });
    dead.map(|(name, _)| name.clone()).collect()
}

const PIXELS: usize = SIDE * SIDE;
