//! Seconds of a whole step of the game of "Ours" (annotated batch, discriminator, generator), batch 12,
//! with own operations and with burn's alone, on one and two threads.
//!
//! `cargo bench --bench training_step`; with `-- ratio` only the ratio of both, measured in turns.

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion};
use runner::science::data::{Image, Labels, UNLABELLED, Volume};
use runner::science::method::Method;
use runner::science::model::kernel::with_burn_alone;
use runner::science::training::{
    Annotated, Checkpoint, EpochReport, Losses, Observer, TrainingParameters, TrainingSet, Validation, fit,
};
use std::time::{Duration, Instant};

/// Image side and channels of the first level.
const SIZES: [(usize, usize); 2] = [(64, 8), (112, 8)];
const CLASSES: usize = 4;

/// Stripes of all classes with noise that a hash makes; every 11th pixel is annotated.
fn set(side: usize) -> TrainingSet {
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
        scribble: None,
    };
    TrainingSet {
        channels: 1,
        height: side,
        width: side,
        classes: CLASSES,
        images: 48,
        annotated: (0..24).map(|shift| Annotated { image: image(shift), labels: scribble(shift) }).collect(),
        unlabelled: (0..24).map(image).collect(),
        masks: (0..24).map(mask).collect(),
        validation: vec![Validation { case: "v".into(), volume }],
    }
}

/// Clocks the steps after the first and stops before the validation.
#[derive(Default)]
struct Clock {
    start: Option<Instant>,
    elapsed: Duration,
}

impl Observer for Clock {
    fn step(&mut self, _: usize, step: usize, steps: usize, _: &Losses) -> bool {
        let start = *self.start.get_or_insert_with(Instant::now);
        self.elapsed = start.elapsed();
        step != steps
    }

    fn epoch(&mut self, _: &EpochReport, _: &mut dyn FnMut() -> Checkpoint) -> bool {
        false
    }
}

/// Time of `steps` steps on a pool of `threads`.
fn time(set: &TrainingSet, width: usize, threads: usize, own: bool, steps: u64) -> Duration {
    let training = TrainingParameters {
        epochs: 1,
        width,
        steps_per_epoch: Some(steps as usize + 1),
        ..TrainingParameters::default()
    };
    let run = || {
        let mut clock = Clock::default();
        fit(&Method::default(), &training, set, 1, &Device::flex(), None, &mut clock).expect("a valid training");
        clock.elapsed
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
    pool.install(|| if own { run() } else { with_burn_alone(run) })
}

/// Median of burn's time over ours, in turns.
fn ratio(side: usize, width: usize, threads: usize) {
    const PAIRS: usize = 7;
    let set = set(side);
    let pair = |_| [true, false].map(|own| time(&set, width, threads, own, 3).as_secs_f64() / 3.0);
    let mut pairs: Vec<[f64; 2]> = (0..PAIRS).map(pair).collect();
    pairs.sort_by(|a, b| (a[1] / a[0]).total_cmp(&(b[1] / b[0])));
    let [own, burn] = pairs[PAIRS / 2];
    println!("({side}, {width}), {threads} threads: own {own:.4} s, burn alone {burn:.4} s, ratio {:.2}", burn / own);
}

fn main() {
    let cases = SIZES.into_iter().flat_map(|size| [1, 2].map(|threads| (size, threads)));
    if std::env::args().any(|argument| argument == "ratio") {
        return cases.for_each(|((side, width), threads)| ratio(side, width, threads));
    }
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("training step");
    for ((side, width), threads) in cases {
        let set = set(side);
        for (name, own) in [("own", true), ("burn alone", false)] {
            let id = BenchmarkId::new(name, format!("{side}x{width}, {threads} threads"));
            group.bench_function(id, |b| b.iter_custom(|steps| time(&set, width, threads, own, steps)));
        }
    }
    group.finish();
    criterion.final_summary();
}
