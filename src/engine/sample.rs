//! Which cached stages are run again when not all can be.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws `count` of `costs.len()` items without repeats, the likelier the higher their cost (seconds): what took most
/// of the work is worth most of the doubt. The same seed draws the same; indices come sorted.
///
/// Each item waits for an exponential time of rate `cost`; the first ones to arrive are drawn (Efraimidis and
/// Spirakis, 2006).
pub fn draw(costs: &[f64], count: usize, seed: u64) -> Vec<usize> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut arrivals: Vec<(f64, usize)> = costs
        .iter()
        .enumerate()
        .map(|(index, cost)| {
            let uniform: f64 = generator.random();
            (-(1.0 - uniform).ln() / cost.max(LEAST), index)
        })
        .collect();
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut drawn: Vec<usize> = arrivals.into_iter().take(count).map(|(_, index)| index).collect();
    drawn.sort_unstable();
    drawn
}

/// Seconds: a stage that took no time can still be drawn.
const LEAST: f64 = 1e-3;

/// If none of `count` random draws diverged, then with 95 % confidence less than this share of the work does.
pub fn bound(count: usize) -> f64 {
    if count == 0 { 1.0 } else { 1.0 - 0.05_f64.powf(1.0 / count as f64) }
}

#[cfg(test)]
mod tests {
    use super::{bound, draw};

    #[test]
    fn the_bound_is_that_of_no_failures() {
        // (1 - p)^k = 0.05
        assert!((bound(1) - 0.95).abs() < 1e-12);
        assert!(((1.0 - bound(5)).powi(5) - 0.05).abs() < 1e-12);
        assert_eq!(bound(0), 1.0);
    }

    #[test]
    fn costly_stages_are_drawn_oftener() {
        let times = |index: usize| (0..300).filter(|seed| draw(&[1.0, 1.0, 8.0], 1, *seed) == [index]).count();
        // 8 of 10 expected: 240 of 300, with a standard deviation of 7.
        let drawn = times(2);
        assert!((210..270).contains(&drawn), "{drawn}");
        assert_eq!(draw(&[0.0, 3.0], 5, 1), [0, 1]);
        assert_eq!(draw(&[1.0; 50], 7, 42), draw(&[1.0; 50], 7, 42));
    }
}
