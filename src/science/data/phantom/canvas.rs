use super::shape::{Blob, Point};

/// What is painted: one value a channel. A number stands for the same in all channels.
pub type Tint = [f64; 3];

/// One slice while it is painted: intensities and class of every pixel, `[row, column]`.
#[derive(Debug, Clone)]
pub struct Canvas {
    pub rows: usize,
    pub columns: usize,
    /// Side of a pixel, in the unit of the shapes.
    spacing: f64,
    /// One image a channel; one channel or three.
    pub planes: Vec<Vec<f64>>,
    pub labels: Vec<u8>,
}

impl Canvas {
    /// All air: a square, one channel (in MR, blood or fat is 1).
    pub fn new(size: usize, spacing: f64) -> Self {
        Canvas::with_channels([size, size], 1, spacing)
    }

    /// `[rows, columns]`, red, green and blue from 0 to 1, all black.
    pub fn rgb([rows, columns]: [usize; 2], spacing: f64) -> Self {
        Canvas::with_channels([rows, columns], 3, spacing)
    }

    fn with_channels([rows, columns]: [usize; 2], channels: usize, spacing: f64) -> Self {
        let pixels = rows * columns;
        Canvas { rows, columns, spacing, planes: vec![vec![0.0; pixels]; channels], labels: vec![0; pixels] }
    }

    /// Centre of a pixel.
    pub fn point(&self, pixel: usize) -> Point {
        let place = |index: usize, size: usize| (index as f64 - (size as f64 - 1.0) / 2.0) * self.spacing;
        Point::new(place(pixel % self.columns, self.columns), place(pixel / self.columns, self.rows))
    }

    /// Paints where `distance` (in the shapes' unit, negative inside) says, with an edge one pixel wide. What is
    /// painted lies within `bounds`, so that small things are painted fast.
    pub fn paint(&mut self, tint: impl Into<Paint>, bounds: &Blob, distance: impl Fn(Point) -> f64) {
        let Paint(tint) = tint.into();
        for pixel in self.pixels(bounds) {
            let cover = (0.5 - distance(self.point(pixel)) / self.spacing).clamp(0.0, 1.0);
            for (plane, value) in self.planes.iter_mut().zip(tint) {
                plane[pixel] += cover * (value - plane[pixel]);
            }
        }
    }

    pub fn paint_blob(&mut self, tint: impl Into<Paint>, blob: &Blob) {
        self.paint(tint, blob, |point| blob.distance(point));
    }

    /// Paints and labels the pixels whose centres are inside.
    pub fn paint_class(&mut self, tint: impl Into<Paint>, class: u8, bounds: &Blob, distance: impl Fn(Point) -> f64) {
        for pixel in self.pixels(bounds) {
            if distance(self.point(pixel)) < 0.0 {
                self.labels[pixel] = class;
            }
        }
        self.paint(tint, bounds, distance);
    }

    /// Gives every label another number: label `i` becomes `to[i]`.
    pub fn relabel(&mut self, to: &[u8]) {
        self.labels.iter_mut().for_each(|label| *label = to.get(usize::from(*label)).copied().unwrap_or(0));
    }

    /// The pixels around a blob.
    fn pixels(&self, bounds: &Blob) -> impl Iterator<Item = usize> + use<> {
        let (spacing, reach, columns) = (self.spacing, bounds.reach() + self.spacing, self.columns);
        let range = |centre: f64, size: usize| {
            let middle = (size as f64 - 1.0) / 2.0;
            let index = |place: f64| (place / spacing + middle).clamp(0.0, size as f64);
            index(centre - reach) as usize..(index(centre + reach).ceil() as usize + 1).min(size)
        };
        let (across, down) = (range(bounds.centre.x, self.columns), range(bounds.centre.y, self.rows));
        down.flat_map(move |row| across.clone().map(move |column| row * columns + column))
    }
}

/// A [`Tint`], or a number that stands for one.
#[derive(Debug, Clone, Copy)]
pub struct Paint(Tint);

impl From<f64> for Paint {
    fn from(value: f64) -> Self {
        Paint([value; 3])
    }
}

impl From<Tint> for Paint {
    fn from(tint: Tint) -> Self {
        Paint(tint)
    }
}
