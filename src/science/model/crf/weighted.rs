//! A kernel with its normalisation and without its self term.

use super::{KernelNormalisation, SelfTerm};

/// Planes that are filtered together.
pub(super) const LANES: usize = 4;

/// The least that the others must weigh together for a pixel to hear them. Where it is to hear itself, they weigh 1 and more.
const LEAST: f32 = 1e-3;

/// A symmetric linear map of planes.
pub(super) trait Symmetric {
    /// Of at most [`LANES`] planes, one after the other, in place.
    fn apply(&self, planes: &mut [f32]);

    /// What a pixel hears of itself.
    fn echo(&self, pixel: usize) -> f32;
}

/// `x -> left (K (right x) - echo (right x))`, by pixel. Its adjoint has left and right the other way round.
#[derive(Debug)]
pub(super) struct Weighted<K> {
    pub kernel: K,
    pub left: Vec<f32>,
    pub right: Vec<f32>,
    /// None where pixels hear themselves.
    pub echo: Option<Vec<f32>>,
}

impl<K: Symmetric> Weighted<K> {
    pub fn new(kernel: K, pixels: usize, self_term: SelfTerm, normalisation: KernelNormalisation) -> Self {
        let echo = (self_term == SelfTerm::Excluded).then(|| (0..pixels).map(|pixel| kernel.echo(pixel)).collect());
        let mut plain = Weighted { kernel, left: vec![1.0; pixels], right: vec![1.0; pixels], echo };
        if normalisation != KernelNormalisation::None {
            let mut sums = vec![1.0; pixels];
            plain.forward(&mut sums);
            let inverse = |sum: &f32| if *sum > LEAST { 1.0 / sum } else { 0.0 };
            plain.left = sums.iter().map(inverse).collect();
        }
        if normalisation == KernelNormalisation::Symmetric {
            plain.left.iter_mut().for_each(|factor| *factor = factor.sqrt());
            plain.right.clone_from(&plain.left);
        }
        plain
    }

    /// Of at most [`LANES`] planes, in place.
    pub fn forward(&self, planes: &mut [f32]) {
        self.between(&self.right, &self.left, planes);
    }

    pub fn adjoint(&self, planes: &mut [f32]) {
        self.between(&self.left, &self.right, planes);
    }

    fn between(&self, before: &[f32], after: &[f32], planes: &mut [f32]) {
        let pixels = before.len();
        planes.chunks_exact_mut(pixels).for_each(|plane| multiply(plane, before));
        let own = self.echo.as_ref().map(|echo| {
            let mut own = planes.to_vec();
            own.chunks_exact_mut(pixels).for_each(|plane| multiply(plane, echo));
            own
        });
        self.kernel.apply(planes);
        if let Some(own) = own {
            planes.iter_mut().zip(own).for_each(|(value, own)| *value -= own);
        }
        planes.chunks_exact_mut(pixels).for_each(|plane| multiply(plane, after));
    }
}

fn multiply(plane: &mut [f32], factors: &[f32]) {
    plane.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
}
