//! Short-axis slices of a heart of which only the myocardium (1) is labelled: a thin ring.
//!
//! Aimed at: 3 to 7 pixels of 1.45 mm thick, and 0.6 to 1 % of a 224 x 224 image, slices without it counted in. ACDC's
//! myocardium, whose share is known, has 1.4 %; the subjects of LVSC have walls thinned by infarcts.

use super::canvas::Canvas;
use super::family::Sections;
use super::shape::{Blob, Point};
use super::ventricles::{self, Heart};
use super::{Phantom, between, chance};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{PI, TAU};

const MYO: u8 = 1;
/// From the labels of [`ventricles`].
const MYOCARDIUM_ALONE: [u8; 4] = [0, 0, MYO, 0];

/// The heart of a patient with coronary disease (the subjects of LVSC), at end-diastole and end-systole.
pub fn draw(phantom: &Phantom, rng: &mut ChaCha8Rng) -> Sections {
    let mut heart = Heart::random(phantom, rng);
    heart.wall *= between(rng, 0.6, 0.9);
    let outflow = chance(rng, 0.6).then(|| heart.septum + between(rng, 0.2, 0.9));
    let width = between(rng, 0.3, 0.6);
    let mut volumes = ventricles::sections(phantom, &heart, rng);
    for (_, sections) in &mut volumes {
        sections.iter_mut().for_each(|section| section.relabel(&MYOCARDIUM_ALONE));
        let basal = sections.iter_mut().find(|section| section.labels.contains(&MYO));
        if let (Some(direction), Some(section)) = (outflow, basal) {
            open(section, direction, width);
        }
    }
    volumes
}

/// At the base the outflow tract leaves the ventricle, and the ring is a C: blood within `width` radians of
/// `direction`.
fn open(section: &mut Canvas, direction: f64, width: f64) {
    let ring: Vec<Point> =
        (0..section.labels.len()).filter(|&p| section.labels[p] == MYO).map(|p| section.point(p)).collect();
    let mean = |of: fn(&Point) -> f64| ring.iter().map(of).sum::<f64>() / ring.len() as f64;
    let centre = Point::new(mean(|p| p.x), mean(|p| p.y));
    let outside = ring.iter().map(|p| p.distance(centre)).fold(0.0, f64::max);
    section.paint_class(1.0, 0, &Blob::disc(centre, outside), |p| {
        let (radius, angle) = (p.distance(centre), (p.y - centre.y).atan2(p.x - centre.x));
        let turn = (angle - direction + PI).rem_euclid(TAU) - PI;
        ((turn.abs() - width) * radius).max(radius - outside)
    });
}
