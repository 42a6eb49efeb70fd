//! One axis of a grid that Gaussians are applied on.

/// Taps that are less than this are left out.
const LEAST: f64 = 1e-4;

/// Where a coordinate falls: the first of three nodes, and how much each of them is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    pub first: usize,
    pub weights: [f32; 3],
}

/// Nodes at equal distances, and the blur over them.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub nodes: usize,
    /// By the distance in nodes.
    pub taps: Vec<f32>,
    pub spots: Vec<Spot>,
}

/// `exp(-k² / 2 sigma²)` by the distances k below `longest`, without what is nothing.
pub(super) fn gaussian(sigma: f64, longest: usize) -> Vec<f64> {
    let value = |k: usize| (-0.5 * (k as f64 / sigma).powi(2)).exp();
    (0..longest).map(value).take_while(|&value| value >= LEAST).collect()
}

impl Axis {
    /// For coordinates in cells of `1 / sigma`, where `sigma` is 1 or more.
    ///
    /// A coordinate is spread over its three nearest nodes by the quadratic B-spline, whose variance is 1/4 wherever the
    /// coordinate falls between the nodes (that of the linear one goes from 0 to 1/4, which shows). Splat and slice do so once
    /// each, so the blur between them has variance `sigma² - 1/2`, and the mass that makes the whole that of
    /// `exp(-d² / 2 sigma²)`.
    pub fn spread(coordinates: impl Iterator<Item = f64> + Clone, sigma: f64) -> Axis {
        let (least, greatest) = coordinates.clone().fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
        // The middle falls on a node, so that few nodes do.
        let middle = 0.5 * (least + greatest);
        let ahead = ((greatest - least) * 0.5).round() + 1.0;
        let spots: Vec<Spot> = coordinates.map(|x| spline(x - middle + ahead)).collect();
        let nodes = spots.iter().map(|spot| spot.first + 3).max().unwrap_or(3);
        let narrowed = (sigma * sigma - 0.5).sqrt();
        let taps = gaussian(narrowed, nodes).into_iter().map(|tap| (tap * sigma / narrowed) as f32).collect();
        Axis { nodes, taps, spots }
    }

    /// For the coordinates 0, 1, 2, ..: each has a node of its own, and the blur is the Gaussian itself.
    pub fn exact(length: usize, sigma: f64) -> Axis {
        let taps = gaussian(sigma, length).into_iter().map(|tap| tap as f32).collect();
        let spots = (0..length).map(|first| Spot { first, weights: [1.0, 0.0, 0.0] }).collect();
        Axis { nodes: length + 2, taps, spots }
    }

    /// What a coordinate at `spot` hears of itself.
    pub fn echo(&self, spot: &Spot) -> f32 {
        let [a, b, c] = spot.weights;
        let tap = |k: usize| self.taps.get(k).copied().unwrap_or(0.0);
        tap(0) * (a * a + b * b + c * c) + 2.0 * (tap(1) * b * (a + c) + tap(2) * a * c)
    }
}

/// The quadratic B-spline at the nodes around `x`, which is 1 or more.
fn spline(x: f64) -> Spot {
    let nearest = x.round().max(1.0);
    let t = x - nearest;
    let weights = [0.5 * (0.5 - t).powi(2), 0.75 - t * t, 0.5 * (0.5 + t).powi(2)];
    Spot { first: nearest as usize - 1, weights: weights.map(|weight| weight as f32) }
}
