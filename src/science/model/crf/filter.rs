//! Both kernels of a batch of images.

use super::bilateral::Bilateral;
use super::smooth::Smooth;
use super::weighted::{LANES, Weighted};
use super::{CrfError, CrfParameters, tensors};
use crate::science::model::kernel::{Linear, linear};
use burn::tensor::Tensor;
use rayon::prelude::*;
use std::sync::Arc;

/// What the pixels of a batch of images hear of each other, in time that goes with the number of pixels.
///
/// The smoothness kernel is separable: a sum along rows and one along columns, the Gaussian cut off where it is below 1e-4.
/// The appearance kernel is put on a grid of cells of [`CrfParameters::cell`] sigmas, dense over positions and sparse over
/// intensities, with quadratic B-splines to spread pixels over the grid and to read it. Where a cell would be smaller than a
/// pixel, positions have a node each.
///
/// Greatest errors of probabilities after 5 iterations, against [`super::Crf::mean_field`], by the cell:
///
/// | images | 0.5 | 0.75 | 1 |
/// | --- | --- | --- | --- |
/// | golden 11, one channel, all readings whose kernels are divided by their sums | 2e-4 | **7e-4** | 3e-3 |
/// | golden 11, three channels | 2e-4 | 1.3e-3 | **5e-3** |
/// | discs with noise, 48 x 48, one channel, `sigma_gamma` 3 and 10 | 3e-4 | **6e-4** | 4e-3 |
/// | the same with three channels, `sigma_gamma` 3 | 6e-4 | 4e-3 | **1e-2** |
/// | photos of pedestrians, 48 x 24 | 5e-4 | 2e-3 | **8e-3** |
///
/// Sums that nothing divides ([`super::KernelNormalisation::None`]) can be far larger than the logits, and so are the errors:
/// 6e-3 on golden 11 with cells of 0.25. And where a pixel is not to hear itself and all others weigh less than 1e-3 together,
/// it hears nobody, though the sum would let it hear the likest of them.
#[derive(Debug, Clone)]
pub struct Filter {
    kernels: Arc<Kernels>,
}

#[derive(Debug)]
pub(super) struct Kernels {
    pub size: [usize; 2],
    /// By image.
    pub appearance: Vec<Weighted<Bilateral>>,
    pub smoothness: Weighted<Smooth>,
}

impl Filter {
    /// For `images`, all of `channels` planes of `size` (rows, columns).
    pub fn new(
        parameters: &CrfParameters,
        images: &[f32],
        channels: usize,
        size: [usize; 2],
    ) -> Result<Filter, CrfError> {
        parameters.check()?;
        let [height, width] = size;
        let (pixels, field) = (height.saturating_mul(width), &parameters.field);
        let values = pixels.saturating_mul(channels);
        if values == 0 || images.is_empty() || !images.len().is_multiple_of(values) {
            return Err(CrfError::Planes { what: "intensities", is: images.len(), height, width });
        }
        let appearance = |(index, image): (usize, &[f32])| {
            if image.iter().any(|value| !value.is_finite()) {
                return Err(CrfError::Intensity { image: index });
            }
            let mut image = image.to_vec();
            parameters.intensities.apply(&mut image);
            let cell = parameters.cell_for(channels);
            let kernel = Bilateral::new(&image, size, [field.sigma_alpha, field.sigma_beta], cell)?;
            Ok(Weighted::new(kernel, pixels, field.self_term, field.normalisation))
        };
        let appearance: Vec<_> = images.par_chunks(values).enumerate().map(appearance).collect();
        let smoothness = Smooth::new(size, field.sigma_gamma);
        let kernels = Kernels {
            size,
            appearance: appearance.into_iter().collect::<Result<_, _>>()?,
            smoothness: Weighted::new(smoothness, pixels, field.self_term, field.normalisation),
        };
        Ok(Filter { kernels: Arc::new(kernels) })
    }

    /// What each pixel hears by the appearance kernel, and then by the smoothness kernel: `beliefs: [batch, class, h, w]` to
    /// `[batch, 2 class, h, w]`.
    ///
    /// f32 tensors on flex are filtered by loops written for it, with the adjoint on the way back; all others by the same
    /// arithmetic in burn's operations. Results on flex do not depend on the number of threads.
    pub fn messages(&self, beliefs: Tensor<4>) -> Result<Tensor<4>, CrfError> {
        let [batch, classes, height, width] = beliefs.dims();
        if batch != self.kernels.appearance.len() || [height, width] != self.kernels.size || classes == 0 {
            let [rows, columns] = self.kernels.size;
            let images = [self.kernels.appearance.len(), 1, rows, columns];
            return Err(CrfError::Shapes { classes, logits: beliefs.dims(), images });
        }
        let own = linear(beliefs.clone(), 2 * classes, self.kernels.clone());
        Ok(own.unwrap_or_else(|| tensors::messages(&self.kernels, beliefs)))
    }
}

impl Kernels {
    /// Values of the group of planes that are filtered together.
    fn together(&self) -> usize {
        LANES * self.size[0] * self.size[1]
    }

    /// Values of one image's planes.
    fn of_image(&self, values: usize) -> usize {
        values / self.appearance.len()
    }
}

impl Linear for Kernels {
    fn forward(&self, input: &[f32], output: &mut [f32]) {
        let classes = self.of_image(input.len());
        let halves = output.par_chunks_mut(classes).enumerate();
        halves.for_each(|(index, output)| {
            let input = input[index / 2 * classes..][..classes].par_chunks(self.together());
            output.par_chunks_mut(self.together()).zip(input).for_each(|(output, input)| {
                output.copy_from_slice(input);
                match index % 2 {
                    0 => self.appearance[index / 2].forward(output),
                    _ => self.smoothness.forward(output),
                }
            });
        });
    }

    fn adjoint(&self, gradient: &[f32], input: &mut [f32]) {
        let classes = self.of_image(input.len());
        let images = input.par_chunks_mut(classes).zip(gradient.par_chunks(2 * classes)).zip(&self.appearance);
        images.for_each(|((input, gradient), appearance)| {
            let (by_appearance, by_smoothness) = gradient.split_at(classes);
            let gradients = by_appearance.par_chunks(self.together()).zip(by_smoothness.par_chunks(self.together()));
            input.par_chunks_mut(self.together()).zip(gradients).for_each(|(input, (appears, smooth))| {
                input.copy_from_slice(appears);
                appearance.adjoint(input);
                let mut smooth = smooth.to_vec();
                self.smoothness.adjoint(&mut smooth);
                input.iter_mut().zip(smooth).for_each(|(sum, value)| *sum += value);
            });
        });
    }
}
