//! Colours that the colour-blind tell apart (Okabe and Ito), and markers and dashes that say the same once more.

use plotters::style::RGBColor;

pub const INK: RGBColor = RGBColor(30, 30, 30);
pub const MUTED: RGBColor = RGBColor(95, 95, 95);
pub const GRID: RGBColor = RGBColor(222, 222, 222);

const SERIES: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(127, 127, 127),
];

/// Class 1, 2, ... over a grey image: the brighter ones first.
const CLASSES: [RGBColor; 8] = [
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(86, 180, 233),
    RGBColor(204, 121, 167),
    RGBColor(240, 228, 66),
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(255, 255, 255),
];

/// Background, where it is drawn as a scribble.
pub const BACKGROUND: RGBColor = RGBColor(150, 100, 220);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    DownTriangle,
    Cross,
    Plus,
    Ring,
}

const MARKERS: [Marker; 8] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::DownTriangle,
    Marker::Cross,
    Marker::Plus,
    Marker::Ring,
];

/// Dash and gap in CSS pixels; `None` = solid.
const DASHES: [Option<(u32, u32)>; 8] =
    [None, Some((9, 4)), Some((4, 4)), Some((14, 5)), Some((2, 4)), Some((7, 2)), Some((5, 8)), Some((11, 3))];

pub fn series(i: usize) -> RGBColor {
    SERIES[i % SERIES.len()]
}

/// Of series with one colour, each round has other markers.
pub fn marker(i: usize) -> Marker {
    MARKERS[(i + 3 * (i / SERIES.len())) % MARKERS.len()]
}

/// Solid for as many series as there are colours; then dashed, another way each round.
pub fn line(i: usize) -> Option<(u32, u32)> {
    DASHES[(i / SERIES.len()) % DASHES.len()]
}

pub fn dash(i: usize) -> Option<(u32, u32)> {
    DASHES[i % DASHES.len()]
}

/// Red, green and blue of a class in a mask by itself: as in figures, and black for the background.
pub fn class_colour(label: usize) -> [u8; 3] {
    let RGBColor(red, green, blue) = if label == 0 { RGBColor(0, 0, 0) } else { class(label) };
    [red, green, blue]
}

/// Colour of a class; 0 is the background.
pub fn class(label: usize) -> RGBColor {
    if label == 0 { BACKGROUND } else { CLASSES[(label - 1) % CLASSES.len()] }
}
