use crate::science::data::Frame;
use crate::science::metric::{Plane, squared_distances};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How masks are spoilt for the autoencoder of PostDAE [14], which learns to undo it.
///
/// [14] names three kinds: addition and removal of random geometric shapes (over- and under-segmentation), morphological
/// operations with variable kernels, and random swaps of labels close to the borders. It gives no numbers: those below
/// are ours. Each kind happens or not by a chance of its own, in this order; by default one mask in eight stays as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Degradation {
    /// Chance that shapes are added or removed. Default 0.5.
    pub shape_chance: f64,
    /// How many, from 1 to this. Default 4.
    pub shapes: usize,
    /// Half the extent of a shape along each of its axes, at most, as a share of the smaller side. Default 0.15.
    pub shape_size: f64,
    /// Chance of a morphological operation. Default 0.5.
    pub morphology_chance: f64,
    /// Radius of its disk, at most, as a share of the smaller side; at least a pixel. Default 0.03.
    pub morphology_radius: f64,
    /// Chance that labels are swapped near the borders. Default 0.5.
    pub swap_chance: f64,
    /// Distance from a border up to which they are, as a share of the smaller side; at least a pixel. Default 0.02.
    pub swap_distance: f64,
    /// Share of the pixels that close which are swapped with another of them, no farther away in rows or columns. Default 0.3.
    pub swapped: f64,
}

impl Default for Degradation {
    fn default() -> Self {
        Degradation {
            shape_chance: 0.5,
            shapes: 4,
            shape_size: 0.15,
            morphology_chance: 0.5,
            morphology_radius: 0.03,
            swap_chance: 0.5,
            swap_distance: 0.02,
            swapped: 0.3,
        }
    }
}

impl Degradation {
    /// A spoilt copy of a mask `[h, w]` with labels below `classes`, 0 the background.
    pub fn spoil(&self, frame: Frame, mask: &[u8], classes: usize, seed: u64) -> Vec<u8> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let chances = [self.shape_chance, self.morphology_chance, self.swap_chance];
        let happens = chances.map(|chance| rng.random_bool(chance.clamp(0.0, 1.0)));
        let mut canvas = Canvas { height: frame.height, width: frame.width, classes, labels: mask.to_vec() };
        if happens[0] {
            canvas.draw_shapes(self, &mut rng);
        }
        if happens[1] {
            canvas.operate(self, &mut rng);
        }
        if happens[2] {
            canvas.swap(self, &mut rng);
        }
        canvas.labels
    }
}

struct Canvas {
    height: usize,
    width: usize,
    classes: usize,
    labels: Vec<u8>,
}

/// A geometric shape about its centre; axes are turned by an angle.
#[derive(Clone, Copy)]
enum Shape {
    /// Circle where both radii are the same.
    Ellipse([f64; 2]),
    Rectangle([f64; 2]),
    /// Half its length, and half its thickness.
    Line([f64; 2]),
}

impl Shape {
    fn draw(largest: f64, rng: &mut impl Rng) -> Shape {
        let largest = largest.max(1.0);
        let mut half = || rng.random_range(1.0..=largest);
        let (first, second) = (half(), half());
        match rng.random_range(0..4) {
            0 => Shape::Ellipse([first, first]),
            1 => Shape::Ellipse([first, second]),
            2 => Shape::Rectangle([first, second]),
            _ => Shape::Line([first, (0.1 * second).max(0.5)]),
        }
    }

    fn holds(self, along: f64, across: f64) -> bool {
        match self {
            Shape::Ellipse([a, b]) => (along / a).powi(2) + (across / b).powi(2) <= 1.0,
            Shape::Rectangle([a, b]) | Shape::Line([a, b]) => along.abs() <= a && across.abs() <= b,
        }
    }
}

impl Canvas {
    fn side(&self) -> f64 {
        self.height.min(self.width) as f64
    }

    fn foreground(&self) -> Vec<usize> {
        let pixels = self.labels.iter().enumerate();
        pixels.filter(|(_, label)| **label > 0).map(|(pixel, _)| pixel).collect()
    }

    /// About half of the shapes are removed from the foreground, about one of its pixels; the others are added in a random
    /// class, anywhere. Where there is no foreground all are added.
    fn draw_shapes(&mut self, degradation: &Degradation, rng: &mut impl Rng) {
        if self.classes < 2 || self.labels.is_empty() {
            return;
        }
        for _ in 0..rng.random_range(1..=degradation.shapes.max(1)) {
            let shape = Shape::draw(degradation.shape_size * self.side(), rng);
            let radians = rng.random_range(0.0..std::f64::consts::PI);
            let added = rng.random_range(1..self.classes) as u8;
            let anywhere = rng.random_range(0..self.labels.len());
            let within = if rng.random_bool(0.5) { self.foreground().choose(rng).copied() } else { None };
            match within {
                Some(centre) => self.paint(shape, centre, radians, 0),
                None => self.paint(shape, anywhere, radians, added),
            }
        }
    }

    fn paint(&mut self, shape: Shape, centre: usize, radians: f64, label: u8) {
        let (sin, cos) = radians.sin_cos();
        let (row, column) = ((centre / self.width) as f64, (centre % self.width) as f64);
        for (pixel, to) in self.labels.iter_mut().enumerate() {
            let (y, x) = ((pixel / self.width) as f64 - row, (pixel % self.width) as f64 - column);
            if shape.holds(cos * x + sin * y, cos * y - sin * x) {
                *to = label;
            }
        }
    }

    /// Erosion, dilation, opening or closing of one foreground class that is there, by a disk. Where the class grows it
    /// covers the others, where it shrinks it leaves background.
    fn operate(&mut self, degradation: &Degradation, rng: &mut impl Rng) {
        let present: Vec<u8> = (1..self.classes as u8).filter(|class| self.labels.contains(class)).collect();
        let largest = (degradation.morphology_radius * self.side()).max(1.0);
        let (radius, operation) = (rng.random_range(1.0..=largest), rng.random_range(0..4));
        let Some(&class) = present.choose(rng) else { return };
        let before: Vec<bool> = self.labels.iter().map(|&label| label == class).collect();
        let after = match operation {
            0 => self.erode(&before, radius),
            1 => self.dilate(&before, radius),
            2 => self.dilate(&self.erode(&before, radius), radius),
            _ => self.erode(&self.dilate(&before, radius), radius),
        };
        for (label, (was, is)) in self.labels.iter_mut().zip(before.into_iter().zip(after)) {
            match (was, is) {
                (true, false) => *label = 0,
                (false, true) => *label = class,
                _ => (),
            }
        }
    }

    fn dilate(&self, mask: &[bool], radius: f64) -> Vec<bool> {
        let squared = squared_distances(mask, Plane::pixels(self.height, self.width));
        squared.into_iter().map(|squared| squared <= radius * radius).collect()
    }

    /// What lies beyond the image does not erode.
    fn erode(&self, mask: &[bool], radius: f64) -> Vec<bool> {
        let outside: Vec<bool> = mask.iter().map(|inside| !inside).collect();
        self.dilate(&outside, radius).into_iter().map(|outside| !outside).collect()
    }

    /// Swaps labels of pixels close to a border with those of other such pixels near them: [14]'s "random swapping of
    /// foreground-background labels in the pixels close to the mask borders". All others keep theirs.
    fn swap(&mut self, degradation: &Degradation, rng: &mut impl Rng) {
        let reach = (degradation.swap_distance * self.side()).round().max(1.0) as usize;
        let close = self.close_to_border(reach as f64);
        for pixel in (0..self.labels.len()).filter(|&pixel| close[pixel]) {
            if !rng.random_bool(degradation.swapped.clamp(0.0, 1.0)) {
                continue;
            }
            let (row, column) = (pixel / self.width, pixel % self.width);
            let mut near =
                |at: usize, length: usize| rng.random_range(at.saturating_sub(reach)..=(at + reach).min(length - 1));
            let (row, column) = (near(row, self.height), near(column, self.width));
            let other = row * self.width + column;
            if close[other] {
                self.labels.swap(pixel, other);
            }
        }
    }

    /// Pixels within a distance of a pixel whose right or lower neighbour has another label, or of that neighbour.
    fn close_to_border(&self, distance: f64) -> Vec<bool> {
        let mut border = vec![false; self.labels.len()];
        for pixel in 0..self.labels.len() {
            let right = (pixel % self.width + 1 < self.width).then_some(pixel + 1);
            let below = Some(pixel + self.width).filter(|&below| below < self.labels.len());
            for other in right.into_iter().chain(below) {
                if self.labels[other] != self.labels[pixel] {
                    border[pixel] = true;
                    border[other] = true;
                }
            }
        }
        self.dilate(&border, distance)
    }
}
