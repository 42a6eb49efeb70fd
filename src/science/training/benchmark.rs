use super::checkpoint::Checkpoint;
use super::fit::fit;
use super::judge::Judge;
use super::lesson::{EpochReport, Observer, TrainingError};
use super::losses::Losses;
use super::parameters::TrainingParameters;
use super::predict::network;
use super::set::{Annotated, Subjects, TrainingSet, Validation};
use crate::science::data::{Image, Labels, UNLABELLED, Volume};
use crate::science::method::Method;
use crate::science::model::kernel::{Part, take_times};
use burn::tensor::Device;
use std::time::Instant;

/// A training step to be timed: the whole game of "Ours" (annotated batch, discriminator, generator) on
/// images that need no data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepBenchmark {
    /// Side of the images: a multiple of 16, at least 32.
    pub size: usize,
    /// Channels of the first level.
    pub width: usize,
    pub batch: usize,
    /// Steps that are timed, and steps before them that are not.
    pub steps: usize,
    pub warm_up: usize,
}

/// What [`StepBenchmark::run`] saw.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTimes {
    /// Seconds of each timed step.
    pub steps: Vec<f64>,
    /// Mean seconds a step of each part, both ways through it. What they leave of the step is spent in
    /// operations of the backend's own and in keeping the graph.
    pub parts: Vec<(Part, f64)>,
    /// Fused multiply-adds that the convolutions of a step ask for.
    pub multiply_adds: f64,
    /// Trainable values of segmentor and discriminator.
    pub parameters: usize,
}

/// Classes of the made-up images, background included.
const CLASSES: usize = 4;
const IMAGES: usize = 24;

impl StepBenchmark {
    /// Times the steps on the current pool of threads; `device` is outside of autodiff.
    pub fn run(&self, device: &Device) -> Result<StepTimes, TrainingError> {
        let training = TrainingParameters {
            epochs: 1,
            width: self.width,
            batch_size: self.batch,
            steps_per_epoch: Some(self.warm_up + self.steps + 1),
            ..TrainingParameters::default()
        };
        let method = Method::default();
        let set = stripes(self.size);
        let mut clock = Clock { warm_up: self.warm_up, last: Instant::now(), steps: Vec::new() };
        take_times();
        fit(&method, &training, &set, 1, device, &mut clock)?;
        let count = clock.steps.len().max(1) as f64;
        let parts = take_times().map(|(part, time)| (part, time.as_secs_f64() / count));
        let (multiply_adds, parameters) = self.work(&method, &training, &set, device);
        Ok(StepTimes { parts: parts.to_vec(), steps: clock.steps, multiply_adds, parameters })
    }

    fn work(&self, method: &Method, training: &TrainingParameters, set: &TrainingSet, device: &Device) -> (f64, usize) {
        let segmentor = network(method, training, 1, CLASSES).segmentor;
        let discriminator = Judge::of(method, training, set);
        let mut rng = super::generator(1, super::Stream::SegmentorWeights, 0);
        let mut parameters = segmentor.init(&mut rng, device).trainable_values();
        // Forward once, and back to weights and inputs: three times the work of a forward pass. Images need
        // no gradient, which is too little to count. A frozen discriminator goes back to its input only.
        let mut passes = 6.0 * segmentor.multiply_adds([self.size; 2]) as f64;
        if let Some(discriminator) = discriminator {
            parameters += discriminator.init(&mut rng, device).trainable_values();
            // Twice frozen, once with gradients on real and fake masks.
            passes += (2.0 * 2.0 + 2.0 * 3.0) * discriminator.multiply_adds() as f64;
        }
        (passes * self.batch as f64, parameters)
    }
}

/// Stripes of all classes with noise that a hash makes; every 11th pixel is annotated.
fn stripes(side: usize) -> TrainingSet {
    let pixels = side * side;
    let label = |i: usize, shift: usize| ((i % side / 8 + shift) % CLASSES) as u8;
    let image = |shift: usize| -> Vec<f32> {
        let noise = |i: usize| ((i * 2_654_435_761 + shift * 97) % 1000) as f32 * 1e-3;
        (0..pixels).map(|i| f32::from(label(i, shift)) * 0.5 - 0.7 + noise(i)).collect()
    };
    let mask = |shift: usize| -> Vec<u8> { (0..pixels).map(|i| label(i, shift)).collect() };
    let scribble =
        |shift: usize| mask(shift).iter().enumerate().map(|(i, &l)| if i % 11 == 0 { l } else { UNLABELLED }).collect();
    let volume = Volume {
        case: "v".into(),
        name: "v".into(),
        spacing: [1.0, 1.0],
        image: Image { slices: 1, channels: 1, height: side, width: side, data: image(0) },
        mask: Labels { slices: 1, height: side, width: side, data: mask(0) },
        group: None,
        scribble: None,
    };
    TrainingSet {
        channels: 1,
        height: side,
        width: side,
        classes: CLASSES,
        images: 2 * IMAGES,
        annotated: (0..IMAGES).map(|shift| Annotated { image: image(shift), labels: vec![scribble(shift)] }).collect(),
        unlabelled: (0..IMAGES).map(image).collect(),
        masks: (0..IMAGES).map(mask).collect(),
        validation: vec![Validation { case: "v".into(), volume }],
        subjects: Subjects::default(),
    }
}

/// Clocks the steps after the warm-up and stops before the validation.
struct Clock {
    warm_up: usize,
    last: Instant,
    steps: Vec<f64>,
}

impl Observer for Clock {
    fn step(&mut self, _: usize, step: usize, steps: usize, _: &Losses) -> bool {
        if step > self.warm_up {
            self.steps.push(self.last.elapsed().as_secs_f64());
        } else {
            take_times();
        }
        self.last = Instant::now();
        step + 1 < steps
    }

    fn epoch(&mut self, _: &EpochReport, _: &mut dyn FnMut() -> Checkpoint) -> bool {
        false
    }
}
