use super::bearing::bearing;
use super::canvas::{FONT, UNIT};
use super::palette::{INK, Marker};
use crate::report::ReportError;
use plotters::coord::Shift;
use plotters::element::{DashedPathElement, Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Draws on a canvas. Points are in units (see `canvas`), widths and sizes in CSS pixels.
pub struct Pen<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    medium: Medium,
}

/// What plotters draws otherwise in the one than in the other, the pen makes up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Vector,
    Raster,
}

/// Plotters' font size in em: so its SVG backend takes it.
const SIZE_IN_EM: f64 = 1.24;
/// Height of DejaVu Sans (ascent + descent) in em: so its raster takes it.
const HEIGHT_IN_EM: f64 = (1901.0 + 483.0) / 2048.0;

/// CSS pixels to units.
pub fn px(value: f64) -> i32 {
    (value * f64::from(UNIT)).round() as i32
}

/// Where text stands relative to its point.
#[derive(Clone, Copy)]
pub struct Type {
    /// Height of the em in CSS pixels.
    pub size: f64,
    pub color: RGBColor,
    pub horizontal: HPos,
    pub vertical: VPos,
    /// Read from bottom to top.
    pub upwards: bool,
}

impl Type {
    pub fn new(size: f64, horizontal: HPos, vertical: VPos) -> Self {
        Type { size, color: INK, horizontal, vertical, upwards: false }
    }

    pub fn color(self, color: RGBColor) -> Self {
        Type { color, ..self }
    }

    pub fn upwards(self) -> Self {
        Type { upwards: true, ..self }
    }
}

/// `size`: plotters' size over the em.
fn font(em: f64, size: f64) -> FontDesc<'static> {
    FontDesc::new(FontFamily::Name(FONT), em * f64::from(UNIT) * size, FontStyle::Normal)
}

/// Width of a text in CSS pixels. 0 before the font is registered, which drawing does.
pub fn text_width(text: &str, size: f64) -> f64 {
    font(size, HEIGHT_IN_EM).box_size(text).map_or(0.0, |(width, _)| f64::from(width) / f64::from(UNIT))
}

/// Plotters' raster puts the base line of top-anchored text half the font's size below its point; the SVG backend puts it
/// 0.76 em below the point, 0.5 ex (0.27 em) or -0.27 em, by the anchor.
fn lowered(at: (i32, i32), style: Type) -> (i32, i32) {
    let base = match style.vertical {
        VPos::Top => 0.76,
        VPos::Center => 0.27,
        VPos::Bottom => -0.27,
    };
    let by = px(style.size * (base - HEIGHT_IN_EM / 2.0));
    if style.upwards { (at.0 + by, at.1) } else { (at.0, at.1 + by) }
}

impl<'a, B: DrawingBackend> Pen<'a, B> {
    pub fn new(area: &'a DrawingArea<B, Shift>, medium: Medium) -> Self {
        Pen { area, medium }
    }

    fn element<'b, E>(&self, element: &'b E) -> Result<(), ReportError>
    where
        &'b E: PointCollection<'b, (i32, i32)>,
        E: Drawable<B>,
    {
        self.area.draw(element).map_err(ReportError::draw)
    }

    pub fn text(&self, text: &str, at: (i32, i32), style: Type) -> Result<(), ReportError> {
        match self.medium {
            Medium::Vector => self.string(text, at, style, SIZE_IN_EM, Pos::new(style.horizontal, style.vertical)),
            Medium::Raster => self.glyphs(text, lowered(at, style), style),
        }
    }

    fn string(&self, text: &str, at: (i32, i32), style: Type, size: f64, anchor: Pos) -> Result<(), ReportError> {
        let turn = if style.upwards { FontTransform::Rotate270 } else { FontTransform::None };
        let style = font(style.size, size).transform(turn).color(&style.color).pos(anchor);
        self.area.draw_text(text, &style, at).map_err(ReportError::draw)
    }

    /// Character by character, each with its bearing, which plotters' raster leaves out.
    fn glyphs(&self, text: &str, at: (i32, i32), style: Type) -> Result<(), ReportError> {
        let width = |text: &str| text_width(text, style.size);
        let start = match style.horizontal {
            HPos::Left => 0.0,
            HPos::Center => -width(text) / 2.0,
            HPos::Right => -width(text),
        };
        text.char_indices().try_for_each(|(i, c)| {
            let end = i + c.len_utf8();
            // The width up to its end, less its own: so it stands kerned to the one before.
            let along = px(start + width(&text[..end]) - width(&text[i..end]) + style.size * bearing(c));
            let at = if style.upwards { (at.0, at.1 - along) } else { (at.0 + along, at.1) };
            self.string(&text[i..end], at, style, HEIGHT_IN_EM, Pos::new(HPos::Left, VPos::Top))
        })
    }

    /// Plotters rasters a path as one polygon, with holes where it crosses itself: draw its pieces with round joints.
    pub fn path(&self, points: &[(i32, i32)], color: RGBColor, width: f64) -> Result<(), ReportError> {
        let width = px(width).max(1);
        let piece =
            |points: &[(i32, i32)]| self.element(&PathElement::new(points.to_vec(), color.stroke_width(width as u32)));
        if self.medium == Medium::Vector {
            return piece(points);
        }
        points.windows(2).try_for_each(piece)?;
        let joints = points.get(1..points.len().saturating_sub(1)).unwrap_or_default();
        joints.iter().try_for_each(|joint| self.element(&Circle::new(*joint, width / 2, color.filled())))
    }

    pub fn dashed(
        &self,
        points: &[(i32, i32)],
        color: RGBColor,
        width: f64,
        dash: Option<(u32, u32)>,
    ) -> Result<(), ReportError> {
        let Some((dash, gap)) = dash else { return self.path(points, color, width) };
        let style = color.stroke_width(px(width).max(1) as u32);
        self.element(&DashedPathElement::new(points.iter().copied(), dash * UNIT, gap * UNIT, style))
    }

    pub fn rectangle(&self, corners: [(i32, i32); 2], color: RGBColor) -> Result<(), ReportError> {
        self.element(&Rectangle::new(corners, color.filled()))
    }

    fn polygon(&self, points: Vec<(i32, i32)>, color: RGBColor) -> Result<(), ReportError> {
        self.element(&Polygon::new(points, color))
    }

    /// A marker about 2 x `radius` CSS pixels wide.
    pub fn marker(&self, marker: Marker, at: (i32, i32), radius: f64, color: RGBColor) -> Result<(), ReportError> {
        let r = px(radius);
        let spot =
            |dx: f64, dy: f64| (at.0 + (dx * f64::from(r)).round() as i32, at.1 + (dy * f64::from(r)).round() as i32);
        match marker {
            Marker::Circle => self.element(&Circle::new(at, r, color.filled())),
            Marker::Ring => {
                self.element(&Circle::new(at, r, color.filled()))?;
                self.element(&Circle::new(at, r / 2, WHITE.filled()))
            }
            Marker::Square => self.rectangle([spot(-0.88, -0.88), spot(0.88, 0.88)], color),
            Marker::Triangle => self.polygon(vec![spot(0.0, -1.15), spot(1.1, 0.8), spot(-1.1, 0.8)], color),
            Marker::DownTriangle => self.polygon(vec![spot(0.0, 1.15), spot(1.1, -0.8), spot(-1.1, -0.8)], color),
            Marker::Diamond => {
                self.polygon(vec![spot(0.0, -1.3), spot(1.1, 0.0), spot(0.0, 1.3), spot(-1.1, 0.0)], color)
            }
            Marker::Cross => {
                self.path(&[spot(-0.9, -0.9), spot(0.9, 0.9)], color, 2.0)?;
                self.path(&[spot(-0.9, 0.9), spot(0.9, -0.9)], color, 2.0)
            }
            Marker::Plus => {
                self.path(&[spot(-1.1, 0.0), spot(1.1, 0.0)], color, 2.0)?;
                self.path(&[spot(0.0, -1.1), spot(0.0, 1.1)], color, 2.0)
            }
        }
    }
}
