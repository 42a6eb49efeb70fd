//! Score against label fraction, one line a method, with error bars: the ablation as a figure.

use super::axes::{Axes, Tick, range, ticks};
use super::canvas::Figure;
use super::palette;
use super::pen::{Pen, Type, px, text_width};
use crate::report::ReportError;
use crate::report::table::{Cell, Table};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub mean: f64,
    /// Half the length of the error bar.
    pub error: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub label: String,
    /// One for each of [`Lines::columns`]; `None` leaves a gap in the line.
    pub points: Vec<Option<Point>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    pub title: String,
    /// E.g. `Labelled training cases (%)`.
    pub x_title: String,
    /// With its unit, e.g. `Multi-class Dice (%)`.
    pub y_title: String,
    /// What a bar is, e.g. `bars: standard deviation over cases`. Stands under the title.
    pub note: String,
    /// Labels along x: evenly spaced, as the steps between fractions are.
    pub columns: Vec<String>,
    pub series: Vec<Series>,
    /// The scores' own limits, e.g. 0 to 100 for percent: the axis stays within.
    pub limits: Option<(f64, f64)>,
}

/// What the error bars show: tables give deviations, the paper's Fig. 6 standard errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    StandardDeviation,
    /// std / sqrt(n).
    #[default]
    StandardError,
}

impl Spread {
    fn of(self, cell: &Cell) -> f64 {
        match self {
            Spread::StandardDeviation => cell.std,
            Spread::StandardError => cell.standard_error(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Spread::StandardDeviation => "standard deviation over test cases",
            Spread::StandardError => "standard error of the mean over test cases",
        }
    }
}

impl Lines {
    /// The figure of a table. `x_title` names what the table's columns are.
    pub fn of_table(table: &Table, title: &str, x_title: &str, spread: Spread) -> Lines {
        let layout = &table.layout;
        let point = |cell: &Option<Cell>| cell.as_ref().map(|cell| Point { mean: cell.mean, error: spread.of(cell) });
        let series = layout
            .rows
            .iter()
            .zip(&table.cells)
            .map(|(row, cells)| Series { label: row.label.clone(), points: cells.iter().map(point).collect() });
        let mut measure = layout.measure.clone();
        if let Some(first) = measure.get(..1).map(str::to_uppercase) {
            measure.replace_range(..1, &first);
        }
        Lines {
            title: title.to_owned(),
            x_title: x_title.to_owned(),
            y_title: format!("{measure} ({})", layout.unit),
            note: format!("Points: means; bars: ± {}", spread.words()),
            columns: layout.columns.iter().map(|column| column.label.clone()).collect(),
            series: series.collect(),
            limits: (layout.unit == "%").then_some((0.0, 100.0)),
        }
    }

    /// Wide enough for the points of all series beside each other.
    fn plot_width(&self) -> f64 {
        let column = (26.0 * self.series.len() as f64 + 40.0).max(110.0);
        (column * self.columns.len() as f64).clamp(260.0, 1200.0)
    }

    fn legend_width(&self) -> f64 {
        let widest = self.series.iter().map(|series| text_width(&series.label, 12.0)).fold(0.0, f64::max);
        widest.max(40.0) + 76.0
    }

    fn y_range(&self) -> (f64, f64) {
        let points = || self.series.iter().flat_map(|series| series.points.iter().flatten());
        let ends = points().flat_map(|point| [point.mean - point.error, point.mean + point.error]);
        let (low, high) = range(ends, 6);
        match self.limits {
            Some(limits) if points().next().is_none() => limits,
            Some((least, most)) => (low.max(least), high.min(most)),
            None => (low, high),
        }
    }

    fn axes(&self) -> Axes {
        let columns = self.columns.len().max(1) as f64;
        Axes {
            left: 70.0,
            top: 62.0,
            width: self.plot_width(),
            height: 340.0,
            x: (-0.5, columns - 0.5),
            y: self.y_range(),
        }
    }

    /// The series of one column stand beside each other, so that their bars can be told apart.
    fn x(&self, column: usize, series: usize) -> f64 {
        let count = self.series.len() as f64;
        column as f64 + (series as f64 - (count - 1.0) / 2.0) * (0.62 / count.max(3.0))
    }

    fn draw_series<B: DrawingBackend>(&self, pen: &Pen<B>, axes: &Axes, i: usize) -> Result<(), ReportError> {
        let (color, y) = (palette::series(i), axes.y);
        let points: Vec<(f64, Option<Point>)> =
            self.series[i].points.iter().enumerate().map(|(column, point)| (self.x(column, i), *point)).collect();
        for pair in points.windows(2) {
            if let [(x0, Some(p0)), (x1, Some(p1))] = pair {
                let line = [axes.at(*x0, p0.mean), axes.at(*x1, p1.mean)];
                pen.dashed(&line, color, 1.25, palette::dash(i))?;
            }
        }
        for (x, point) in points.iter().filter_map(|(x, point)| point.map(|point| (*x, point))) {
            let low = axes.at(x, (point.mean - point.error).max(y.0));
            let high = axes.at(x, (point.mean + point.error).min(y.1));
            pen.path(&[low, high], color, 1.25)?;
            for end in [low, high] {
                pen.path(&[(end.0 - px(4.0), end.1), (end.0 + px(4.0), end.1)], color, 1.25)?;
            }
            pen.marker(palette::marker(i), axes.at(x, point.mean), 5.0, color)?;
        }
        Ok(())
    }

    fn draw_legend<B: DrawingBackend>(&self, pen: &Pen<B>, left: f64, top: f64) -> Result<(), ReportError> {
        for (i, series) in self.series.iter().enumerate() {
            let (y, color) = (px(top + 10.0 + 22.0 * i as f64), palette::series(i));
            // Long enough that two gaps of every dash stand beside the marker.
            pen.dashed(&[(px(left), y), (px(left + 48.0), y)], color, 1.25, palette::dash(i))?;
            pen.marker(palette::marker(i), (px(left + 24.0), y), 5.0, color)?;
            pen.text(&series.label, (px(left + 56.0), y), Type::new(12.0, HPos::Left, VPos::Center))?;
        }
        Ok(())
    }
}

impl Figure for Lines {
    fn size(&self) -> (u32, u32) {
        let wide = 70.0 + self.plot_width() + 24.0 + self.legend_width();
        let words = text_width(&self.title, 15.0).max(text_width(&self.note, 11.0)) + 40.0;
        let high = 62.0 + 340.0 + 60.0;
        (wide.max(words).ceil() as u32, high as u32)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError> {
        let axes = self.axes();
        pen.text(&self.title, (px(20.0), px(22.0)), Type::new(15.0, HPos::Left, VPos::Center))?;
        let muted = Type::new(11.0, HPos::Left, VPos::Center).color(palette::MUTED);
        pen.text(&self.note, (px(20.0), px(42.0)), muted)?;
        let tick = |(i, label): (usize, &String)| Tick { at: i as f64, label: label.clone() };
        let columns: Vec<Tick> = self.columns.iter().enumerate().map(tick).collect();
        axes.draw(pen, (&columns, &self.x_title), (&ticks(axes.y, 6), &self.y_title))?;
        (0..self.series.len()).try_for_each(|i| self.draw_series(pen, &axes, i))?;
        self.draw_legend(pen, axes.left + axes.width + 24.0, axes.top)
    }
}
