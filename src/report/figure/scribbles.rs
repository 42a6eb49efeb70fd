//! Scribbles of several data sets side by side (Fig. 4): a column a data set, each with its own legend.

use super::canvas::{Figure, Picture, UNIT};
use super::heat;
use super::palette;
use super::pen::{Pen, Type, px, text_width};
use crate::report::ReportError;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

/// What is laid over an image, `[row, column]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    Nothing,
    /// Opaque, background too; values that are no class are unlabelled.
    Scribble(Vec<u8>),
    /// Foreground alone, the image shines through.
    Mask(Vec<u8>),
}

/// One picture.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    /// `[channel, row, column]`, of any range: shown from its 1st to its 99th percentile.
    pub image: Vec<f32>,
    pub overlay: Overlay,
}

/// One data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub title: String,
    /// A few words below the title, e.g. `random walk`.
    pub subtitle: String,
    /// Names of the classes; 0 is the background.
    pub classes: Vec<String>,
    pub views: Vec<View>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Scribbles {
    pub title: String,
    /// At the left of each row of views, e.g. `Image`; may be fewer than rows.
    pub rows: Vec<String>,
    pub columns: Vec<Column>,
}

/// Height that a picture should have, in pixels of the PNG.
const TILE: usize = 448;
const LEFT: f64 = 34.0;
const TOP: f64 = 84.0;
const GAP: f64 = 10.0;
const LINE: f64 = 17.0;

impl View {
    /// Pixels of the PNG per pixel: pictures get about one height (Fig. 4 resizes them, too), none is cut.
    fn factor(&self) -> usize {
        ((TILE + self.height / 2) / self.height.max(1)).max(1)
    }

    /// In CSS pixels.
    fn size(&self) -> (f64, f64) {
        let scaled = |pixels: usize| (pixels * self.factor()) as f64 / 2.0;
        (scaled(self.width), scaled(self.height))
    }

    fn picture(&self, classes: usize, left: f64, top: f64) -> Picture {
        let levels = heat::grey(&self.image);
        let color = |i: usize| match &self.overlay {
            Overlay::Nothing => None,
            Overlay::Scribble(labels) => known(labels[i], 0, classes).map(|label| (palette::class(label), 1.0)),
            Overlay::Mask(labels) => known(labels[i], 1, classes).map(|label| (palette::class(label), heat::LABEL)),
        };
        Picture {
            at: (left.floor() as i32 * UNIT as i32, top.floor() as i32 * UNIT as i32),
            width: self.width as u32,
            height: self.height as u32,
            rgb: heat::overlay(&levels, self.channels, color),
            factor: self.factor() as u32,
        }
    }

    fn check(&self, of: &str) -> Result<(), ReportError> {
        let pixels = self.width * self.height;
        length(&format!("image of {of}"), self.image.len(), pixels * self.channels.max(1))?;
        match &self.overlay {
            Overlay::Nothing => Ok(()),
            Overlay::Scribble(labels) | Overlay::Mask(labels) => {
                length(&format!("labels of {of}"), labels.len(), pixels)
            }
        }
    }
}

fn known(label: u8, least: usize, classes: usize) -> Option<usize> {
    Some(usize::from(label)).filter(|label| (least..classes).contains(label))
}

fn length(what: &str, found: usize, expected: usize) -> Result<(), ReportError> {
    if found == expected { Ok(()) } else { Err(ReportError::Length { what: what.to_owned(), found, expected }) }
}

impl Column {
    /// Colour and name of the classes that a view shows.
    fn legend(&self) -> Vec<(RGBColor, &str)> {
        let shows = |label: usize| {
            self.views.iter().any(|view| match &view.overlay {
                Overlay::Nothing => false,
                Overlay::Scribble(labels) => labels.iter().any(|&l| usize::from(l) == label),
                Overlay::Mask(labels) => label > 0 && labels.iter().any(|&l| usize::from(l) == label),
            })
        };
        let shown = self.classes.iter().enumerate().filter(|(label, _)| shows(*label));
        shown.map(|(label, name)| (palette::class(label), name.as_str())).collect()
    }

    fn width(&self) -> f64 {
        let legend = self.legend().into_iter().map(|(_, name)| 18.0 + text_width(name, 11.0));
        let words = [text_width(&self.title, 13.0), text_width(&self.subtitle, 10.0)];
        let pictures = self.views.iter().map(|view| view.size().0);
        pictures.chain(words).chain(legend).fold(0.0, f64::max).ceil()
    }
}

impl Scribbles {
    /// Checks that every value has its pixel.
    pub fn checked(self) -> Result<Scribbles, ReportError> {
        for column in &self.columns {
            column.views.iter().try_for_each(|view| view.check(&column.title))?;
        }
        Ok(self)
    }

    /// Left edge and width of each column.
    fn places(&self) -> Vec<(f64, f64)> {
        let mut left = LEFT;
        let place = |column: &Column| {
            let (at, width) = (left, column.width());
            left += width + 2.0 * GAP;
            (at, width)
        };
        self.columns.iter().map(place).collect()
    }

    /// Top edge of each row, and of the legends.
    fn tops(&self) -> Vec<f64> {
        let rows = self.columns.iter().map(|column| column.views.len()).max().unwrap_or(0);
        let mut tops = vec![TOP];
        for row in 0..rows {
            let highest = self.columns.iter().filter_map(|column| column.views.get(row)).map(|view| view.size().1);
            tops.push(tops[row] + highest.fold(0.0, f64::max).ceil() + GAP);
        }
        tops
    }

    fn draw_column<B: DrawingBackend>(
        &self,
        pen: &Pen<B>,
        column: &Column,
        (left, width): (f64, f64),
        bottom: f64,
    ) -> Result<(), ReportError> {
        let middle = px(left + width / 2.0);
        let style = |size: f64| Type::new(size, HPos::Center, VPos::Center);
        pen.text(&column.title, (middle, px(TOP - 32.0)), style(13.0))?;
        pen.text(&column.subtitle, (middle, px(TOP - 14.0)), style(10.0).color(palette::MUTED))?;
        for (line, (color, name)) in column.legend().into_iter().enumerate() {
            let middle = px(bottom + LINE * (line as f64 + 0.5));
            pen.rectangle([(px(left), middle - px(6.0)), (px(left + 12.0), middle + px(6.0))], color)?;
            pen.text(name, (px(left + 18.0), middle), Type::new(11.0, HPos::Left, VPos::Center))?;
        }
        Ok(())
    }
}

impl Figure for Scribbles {
    fn size(&self) -> (u32, u32) {
        let right = self.places().last().map_or(LEFT, |(left, width)| left + width);
        let lines = self.columns.iter().map(|column| column.legend().len()).max().unwrap_or(0);
        let height = self.tops().last().copied().unwrap_or(TOP) + LINE * lines as f64 + GAP;
        let width = (right + 16.0).max(text_width(&self.title, 15.0) + 40.0);
        (width.ceil() as u32, height.ceil() as u32)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError> {
        pen.text(&self.title, (px(16.0), px(22.0)), Type::new(15.0, HPos::Left, VPos::Center))?;
        let tops = self.tops();
        for (words, edges) in self.rows.iter().zip(tops.windows(2)) {
            let middle = px((edges[0] + edges[1] - GAP) / 2.0);
            pen.text(words, (px(18.0), middle), Type::new(11.0, HPos::Center, VPos::Center).upwards())?;
        }
        let bottom = tops[tops.len() - 1];
        let columns = self.columns.iter().zip(self.places());
        columns.into_iter().try_for_each(|(column, place)| self.draw_column(pen, column, place, bottom))
    }

    fn pictures(&self) -> Vec<Picture> {
        let tops = self.tops();
        let mut pictures = Vec::new();
        for (column, (left, width)) in self.columns.iter().zip(self.places()) {
            for (row, view) in column.views.iter().enumerate() {
                let (wide, high) = view.size();
                let down = (tops[row + 1] - tops[row] - GAP - high) / 2.0;
                pictures.push(view.picture(column.classes.len(), left + (width - wide) / 2.0, tops[row] + down));
            }
        }
        pictures
    }
}
