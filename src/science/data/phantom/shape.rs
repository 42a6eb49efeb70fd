use std::f64::consts::TAU;

/// A point in mm, `x` to the right and `y` down from the image's centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub fn new(x: f64, y: f64) -> Self {
        Point { x, y }
    }

    /// The point `distance` mm away in a direction in radians.
    pub fn towards(self, direction: f64, distance: f64) -> Self {
        Point { x: self.x + distance * direction.cos(), y: self.y + distance * direction.sin() }
    }

    pub fn distance(self, other: Point) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// An ellipse, turned, with a wavy outline.
#[derive(Debug, Clone, Copy)]
pub struct Blob {
    pub centre: Point,
    /// Half axes in mm: along `angle`, and across.
    pub radii: [f64; 2],
    pub angle: f64,
    /// Depth of the waves, as shares of the radius, for 2, 3, .. waves around.
    pub waves: [f64; 3],
    /// Where the waves begin, in turns.
    pub phase: f64,
}

impl Blob {
    pub fn disc(centre: Point, radius: f64) -> Self {
        Blob::ellipse(centre, [radius, radius], 0.0)
    }

    pub fn ellipse(centre: Point, radii: [f64; 2], angle: f64) -> Self {
        Blob { centre, radii, angle, waves: [0.0; 3], phase: 0.0 }
    }

    /// The same outline, `mm` further out.
    pub fn grown(self, mm: f64) -> Self {
        Blob { radii: self.radii.map(|radius| radius + mm), ..self }
    }

    /// Nothing of the blob is further than this from its centre.
    pub fn reach(&self) -> f64 {
        let waves: f64 = self.waves.iter().map(|depth| depth.abs()).sum();
        self.radii[0].max(self.radii[1]) * (1.0 + waves)
    }

    /// Distance to the outline in mm, negative inside. Exact for discs, near the outline good enough for others.
    pub fn distance(&self, point: Point) -> f64 {
        let (sin, cos) = self.angle.sin_cos();
        let (x, y) = (point.x - self.centre.x, point.y - self.centre.y);
        let (along, across) = ((cos * x + sin * y) / self.radii[0], (cos * y - sin * x) / self.radii[1]);
        let least = self.radii[0].min(self.radii[1]);
        let radius = along.hypot(across);
        // Waves matter at the outline only, and their angle is dear.
        if self.waves == [0.0; 3] || (radius - 1.0).abs() > 0.6 {
            return (radius - 1.0) * least;
        }
        let turn = across.atan2(along);
        let wave =
            |(i, depth): (usize, &f64)| depth * ((i + 2) as f64 * turn + TAU * self.phase * (i + 1) as f64).cos();
        (radius - 1.0 - self.waves.iter().enumerate().map(wave).sum::<f64>()) * least
    }
}

/// A stroke with round ends: a limb.
#[derive(Debug, Clone, Copy)]
pub struct Limb {
    pub from: Point,
    pub to: Point,
    /// Half widths at both ends.
    pub radii: [f64; 2],
}

impl Limb {
    /// Distance to the outline, negative inside.
    pub fn distance(&self, point: Point) -> f64 {
        let (x, y) = (self.to.x - self.from.x, self.to.y - self.from.y);
        let along = ((point.x - self.from.x) * x + (point.y - self.from.y) * y) / (x * x + y * y).max(1e-9);
        let share = along.clamp(0.0, 1.0);
        point.distance(self.at(share)) - self.radius(share)
    }

    /// A point of the middle line; `share` from 0 to 1.
    pub fn at(&self, share: f64) -> Point {
        let between = |from: f64, to: f64| from + (to - from) * share;
        Point::new(between(self.from.x, self.to.x), between(self.from.y, self.to.y))
    }

    fn radius(&self, share: f64) -> f64 {
        self.radii[0] + (self.radii[1] - self.radii[0]) * share
    }

    /// The part between two shares.
    pub fn part(&self, from: f64, to: f64) -> Limb {
        Limb { from: self.at(from), to: self.at(to), radii: [self.radius(from), self.radius(to)] }
    }

    /// A disc around all of it.
    pub fn bounds(&self) -> Blob {
        let reach = self.from.distance(self.to) / 2.0 + self.radii[0].max(self.radii[1]);
        Blob::disc(self.at(0.5), reach)
    }
}

/// An upright rectangle.
#[derive(Debug, Clone, Copy)]
pub struct Rectangle {
    pub centre: Point,
    /// Half width and half height.
    pub half: [f64; 2],
}

impl Rectangle {
    /// Distance to the outline, negative inside; along an axis, so less than the true one beyond corners.
    pub fn distance(&self, point: Point) -> f64 {
        let (x, y) = ((point.x - self.centre.x).abs(), (point.y - self.centre.y).abs());
        (x - self.half[0]).max(y - self.half[1])
    }

    /// A disc around it.
    pub fn bounds(&self) -> Blob {
        Blob::disc(self.centre, self.half[0].hypot(self.half[1]))
    }
}
