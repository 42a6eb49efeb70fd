use super::common::print;
use crate::stage::TrainBench;
use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Report, miette};
use std::num::NonZeroUsize;
use std::process::ExitCode;

/// Measure how fast this machine trains
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Train(Train),
}

/// Time the training step of "Ours" (annotated batch, discriminator, generator) on made-up images
#[derive(Debug, Args)]
struct Train {
    /// Side of the images in pixels, a multiple of 16
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Channels of the first level of both networks
    #[arg(long, default_value_t = 8)]
    width: usize,
    /// Images of a batch
    #[arg(long, default_value_t = 12)]
    batch: usize,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Steps that are timed
    #[arg(long, default_value = "20")]
    steps: NonZeroUsize,
    /// Steps before them that are not
    #[arg(long, default_value_t = 3)]
    warm_up: usize,
    /// Print everything as JSON, with the seconds of every step
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let What::Train(Train { size, width, batch, threads, steps, warm_up, json }) = self.what;
        let threads = threads.or(std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let bench = TrainBench { size, width, batch, threads, timed_steps: steps.get(), warm_up };
        let speed = bench.run().map_err(|error| miette!("{error}"))?;
        let text = if json { serde_json::to_string_pretty(&speed).into_diagnostic()? + "\n" } else { speed.text() };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
