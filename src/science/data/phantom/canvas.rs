use super::shape::{Blob, Point};

/// One slice while it is painted: intensity (blood is 1) and class of every pixel, `[row, column]`.
#[derive(Debug, Clone)]
pub struct Canvas {
    pub size: usize,
    spacing: f64,
    pub intensity: Vec<f64>,
    pub labels: Vec<u8>,
}

impl Canvas {
    /// All air.
    pub fn new(size: usize, spacing: f64) -> Self {
        Canvas { size, spacing, intensity: vec![0.0; size * size], labels: vec![0; size * size] }
    }

    /// Centre of a pixel.
    pub fn point(&self, pixel: usize) -> Point {
        let middle = (self.size as f64 - 1.0) / 2.0;
        let mm = |index: usize| (index as f64 - middle) * self.spacing;
        Point::new(mm(pixel % self.size), mm(pixel / self.size))
    }

    /// Paints where `distance` (mm, negative inside) says, with an edge one pixel wide. What is painted lies
    /// within `bounds`, so that small things are painted fast.
    pub fn paint(&mut self, intensity: f64, bounds: &Blob, distance: impl Fn(Point) -> f64) {
        for pixel in self.pixels(bounds) {
            let cover = (0.5 - distance(self.point(pixel)) / self.spacing).clamp(0.0, 1.0);
            self.intensity[pixel] += cover * (intensity - self.intensity[pixel]);
        }
    }

    pub fn paint_blob(&mut self, intensity: f64, blob: &Blob) {
        self.paint(intensity, blob, |point| blob.distance(point));
    }

    /// Paints and labels the pixels whose centres are inside.
    pub fn paint_class(&mut self, intensity: f64, class: u8, bounds: &Blob, distance: impl Fn(Point) -> f64) {
        for pixel in self.pixels(bounds) {
            if distance(self.point(pixel)) < 0.0 {
                self.labels[pixel] = class;
            }
        }
        self.paint(intensity, bounds, distance);
    }

    /// The pixels around a blob.
    fn pixels(&self, bounds: &Blob) -> impl Iterator<Item = usize> + use<> {
        let (size, reach) = (self.size, bounds.reach() + self.spacing);
        let middle = (size as f64 - 1.0) / 2.0;
        let index = |mm: f64| (mm / self.spacing + middle).clamp(0.0, size as f64);
        let range = |centre: f64| index(centre - reach) as usize..(index(centre + reach).ceil() as usize + 1).min(size);
        let columns = range(bounds.centre.x);
        range(bounds.centre.y).flat_map(move |row| columns.clone().map(move |column| row * size + column))
    }
}
