//! A panel with its axes: data to units, ticks, grid, titles.

use super::palette::{GRID, INK, MUTED};
use super::pen::{Pen, Type, px, text_width};
use crate::report::ReportError;
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};

/// The area of the data in CSS pixels, and the ranges that it spans.
#[derive(Debug, Clone, Copy)]
pub struct Axes {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub x: (f64, f64),
    pub y: (f64, f64),
}

/// One mark of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    pub at: f64,
    pub label: String,
}

impl Axes {
    pub fn at(&self, x: f64, y: f64) -> (i32, i32) {
        let share = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        let left = self.left + share(x, self.x) * self.width;
        let top = self.top + (1.0 - share(y, self.y)) * self.height;
        (px(left), px(top))
    }

    /// Grid lines, tick labels, the two axes and their titles.
    pub fn draw<B: DrawingBackend>(
        &self,
        pen: &Pen<B>,
        x: (&[Tick], &str),
        y: (&[Tick], &str),
    ) -> Result<(), ReportError> {
        self.draw_y(pen, y.0)?;
        self.draw_x(pen, x.0)?;
        let middle = px(self.left + self.width / 2.0);
        let below = px(self.top + self.height + 39.0);
        pen.text(x.1, (middle, below), Type::new(12.0, HPos::Center, VPos::Center))?;
        let middle = px(self.top + self.height / 2.0);
        let style = Type::new(12.0, HPos::Center, VPos::Center).upwards();
        pen.text(y.1, (px(self.left - title_distance(y.0)), middle), style)?;
        let corner = self.at(self.x.0, self.y.0);
        pen.path(&[self.at(self.x.0, self.y.1), corner], INK, 1.0)?;
        pen.path(&[corner, self.at(self.x.1, self.y.0)], INK, 1.0)
    }

    fn draw_y<B: DrawingBackend>(&self, pen: &Pen<B>, ticks: &[Tick]) -> Result<(), ReportError> {
        ticks.iter().try_for_each(|tick| {
            let (left, y) = self.at(self.x.0, tick.at);
            pen.path(&[(left, y), self.at(self.x.1, tick.at)], GRID, 0.75)?;
            let style = Type::new(11.0, HPos::Right, VPos::Center).color(MUTED);
            pen.text(&tick.label, (left - px(6.0), y), style)
        })
    }

    fn draw_x<B: DrawingBackend>(&self, pen: &Pen<B>, ticks: &[Tick]) -> Result<(), ReportError> {
        ticks.iter().try_for_each(|tick| {
            let (x, bottom) = self.at(tick.at, self.y.0);
            pen.path(&[(x, bottom), (x, bottom + px(4.0))], INK, 1.0)?;
            let style = Type::new(11.0, HPos::Center, VPos::Center).color(MUTED);
            pen.text(&tick.label, (x, bottom + px(15.0)), style)
        })
    }
}

/// From the y axis to the middle of its title: beyond the widest label.
fn title_distance(ticks: &[Tick]) -> f64 {
    let widest = ticks.iter().map(|tick| text_width(&tick.label, 11.0)).fold(0.0, f64::max);
    (widest + 18.0).max(47.0)
}

/// The multiple of 1, 2 or 5 times a power of ten that cuts `span` into at most `wanted` steps.
pub fn step(span: f64, wanted: usize) -> f64 {
    let rough = span / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// Round values within `range`, with no more digits than their step needs.
pub fn ticks(range: (f64, f64), wanted: usize) -> Vec<Tick> {
    let step = step(range.1 - range.0, wanted);
    let (first, last) = ((range.0 / step - 1e-9).ceil() as i64, (range.1 / step + 1e-9).floor() as i64);
    let tick = |i: i64| Tick { at: i as f64 * step, label: label(i as f64 * step, step) };
    (first..=last).map(tick).collect()
}

/// As many digits as `step` needs; very small and very large values by their power of ten.
fn label(value: f64, step: f64) -> String {
    let power = |value: f64| value.abs().log10().floor();
    let digits = (-power(step)).max(0.0) as usize;
    if value == 0.0 {
        "0".to_owned() + &if digits > 0 && digits < 5 { format!(".{}", "0".repeat(digits)) } else { String::new() }
    } else if digits > 4 || value.abs() >= 1e6 {
        let digits = (power(value) - power(step)).max(0.0) as usize;
        format!("{value:.digits$e}")
    } else {
        format!("{value:.digits$}")
    }
}

/// The range of `values`, widened to whole steps; a single value gets room on both sides.
pub fn range(values: impl Iterator<Item = f64>, wanted: usize) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = if high - low > 1e-9 * high.abs().max(1e-9) { 0.0 } else { (0.1 * high.abs()).max(0.01) };
    whole(whole((low - room, high + room), wanted), wanted)
}

/// Widened to whole steps. A wider range may take a larger step, so that its ends are whole after a second time only.
fn whole((low, high): (f64, f64), wanted: usize) -> (f64, f64) {
    let step = step(high - low, wanted);
    ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step)
}

/// Epochs, from 0: steps of one epoch at least.
pub fn epochs(values: impl Iterator<Item = f64>) -> ((f64, f64), Vec<Tick>) {
    let last = values.filter(|value| value.is_finite()).fold(1.0, f64::max);
    let wanted = last.ceil().min(8.0) as usize;
    let range = whole((0.0, last.ceil()), wanted);
    (range, ticks(range, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let labels = |range, wanted| ticks(range, wanted).into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(labels((0.0, 100.0), 5), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels((0.13, 0.42), 4), ["0.2", "0.3", "0.4"]);
        assert_eq!(labels((-1.0, 1.0), 4), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(labels((0.0, 2e-5), 4), ["0", "5e-6", "1.0e-5", "1.5e-5", "2.0e-5"]);
        assert_eq!(labels((0.0, 2e6), 2), ["0", "1e6", "2e6"]);
    }

    #[test]
    fn a_range_holds_its_values_and_never_is_a_point() {
        assert_eq!(range([31.0, 88.0].into_iter(), 6), (30.0, 90.0));
        // 38 to 92 in steps of 10 is 30 to 100, which takes steps of 20.
        assert_eq!(range([38.0, 92.0].into_iter(), 6), (20.0, 100.0));
        assert_eq!(range([].into_iter(), 6), (0.0, 1.0));
        let (low, high) = range([0.5].into_iter(), 6);
        assert!(low < 0.5 && high > 0.5);
        let (low, high) = range([0.0, f64::NAN].into_iter(), 6);
        assert!(low < 0.0 && high > 0.0);
    }

    #[test]
    fn epochs_start_at_zero_and_are_whole() {
        let of = |last: f64| {
            let (range, ticks) = epochs([0.5, last].into_iter());
            (range.1, ticks.into_iter().map(|tick| tick.label).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(of(1.0), (1.0, "0 1".to_owned()));
        assert_eq!(of(2.5), (3.0, "0 1 2 3".to_owned()));
        assert_eq!(of(60.0), (60.0, "0 10 20 30 40 50 60".to_owned()));
    }
}
