//! A contact sheet: slices of a data set side by side, the borders of their masks and their scribbles drawn on them.

use super::canvas::{Figure, Picture, UNIT};
use super::heat;
use super::palette;
use super::pen::{Pen, Type, px, text_width};
use crate::report::ReportError;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

/// One slice with what is drawn on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// E.g. `patient003`.
    pub title: String,
    /// E.g. `frame01, slice 4 of 10`.
    pub subtitle: String,
    pub width: usize,
    pub height: usize,
    /// `[channel, row, column]` of any range, shown from its 1st to its 99th percentile; three channels are colours.
    pub image: Vec<f32>,
    /// `[row, column]`; values that are no class are unlabelled.
    pub mask: Vec<u8>,
    /// Empty: there is none.
    pub scribble: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    pub title: String,
    /// A line below the title.
    pub subtitle: String,
    /// Names of the classes; 0 is the background.
    pub classes: Vec<String>,
    pub frames: Vec<Frame>,
}

/// Longest side that a slice should have, in pixels of the PNG.
const SIDE: usize = 400;
/// Width that the sheet should have, in CSS pixels.
const WIDE: f64 = 1400.0;
const MARGIN: f64 = 20.0;
const TOP: f64 = 60.0;
const GAP: f64 = 14.0;
const CAPTION: f64 = 36.0;
const LINE: f64 = 22.0;
const SMALL: f64 = 10.0;
/// Width of a border, in pixels of the PNG.
const BORDER: usize = 2;

impl Sheet {
    /// Checks that every value has its pixel.
    pub fn checked(self) -> Result<Self, ReportError> {
        for frame in &self.frames {
            let pixels = frame.width * frame.height;
            let fits = pixels > 0
                && [1, 3].iter().any(|channels| frame.image.len() == channels * pixels)
                && frame.mask.len() == pixels
                && (frame.scribble.is_empty() || frame.scribble.len() == pixels);
            if !fits {
                let what = format!("slice of {}", frame.title);
                return Err(ReportError::Length { what, found: frame.image.len(), expected: pixels });
            }
        }
        Ok(self)
    }

    /// Width of a column, the gap after it included.
    fn cell(&self) -> f64 {
        let width = |frame: &Frame| {
            let captions = text_width(&frame.title, SMALL).max(text_width(&frame.subtitle, SMALL));
            (View::of(frame).width as f64 / 2.0).max(captions)
        };
        self.frames.iter().map(width).fold(0.0, f64::max).ceil() + GAP
    }

    fn columns(&self) -> usize {
        let fitting = ((WIDE / self.cell()) as usize).max(1);
        fitting.min(self.frames.len()).max(1)
    }

    /// Top edge of each row, and of what is below the last.
    fn tops(&self) -> Vec<f64> {
        let mut tops = vec![TOP];
        for row in self.frames.chunks(self.columns()) {
            let height = row.iter().map(|frame| View::of(frame).height as f64 / 2.0).fold(0.0, f64::max);
            tops.push(tops[tops.len() - 1] + height.ceil() + CAPTION + GAP);
        }
        tops
    }

    /// Left and top edge of each slice.
    fn places(&self) -> Vec<(f64, f64)> {
        let (columns, width, tops) = (self.columns(), self.cell(), self.tops());
        let place = |index: usize| (MARGIN + (index % columns) as f64 * width, tops[index / columns]);
        (0..self.frames.len()).map(place).collect()
    }

    fn grid_bottom(&self) -> f64 {
        self.tops().last().copied().unwrap_or(TOP)
    }

    /// Colours and words of the legend, line by line.
    fn legend(&self) -> Vec<Vec<(Option<RGBColor>, String)>> {
        let scribbled = |frame: &Frame| frame.scribble.contains(&0);
        let mut entries: Vec<(Option<RGBColor>, String)> = Vec::new();
        if self.frames.iter().any(scribbled) {
            let background = self.classes.first().map_or("background", String::as_str);
            entries.push((Some(palette::class(0)), format!("{background} (scribble)")));
        }
        let classes = self.classes.iter().enumerate().skip(1);
        entries.extend(classes.map(|(label, name)| (Some(palette::class(label)), name.clone())));
        entries.push((None, "lines: borders of masks".to_owned()));
        if self.frames.iter().any(|frame| !frame.scribble.is_empty()) {
            entries.push((None, "filled: scribbles".to_owned()));
        }
        let width = self.grid_width();
        let (mut lines, mut left) = (vec![Vec::new()], 0.0);
        for entry in entries {
            let wide = entry_width(&entry);
            if left + wide > width && left > 0.0 {
                lines.push(Vec::new());
                left = 0.0;
            }
            left += wide;
            if let Some(line) = lines.last_mut() {
                line.push(entry);
            }
        }
        lines
    }

    fn grid_width(&self) -> f64 {
        let titles = text_width(&self.title, 15.0).max(text_width(&self.subtitle, 11.0));
        (self.columns() as f64 * self.cell()).max(titles).max(360.0)
    }

    fn draw_captions<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError> {
        let style = Type::new(SMALL, HPos::Left, VPos::Center);
        for (frame, (left, top)) in self.frames.iter().zip(self.places()) {
            let below = top + View::of(frame).height as f64 / 2.0;
            pen.text(&frame.title, (px(left), px(below + 10.0)), style)?;
            pen.text(&frame.subtitle, (px(left), px(below + 23.0)), style.color(palette::MUTED))?;
        }
        Ok(())
    }

    fn draw_legend<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError> {
        let style = Type::new(11.0, HPos::Left, VPos::Center);
        for (number, line) in self.legend().into_iter().enumerate() {
            let (mut left, middle) = (MARGIN, px(self.grid_bottom() + LINE * (number as f64 + 0.5)));
            for (color, words) in line {
                let indent = if let Some(color) = color {
                    pen.rectangle([(px(left), middle - px(6.0)), (px(left + 12.0), middle + px(6.0))], color)?;
                    18.0
                } else {
                    0.0
                };
                let style = if color.is_some() { style } else { style.color(palette::MUTED) };
                pen.text(&words, (px(left + indent), middle), style)?;
                left += entry_width(&(color, words));
            }
        }
        Ok(())
    }
}

fn entry_width((color, words): &(Option<RGBColor>, String)) -> f64 {
    text_width(words, 11.0) + if color.is_some() { 38.0 } else { 20.0 }
}

impl Figure for Sheet {
    fn size(&self) -> (u32, u32) {
        let height = self.grid_bottom() + LINE * self.legend().len() as f64 + 10.0;
        ((self.grid_width() + 2.0 * MARGIN).ceil() as u32, height.ceil() as u32)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError> {
        pen.text(&self.title, (px(MARGIN), px(20.0)), Type::new(15.0, HPos::Left, VPos::Center))?;
        let style = Type::new(11.0, HPos::Left, VPos::Center).color(palette::MUTED);
        pen.text(&self.subtitle, (px(MARGIN), px(41.0)), style)?;
        self.draw_captions(pen)?;
        self.draw_legend(pen)
    }

    fn pictures(&self) -> Vec<Picture> {
        let picture = |(frame, (left, top)): (&Frame, (f64, f64))| {
            let at = (left.floor() as i32 * UNIT as i32, top.floor() as i32 * UNIT as i32);
            let view = View::of(frame);
            let rgb = view.rgb(frame, self.classes.len());
            Picture { at, width: view.width as u32, height: view.height as u32, rgb, factor: 1 }
        };
        self.frames.iter().zip(self.places()).map(picture).collect()
    }
}

/// How a slice is enlarged, or thinned out where it is large.
struct View {
    factor: usize,
    stride: usize,
    /// In pixels of the PNG.
    width: usize,
    height: usize,
}

impl View {
    fn of(frame: &Frame) -> Self {
        let longest = frame.width.max(frame.height).max(1);
        let (factor, stride) = (((SIDE + longest / 2) / longest).max(1), longest.div_ceil(2 * SIDE));
        let side = |side: usize| side.div_ceil(stride) * factor;
        View { factor, stride, width: side(frame.width), height: side(frame.height) }
    }

    /// `[height, width, 3]`
    fn rgb(&self, frame: &Frame, classes: usize) -> Vec<u8> {
        let levels = heat::grey(&frame.image);
        let size = frame.width * frame.height;
        let mut rgb = Vec::with_capacity(3 * self.width * self.height);
        for y in 0..self.height {
            for x in 0..self.width {
                let pixel = self.source(frame, y, x);
                let grey = |channel: usize| levels[(channel * size + pixel) % levels.len()];
                let base = [grey(0), grey(1), grey(2)];
                rgb.extend(self.colour(frame, classes, (y, x)).map_or(base, |RGBColor(r, g, b)| [r, g, b]));
            }
        }
        rgb
    }

    fn source(&self, frame: &Frame, y: usize, x: usize) -> usize {
        y / self.factor * self.stride * frame.width + x / self.factor * self.stride
    }

    /// A scribble lies over the border of a mask.
    fn colour(&self, frame: &Frame, classes: usize, (y, x): (usize, usize)) -> Option<RGBColor> {
        let pixel = self.source(frame, y, x);
        let class = |labels: &[u8]| labels.get(pixel).map(|&label| usize::from(label)).filter(|&label| label < classes);
        if let Some(label) = class(&frame.scribble) {
            return Some(palette::class(label));
        }
        class(&frame.mask).filter(|&label| label > 0 && self.is_border(frame, pixel, (y, x))).map(palette::class)
    }

    /// Within a border's width of a pixel with another label.
    fn is_border(&self, frame: &Frame, pixel: usize, (y, x): (usize, usize)) -> bool {
        let reach = BORDER.min(self.factor.max(2) - 1) as isize;
        let other = |dy: isize, dx: isize| {
            let (Some(y), Some(x)) = (y.checked_add_signed(dy), x.checked_add_signed(dx)) else { return false };
            y < self.height && x < self.width && frame.mask[self.source(frame, y, x)] != frame.mask[pixel]
        };
        (1..=reach).any(|by| other(by, 0) || other(-by, 0) || other(0, by) || other(0, -by))
    }
}
