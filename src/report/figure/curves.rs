//! Training over epochs: one panel a logged quantity, one line a run.

use super::axes::{Axes, Tick, epochs, range, ticks};
use super::canvas::Figure;
use super::palette;
use super::pen::{Pen, Type, px, text_width};
use crate::report::ReportError;
use crate::report::log::Row;
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Index in [`Curves::runs`]: colour and marker.
    pub run: usize,
    /// (epoch, value), by epoch.
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    pub title: String,
    pub y_title: String,
    pub curves: Vec<Curve>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    pub title: String,
    /// Labels of the runs, as in the legend.
    pub runs: Vec<String>,
    pub panels: Vec<Panel>,
}

/// Logged name, title and axis of the panels that a training fills.
const PANELS: [(&str, &str, &str); 12] = [
    ("supervised_loss", "Supervised loss", "L_SUP"),
    ("validation_dice", "Validation Dice", "Dice"),
    ("learning_rate", "Learning rate", "rate"),
    ("discriminator_loss", "Discriminator's loss", "V_D"),
    ("generator_loss", "Segmentor's adversarial loss", "V_G"),
    ("adversarial_loss", "Adversarial loss on annotated images", "V_G"),
    ("accuracy_real", "Discriminator on real masks", "share called real"),
    ("accuracy_fake", "Discriminator on predictions", "share called fake"),
    ("a0", "Dynamic weight of the supervised loss", "a0"),
    ("gradient_norm", "Segmentor's gradient", "norm"),
    ("discriminator_gradient_norm", "Discriminator's gradient", "norm"),
    ("attention_mean", "Attention of the deepest gate", "mean"),
];

const LEFT: f64 = 74.0;
const WIDTH: f64 = 326.0;
const HEIGHT: f64 = 150.0;
/// From one panel to the next.
const PITCH: (f64, f64) = (430.0, 240.0);
const TOP: f64 = 44.0;
const LEGEND_LINE: f64 = 22.0;
/// Markers along a line, so that lines are told apart without colour.
const MARKERS: usize = 6;

/// Its multiples' fractions lie well apart.
const GOLDEN: f64 = 0.618_033_988_749_895;

impl Curves {
    /// The usual panels from the logs of runs; quantities that no run logged have no panel, values that are not finite no point.
    pub fn of_logs(title: &str, runs: &[(String, Vec<Row>)]) -> Curves {
        let curve = |name: &str, run: usize| {
            let wanted = runs[run].1.iter().filter(|row| row.name == name && row.value.is_finite());
            let mut points: Vec<(f64, f64)> = wanted.map(|row| (row.epoch, row.value)).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Curve { run, points }
        };
        let panel = |(name, title, y_title): (&str, &str, &str)| Panel {
            title: title.to_owned(),
            y_title: y_title.to_owned(),
            curves: (0..runs.len()).map(|run| curve(name, run)).filter(|curve| !curve.points.is_empty()).collect(),
        };
        // Of other parts of a method (`denoiser.loss`) whatever they logged, behind what all trainings log.
        let names: BTreeSet<&str> = runs.iter().flat_map(|run| &run.1).map(|row| row.name.as_str()).collect();
        let parts = names.into_iter().filter_map(|name| Some((name, name.split_once('.')?)));
        let others = parts.map(|(name, (part, value))| (name, format!("{part}: {}", value.replace('_', " "))));
        let others: Vec<(&str, String)> = others.collect();
        let others = others.iter().map(|(name, title)| (*name, title.as_str(), "value"));
        let panels = PANELS.into_iter().chain(others).map(panel).filter(|panel| !panel.curves.is_empty()).collect();
        Curves { title: title.to_owned(), runs: runs.iter().map(|(label, _)| label.clone()).collect(), panels }
    }

    fn across(&self) -> usize {
        if self.panels.len() > 8 { 3 } else { self.panels.len().clamp(1, 2) }
    }

    fn down(&self) -> usize {
        self.panels.len().div_ceil(self.across()).max(1)
    }

    fn width(&self) -> f64 {
        PITCH.0 * self.across() as f64 + 10.0
    }

    /// Left edge and line of each legend entry, broken into lines.
    fn legend(&self) -> Vec<(f64, usize)> {
        let (mut left, mut line) = (20.0, 0);
        let place = |label: &String| {
            let width = text_width(label, 12.0) + 62.0;
            if left + width > self.width() && left > 20.0 {
                (left, line) = (20.0, line + 1);
            }
            let at = (left, line);
            left += width;
            at
        };
        self.runs.iter().map(place).collect()
    }

    /// The panel's axes and the marks of its epochs, which all panels share.
    fn axes(&self, i: usize) -> (Axes, Vec<Tick>) {
        let points = || self.panels[i].curves.iter().flat_map(|curve| &curve.points);
        let all = self.panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| &curve.points);
        let (x, ticks) = epochs(all.map(|(epoch, _)| *epoch));
        let axes = Axes {
            left: LEFT + PITCH.0 * (i % self.across()) as f64,
            top: TOP + 30.0 + PITCH.1 * (i / self.across()) as f64,
            width: WIDTH,
            height: HEIGHT,
            x,
            y: range(points().map(|(_, value)| *value), 5),
        };
        (axes, ticks)
    }

    fn draw_panel<B: DrawingBackend>(&self, pen: &Pen<B>, i: usize) -> Result<(), ReportError> {
        let (panel, (axes, epochs)) = (&self.panels[i], self.axes(i));
        let middle = px(axes.left + WIDTH / 2.0);
        pen.text(&panel.title, (middle, px(axes.top - 15.0)), Type::new(13.0, HPos::Center, VPos::Center))?;
        axes.draw(pen, (&epochs, "epoch"), (&ticks(axes.y, 5), &panel.y_title))?;
        panel.curves.iter().try_for_each(|curve| draw_curve(pen, &axes, curve))
    }
}

fn draw_curve<B: DrawingBackend>(pen: &Pen<B>, axes: &Axes, curve: &Curve) -> Result<(), ReportError> {
    let color = palette::series(curve.run);
    let points: Vec<(i32, i32)> = curve.points.iter().map(|(epoch, value)| axes.at(*epoch, *value)).collect();
    pen.dashed(&points, color, 1.25, palette::line(curve.run))?;
    let every = points.len().div_ceil(MARKERS).max(1);
    // Lines of runs that agree lie on each other: their markers do not.
    let offset = (curve.run as f64 * GOLDEN).fract() * every as f64;
    points
        .iter()
        .skip(offset as usize)
        .step_by(every)
        .try_for_each(|at| pen.marker(palette::marker(curve.run), *at, 3.2, color))
}

impl Figure for Curves {
    fn size(&self) -> (u32, u32) {
        let lines = self.legend().last().map_or(0, |(_, line)| line + 1) as f64;
        let height = TOP + PITCH.1 * self.down() as f64 + LEGEND_LINE * lines + 8.0;
        (self.width().ceil() as u32, height.ceil() as u32)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError> {
        pen.text(&self.title, (px(20.0), px(22.0)), Type::new(15.0, HPos::Left, VPos::Center))?;
        if self.panels.is_empty() {
            let style = Type::new(12.0, HPos::Left, VPos::Center).color(palette::MUTED);
            pen.text("nothing was logged", (px(20.0), px(TOP + 30.0)), style)?;
        }
        (0..self.panels.len()).try_for_each(|i| self.draw_panel(pen, i))?;
        let top = TOP + PITCH.1 * self.down() as f64;
        for (run, (left, line)) in self.legend().into_iter().enumerate() {
            let (y, color) = (px(top + LEGEND_LINE * line as f64 + 4.0), palette::series(run));
            pen.dashed(&[(px(left), y), (px(left + 30.0), y)], color, 1.25, palette::line(run))?;
            pen.marker(palette::marker(run), (px(left + 15.0), y), 4.0, color)?;
            pen.text(&self.runs[run], (px(left + 38.0), y), Type::new(12.0, HPos::Left, VPos::Center))?;
        }
        Ok(())
    }
}
