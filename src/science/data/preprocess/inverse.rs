use super::{Crop, Fit, Preprocessing, Resampling};

/// Brings what a network says of a prepared slice back to the pixels of the slice as it was scanned.
#[derive(Debug, Clone)]
pub struct Inverse {
    /// Rows and columns as scanned.
    shape: [usize; 2],
    /// Rows and columns of the prepared slice.
    size: [usize; 2],
    fit: FitBack,
    /// None: it had the spacing already.
    resampling: Option<Resampling>,
}

#[derive(Debug, Clone)]
enum FitBack {
    Crop(Crop),
    Stretch(Resampling),
    Same,
}

impl Inverse {
    /// Of a slice of `shape` that was resampled from `spacing` to `target`. All are sound ([`super::inverse`] checks them).
    pub(super) fn new(shape: [usize; 2], spacing: [f64; 2], target: [f64; 2], parameters: &Preprocessing) -> Self {
        let resamples = target != spacing;
        let resampled = match resamples {
            true => [0, 1].map(|i| Resampling::length(shape[i], spacing[i], target[i]) as usize),
            false => shape,
        };
        let size = parameters.size;
        let fit = match parameters.fit {
            _ if resampled == size => FitBack::Same,
            Fit::CropOrPad => FitBack::Crop(Crop::new(resampled, size, parameters.offset)),
            Fit::Stretch => FitBack::Stretch(Resampling::between(size, resampled)),
        };
        let resampling = resamples.then(|| Resampling::back(shape, spacing, target, parameters.grid));
        Inverse { shape, size, fit, resampling }
    }

    /// Rows and columns of the result.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// The most probable class of each pixel as scanned, `[row, column]`; the lowest of equally probable ones.
    ///
    /// `probabilities`: `[class, row, column]` of the prepared slice. They are resampled linearly, which puts borders
    /// between pixels where nearest neighbours would leave steps. What was cropped away is background.
    pub fn labels(&self, probabilities: &[f32]) -> Vec<u8> {
        let mut labels = vec![0; self.shape[0] * self.shape[1]];
        let mut best = vec![f64::NEG_INFINITY; labels.len()];
        for (class, plane) in (0..=u8::MAX).zip(probabilities.chunks_exact((self.size[0] * self.size[1]).max(1))) {
            let plane = self.plane(plane, if class == 0 { 1.0 } else { 0.0 });
            for ((label, best), score) in labels.iter_mut().zip(&mut best).zip(plane) {
                if score > *best {
                    (*label, *best) = (class, score);
                }
            }
        }
        labels
    }

    /// One class; `outside` stands where pixels were cropped away.
    fn plane(&self, scores: &[f32], outside: f64) -> Vec<f64> {
        let scores: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
        let scores = match &self.fit {
            FitBack::Same => scores,
            FitBack::Crop(crop) => crop.undo(&scores, outside),
            FitBack::Stretch(stretch) => stretch.linear(&scores),
        };
        match &self.resampling {
            Some(resampling) => resampling.linear(&scores),
            None => scores,
        }
    }
}
