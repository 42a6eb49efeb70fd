//! One drawing, two files. A figure is drawn in units of a quarter of a CSS pixel: the SVG scales them down by its view box, the PNG
//! averages 2x2 of them, so that it has twice the density of a screen and smooth edges.

use super::pen::{Medium, Pen};
use super::png;
use crate::report::ReportError;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;
use std::sync::OnceLock;

/// Units per CSS pixel.
pub const UNIT: u32 = 4;
/// Units per pixel of the PNG.
pub const SUPERSAMPLING: u32 = 2;

/// Name of the bundled font, with families that a viewer of the SVG falls back to.
pub const FONT: &str = "DejaVu Sans, Verdana, sans-serif";
pub static FONT_BYTES: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// A raster image that stands in a figure, its pixels enlarged without smoothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Left and top edge, in units; a multiple of [`SUPERSAMPLING`].
    pub at: (i32, i32),
    pub width: u32,
    pub height: u32,
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
    /// Pixels of the PNG per pixel of the picture.
    pub factor: u32,
}

/// A kind of figure with its data.
pub trait Figure {
    /// Width and height in CSS pixels.
    fn size(&self) -> (u32, u32);

    fn draw<B: DrawingBackend>(&self, pen: &Pen<B>) -> Result<(), ReportError>;

    /// Raster images; they are laid under nothing and over the drawing.
    fn pictures(&self) -> Vec<Picture> {
        Vec::new()
    }
}

/// Writes `{stem}.svg` and `{stem}.png` into `folder`. `provenance` (e.g. the key of the stage) stands in the metadata of both.
pub fn save<F: Figure>(figure: &F, folder: &Path, stem: &str, provenance: &str) -> Result<(), ReportError> {
    std::fs::create_dir_all(folder).map_err(ReportError::io("create", folder))?;
    let write = |extension: &str, bytes: &[u8]| {
        let path = folder.join(format!("{stem}.{extension}"));
        std::fs::write(&path, bytes).map_err(ReportError::io("write", &path))
    };
    write("svg", svg_text(figure, provenance)?.as_bytes())?;
    write("png", &png_bytes(figure, provenance)?)
}

/// Registers the bundled font; plotters keeps it for the life of the program.
fn register_font() -> Result<(), ReportError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| register(FONT).is_ok());
    if *registered { Ok(()) } else { Err(ReportError::Draw("the bundled font cannot be read".to_owned())) }
}

fn register(name: &str) -> Result<(), ()> {
    plotters::style::register_font(name, FontStyle::Normal, FONT_BYTES).map_err(|_| ())
}

fn units<F: Figure>(figure: &F) -> (u32, u32) {
    let (width, height) = figure.size();
    (width * UNIT, height * UNIT)
}

fn draw<F: Figure, B: DrawingBackend>(
    figure: &F,
    area: &DrawingArea<B, Shift>,
    medium: Medium,
) -> Result<(), ReportError> {
    area.fill(&WHITE).map_err(ReportError::draw)?;
    figure.draw(&Pen::new(area, medium))?;
    area.present().map_err(ReportError::draw)
}

/// The figure as SVG.
pub fn svg_text<F: Figure>(figure: &F, provenance: &str) -> Result<String, ReportError> {
    register_font()?;
    let mut text = String::new();
    draw(figure, &SVGBackend::with_string(&mut text, units(figure)).into_drawing_area(), Medium::Vector)?;
    let ((width, height), (w, h)) = (figure.size(), units(figure));
    let size = format!("width=\"{w}\" height=\"{h}\"");
    let text = text.replacen(&size, &format!("width=\"{width}\" height=\"{height}\""), 1);
    let metadata = format!("\n<metadata>{}</metadata>", escape(provenance));
    let text = match text.find('>') {
        Some(end) => format!("{}>{metadata}{}", &text[..end], &text[end + 1..]),
        None => text,
    };
    let images: Result<String, ReportError> = figure.pictures().iter().map(image_tag).collect();
    let body = text.trim_end().trim_end_matches("</svg>");
    Ok(format!("{body}{}</svg>\n", images?))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Enlarged before: not every viewer heeds `pixelated`, and a smoothed mask shows what no method predicted.
fn image_tag(picture: &Picture) -> Result<String, ReportError> {
    let (width, height) = (picture.width * picture.factor, picture.height * picture.factor);
    let encoded = png::base64(&png::encode(width, height, &enlarged(picture), None)?);
    Ok(format!(
        "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
         href=\"data:image/png;base64,{encoded}\"/>\n",
        picture.at.0,
        picture.at.1,
        width * SUPERSAMPLING,
        height * SUPERSAMPLING,
    ))
}

/// Each pixel `factor` times across and down. `[height * factor, width * factor, 3]`
fn enlarged(picture: &Picture) -> Vec<u8> {
    let factor = picture.factor as usize;
    let wide = |row: &[u8]| row.chunks(3).flat_map(|pixel| pixel.repeat(factor)).collect::<Vec<u8>>();
    picture.rgb.chunks((picture.width as usize * 3).max(3)).flat_map(|row| wide(row).repeat(factor)).collect()
}

/// The figure as PNG, twice as dense as its size in CSS pixels.
pub fn png_bytes<F: Figure>(figure: &F, provenance: &str) -> Result<Vec<u8>, ReportError> {
    register_font()?;
    let (width, height) = units(figure);
    let mut buffer = vec![255; (width * height * 3) as usize];
    let backend = BitMapBackend::with_buffer(&mut buffer, (width, height));
    draw(figure, &backend.into_drawing_area(), Medium::Raster)?;
    let mut rgb = halved(&buffer, width as usize, height as usize);
    let (width, height) = (width / SUPERSAMPLING, height / SUPERSAMPLING);
    figure.pictures().iter().for_each(|picture| blit(picture, &mut rgb, width as usize, height as usize));
    png::encode(width, height, &rgb, Some(provenance))
}

/// Mean of each 2x2 block. `rgb`: `[height, width, 3]`, both even.
fn halved(rgb: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(rgb.len() / 4);
    for y in (0..height).step_by(2) {
        for x in (0..width).step_by(2) {
            for channel in 0..3 {
                let at = |dy: usize, dx: usize| u16::from(rgb[((y + dy) * width + x + dx) * 3 + channel]);
                out.push(((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 2) / 4) as u8);
            }
        }
    }
    out
}

fn blit(picture: &Picture, rgb: &mut [u8], width: usize, height: usize) {
    let (step, across) = (SUPERSAMPLING as i32, (picture.width * picture.factor) as usize);
    let (left, top) = ((picture.at.0 / step).max(0) as usize, (picture.at.1 / step).max(0) as usize);
    let kept = 3 * across.min(width.saturating_sub(left));
    let rows = enlarged(picture);
    for (y, row) in rows.chunks((3 * across).max(3)).enumerate().take(height.saturating_sub(top)) {
        let to = ((top + y) * width + left) * 3;
        rgb[to..to + kept].copy_from_slice(&row[..kept]);
    }
}
