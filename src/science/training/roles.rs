use crate::science::data::Split;
use crate::science::method::Method;

/// Shares of the training cases, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Annotation {
    /// With scribbles (with masks where the method learns from these).
    pub label_fraction: f64,
    /// With full masks beside them (section V-F).
    pub mask_fraction: f64,
}

/// The training cases of one method at one label fraction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Annotated by scribbles; by masks where the method learns from masks alone.
    pub scribbled: Vec<String>,
    /// Annotated by masks, beside scribbled ones (section V-F).
    pub masked: Vec<String>,
    /// Whose images serve in step (ii).
    pub unlabelled: Vec<String>,
    /// Whose masks the discriminator sees.
    pub masks: Vec<String>,
}

impl Roles {
    /// `annotation`: which shares of the training cases have scribbles, and masks beside them.
    pub fn new(split: &Split, method: &Method, annotation: Annotation) -> Self {
        let Annotation { label_fraction, mask_fraction } = annotation;
        let annotated = label_fraction + mask_fraction;
        let mut scribbled = split.labelled(label_fraction).to_vec();
        scribbled.truncate(method.annotated_cases.unwrap_or(usize::MAX));
        let mut masked = Vec::new();
        if mask_fraction > 0.0 {
            masked.extend(split.labelled(annotated).iter().filter(|case| !scribbled.contains(case)).cloned());
        }
        let unlabelled = match (method.unpaired_images, method.annotated_cases) {
            (false, _) => scribbled.iter().chain(&masked).cloned().collect(),
            (true, None) => split.unlabelled(annotated).to_vec(),
            (true, Some(_)) => split.segmentor.iter().filter(|case| !scribbled.contains(case)).cloned().collect(),
        };
        Roles { scribbled, masked, unlabelled, masks: split.unpaired_masks(method.unpaired_masks) }
    }
}
