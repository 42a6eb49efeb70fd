//! Golden 05: what every random walk keeps, under each of the four readings of a move.

use super::{cases, npy, section};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use runner::science::scribble::{Moves, Until, random_walk};
use serde_json::Value;
use std::collections::BTreeSet;

const READINGS: [(&str, Moves); 4] = [
    ("diagonal", Moves::Diagonal),
    ("one_axis", Moves::OneAxis),
    ("king", Moves::King),
    ("king_with_stay", Moves::KingWithStay),
];

struct Mask {
    inside: Vec<bool>,
    height: usize,
    width: usize,
}

impl Mask {
    fn read(file: &Value) -> Mask {
        let (shape, data) = npy::read_u8(&section("05_random_walk").join(file.as_str().unwrap()));
        Mask { inside: data.iter().map(|&pixel| pixel != 0).collect(), height: shape[0], width: shape[1] }
    }

    fn walk(&self, moves: Moves, seed: u64) -> BTreeSet<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let drawn = random_walk(&self.inside, [self.height, self.width], moves, Until::Steps(2500), &mut rng);
        (0..drawn.len()).filter(|&pixel| drawn[pixel]).collect()
    }

    /// `pixels` cut into sets that the moves connect.
    fn connected(&self, pixels: &BTreeSet<usize>, moves: &[(i64, i64)]) -> Vec<BTreeSet<usize>> {
        let mut left = pixels.clone();
        let mut sets = Vec::new();
        while let Some(start) = left.pop_first() {
            let (mut set, mut open) = (BTreeSet::from([start]), vec![start]);
            while let Some(pixel) = open.pop() {
                for (down, right) in moves {
                    let (row, column) = ((pixel / self.width) as i64 + down, (pixel % self.width) as i64 + right);
                    let inside = (0..self.height as i64).contains(&row) && (0..self.width as i64).contains(&column);
                    let next = (row * self.width as i64 + column) as usize;
                    if inside && left.remove(&next) {
                        set.insert(next);
                        open.push(next);
                    }
                }
            }
            sets.push(set);
        }
        sets
    }

    /// The verdict of golden 05 on hand-made scribbles.
    fn verdict(&self, pixels: &BTreeSet<usize>, moves: &[(i64, i64)]) -> &'static str {
        if pixels.iter().any(|&pixel| !self.inside[pixel]) {
            "outside mask"
        } else if pixels.is_empty() && self.inside.contains(&true) {
            "empty"
        } else if self.connected(pixels, moves).len() > 1 {
            "not connected under this move set"
        } else {
            "ok"
        }
    }
}

/// From the golden file itself, so that a slip in `Moves` shows.
fn moves_of(golden: &Value, reading: &str) -> Vec<(i64, i64)> {
    let moves = golden["move_sets"][reading].as_array().unwrap().iter();
    moves.map(|by| (by[0].as_i64().unwrap(), by[1].as_i64().unwrap())).collect()
}

#[test]
fn walks_stay_in_the_set_that_their_start_reaches() {
    let golden = cases("05_random_walk");
    for case in golden["cases"].as_array().unwrap() {
        let mask = Mask::read(&case["npy"]);
        let all: BTreeSet<usize> = (0..mask.inside.len()).filter(|&pixel| mask.inside[pixel]).collect();
        assert_eq!(all.len() as u64, case["n_mask"].as_u64().unwrap(), "{}", case["id"]);
        for (name, moves) in READINGS {
            let (expected, by) = (&case["per_move_set"][name], moves_of(&golden, name));
            let sets = mask.connected(&all, &by);
            assert_eq!(sets.len() as u64, expected["n_reachable_sets"].as_u64().unwrap(), "{} {name}", case["id"]);
            for seed in 0..30 {
                let walk = mask.walk(moves, seed);
                assert_eq!(walk.is_empty(), all.is_empty());
                assert_eq!(mask.verdict(&walk, &by), "ok", "{} {name} {seed}", case["id"]);
                assert!(all.is_empty() || sets.iter().any(|set| walk.is_subset(set)), "{} {name} {seed}", case["id"]);
                let most = expected["max_scribble_pixels"].as_u64().unwrap();
                assert!(walk.len() as u64 <= most, "{} {name} {seed}: {} pixels", case["id"], walk.len());
            }
        }
    }
}

#[test]
fn as_many_pixels_are_drawn_as_in_the_simulations() {
    const WALKS: u64 = 60;
    for case in cases("05_random_walk")["cases"].as_array().unwrap() {
        let mask = Mask::read(&case["npy"]);
        for (name, moves) in READINGS {
            let simulated = &case["per_move_set"][name]["simulated_distinct_pixels_2500_steps"];
            if simulated.is_null() {
                assert!(!mask.inside.contains(&true), "{} has no simulation", case["id"]);
                continue;
            }
            let number = |key: &str| simulated[key].as_f64().unwrap();
            let mean = (0..WALKS).map(|seed| mask.walk(moves, seed).len() as f64).sum::<f64>() / WALKS as f64;
            let tolerance = 4.0 * number("sd") * (1.0 / number("n") + 1.0 / WALKS as f64).sqrt();
            let off = (mean - number("mean")).abs();
            assert!(off <= tolerance + 1e-9, "{} {name}: {mean} against {}", case["id"], number("mean"));
        }
    }
}

#[test]
fn hand_made_scribbles_get_their_verdicts() {
    let golden = cases("05_random_walk");
    for group in golden["validator_checks"].as_array().unwrap() {
        let case = golden["cases"].as_array().unwrap().iter().find(|case| case["id"] == group["id"]).unwrap();
        let mask = Mask::read(&case["npy"]);
        for check in group["checks"].as_array().unwrap() {
            let place = |at: &Value| at[0].as_u64().unwrap() as usize * mask.width + at[1].as_u64().unwrap() as usize;
            let pixels: BTreeSet<usize> = check["pixels_yx"].as_array().unwrap().iter().map(place).collect();
            for (name, _) in READINGS {
                let verdict = mask.verdict(&pixels, &moves_of(&golden, name));
                assert_eq!(verdict, check["verdict"][name], "{} {} {name}", group["id"], check["name"]);
            }
        }
    }
}
