use super::canvas::{Canvas, Tint};
use super::pedestrians::colour;
use super::shape::{Blob, Limb, Point};
use super::{between, chance};
use rand::{Rng, RngExt};

const HAIR: u8 = 1;
const FACE: u8 = 2;
const UPPER: u8 = 3;
const LOWER: u8 = 4;
const ARMS: u8 = 5;
const LEGS: u8 = 6;
const SHOES: u8 = 7;

/// One who stands or walks. Lengths in 160ths of the picture's height.
pub struct Person {
    /// Middle of the body.
    at: Point,
    /// Factors on heights and on widths.
    tall: f64,
    stout: f64,
    /// From 0 (standing) to 1 (a long step).
    step: f64,
    /// To which side the person walks: -1 or 1.
    heading: f64,
    view: View,
    long_hair: bool,
    sleeves: f64,
    lower: Lower,
    tints: Tints,
    /// Size of a bag.
    bag: Option<f64>,
    /// Half width of a print on the chest.
    print: Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
enum View {
    Front,
    Side,
    /// No face is seen.
    Back,
}

#[derive(Clone, Copy, PartialEq)]
enum Lower {
    Trousers,
    Shorts,
    Skirt,
}

struct Tints {
    skin: Tint,
    hair: Tint,
    upper: Tint,
    lower: Tint,
    shoes: Tint,
    bag: Tint,
}

impl Person {
    pub fn random(at: Point, rng: &mut impl Rng) -> Self {
        let view = rng.random::<f64>();
        let lower = rng.random::<f64>();
        Person {
            at,
            tall: between(rng, 0.92, 1.04),
            stout: between(rng, 0.9, 1.2),
            step: between(rng, 0.0, 1.0),
            heading: if chance(rng, 0.5) { 1.0 } else { -1.0 },
            view: if view < 0.45 {
                View::Front
            } else if view < 0.7 {
                View::Side
            } else {
                View::Back
            },
            long_hair: chance(rng, 0.4),
            sleeves: if chance(rng, 0.5) { 0.9 } else { between(rng, 0.15, 0.45) },
            lower: if lower < 0.62 {
                Lower::Trousers
            } else if lower < 0.82 {
                Lower::Shorts
            } else {
                Lower::Skirt
            },
            tints: Tints::random(rng),
            bag: chance(rng, 0.3).then(|| between(rng, 12.0, 20.0)),
            print: chance(rng, 0.35).then(|| between(rng, 1.5, 6.0)),
        }
    }

    /// `x` to the right of the middle, `y` from the crown (0) to the soles (144).
    fn point(&self, x: f64, y: f64) -> Point {
        Point::new(self.at.x + x * self.stout, self.at.y + (y - 72.0) * self.tall)
    }

    fn limb(&self, from: (f64, f64), to: (f64, f64), radii: [f64; 2]) -> Limb {
        Limb { from: self.point(from.0, from.1), to: self.point(to.0, to.1), radii: radii.map(|r| r * self.stout) }
    }

    pub fn paint(&self, canvas: &mut Canvas) {
        self.paint_arm(canvas, -self.heading);
        self.paint_leg(canvas, -self.heading);
        self.paint_leg(canvas, self.heading);
        if self.lower == Lower::Skirt {
            fill(canvas, self.tints.lower, LOWER, &self.limb((0.0, 76.0), (0.0, 100.0), [10.5, 13.5]));
        }
        self.paint_trunk(canvas);
        self.paint_head(canvas);
        self.paint_arm(canvas, self.heading);
        if let Some(size) = self.bag {
            let bag = Blob::ellipse(self.point(-self.heading * 16.0, 66.0), [size * 0.4, size * 0.6], 0.1);
            canvas.paint_class(self.tints.bag, 0, &bag, |p| bag.distance(p));
        }
    }

    /// Half the shoulders' width.
    fn shoulder(&self) -> f64 {
        if self.view == View::Side { 5.0 } else { 14.0 }
    }

    fn paint_trunk(&self, canvas: &mut Canvas) {
        let narrow = if self.view == View::Side { 0.8 } else { 1.0 };
        let hips = self.limb((0.0, 68.0), (0.0, 75.0), [11.5 * narrow, 11.0 * narrow]);
        fill(canvas, self.tints.lower, LOWER, &hips);
        let across = self.shoulder() - 3.0;
        fill(canvas, self.tints.upper, UPPER, &self.limb((-across, 29.0), (across, 29.0), [6.0, 6.0]));
        fill(canvas, self.tints.upper, UPPER, &self.limb((0.0, 37.0), (0.0, 64.0), [13.5 * narrow, 11.5 * narrow]));
        if let Some(wide) = self.print {
            // An open jacket or a print: of another colour, but of the clothes.
            let print = self.limb((0.0, 36.0), (0.0, 56.0), [wide, wide]);
            canvas.paint(self.tints.bag, &print.bounds(), |p| print.distance(p));
        }
    }

    fn paint_head(&self, canvas: &mut Canvas) {
        let turn = if self.view == View::Side { self.heading } else { 0.0 };
        let crown = Blob::ellipse(self.point(0.0, 9.5), [8.2, 9.8], 0.0);
        let neck = self.limb((turn, 15.0), (0.0, 23.5), [3.8, 4.2]);
        let back = Blob::ellipse(self.point(-turn * 3.0, 13.0), [9.6, 13.0], 0.0);
        let hair = |canvas: &mut Canvas| canvas.paint_class(self.tints.hair, HAIR, &back, |p| back.distance(p));
        // From behind long hair hides the neck.
        if self.long_hair && self.view != View::Back {
            hair(canvas);
        }
        fill(canvas, self.tints.skin, FACE, &neck);
        if self.long_hair && self.view == View::Back {
            hair(canvas);
        }
        canvas.paint_class(self.tints.hair, HAIR, &crown, |p| crown.distance(p));
        if self.view != View::Back {
            let face = Blob::ellipse(self.point(turn * 3.0, 13.0), [6.6, 8.2], 0.0);
            let outline = |p: Point| face.distance(p).max(crown.grown(1.6).distance(p));
            canvas.paint_class(self.tints.skin, FACE, &face, outline);
            for eye in [-2.6, 2.6] {
                canvas.paint_blob(0.15, &Blob::disc(self.point(turn * 4.0 + eye, 12.0), 0.9));
            }
        }
    }

    fn paint_arm(&self, canvas: &mut Canvas, side: f64) {
        let swing = self.step * side * self.heading * if self.view == View::Side { 14.0 } else { 3.0 };
        let out = self.shoulder() * side;
        let (elbow, hand) = ((out * 1.18 + swing * 0.5, 50.0), (out * 1.12 + swing * 1.2, 70.0));
        let (upper, lower) = (self.limb((out, 30.0), elbow, [5.0, 4.2]), self.limb(elbow, hand, [4.0, 3.2]));
        let Tints { skin, upper: cloth, .. } = &self.tints;
        for (part, from) in [(upper, 0.0), (lower, 0.5)] {
            let covered = ((self.sleeves - from) * 2.0).clamp(0.0, 1.0);
            fill(canvas, *skin, ARMS, &part);
            if covered > 0.0 {
                let sleeve = part.part(0.0, covered);
                fill(canvas, *cloth, UPPER, &Limb { radii: sleeve.radii.map(|r| r + 0.5), ..sleeve });
            }
        }
    }

    fn paint_leg(&self, canvas: &mut Canvas, side: f64) {
        let stride = self.step * side * self.heading * if self.view == View::Side { 15.0 } else { 3.0 };
        let hip = side * if self.view == View::Side { 1.0 } else { 6.0 };
        let (knee, ankle) = ((hip + stride * 0.6, 105.0), (hip * 1.05 + stride, 136.0));
        let (thigh, shin) = (self.limb((hip, 74.0), knee, [7.6, 5.6]), self.limb(knee, ankle, [5.2, 3.6]));
        let Tints { skin, lower, shoes, .. } = &self.tints;
        let toes = if self.view == View::Side { self.heading * 3.5 } else { side * 1.2 };
        let shoe = Blob::ellipse(
            self.point(hip * 1.05 + stride + toes, 140.5),
            [if toes.abs() > 2.0 { 7.2 } else { 4.8 }, 3.8],
            0.0,
        );
        let (tint, class) = if self.lower == Lower::Trousers { (*lower, LOWER) } else { (*skin, LEGS) };
        fill(canvas, tint, class, &shin);
        fill(canvas, tint, class, &thigh);
        if self.lower == Lower::Shorts {
            let short = thigh.part(0.0, 0.8);
            fill(canvas, *lower, LOWER, &Limb { radii: short.radii.map(|r| r + 1.0), ..short });
        }
        canvas.paint_class(*shoes, SHOES, &shoe, |p| shoe.distance(p));
    }
}

fn fill(canvas: &mut Canvas, tint: Tint, class: u8, limb: &Limb) {
    canvas.paint_class(tint, class, &limb.bounds(), |p| limb.distance(p));
}

impl Tints {
    fn random(rng: &mut impl Rng) -> Self {
        let cloth = |rng: &mut _| colour(between(rng, 0.0, 1.0), between(rng, 0.0, 0.75), between(rng, 0.1, 0.9));
        let light = between(rng, 0.35, 0.95);
        Tints {
            skin: [light, light * 0.76, light * 0.62],
            hair: colour(0.07, between(rng, 0.2, 0.6), between(rng, 0.06, 0.45)),
            upper: cloth(rng),
            lower: colour(between(rng, 0.5, 0.75), between(rng, 0.0, 0.6), between(rng, 0.1, 0.6)),
            shoes: colour(between(rng, 0.0, 1.0), 0.2, between(rng, 0.05, 0.9)),
            bag: cloth(rng),
        }
    }
}
