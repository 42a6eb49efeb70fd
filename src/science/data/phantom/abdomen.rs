//! Axial slices of an abdomen, from the diaphragm down: liver (1), right kidney (2), left kidney (3), spleen (4).
//!
//! Seen from the feet, as radiologists do: the liver is on the left of the image. Sizes aimed at are those of
//! adults (liver 1.5 l, spleen 0.2 l, kidneys 0.15 l each) in CHAOS's 192 x 192 pixels of 1.89 mm: liver 4 to 7 %
//! of all pixels, spleen 0.7 to 1.5 %, each kidney 0.4 to 0.9 %, with slices counted in that don't show them.

use super::canvas::Canvas;
use super::family::Sections;
use super::shape::{Blob, Point};
use super::{Phantom, between};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::PI;

const LIVER: u8 = 1;
const RIGHT_KIDNEY: u8 = 2;
const LEFT_KIDNEY: u8 = 3;
const SPLEEN: u8 = 4;

/// Grey values of the tissues in one sequence; the brightest common one is near 1.
pub struct Contrast {
    fat: f64,
    muscle: f64,
    liver: f64,
    /// Of the liver's vessels, whose blood flows.
    vessel: f64,
    spleen: f64,
    cortex: f64,
    medulla: f64,
    blood: f64,
    fluid: f64,
    marrow: f64,
    lung: f64,
    bowel: f64,
}

impl Contrast {
    /// Fat is bright, liver brighter than spleen, fluid dark.
    pub const T1_IN_PHASE: Contrast = Contrast {
        fat: 1.0,
        muscle: 0.42,
        liver: 0.62,
        vessel: 0.45,
        spleen: 0.46,
        cortex: 0.52,
        medulla: 0.40,
        blood: 0.3,
        fluid: 0.2,
        marrow: 0.6,
        lung: 0.03,
        bowel: 0.4,
    };

    /// Fat is suppressed, spleen and kidneys brighter than the liver, fluid brightest.
    pub const T2_SPIR: Contrast = Contrast {
        fat: 0.16,
        muscle: 0.2,
        liver: 0.36,
        vessel: 0.55,
        spleen: 0.68,
        cortex: 0.66,
        medulla: 0.85,
        blood: 0.1,
        fluid: 1.15,
        marrow: 0.24,
        lung: 0.03,
        bowel: 0.42,
    };
}

/// One volume, `axial`. The same seed gives the same body in both contrasts.
pub fn draw(phantom: &Phantom, contrast: &Contrast, rng: &mut ChaCha8Rng) -> Sections {
    let body = Body::random(phantom, rng);
    let section = |slice: usize| {
        let mut canvas = Canvas::new(phantom.size, phantom.spacing_mm);
        let depth = if phantom.slices > 1 { slice as f64 / (phantom.slices - 1) as f64 } else { 0.5 };
        body.paint(&mut canvas, contrast, depth);
        canvas
    };
    vec![("axial", (0..phantom.slices).map(section).collect())]
}

/// Where an organ begins and ends, as depths from 0 (first slice) to 1 (last slice).
#[derive(Clone, Copy)]
struct Span(f64, f64);

impl Span {
    /// Size at a depth as a share of the greatest: half an ellipse over the span, 0 beyond it.
    fn size(self, depth: f64) -> f64 {
        let place = 2.0 * (depth - self.0) / (self.1 - self.0) - 1.0;
        (1.0 - place * place).max(0.0).sqrt()
    }
}

/// Lengths in mm, places from the body's middle.
struct Body {
    /// The skin.
    skin: Blob,
    /// Thickness of the fat below it, and of the wall of muscle.
    layers: [f64; 2],
    /// Factor on the grey values of each labelled organ: patients differ.
    tones: [f64; 4],
    liver: Span,
    left_lobe: Span,
    liver_size: [f64; 2],
    waves: [f64; 3],
    vessels: Vec<[f64; 3]>,
    gall: Span,
    spleen: Span,
    spleen_size: f64,
    spleen_turn: f64,
    kidneys: [Kidney; 2],
    stomach: Span,
    loops: Vec<(Blob, f64, Span)>,
    phase: f64,
}

struct Kidney {
    label: u8,
    span: Span,
    centre: Point,
    radii: [f64; 2],
    angle: f64,
}

impl Body {
    fn random(phantom: &Phantom, rng: &mut impl Rng) -> Self {
        let [wide, deep] = [between(rng, 148.0, 170.0), between(rng, 98.0, 118.0)];
        let middle = Point::new(between(rng, -6.0, 6.0), between(rng, -10.0, 10.0));
        let wave = |rng: &mut _, depth: f64| between(rng, -depth, depth);
        let skin = Blob {
            waves: [wave(rng, 0.03), wave(rng, 0.02), wave(rng, 0.02)],
            phase: rng.random(),
            ..Blob::ellipse(middle, [wide, deep], between(rng, -0.05, 0.05))
        };
        let lowest = between(rng, 0.62, 0.82);
        Body {
            skin,
            layers: [between(rng, 8.0, 26.0), between(rng, 7.0, 12.0)],
            tones: [0.0; 4].map(|_: f64| between(rng, 0.88, 1.12)),
            liver: Span(between(rng, -0.12, 0.06), lowest),
            left_lobe: Span(between(rng, 0.0, 0.1), lowest - between(rng, 0.2, 0.32)),
            liver_size: [between(rng, 0.9, 1.08), between(rng, 0.75, 1.2)],
            waves: [wave(rng, 0.08), wave(rng, 0.08), wave(rng, 0.05)],
            vessels: (0..9).map(|_| [rng.random(), rng.random(), between(rng, 1.8, 4.0)]).collect(),
            gall: Span(lowest - 0.35, lowest - 0.05),
            spleen: Span(between(rng, 0.02, 0.16), between(rng, 0.5, 0.68)),
            spleen_size: between(rng, 0.85, 1.12),
            spleen_turn: between(rng, -0.15, 0.2),
            kidneys: [Kidney::random(RIGHT_KIDNEY, -1.0, rng), Kidney::random(LEFT_KIDNEY, 1.0, rng)],
            stomach: Span(between(rng, 0.05, 0.15), between(rng, 0.45, 0.6)),
            loops: (0..phantom.distractors + 16).map(|_| bowel_loop(wide, deep, rng)).collect(),
            phase: rng.random(),
        }
    }

    /// A place in the body, as shares of its half axes.
    fn at(&self, x: f64, y: f64) -> Point {
        let [wide, deep] = self.skin.radii;
        Point::new(self.skin.centre.x + x * wide, self.skin.centre.y + y * deep)
    }

    /// Inside the wall of muscle.
    fn cavity(&self) -> Blob {
        self.skin.grown(-self.layers[0] - self.layers[1])
    }

    fn paint(&self, canvas: &mut Canvas, contrast: &Contrast, depth: f64) {
        canvas.paint_blob(contrast.fat, &self.skin);
        canvas.paint_blob(contrast.muscle, &self.skin.grown(-self.layers[0]));
        canvas.paint_blob(contrast.fat * 0.7, &self.cavity());
        self.paint_back(canvas, contrast);
        self.paint_lungs(canvas, contrast, depth);
        self.paint_loops(canvas, contrast, depth);
        self.paint_stomach(canvas, contrast, depth);
        self.paint_spleen(canvas, contrast, depth);
        self.kidneys.iter().for_each(|kidney| self.paint_kidney(canvas, contrast, kidney, depth));
        self.paint_liver(canvas, contrast, depth);
        self.paint_great_vessels(canvas, contrast);
    }

    /// Spine and the muscles beside it.
    fn paint_back(&self, canvas: &mut Canvas, contrast: &Contrast) {
        let bone = self.at(0.0, 0.5);
        for side in [-1.0, 1.0] {
            let back = Point::new(bone.x + side * 34.0, bone.y + 26.0);
            canvas.paint_blob(contrast.muscle, &Blob::ellipse(back, [27.0, 19.0], side * 0.25));
            let psoas = Point::new(bone.x + side * 31.0, bone.y + 2.0);
            canvas.paint_blob(contrast.muscle * 0.9, &Blob::ellipse(psoas, [11.0, 15.0], 0.0));
        }
        canvas.paint_blob(contrast.muscle * 0.5, &Blob::ellipse(bone, [23.0, 19.0], 0.0));
        canvas.paint_blob(contrast.marrow, &Blob::ellipse(bone, [21.0, 17.0], 0.0));
        let canal = Point::new(bone.x, bone.y + 25.0);
        canvas.paint_blob(contrast.muscle * 0.5, &Blob::disc(canal, 11.0));
        canvas.paint_blob(contrast.fluid, &Blob::disc(canal, 8.0));
    }

    /// Above the domes of the diaphragm: the lungs' bases, and the heart's between them.
    fn paint_lungs(&self, canvas: &mut Canvas, contrast: &Contrast, depth: f64) {
        let share = 1.0 - depth / 0.2;
        if share <= 0.0 {
            return;
        }
        let (cavity, [wide, deep]) = (self.cavity(), self.skin.radii);
        for side in [-1.0, 1.0] {
            // They end in a crescent behind liver and spleen.
            let radii = [wide * (0.3 + 0.14 * share), deep * (0.5 + 0.22 * share)];
            let lung = Blob::ellipse(self.at(side * 0.5, 0.32 - 0.3 * share), radii, side * 0.2);
            let organ = Blob::ellipse(self.at(side * 0.42, -0.16), [wide * 0.36 * (1.0 - share), deep * 0.7], 0.0);
            let distance = |p: Point| lung.distance(p).max(cavity.distance(p));
            canvas.paint(contrast.lung, &lung, |p| {
                if share < 0.9 { distance(p).max(-organ.distance(p)) } else { distance(p) }
            });
        }
        let heart = Blob::ellipse(self.at(0.06, -0.3), [wide * 0.24 * share.sqrt(), deep * 0.36 * share.sqrt()], 0.3);
        canvas.paint_blob(contrast.muscle * 0.8, &heart);
    }

    fn paint_loops(&self, canvas: &mut Canvas, contrast: &Contrast, depth: f64) {
        let cavity = self.cavity().grown(-3.0);
        for (shape, content, span) in &self.loops {
            let size = span.size(depth);
            if size > 0.3 {
                let blob = Blob { radii: shape.radii.map(|r| r * size), ..self.moved(shape) };
                canvas.paint(contrast.bowel, &blob, |p| blob.distance(p).max(cavity.distance(p)));
                let inner = blob.grown(-3.0);
                if inner.radii[0].min(inner.radii[1]) < 4.0 {
                    continue;
                }
                // Some hold fluid, some air, some food.
                let tint = [contrast.fluid, contrast.lung, contrast.bowel * 1.3][(content * 3.0) as usize % 3];
                canvas.paint(tint, &blob, |p| inner.distance(p).max(cavity.distance(p)));
            }
        }
    }

    fn moved(&self, shape: &Blob) -> Blob {
        let centre = Point::new(shape.centre.x + self.skin.centre.x, shape.centre.y + self.skin.centre.y);
        Blob { centre, ..*shape }
    }

    fn paint_stomach(&self, canvas: &mut Canvas, contrast: &Contrast, depth: f64) {
        let size = self.stomach.size(depth);
        if size < 0.2 {
            return;
        }
        let (cavity, wide) = (self.cavity().grown(-4.0), self.skin.radii[0]);
        let wall = Blob {
            waves: self.waves,
            phase: self.phase,
            ..Blob::ellipse(self.at(0.34, -0.28), [wide * 0.3 * size, 34.0 * size], -0.5)
        };
        canvas.paint(contrast.muscle, &wall, |p| wall.distance(p).max(cavity.distance(p)));
        let inner = wall.grown(-4.0);
        let level = self.at(0.0, -0.36).y;
        canvas.paint(contrast.fluid * 0.8, &wall, |p| inner.distance(p).max(cavity.distance(p)));
        // Air above, for the patient lies on the back.
        canvas.paint(contrast.lung, &wall, |p| inner.distance(p).max(cavity.distance(p)).max(p.y - level));
    }

    /// A crescent between the ribs and the stomach.
    fn paint_spleen(&self, canvas: &mut Canvas, contrast: &Contrast, depth: f64) {
        let size = self.spleen.size(depth) * self.spleen_size;
        if size < 0.25 {
            return;
        }
        let (cavity, [wide, deep]) = (self.cavity().grown(-3.0), self.skin.radii);
        let outer = Blob {
            waves: self.waves.map(|wave| wave * 0.4),
            ..Blob::ellipse(self.at(0.6, 0.26), [wide * 0.2 * size.sqrt(), deep * 0.46 * size], 0.35 + self.spleen_turn)
        };
        let inner = Blob::ellipse(self.at(0.38, 0.12), [wide * 0.16, deep * 0.3], 0.35 + self.spleen_turn);
        let distance = |p| outer.distance(p).max(-inner.distance(p)).max(cavity.distance(p));
        canvas.paint_class(contrast.spleen * self.tones[3], SPLEEN, &outer, distance);
    }

    /// A bean: its sinus, full of fat, opens towards the spine.
    fn paint_kidney(&self, canvas: &mut Canvas, contrast: &Contrast, kidney: &Kidney, depth: f64) {
        let size = kidney.span.size(depth);
        if size < 0.3 {
            return;
        }
        let side = if kidney.label == RIGHT_KIDNEY { -1.0 } else { 1.0 };
        let centre = Point::new(self.at(kidney.centre.x, 0.0).x, self.at(0.0, kidney.centre.y).y);
        let bean = Blob::ellipse(centre, kidney.radii.map(|r| r * size), kidney.angle);
        let towards = if side < 0.0 { 0.15 } else { PI - 0.15 };
        let sinus =
            Blob::ellipse(centre.towards(towards, bean.radii[0] * 0.85), [12.0, 8.0].map(|r| r * size * size), 0.0);
        // Poles have no sinus.
        let open = size > 0.75;
        let distance = |p: Point| {
            let bean = bean.distance(p);
            if open { bean.max(-sinus.distance(p)) } else { bean }
        };
        let tone = self.tones[usize::from(kidney.label) - 1];
        canvas.paint_class(contrast.cortex * tone, kidney.label, &bean, distance);
        let inner = bean.grown(-6.0 * size);
        canvas.paint(contrast.medulla * tone, &bean, |p| inner.distance(p).max(-sinus.distance(p) + 1.0));
        if open {
            canvas.paint(contrast.fat, &sinus, |p| sinus.distance(p).max(bean.distance(p)));
        }
    }

    /// A large right lobe that ends in a tip below, and a left one across the spine above.
    fn paint_liver(&self, canvas: &mut Canvas, contrast: &Contrast, depth: f64) {
        let (right, left) = (self.liver.size(depth), self.left_lobe.size(depth));
        if right < 0.3 {
            return;
        }
        let ([wide, deep], [large, flat]) = (self.skin.radii, self.liver_size);
        let lower = (depth / self.liver.1).clamp(0.0, 1.0);
        let lobe = Blob {
            waves: self.waves,
            phase: self.phase,
            ..Blob::ellipse(
                self.at(-0.43 - 0.12 * lower * lower, -0.1 + 0.06 * lower),
                [wide * 0.4 * large * right * (1.0 - 0.3 * lower), deep * 0.62 * large * right],
                -0.12,
            )
        };
        let other = Blob::ellipse(self.at(-0.08, -0.4), [wide * 0.36 * left, deep * 0.2 * flat * left.sqrt()], 0.2);
        let cavity = self.cavity().grown(-3.0);
        let kidney = Blob::disc(self.at(-0.36, 0.42), if depth > 0.4 { 26.0 } else { 0.1 });
        let distance = |p: Point| {
            let lobes = if left > 0.2 { joined(lobe.distance(p), other.distance(p)) } else { lobe.distance(p) };
            lobes.max(cavity.distance(p)).max(-kidney.distance(p))
        };
        let bounds = Blob::disc(self.at(-0.25, -0.1), wide * 0.75);
        let tone = self.tones[0];
        canvas.paint_class(contrast.liver * tone, LIVER, &bounds, distance);
        for [along, across, radius] in &self.vessels {
            let place = Point::new(
                lobe.centre.x + (along * 1.3 - 0.5) * lobe.radii[0],
                lobe.centre.y + (across - 0.5) * lobe.radii[1],
            );
            let vessel = Blob::ellipse(place, [radius * 2.0, *radius], PI * (along + across));
            canvas.paint(contrast.vessel * tone, &vessel, |p| vessel.distance(p).max(distance(p) + 6.0));
        }
        let gall = self.gall.size(depth);
        if gall > 0.4 {
            let bag = Blob::ellipse(self.at(-0.3, -0.36), [17.0 * gall, 12.0 * gall], 0.7);
            canvas.paint_class(contrast.fluid, 0, &bag, |p| bag.distance(p));
        }
    }

    fn paint_great_vessels(&self, canvas: &mut Canvas, contrast: &Contrast) {
        let bone = self.at(0.0, 0.5);
        let disc = |x: f64, radius: f64| Blob::disc(Point::new(bone.x + x, bone.y - 27.0), radius);
        for (wall, lumen) in [(disc(9.0, 11.0), disc(9.0, 9.0)), (disc(-17.0, 11.5), disc(-17.0, 10.0))] {
            canvas.paint_class(contrast.muscle, 0, &wall, |p| wall.distance(p));
            canvas.paint_blob(contrast.blood, &lumen);
        }
    }
}

impl Kidney {
    fn random(label: u8, side: f64, rng: &mut impl Rng) -> Self {
        // The liver pushes the right one down.
        let start = if side < 0.0 { between(rng, 0.42, 0.54) } else { between(rng, 0.34, 0.48) };
        Kidney {
            label,
            span: Span(start, start + between(rng, 0.42, 0.52)),
            centre: Point::new(side * between(rng, 0.36, 0.42), between(rng, 0.36, 0.44)),
            radii: [between(rng, 22.0, 27.0), between(rng, 25.0, 31.0)],
            angle: side * between(rng, -0.5, 0.1),
        }
    }
}

/// Somewhere in the front of the belly.
fn bowel_loop(wide: f64, deep: f64, rng: &mut impl Rng) -> (Blob, f64, Span) {
    let centre = Point::new(wide * between(rng, -0.68, 0.7), deep * between(rng, -0.66, 0.3));
    let radius = between(rng, 9.0, 17.0);
    let stretch = between(rng, 0.8, 1.6);
    let waves = [between(rng, -0.1, 0.1), between(rng, -0.1, 0.1), between(rng, -0.1, 0.1)];
    let blob =
        Blob { waves, phase: rng.random(), ..Blob::ellipse(centre, [radius * stretch, radius], between(rng, 0.0, PI)) };
    let start = between(rng, 0.3, 0.8);
    (blob, rng.random(), Span(start, start + between(rng, 0.3, 0.6)))
}

/// Two shapes that flow into each other.
fn joined(a: f64, b: f64) -> f64 {
    const SOFT: f64 = 14.0;
    let share = (0.5 + 0.5 * (b - a) / SOFT).clamp(0.0, 1.0);
    b + (a - b) * share - SOFT * share * (1.0 - share)
}
