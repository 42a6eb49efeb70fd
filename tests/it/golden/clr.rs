//! Golden 12: cyclical learning rate, all four readings, by epoch and by iteration.

use super::tensors::{assert_close, flat, number};
use super::{Walk, cases, section};
use runner::science::training::{CyclicalRate, Start, Update};

fn readings(low: f64, high: f64) -> [(&'static str, CyclicalRate); 4] {
    let rate = |period, start| CyclicalRate { low, high, period, start, update: Update::Iteration, decay: 0.0 };
    [
        ("period20_start_low", rate(20.0, Start::Low)),
        ("period20_start_high", rate(20.0, Start::High)),
        ("halfcycle20_start_low", rate(40.0, Start::Low)),
        ("halfcycle20_start_high", rate(40.0, Start::High)),
    ]
}

/// Rows of a small CSV as maps from its heading.
fn rows(file: &str) -> Vec<std::collections::BTreeMap<String, f64>> {
    let text = std::fs::read_to_string(section("12_clr").join(file)).unwrap();
    let mut lines = text.lines();
    let heading: Vec<String> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    let cells = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect::<Vec<f64>>();
    lines.map(|line| heading.iter().cloned().zip(cells(line)).collect()).collect()
}

#[test]
fn every_epoch_and_iteration_agrees() {
    let golden = cases("12_clr");
    let readings = readings(number(&golden["lo"]), number(&golden["hi"]));
    let by_epoch = rows("by_epoch.csv");
    let by_iteration = rows("by_iteration.csv");
    assert!(by_epoch.len() > 20 && by_iteration.len() > 20);
    for (name, rate) in readings {
        for row in &by_epoch {
            assert_close(
                &[rate.at(row["epoch"]) * 1e5],
                &[row[name] * 1e5],
                1e-12,
                &format!("{name} epoch {}", row["epoch"]),
            );
        }
        for row in &by_iteration {
            let (step, steps) = (row["iteration"] as usize, row["iterations_per_epoch"] as usize);
            assert_close(&[rate.at_step(step, steps) * 1e5], &[row[name] * 1e5], 1e-12, &format!("{name} step {step}"));
        }
    }
    Walk::of("12_clr", "extra").each(|_, extra| {
        let rate = CyclicalRate {
            low: number(&extra["lo"]),
            high: number(&extra["hi"]),
            period: number(&extra["period"]),
            ..CyclicalRate::default()
        };
        let found: Vec<f64> = flat(&extra["t"]).into_iter().map(|t| rate.at(t)).collect();
        assert_close(&found, &flat(&extra["lr"]), 1e-12, "extra");
    });
}

#[test]
fn by_epoch_holds_the_rate_within_an_epoch() {
    let rate = CyclicalRate { update: Update::Epoch, ..CyclicalRate::default() };
    assert_eq!(rate.at_step(0, 7), 1e-5);
    assert_eq!(rate.at_step(6, 7), 1e-5);
    // One tenth of the way up after the first of ten rising epochs.
    assert!((rate.at_step(7, 7) - 1.9e-5).abs() < 1e-18);
}
