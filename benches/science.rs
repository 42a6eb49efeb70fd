//! Metrics, skeletons and preprocessing, timed for `benches/python/compare.py`, which times Python beside them and compares
//! what both compute.
//!
//! `cargo bench --bench science -- pairs FILE` reads a `|u1` array `[pair, 2, row, column]` of predictions and truths (.npy);
//! `cargo bench --bench science -- preprocess FOLDER [THREADS]` reads ACDC. Each prints one line of JSON.

use rayon::prelude::*;
use runner::science::data::acdc::AcdcParameters;
use runner::science::data::{Preprocessing, Volume, preprocess};
use runner::science::metric::{EmptyDice, Hausdorff, OneEmpty, Overlap, Plane, Points, overlaps};
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

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let told = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pairs", file] => pairs(Path::new(file)),
        ["preprocess", root] => prepare(Path::new(root), 2),
        ["preprocess", root, threads] => prepare(Path::new(root), threads.parse().expect("a number of threads")),
        // `cargo bench` without arguments: the inputs are made by the script.
        _ => return println!("science: run benches/python/compare.py, which gives this its inputs"),
    };
    println!("{told}");
}
