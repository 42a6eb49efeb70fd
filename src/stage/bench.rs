use crate::science::device::{DeviceError, DeviceName};
use crate::science::model::kernel::multiply_adds_per_second;
use crate::science::training::{StepBenchmark, StepTimes};
use serde::Serialize;
use std::fmt::Write;

/// What to time: a training step of "Ours" on images that need no data set.
#[derive(Debug, Clone, Serialize)]
pub struct TrainBench {
    pub size: usize,
    pub width: usize,
    pub batch: usize,
    pub threads: usize,
    /// Name of the device, as in a pipeline.
    pub device: String,
    pub timed_steps: usize,
    pub warm_up: usize,
}

/// What [`TrainBench::run`] measured.
#[derive(Debug, Serialize)]
pub struct TrainSpeed {
    #[serde(flatten)]
    bench: TrainBench,
    /// Median.
    seconds_per_step: f64,
    /// Of each step.
    steps: Vec<f64>,
    /// What the convolutions would take by the plain sum, fast algorithm or not.
    gflop_per_step: f64,
    gflop_per_second: f64,
    /// The processor's own limit on these threads, measured.
    peak_gflop_per_second: f64,
    /// Trainable values.
    parameters: usize,
    /// Seconds a step, by part.
    parts: Vec<(String, f64)>,
    /// Largest resident memory of the process; null where the system doesn't say.
    peak_bytes: Option<u64>,
}

impl TrainBench {
    pub fn run(&self) -> Result<TrainSpeed, String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build().map_err(|e| e.to_string())?;
        let device: DeviceName = self.device.parse().map_err(|e: DeviceError| e.to_string())?;
        let TrainBench { size, width, batch, timed_steps: steps, warm_up, .. } = *self;
        let bench = StepBenchmark { size, width, batch, steps, warm_up };
        let times = pool.install(|| {
            let device = device.open(self.threads).map_err(|e| e.to_string())?;
            bench.run(&device).map_err(|e| e.to_string())
        })?;
        let peak_bytes = peak_resident_bytes();
        // Two operations each.
        let peak = 2e-9 * pool.install(multiply_adds_per_second);
        Ok(TrainSpeed::new(self.clone(), times, peak, peak_bytes))
    }
}

impl TrainSpeed {
    fn new(bench: TrainBench, times: StepTimes, peak_gflop_per_second: f64, peak_bytes: Option<u64>) -> Self {
        let seconds_per_step = median(&times.steps);
        let gflop_per_step = 2e-9 * times.multiply_adds;
        let mean = times.steps.iter().sum::<f64>() / times.steps.len() as f64;
        let mut parts: Vec<(String, f64)> =
            times.parts.iter().map(|(part, seconds)| (format!("{part:?}").to_lowercase(), *seconds)).collect();
        let known: f64 = parts.iter().map(|(_, seconds)| seconds).sum();
        parts.push(("rest".to_owned(), (mean - known).max(0.0)));
        TrainSpeed {
            bench,
            seconds_per_step,
            gflop_per_step,
            gflop_per_second: gflop_per_step / seconds_per_step,
            peak_gflop_per_second,
            parameters: times.parameters,
            parts,
            steps: times.steps,
            peak_bytes,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let TrainBench { size, width, batch, threads, timed_steps, ref device, .. } = self.bench;
        let share = 100.0 * self.gflop_per_second / self.peak_gflop_per_second;
        let plural = if threads == 1 { "" } else { "s" };
        let mut text = format!(
            "training step of Ours, {size}x{size} images, width {width}, batch {batch}, {threads} thread{plural}, {device}, {timed_steps} steps\n\
             {:.4} s a step (median), {:.2} steps a second\n\
             {:.1} GFLOP/s of plain convolutions, {share:.0} % of the {:.1} that the processor can do\n\
             (it may pass 100 %: Winograd's algorithm leaves out up to three of four multiplications)\n",
            self.seconds_per_step,
            1.0 / self.seconds_per_step,
            self.gflop_per_second,
            self.peak_gflop_per_second,
        );
        if let Some(bytes) = self.peak_bytes {
            let _ = writeln!(text, "{} MiB of memory at most", bytes >> 20);
        }
        let whole: f64 = self.parts.iter().map(|(_, seconds)| seconds).sum();
        for (part, seconds) in &self.parts {
            let _ = writeln!(text, "  {part:<13} {:>9.2} ms  {:>3.0} %", 1e3 * seconds, 100.0 * seconds / whole);
        }
        text
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], sorted[middle]) } else { sorted[middle] }
}

/// As Linux counts it.
fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
