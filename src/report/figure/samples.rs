//! Predictions beside their images: one row a slice, one column a view of it.

use super::canvas::{Figure, Picture, UNIT};
use super::heat;
use super::palette;
use super::pen::{Pen, Type, px, text_width};
use crate::report::ReportError;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

/// One view of a slice. Values are `[height, width]` of its row's image.
#[derive(Debug, Clone, PartialEq)]
pub enum Tile {
    /// The image alone.
    Image,
    /// A mask, true or predicted, over the image.
    Labels(Vec<u8>),
    /// Scribbles, opaque; background is drawn too, and values that are no class are unlabelled.
    Scribble(Vec<u8>),
    /// An attention map in [0, 1], without the image.
    Heat(Vec<f32>),
    /// Not there: an empty place.
    Missing,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub tile: Tile,
    /// A few words under the tile, e.g. `Dice 84.3 %`; may be empty.
    pub note: String,
}

/// One slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// E.g. `patient003`.
    pub title: String,
    /// E.g. `ED, slice 4`.
    pub subtitle: String,
    pub width: usize,
    pub height: usize,
    /// `[channel, height, width]`, of any range: shown from its 1st to its 99th percentile, in colour if it has three.
    pub image: Vec<f32>,
    /// One for each of [`Samples::columns`].
    pub cells: Vec<Cell>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    pub title: String,
    /// Headings, e.g. `Image`, `Scribble`, `Truth`, `Ours`.
    pub columns: Vec<String>,
    /// Names of the classes; 0 is the background.
    pub classes: Vec<String>,
    pub rows: Vec<Row>,
}

/// Longest side that a tile should have, in pixels of the PNG.
const TILE: usize = 300;
const LEFT: f64 = 54.0;
const TOP: f64 = 72.0;
const GAP: f64 = 8.0;
const NOTE: f64 = 16.0;
const LEGEND: f64 = 40.0;
const HEADING: f64 = 12.0;

impl Row {
    fn channels(&self) -> usize {
        (self.image.len() / (self.width * self.height).max(1)).max(1)
    }
}

impl Samples {
    /// Checks that every value has its pixel and every column its cell.
    pub fn checked(self) -> Result<Samples, ReportError> {
        for row in &self.rows {
            let pixels = row.width * row.height;
            length(&format!("image of {}", row.title), row.image.len(), row.channels() * pixels)?;
            length(&format!("cells of {}", row.title), row.cells.len(), self.columns.len())?;
            for (cell, column) in row.cells.iter().zip(&self.columns) {
                let found = match &cell.tile {
                    Tile::Labels(values) | Tile::Scribble(values) => values.len(),
                    Tile::Heat(values) => values.len(),
                    Tile::Image | Tile::Missing => pixels,
                };
                length(&format!("`{column}` of {}", row.title), found, pixels)?;
            }
        }
        Ok(self)
    }

    /// PNG pixels per image pixel: one for all, so that sizes can be compared.
    fn factor(&self) -> usize {
        let longest = self.rows.iter().map(|row| row.width.max(row.height)).max().unwrap_or(1).max(1);
        ((TILE + longest / 2) / longest).max(1)
    }

    /// CSS pixels per image pixel.
    fn zoom(&self) -> f64 {
        self.factor() as f64 / 2.0
    }

    /// Width of each column: its tiles', its heading's or its widest note's.
    fn widths(&self) -> Vec<f64> {
        let tile = self.rows.iter().map(|row| row.width).max().unwrap_or(0) as f64 * self.zoom();
        let note = |column: usize| {
            let notes = self.rows.iter().filter_map(|row| row.cells.get(column));
            notes.map(|cell| text_width(&cell.note, 10.0)).fold(0.0, f64::max)
        };
        let width =
            |(column, heading): (usize, &String)| tile.max(text_width(heading, HEADING)).max(note(column)).ceil();
        self.columns.iter().enumerate().map(width).collect()
    }

    fn row_height(&self, row: &Row) -> f64 {
        let note = if row.cells.iter().any(|cell| !cell.note.is_empty()) { NOTE } else { 0.0 };
        (row.height as f64 * self.zoom()).ceil() + note + GAP
    }

    /// Top edge of each row, and the bottom of the last.
    fn tops(&self) -> Vec<f64> {
        let mut tops = vec![TOP];
        self.rows.iter().for_each(|row| tops.push(tops[tops.len() - 1] + self.row_height(row)));
        tops
    }

    /// Left edge of each column.
    fn lefts(&self) -> Vec<f64> {
        let place = |left: &mut f64, width: f64| {
            let at = *left;
            *left += width + GAP;
            Some(at)
        };
        self.widths().into_iter().scan(LEFT, place).collect()
    }

    fn has(&self, wanted: fn(&Tile) -> bool) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).any(|cell| wanted(&cell.tile))
    }

    /// Colours and words of the legend. Background has a colour in scribbles only.
    fn legend(&self) -> Vec<(RGBColor, String)> {
        let scribbled = self.has(|tile| matches!(tile, Tile::Scribble(values) if values.contains(&0)));
        let shown = self.has(|tile| matches!(tile, Tile::Labels(_) | Tile::Scribble(_)));
        let entry = |(label, name): (usize, &String)| {
            let words = if label == 0 { format!("{name} (scribble)") } else { name.clone() };
            (palette::class(label), words)
        };
        let classes = self.classes.iter().enumerate().filter(|(label, _)| shown && (*label > 0 || scribbled));
        classes.map(entry).collect()
    }

    fn draw_headings<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError> {
        let style = Type::new(HEADING, HPos::Center, VPos::Center);
        for ((heading, left), width) in self.columns.iter().zip(self.lefts()).zip(self.widths()) {
            pen.text(heading, (px(left + width / 2.0), px(TOP - 14.0)), style)?;
        }
        Ok(())
    }

    fn draw_row<B: DrawingBackend>(&self, pen: &Pen<B>, row: &Row, top: f64) -> Result<(), ReportError> {
        let high = row.height as f64 * self.zoom();
        let middle = px(top + high / 2.0);
        let style = Type::new(11.0, HPos::Center, VPos::Center).upwards();
        pen.text(&row.title, (px(LEFT - 32.0), middle), style)?;
        pen.text(&row.subtitle, (px(LEFT - 16.0), middle), style.color(palette::MUTED))?;
        for ((cell, left), width) in row.cells.iter().zip(self.lefts()).zip(self.widths()) {
            let middle = px(left + width / 2.0);
            let style = Type::new(10.0, HPos::Center, VPos::Center).color(palette::MUTED);
            pen.text(&cell.note, (middle, px(top + high + 9.0)), style)?;
            if cell.tile == Tile::Missing {
                pen.text("—", (middle, px(top + high / 2.0)), style)?;
            }
        }
        Ok(())
    }

    fn draw_legend<B: DrawingBackend>(&self, pen: &Pen<B>, top: f64) -> Result<(), ReportError> {
        let (mut left, middle) = (LEFT, px(top + 18.0));
        let style = Type::new(11.0, HPos::Left, VPos::Center);
        for (color, words) in self.legend() {
            pen.rectangle([(px(left), middle - px(6.0)), (px(left + 12.0), middle + px(6.0))], color)?;
            pen.text(&words, (px(left + 18.0), middle), style)?;
            left += 18.0 + text_width(&words, 11.0) + 20.0;
        }
        if self.has(|tile| matches!(tile, Tile::Heat(_))) {
            self.draw_heat_bar(pen, left, middle)?;
        }
        Ok(())
    }

    fn draw_heat_bar<B: DrawingBackend>(&self, pen: &Pen<B>, left: f64, middle: i32) -> Result<(), ReportError> {
        let style = Type::new(11.0, HPos::Left, VPos::Center);
        let start = left + text_width(HEAT_WORDS, 11.0) + 6.0;
        pen.text(HEAT_WORDS, (px(left), middle), style)?;
        for i in 0..HEAT_STEPS {
            let color = heat::heat(i as f32 / (HEAT_STEPS - 1) as f32);
            let edge = px(start + 80.0 * i as f64 / HEAT_STEPS as f64);
            // To the end of the bar: between steps that only touch, a viewer of the SVG shows seams.
            pen.rectangle([(edge, middle - px(6.0)), (px(start + 80.0), middle + px(6.0))], color)?;
        }
        pen.text("1", (px(start + 86.0), middle), style)
    }

    fn legend_width(&self) -> f64 {
        let words = self.legend().iter().map(|(_, words)| 38.0 + text_width(words, 11.0)).sum::<f64>();
        let heat =
            if self.has(|tile| matches!(tile, Tile::Heat(_))) { text_width(HEAT_WORDS, 11.0) + 110.0 } else { 0.0 };
        LEFT + words + heat
    }

    fn picture(&self, row: &Row, tile: &Tile, left: f64, top: f64) -> Option<Picture> {
        let levels = heat::grey(&row.image);
        let (channels, classes) = (row.channels(), self.classes.len());
        let rgb = match tile {
            Tile::Image => heat::overlay(&levels, channels, |_| None),
            Tile::Labels(values) => heat::labels(&levels, channels, values, classes),
            Tile::Scribble(values) => heat::scribble(&levels, channels, values, classes),
            Tile::Heat(values) => heat::attention(values),
            Tile::Missing => return None,
        };
        let at = (left.floor() as i32 * UNIT as i32, top.floor() as i32 * UNIT as i32);
        Some(Picture { at, width: row.width as u32, height: row.height as u32, rgb, factor: self.factor() as u32 })
    }
}

const HEAT_WORDS: &str = "attention 0";
const HEAT_STEPS: usize = 40;

fn length(what: &str, found: usize, expected: usize) -> Result<(), ReportError> {
    if found == expected { Ok(()) } else { Err(ReportError::Length { what: what.to_owned(), found, expected }) }
}

impl Figure for Samples {
    fn size(&self) -> (u32, u32) {
        let grid = self.widths().iter().map(|width| width + GAP).sum::<f64>() + LEFT;
        let title = text_width(&self.title, 15.0) + 40.0;
        let height = self.tops().last().copied().unwrap_or(TOP) + LEGEND;
        let width = (grid + 8.0).max(self.legend_width()).max(title);
        (width.ceil() as u32, height.ceil() as u32)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError> {
        pen.text(&self.title, (px(20.0), px(22.0)), Type::new(15.0, HPos::Left, VPos::Center))?;
        self.draw_headings(pen)?;
        let tops = self.tops();
        self.rows.iter().zip(&tops).try_for_each(|(row, top)| self.draw_row(pen, row, *top))?;
        self.draw_legend(pen, tops[tops.len() - 1])
    }

    fn pictures(&self) -> Vec<Picture> {
        let (lefts, widths) = (self.lefts(), self.widths());
        let mut pictures = Vec::new();
        for (row, top) in self.rows.iter().zip(self.tops()) {
            for ((cell, left), width) in row.cells.iter().zip(&lefts).zip(&widths) {
                let centred = left + (width - row.width as f64 * self.zoom()) / 2.0;
                pictures.extend(self.picture(row, &cell.tile, centred, top));
            }
        }
        pictures
    }
}
