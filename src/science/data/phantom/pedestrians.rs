//! People on the street: hair (1), face (2), upper clothes (3), lower clothes (4), arms (5), legs (6), shoes (7).
//!
//! Lengths are in 160ths of the picture's height, as PPSS's pictures have 160 rows. Shares of a picture aimed at:
//! background 65 to 78 %, upper clothes 10 to 15 %, lower clothes 7 to 12 %, arms, legs, hair, face and shoes 0.6 to 3 %
//! each. Real street photos of 160 rows, cut to 80 columns, have 71, 15 and 7 %, and 1.4 (shoes) to 3.5 % (all skin):
//! measured on 100 photos of Clothing Co-Parsing, which is like PPSS but for arms and legs.

use super::canvas::{Canvas, Tint};
use super::family::Sections;
use super::person::Person;
use super::shape::{Point, Rectangle};
use super::{Phantom, Subject, between, chance};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Photos that one camera takes, one after the other.
const PHOTOS: usize = 8;
/// Rows that [`Person`] is drawn for.
const ROWS: f64 = 160.0;
/// Half the picture.
const HALF: [f64; 2] = [ROWS / 4.0, ROWS / 2.0];

/// Camera of a case from 1, and a generator for what is the same in all its photos.
pub fn camera(subject: Subject) -> (usize, ChaCha8Rng) {
    let number = subject.index / PHOTOS + 1;
    (number, Subject { index: number, ..subject }.generator(u64::MAX))
}

/// Cameras are numbered, as PPSS's folders are.
pub fn camera_name(subject: Subject) -> String {
    camera(subject).0.to_string()
}

/// One volume of one slice, `photo`.
pub fn draw(phantom: &Phantom, subject: Subject, rng: &mut ChaCha8Rng) -> Sections {
    let shape = [phantom.size, (phantom.size / 2).max(1)];
    let mut canvas = Canvas::rgb(shape, ROWS / phantom.size as f64);
    Street::random(phantom, &mut camera(subject).1).paint(&mut canvas);
    let person = Person::random(Point::new(between(rng, -5.0, 5.0), between(rng, -2.0, 4.0)), rng);
    person.paint(&mut canvas);
    if chance(rng, 0.4) {
        occlude(&mut canvas, rng);
    }
    vec![("photo", vec![canvas])]
}

/// What a camera sees when nobody passes.
struct Street {
    wall: Tint,
    ground: Tint,
    /// Where the wall ends.
    horizon: f64,
    things: Vec<(Rectangle, Tint)>,
}

impl Street {
    fn random(phantom: &Phantom, rng: &mut ChaCha8Rng) -> Self {
        let (wall, ground) = (between(rng, 0.35, 0.85), between(rng, 0.3, 0.7));
        let horizon = between(rng, -20.0, 50.0);
        let thing = |rng: &mut ChaCha8Rng| {
            let half = [between(rng, 2.0, 14.0), between(rng, 10.0, 60.0)];
            let centre = Point::new(between(rng, -HALF[0], HALF[0]), horizon - half[1] + between(rng, -30.0, 10.0));
            let tint = colour(rng.random(), between(rng, 0.0, 0.5), between(rng, 0.2, 0.9));
            (Rectangle { centre, half }, tint)
        };
        let things = (0..phantom.distractors).map(|_| thing(rng)).collect();
        Street { wall: colour(rng.random(), 0.15, wall), ground: colour(rng.random(), 0.08, ground), horizon, things }
    }

    fn paint(&self, canvas: &mut Canvas) {
        let all = Rectangle { centre: Point::new(0.0, 0.0), half: HALF.map(|half| half + 2.0) };
        canvas.paint(self.wall, &all.bounds(), |_| -1e3);
        for (thing, tint) in &self.things {
            canvas.paint(*tint, &thing.bounds(), |p| thing.distance(p));
        }
        canvas.paint(self.ground, &all.bounds(), |p| self.horizon - p.y);
    }
}

/// Puts something in front of the person: a car or a wall below, a post, a person who passes at the side. What is
/// hidden is background.
fn occlude(canvas: &mut Canvas, rng: &mut ChaCha8Rng) {
    let tint = colour(rng.random(), between(rng, 0.0, 0.7), between(rng, 0.15, 0.9));
    let kind = rng.random::<f64>();
    let side = if chance(rng, 0.5) { 1.0 } else { -1.0 };
    if kind < 0.4 {
        let top = between(rng, 5.0, 55.0);
        let car = Rectangle { centre: Point::new(side * 15.0, top + 80.0), half: [between(rng, 35.0, 60.0), 80.0] };
        canvas.paint_class(tint, 0, &car.bounds(), |p| car.distance(p));
        let window = Rectangle { centre: Point::new(side * 18.0, top + 14.0), half: [14.0, 8.0] };
        canvas.paint([0.2, 0.24, 0.28], &window.bounds(), |p| window.distance(p));
    } else if kind < 0.65 {
        let post =
            Rectangle { centre: Point::new(between(rng, -14.0, 14.0), 0.0), half: [between(rng, 2.0, 4.5), 90.0] };
        canvas.paint_class(tint, 0, &post.bounds(), |p| post.distance(p));
    } else {
        let mut front = canvas.clone();
        front.labels.fill(0);
        let at = Point::new(side * between(rng, 20.0, 32.0), between(rng, 2.0, 14.0));
        Person::random(at, rng).paint(&mut front);
        let hidden = front.labels.iter().zip(&mut canvas.labels).filter(|(front, _)| **front != 0);
        hidden.for_each(|(_, label)| *label = 0);
        canvas.planes = front.planes;
    }
}

/// From hue (in turns), saturation and value, each from 0 to 1.
pub fn colour(hue: f64, saturation: f64, value: f64) -> Tint {
    [5.0, 3.0, 1.0].map(|offset| {
        let place = (offset + 6.0 * hue).rem_euclid(6.0);
        value * (1.0 - saturation * place.min(4.0 - place).clamp(0.0, 1.0))
    })
}
