use super::augment::Seeds;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

/// Random intensities of an image, in the units that it is normalised to (median 0 and interquartile range 1 for ACDC). The
/// defaults are the released code's; the paper has none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Intensity {
    /// Added to all pixels: uniform in ± this. Default 0.025.
    pub brightness: f64,
    /// Distances to the mean of their channel are multiplied by 1 ± this, uniform. Default 0.05: 0.95 to 1.05.
    pub contrast: f64,
    /// Standard deviation of the Gaussian noise of each pixel. Default 0.02.
    pub noise: f64,
}

impl Default for Intensity {
    fn default() -> Self {
        Intensity { brightness: 0.025, contrast: 0.05, noise: 0.02 }
    }
}

impl Intensity {
    /// Brightness, contrast and noise, in this order. `image`: channels of `pixels` values.
    pub fn apply(&self, image: &mut [f32], pixels: usize, seeds: Seeds) {
        let (brightness, contrast) = self.draw(seeds.shared);
        for channel in image.chunks_exact_mut(pixels.max(1)) {
            let mean = channel.iter().map(|&x| f64::from(x)).sum::<f64>() / pixels as f64;
            // Of the brightened channel, whose mean is brighter by as much.
            let shift = mean * (1.0 - contrast) + brightness;
            channel.iter_mut().for_each(|x| *x = (f64::from(*x) * contrast + shift) as f32);
        }
        self.add_noise(image, seeds.own);
    }

    /// On a stream of its own, so that the pose of a seed is the same with and without intensities.
    fn draw(&self, seed: u64) -> (f64, f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1);
        let mut within = |range: f64| range * (2.0 * rng.random::<f64>() - 1.0);
        (within(self.brightness), 1.0 + within(self.contrast))
    }

    fn add_noise(&self, image: &mut [f32], seed: u64) {
        let Ok(normal) = Normal::new(0.0, self.noise as f32) else { return };
        if self.noise <= 0.0 {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(2);
        image.iter_mut().for_each(|x| *x += normal.sample(&mut rng));
    }
}
