//! Figures, drawn once into SVG and PNG. One file a kind of figure.

mod axes;
mod bearing;
mod canvas;
pub mod curves;
mod heat;
pub mod lines;
mod palette;
mod pen;
mod png;
pub mod samples;
pub mod scribbles;
pub mod sheet;

pub use canvas::{Figure, png_bytes, save, svg_text};
pub use curves::{Curve, Curves, Panel};
pub use lines::{Lines, Point, Series, Spread};
pub use palette::class_colour;
pub use pen::Pen;
pub use samples::{Samples, Tile};
pub use scribbles::Scribbles;
