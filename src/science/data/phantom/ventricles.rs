//! Short-axis slices of a heart: RV crescent (1), myocardial ring (2), LV cavity (3), from base to apex.

use super::canvas::Canvas;
use super::family::Sections;
use super::shape::{Blob, Point};
use super::{Phantom, between};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::PI;

const RV: u8 = 1;
const MYO: u8 = 2;
const LV: u8 = 3;

/// End-diastole (filled) and end-systole (contracted) of one heart in one chest.
pub fn draw(phantom: &Phantom, rng: &mut ChaCha8Rng) -> Sections {
    sections(phantom, &Heart::random(phantom, rng), rng)
}

pub(super) fn sections(phantom: &Phantom, heart: &Heart, rng: &mut ChaCha8Rng) -> Sections {
    let chest = Chest::random(phantom, heart, rng);
    let mut empty = Canvas::new(phantom.size, phantom.spacing_mm);
    chest.paint(&mut empty);
    let volume = |phase: &Phase| {
        let section = |slice: usize| {
            let mut canvas = empty.clone();
            heart.paint(&mut canvas, phase, slice, phantom.slices);
            canvas
        };
        (0..phantom.slices).map(section).collect()
    };
    let (diastole, systole) = (Phase::DIASTOLE, Phase::systole(rng));
    vec![("ed", volume(&diastole)), ("es", volume(&systole))]
}

/// Grey values of one patient; blood of both ventricles is 1.
struct Tissue {
    myocardium: f64,
    muscle: f64,
    fat: f64,
    lung: f64,
    liver: f64,
}

/// How far the heart has contracted: factors on the sizes at end-diastole.
struct Phase {
    lv: f64,
    wall: f64,
    rv: f64,
    /// The base moves towards the apex: slices at the base leave the ventricles.
    base: f64,
}

impl Phase {
    const DIASTOLE: Phase = Phase { lv: 1.0, wall: 1.0, rv: 1.0, base: 0.0 };

    fn systole(rng: &mut impl Rng) -> Self {
        let lv = between(rng, 0.55, 0.82);
        // A wall that shortens gets thicker.
        Phase { lv, wall: 1.0 + 0.9 * (1.0 - lv), rv: between(rng, 0.6, 0.85), base: between(rng, 0.02, 0.12) }
    }
}

/// The heart at end-diastole, at its base. Lengths in mm, depth from 0 (first slice) to 1 (last slice).
pub(super) struct Heart {
    tissue: Tissue,
    centre: Point,
    /// How far the centre moves from the first to the last slice.
    drift: Point,
    /// Direction from the LV to the RV.
    pub(super) septum: f64,
    lv: Blob,
    pub(super) wall: f64,
    /// Thicker on one side by this share.
    wall_asymmetry: f64,
    rv_reach: f64,
    rv_height: f64,
    rv_waves: [f64; 3],
    /// Depths where the ventricles begin and where each ends.
    base: f64,
    lv_apex: f64,
    rv_apex: f64,
    papillary: [f64; 2],
    trabeculae: Vec<[f64; 3]>,
    /// Thickness in mm and intensity of the fat around the heart. Thin and dark, it leaves the outer wall
    /// to be guessed.
    fat: [f64; 2],
}

impl Heart {
    pub(super) fn random(phantom: &Phantom, rng: &mut impl Rng) -> Self {
        let view = phantom.size as f64 * phantom.spacing_mm;
        let shift = (0.09 * view).min(25.0);
        let centre = Point::new(between(rng, -shift, shift) + 8.0, between(rng, -shift, shift));
        let radius = between(rng, 18.0, 29.0);
        let oblong = between(rng, 0.9, 1.12);
        let lv = Blob {
            centre,
            radii: [radius * oblong, radius / oblong],
            angle: between(rng, 0.0, PI),
            waves: [between(rng, -0.04, 0.04), between(rng, -0.04, 0.04), between(rng, -0.025, 0.025)],
            phase: rng.random(),
        };
        let lv_apex = between(rng, 0.86, 1.12);
        Heart {
            tissue: Tissue::random(rng),
            centre,
            drift: Point::new(between(rng, -8.0, 14.0), between(rng, -4.0, 12.0)),
            septum: PI + between(rng, -0.75, 0.75),
            lv,
            wall: between(rng, 7.0, 13.0),
            wall_asymmetry: between(rng, 0.0, 0.3),
            rv_reach: between(rng, 0.85, 1.3),
            rv_height: between(rng, 1.0, 1.35),
            rv_waves: [between(rng, -0.07, 0.07), between(rng, -0.07, 0.07), between(rng, -0.04, 0.04)],
            base: if rng.random::<f64>() < 0.35 { between(rng, 0.02, 0.1) } else { between(rng, -0.15, -0.02) },
            lv_apex,
            rv_apex: lv_apex - between(rng, 0.08, 0.25),
            papillary: [between(rng, 0.2, 0.8), between(rng, 1.2, 2.0)],
            trabeculae: (0..7).map(|_| [rng.random(), rng.random(), between(rng, 1.2, 2.6)]).collect(),
            fat: [between(rng, 0.0, 4.0), between(rng, 0.35, 0.8)],
        }
    }

    fn paint(&self, canvas: &mut Canvas, phase: &Phase, slice: usize, slices: usize) {
        let depth = if slices > 1 { slice as f64 / (slices - 1) as f64 } else { 0.4 };
        let centre = Point::new(self.centre.x + self.drift.x * depth, self.centre.y + self.drift.y * depth);
        let base = self.base + phase.base;
        if depth < base {
            return self.paint_atria(canvas, centre);
        }
        let epicardium = self.epicardium(phase, centre, depth);
        let rv_scale = phase.rv * taper(depth, self.rv_apex);
        let rv = self.rv(&epicardium, centre, rv_scale);
        self.paint_fat(canvas, &epicardium, rv_scale, &rv);
        if rv_scale > 0.25 {
            let wall = rv.grown(2.5);
            canvas.paint_blob(self.tissue.myocardium, &wall);
            canvas.paint_class(1.0, RV, &rv, |p| rv.distance(p).max(-epicardium.distance(p)));
            self.paint_trabeculae(canvas, &rv, &epicardium);
        }
        if epicardium.radii[0] < 4.0 {
            return;
        }
        canvas.paint_class(self.tissue.myocardium, MYO, &epicardium, |p| epicardium.distance(p));
        let cavity = self.cavity(phase, centre, depth);
        if cavity.radii[0] > 2.5 {
            canvas.paint_class(1.0, LV, &cavity, |p| cavity.distance(p).max(epicardium.distance(p) + 2.0));
            self.paint_papillary(canvas, &cavity, depth);
        }
    }

    /// The LV's blood pool. The cavity ends before the wall does: the apex is all muscle.
    fn cavity(&self, phase: &Phase, centre: Point, depth: f64) -> Blob {
        let scale = phase.lv * taper(depth, self.lv_apex - 0.05);
        let offset = self.wall * phase.wall * self.wall_asymmetry / 2.0;
        Blob { centre: centre.towards(self.septum, offset), radii: self.lv.radii.map(|r| r * scale), ..self.lv }
    }

    fn epicardium(&self, phase: &Phase, centre: Point, depth: f64) -> Blob {
        let taper = taper(depth, self.lv_apex);
        let wall = self.wall * phase.wall * taper.sqrt();
        let radii = self.lv.radii.map(|radius| radius * phase.lv * taper + wall);
        Blob { centre, radii, waves: self.lv.waves.map(|wave| wave * 0.6), ..self.lv }
    }

    /// An ellipse beside the LV; what the LV covers of it makes it a crescent.
    fn rv(&self, epicardium: &Blob, centre: Point, scale: f64) -> Blob {
        let radius = (epicardium.radii[0] + epicardium.radii[1]) / 2.0;
        let full = (self.lv.radii[0] + self.lv.radii[1]) / 2.0 + self.wall;
        let reach = full * self.rv_reach * scale;
        Blob {
            centre: centre.towards(self.septum, radius * 0.78),
            radii: [reach.max(0.1), (radius * self.rv_height * scale.sqrt()).max(0.1)],
            angle: self.septum,
            waves: self.rv_waves,
            phase: self.lv.phase,
        }
    }

    fn paint_fat(&self, canvas: &mut Canvas, epicardium: &Blob, rv_scale: f64, rv: &Blob) {
        let [thickness, intensity] = self.fat;
        canvas.paint_blob(intensity, &epicardium.grown(thickness));
        if rv_scale > 0.25 {
            canvas.paint_blob(intensity, &rv.grown(2.5 + thickness));
        }
    }

    fn paint_papillary(&self, canvas: &mut Canvas, cavity: &Blob, depth: f64) {
        let radius = cavity.radii[0].min(cavity.radii[1]);
        if radius < 9.0 || !(0.2..0.75).contains(&depth) {
            return;
        }
        for turn in self.papillary {
            let centre = cavity.centre.towards(self.septum + turn * PI, radius * 0.68);
            canvas.paint_blob(self.tissue.myocardium * 1.2, &Blob::disc(centre, radius * 0.15));
        }
    }

    fn paint_trabeculae(&self, canvas: &mut Canvas, rv: &Blob, epicardium: &Blob) {
        for [along, across, radius] in &self.trabeculae {
            let [x, y] = [rv.radii[0] * (0.3 + 0.7 * along), rv.radii[1] * (1.6 * across - 0.8)];
            let centre = rv.centre.towards(rv.angle, x).towards(rv.angle + PI / 2.0, y);
            let blob = Blob::disc(centre, *radius);
            canvas.paint(self.tissue.myocardium * 1.5, &blob, |p| {
                blob.distance(p).max(rv.distance(p)).max(-epicardium.distance(p))
            });
        }
    }

    /// Above the valves: blood without myocardium, which nobody labels.
    fn paint_atria(&self, canvas: &mut Canvas, centre: Point) {
        let radius = (self.lv.radii[0] + self.lv.radii[1]) / 2.0;
        let right = Blob::ellipse(centre.towards(self.septum, radius * 1.9), [radius * 0.9, radius * 1.1], self.septum);
        let left = Blob { centre, radii: [radius * 1.1, radius * 0.8], angle: self.septum + 1.2, ..self.lv };
        for atrium in [right, left] {
            canvas.paint_blob(self.fat[1], &atrium.grown(2.0 + self.fat[0]));
            canvas.paint_blob(self.tissue.myocardium, &atrium.grown(2.0));
            canvas.paint_blob(1.0, &atrium);
        }
    }
}

impl Tissue {
    fn random(rng: &mut impl Rng) -> Self {
        Tissue {
            myocardium: between(rng, 0.28, 0.45),
            muscle: between(rng, 0.22, 0.4),
            fat: between(rng, 0.75, 1.1),
            lung: between(rng, 0.04, 0.12),
            liver: between(rng, 0.35, 0.6),
        }
    }
}

/// What lies around the heart, the same in all slices of a patient.
struct Chest {
    layers: Vec<(f64, Blob)>,
}

impl Chest {
    fn random(phantom: &Phantom, heart: &Heart, rng: &mut impl Rng) -> Self {
        let Tissue { muscle, fat, lung, liver, .. } = heart.tissue;
        let tilt = between(rng, -0.15, 0.15);
        let body = Blob {
            waves: [between(rng, -0.03, 0.03), between(rng, -0.02, 0.02), 0.0],
            ..Blob::ellipse(Point::new(0.0, 18.0), [between(rng, 140.0, 175.0), between(rng, 88.0, 112.0)], tilt)
        };
        let heart_side = |x: f64, y: f64| Point::new(heart.centre.x + x, heart.centre.y + y);
        let mut blob = |centre: Point, radii: [f64; 2], angle: f64| Blob {
            waves: [between(rng, -0.08, 0.08), between(rng, -0.08, 0.08), between(rng, -0.04, 0.04)],
            phase: rng.random(),
            ..Blob::ellipse(centre, radii, angle)
        };
        let layers = vec![
            (fat, body),
            (muscle, body.grown(-12.0)),
            (lung, blob(heart_side(62.0, -5.0), [48.0, 72.0], -0.25)),
            (lung, blob(heart_side(-92.0, -12.0), [48.0, 70.0], 0.3)),
            (liver, blob(heart_side(-48.0, 82.0), [80.0, 36.0], 0.2)),
            (muscle * 1.3, blob(heart_side(-12.0, 78.0), [22.0, 18.0], 0.0)),
        ];
        let mut chest = Chest { layers };
        chest.add_aorta(heart, rng);
        for _ in 0..phantom.distractors {
            chest.add_distractor(phantom, heart, rng);
        }
        chest
    }

    /// A disc of blood in a thin wall beside the spine.
    fn add_aorta(&mut self, heart: &Heart, rng: &mut impl Rng) {
        let below = between(rng, 0.3, 0.55) * PI;
        let centre = heart.centre.towards(below, between(rng, 58.0, 72.0));
        let radius = between(rng, 8.0, 12.0);
        self.layers.push((heart.tissue.myocardium, Blob::disc(centre, radius + 2.0)));
        self.layers.push((1.0, Blob::disc(centre, radius)));
    }

    /// Something with an organ's intensity or make-up, but in the wrong place or of the wrong shape: a vessel,
    /// a muscular ring without a ventricle beside it, a bowel loop.
    fn add_distractor(&mut self, phantom: &Phantom, heart: &Heart, rng: &mut impl Rng) {
        let half = phantom.size as f64 * phantom.spacing_mm / 2.0;
        let Some(centre) = place(half, heart, rng) else { return };
        let kind: f64 = rng.random();
        let radius = if kind < 0.4 { between(rng, 3.0, 7.0) } else { between(rng, 8.0, 16.0) };
        let stretch = between(rng, 1.0, if kind < 0.75 { 1.3 } else { 2.2 });
        let shape = Blob {
            waves: [between(rng, -0.1, 0.1), between(rng, -0.1, 0.1), between(rng, -0.06, 0.06)],
            phase: rng.random(),
            ..Blob::ellipse(centre, [radius * stretch, radius / stretch], between(rng, 0.0, PI))
        };
        let Tissue { myocardium, .. } = heart.tissue;
        if kind >= 0.4 {
            self.layers.push((myocardium, shape.grown(between(rng, 3.0, 6.0))));
        }
        // Some are solid muscle.
        if kind < 0.85 {
            self.layers.push((between(rng, 0.9, 1.05), shape));
        }
    }

    fn paint(&self, canvas: &mut Canvas) {
        for (intensity, blob) in &self.layers {
            canvas.paint_blob(*intensity, blob);
        }
    }
}

/// A place in the image that the heart, wherever it moves, leaves free.
fn place(half: f64, heart: &Heart, rng: &mut impl Rng) -> Option<Point> {
    let radius = (heart.lv.radii[0] + heart.lv.radii[1]) / 2.0 + heart.wall;
    let middle = heart.centre.towards(heart.septum, radius * 0.7);
    let mut candidates =
        (0..20).map(|_| Point::new(between(rng, -0.95, 0.95) * half, between(rng, -0.95, 0.95) * half));
    candidates.find(|point| point.distance(middle) > radius * 1.9 + 10.0)
}

/// Size at a depth as a share of that at the base: a half ellipsoid that ends at the apex.
fn taper(depth: f64, apex: f64) -> f64 {
    let share = (depth / apex).clamp(-1.0, 1.0);
    (1.0 - share * share).max(0.0).powf(0.45)
}
