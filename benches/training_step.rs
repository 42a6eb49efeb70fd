//! Seconds of a whole step of the game of "Ours" (annotated batch, discriminator, generator), batch 12,
//! with own operations and with burn's alone, on one and two threads.
//!
//! `cargo bench --bench training_step`; with `-- ratio` only the ratio of both, measured in turns.

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion};
use runner::science::model::kernel::with_burn_alone;
use runner::science::training::StepBenchmark;
use std::time::Duration;

/// Image side and channels of the first level.
const SIZES: [(usize, usize); 2] = [(64, 8), (112, 8)];

/// Time of `steps` steps on a pool of `threads`.
fn time((size, width): (usize, usize), threads: usize, own: bool, steps: u64) -> Duration {
    let bench = StepBenchmark { size, width, batch: 12, steps: steps as usize, warm_up: 1 };
    let run = || bench.run(&Device::flex()).expect("a valid training").steps.iter().sum();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
    Duration::from_secs_f64(pool.install(|| if own { run() } else { with_burn_alone(run) }))
}

/// Median of burn's time over ours, in turns.
fn ratio(size: (usize, usize), threads: usize) {
    const PAIRS: usize = 7;
    let pair = |_| [true, false].map(|own| time(size, threads, own, 3).as_secs_f64() / 3.0);
    let mut pairs: Vec<[f64; 2]> = (0..PAIRS).map(pair).collect();
    pairs.sort_by(|a, b| (a[1] / a[0]).total_cmp(&(b[1] / b[0])));
    let [own, burn] = pairs[PAIRS / 2];
    println!("{size:?}, {threads} threads: own {own:.4} s, burn alone {burn:.4} s, ratio {:.2}", burn / own);
}

fn main() {
    let cases = SIZES.into_iter().flat_map(|size| [1, 2].map(|threads| (size, threads)));
    if std::env::args().any(|argument| argument == "ratio") {
        return cases.for_each(|(size, threads)| ratio(size, threads));
    }
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("training step");
    for (size, threads) in cases {
        for (name, own) in [("own", true), ("burn alone", false)] {
            let id = BenchmarkId::new(name, format!("{}x{}, {threads} threads", size.0, size.1));
            group.bench_function(id, |b| b.iter_custom(|steps| time(size, threads, own, steps)));
        }
    }
    group.finish();
    criterion.final_summary();
}
