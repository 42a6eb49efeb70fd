//! Metrics, skeletons and preprocessing, timed for `benches/python/compare.py`, which times Python beside them and compares
//! what both compute.
//!
//! `cargo bench --bench science -- crf [THREADS]` times the CRF's filter against the sum itself (64 x 64, 4 classes) and its layer's
//! way there and back (12 images of 224 x 224, 4 classes; of 160 x 80 in colour, 7 classes).
//!
//! `cargo bench --bench science -- pairs FILE` reads a `|u1` array `[pair, 2, row, column]` of predictions and truths (.npy);
//! `cargo bench --bench science -- preprocess FOLDER [THREADS]` reads ACDC. Each prints one line of JSON.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use runner::science::data::acdc::AcdcParameters;
use runner::science::data::{Preprocessing, Volume, preprocess};
use runner::science::metric::{EmptyDice, Hausdorff, OneEmpty, Overlap, Plane, Points, overlaps};
use runner::science::model::kernel::softmax;
use runner::science::model::{CrfParameters, Intensities, values};
use runner::science::scribble::skeletonize;
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const CLASSES: u8 = 4;
/// Each measurement lasts at least this long.
const LONG_ENOUGH: Duration = Duration::from_millis(500);

struct Pairs {
    height: usize,
    width: usize,
    /// Predictions and truths, one after the other.
    planes: Vec<Vec<u8>>,
}

impl Pairs {
    fn read(path: &Path) -> Pairs {
        let bytes = std::fs::read(path).expect("a .npy file");
        assert_eq!(&bytes[..6], b"\x93NUMPY", "{}", path.display());
        let data = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = String::from_utf8_lossy(&bytes[10..data]).into_owned();
        let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).expect("a shape").0;
        let shape: Vec<usize> = shape.split(',').filter_map(|side| side.trim().parse().ok()).collect();
        let [_, 2, height, width] = shape[..] else { panic!("[pair, 2, row, column] is needed, not {shape:?}") };
        let planes = bytes[data..].chunks_exact(height * width).map(<[u8]>::to_vec).collect();
        Pairs { height, width, planes }
    }

    fn each(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.planes.chunks_exact(2).map(|pair| (pair[0].as_slice(), pair[1].as_slice()))
    }

    /// Runs `work` on all pairs, again and again: microseconds a pair, and the sum of what it gave.
    fn time(&self, work: impl Fn(&[u8], &[u8]) -> f64) -> Value {
        let sum: f64 = self.each().map(|(prediction, truth)| work(prediction, truth)).sum();
        let (start, mut rounds) = (Instant::now(), 0);
        while start.elapsed() < LONG_ENOUGH {
            self.each().for_each(|(prediction, truth)| {
                black_box(work(black_box(prediction), black_box(truth)));
            });
            rounds += 1;
        }
        let pairs = rounds * self.planes.len() / 2;
        json!({ "microseconds": start.elapsed().as_secs_f64() * 1e6 / pairs as f64, "sum": sum })
    }
}

/// Multi-class Dice and that of each class, from one count as `evaluate` does it.
fn dice(prediction: &[u8], truth: &[u8]) -> f64 {
    let counts = overlaps(prediction, truth, usize::from(CLASSES)).expect("labels");
    let sum = |of: fn(&Overlap) -> u64| counts[1..].iter().map(of).sum();
    let intersection = sum(|overlap| overlap.intersection);
    let pooled = Overlap { intersection, prediction: sum(|o| o.prediction), truth: sum(|o| o.truth) };
    counts[1..].iter().chain([&pooled]).filter_map(|overlap| overlap.dice(EmptyDice::One)).sum()
}

/// Of each class that both show.
fn distances(hausdorff: Hausdorff, plane: Plane) -> impl Fn(&[u8], &[u8]) -> f64 {
    move |prediction, truth| {
        let of = |class| hausdorff.distance(prediction, truth, class, plane).expect("labels");
        (1..CLASSES).filter_map(of).sum()
    }
}

/// Pixels of the skeletons of the classes of the truth.
fn skeleton(height: usize, width: usize) -> impl Fn(&[u8], &[u8]) -> f64 {
    move |_, truth| {
        let of = |class| {
            let mask: Vec<bool> = truth.iter().map(|&label| label == class).collect();
            skeletonize(&mask, height, width).into_iter().filter(|&set| set).count()
        };
        (1..CLASSES).map(of).sum::<usize>() as f64
    }
}

fn pairs(path: &Path) -> Value {
    let pairs = Pairs::read(path);
    let plane = Plane::pixels(pairs.height, pairs.width);
    let defined = Hausdorff { one_empty: OneEmpty::Undefined, ..Hausdorff::default() };
    json!({
        "dice": pairs.time(dice),
        "hausdorff": pairs.time(distances(Hausdorff { points: Points::Surface4, ..defined }, plane)),
        "hausdorff_set": pairs.time(distances(defined, plane)),
        "hd95": pairs.time(distances(defined.hd95(), plane)),
        "skeleton": pairs.time(skeleton(pairs.height, pairs.width)),
    })
}

/// CPU time of this process, in user space and in the kernel.
fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, which fills it.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Reads all cases and prepares them as the paper says, on some threads.
fn prepare(root: &Path, threads: usize) -> Value {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let (start, before) = (Instant::now(), cpu());
    let volumes: Vec<Volume> = pool.install(|| {
        let cases = AcdcParameters::at(root).open().expect("ACDC");
        let case = |index| cases.read(index).expect("a sound case");
        let prepared = |volume: &Volume| preprocess(volume, &Preprocessing::default()).expect("a sound volume");
        let all = (0..cases.names().len()).into_par_iter();
        all.flat_map_iter(|index| case(index).iter().map(prepared).collect::<Vec<_>>()).collect()
    });
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu() - before);
    let images: f64 = volumes.iter().flat_map(|volume| &volume.image.data).map(|&x| f64::from(x)).sum();
    let labels: u64 = volumes.iter().flat_map(|volume| &volume.mask.data).map(|&x| u64::from(x)).sum();
    json!({ "volumes": volumes.len(), "wall": wall, "cpu": cpu, "image_sum": images, "label_sum": labels })
}

/// A picture of 0..255, `[channel, row, column]`: smooth waves that differ by channel, an edge, and some noise.
fn picture(channels: usize, [height, width]: [usize; 2]) -> Vec<f32> {
    let mut noise = 1u32;
    let mut value = |channel: usize, row: usize, column: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (y, x, phase) = (row as f32 / height as f32, column as f32 / width as f32, channel as f32);
        let disc = if (y - 0.5).hypot(x - 0.4) < 0.25 { 70.0 } else { 0.0 };
        90.0 + 50.0 * (5.0 * y + phase).sin() * (4.0 * x - phase).cos()
            + disc
            + 8.0 * (noise >> 8) as f32 / (1 << 24) as f32
    };
    let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
    let places: Vec<(usize, usize)> = places.collect();
    (0..channels)
        .flat_map(|channel| places.iter().map(move |place| (channel, *place)))
        .map(|(c, (y, x))| value(c, y, x))
        .collect()
}

fn scores(length: usize) -> Vec<f32> {
    (0..length).map(|at| (at as f32 * 0.37).sin() * 2.0 + (at as f32 * 1.9).cos()).collect()
}

fn seconds(work: impl Fn()) -> f64 {
    work();
    let (start, mut rounds) = (Instant::now(), 0);
    while rounds == 0 || start.elapsed() < LONG_ENOUGH {
        work();
        rounds += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(rounds)
}

/// The layer's way there, and there and back, for a batch.
fn layer(shape: [usize; 4], channels: usize) -> Value {
    let [batch, classes, height, width] = shape;
    let layer = CrfParameters::default().layer(classes).expect("good parameters");
    let images: Vec<f32> = (0..batch).flat_map(|_| picture(channels, [height, width])).collect();
    let device = Device::flex().autodiff();
    let tensor = |values: Vec<f32>, planes: usize| -> Tensor<4> {
        Tensor::from_data(TensorData::new(values, [batch, planes, height, width]), &device)
    };
    let (logits, images) = (tensor(scores(shape.iter().product()), classes), tensor(images, channels));
    let weights = layer.init(&Device::flex());
    let forward =
        || layer.forward(&weights.tracked(), logits.clone().require_grad(), images.clone()).expect("an image");
    let there = seconds(|| {
        black_box(forward());
    });
    let there_and_back = seconds(|| {
        black_box(forward().powf_scalar(2.0).sum().backward());
    });
    json!({ "shape": shape, "channels": channels, "forward": there, "forward_and_backward": there_and_back })
}

fn crf(threads: usize) -> Value {
    let (size, classes) = ([64, 64], 4);
    let (image, logits) = (picture(1, size), scores(classes * 64 * 64));
    let parameters = CrfParameters { intensities: Intensities::AsStored, ..CrfParameters::default() };
    let wide = |values: &[f32]| -> Vec<f64> { values.iter().map(|&value| f64::from(value)).collect() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        let exact = || parameters.field.mean_field(&wide(&logits), &wide(&image), size).expect("an image");
        let layer = parameters.layer(classes).expect("good parameters");
        let device = Device::flex();
        let tensor = |values: &[f32], planes: usize| -> Tensor<4> {
            Tensor::from_data(TensorData::new(values.to_vec(), [1, planes, size[0], size[1]]), &device)
        };
        let weights = layer.init(&device);
        let filtered =
            || softmax(layer.forward(&weights, tensor(&logits, classes), tensor(&image, 1)).expect("an image"));
        let errors = exact().into_iter().zip(values(&filtered())).map(|(exact, own)| (exact - f64::from(own)).abs());
        json!({
            "error": errors.fold(0.0, f64::max),
            "sum": seconds(|| { black_box(exact()); }),
            "filter": seconds(|| { black_box(filtered()); }),
            "layers": [self::layer([12, 4, 224, 224], 1), self::layer([12, 7, 160, 80], 3)],
        })
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let told = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pairs", file] => pairs(Path::new(file)),
        ["crf"] => crf(2),
        ["crf", threads] => crf(threads.parse().expect("a number of threads")),
        ["preprocess", root] => prepare(Path::new(root), 2),
        ["preprocess", root, threads] => prepare(Path::new(root), threads.parse().expect("a number of threads")),
        // `cargo bench` without arguments: the inputs are made by the script.
        _ => return println!("science: run benches/python/compare.py, which gives this its inputs"),
    };
    println!("{told}");
}
