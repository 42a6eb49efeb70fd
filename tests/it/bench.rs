//! What `runner bench train` counts and prints.

use burn::tensor::Device;
use runner::science::model::{Design, Discriminator, Segmentor};
use runner::science::training::{StepBenchmark, TrainingError};
use std::process::Command;

#[test]
fn multiply_adds_by_hand() {
    let segmentor = Segmentor {
        channels: 1,
        classes: 2,
        width: 2,
        gating: true,
        deep_classifiers: true,
        momentum: 0.1,
        design: Design::Paper,
    };
    // Every encoder level costs as much as the first, which has 1024 pixels: pixels fall as channels rise.
    // The first: 9 * (1 * 2 + 2 * 2) * 1024. A decoder level: 9 * ((2 + 4) * 2 + 2 * 2) * 1024.
    // Classifiers: 2 classes * (2 * 1024 + 4 * 256 + 8 * 64 + 16 * 16).
    assert_eq!(segmentor.multiply_adds([32, 32]), 5 * 55_296 + 4 * 147_456 + 7_680);
    let discriminator =
        Discriminator { classes: 2, width: 2, size: [32, 32], multi_scale: true, design: Design::Paper };
    // Blocks: outgoing pixels * filters * (16 * channels + 12 of the 1x1 convolution); dense: 12.
    let blocks = [256 * 2 * (16 + 12), 64 * 4 * (16 * 13 + 12), 16 * 8 * 220, 4 * 16 * 220, 32 * (16 * 12 + 12)];
    assert_eq!(discriminator.multiply_adds(), blocks.iter().sum::<u64>() + 12);
}

#[test]
fn steps_are_counted_and_their_parts_are_within_them() {
    let bench = StepBenchmark { size: 32, width: 2, batch: 2, steps: 3, warm_up: 1 };
    let times = bench.run(&Device::flex()).unwrap();
    assert_eq!(times.steps.len(), 3);
    let mean = times.steps.iter().sum::<f64>() / 3.0;
    let parts: f64 = times.parts.iter().map(|(_, seconds)| seconds).sum();
    assert!(parts > 0.5 * mean && parts <= mean, "{parts} of {mean}");
    let wrong = StepBenchmark { size: 33, ..bench };
    assert!(matches!(wrong.run(&Device::flex()), Err(TrainingError::Size { height: 33, width: 33 })));
}

fn bench(arguments: &[&str]) -> (Option<i32>, String, String) {
    let command = ["bench", "train", "--steps", "2", "--warm-up", "0"];
    let mut process = Command::new(env!("CARGO_BIN_EXE_runner"));
    let output = process.args(command).args(arguments).env("NO_COLOR", "1").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_for_people_and_for_programs() {
    let (code, text, _) = bench(&["--size", "32", "--width", "2", "--batch", "2", "--threads", "1"]);
    assert_eq!(code, Some(0));
    assert!(
        text.starts_with("training step of Ours, 32x32 images, width 2, batch 2, 1 thread, flex, 2 steps\n"),
        "{text}"
    );
    for part in ["data", "segmentor", "discriminator", "loss", "optimiser", "rest"] {
        assert!(text.contains(&format!("\n  {part} ")), "{text}");
    }
    let (code, text, _) = bench(&["--size", "32", "--width", "2", "--batch", "2", "--threads", "2", "--json"]);
    assert_eq!(code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["threads"], &json["timed_steps"]), (&2.into(), &2.into()));
    assert_eq!(json["steps"].as_array().unwrap().len(), 2);
    assert!(json["seconds_per_step"].as_f64().unwrap() > 0.0 && json["peak_gflop_per_second"].as_f64().unwrap() > 0.0);
}

#[test]
fn impossible_sizes_say_what_to_change() {
    let (code, text, error) = bench(&["--size", "40", "--width", "2"]);
    assert_eq!((code, text.as_str()), (Some(2), ""));
    assert!(error.contains("images of 40x40: both sides must be multiples of 16"), "{error}");
    let (code, _, error) = bench(&["--size", "32", "--width", "2", "--batch", "0"]);
    assert!(code == Some(2) && error.contains("batch_size"), "{error}");
    let (code, _, error) = bench(&["--threads", "0"]);
    assert!(code == Some(2) && error.contains("--threads"), "{error}");
}

#[test]
fn a_limit_of_vectors_that_means_nothing_is_refused() {
    let run = |limit: &str| {
        let mut process = Command::new(env!("CARGO_BIN_EXE_runner"));
        process.args(["ls", "stages"]).env("NO_COLOR", "1").env("RUNNER_VECTORS", limit).output().unwrap()
    };
    assert_eq!(run("avx2").status.code(), Some(0));
    let refused = run("avx");
    assert_eq!(refused.status.code(), Some(2));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("RUNNER_VECTORS is `avx`") && error.contains("portable"), "{error}");
}
