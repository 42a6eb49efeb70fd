use thiserror::Error;

/// Inputs that must be reported, never scored.
#[derive(Debug, Clone, Error, PartialEq)]
pub enum MetricError {
    #[error("{prediction} predicted pixels but {truth} true ones: both must show the same slice")]
    Length { prediction: usize, truth: usize },
    #[error("prediction of shape {prediction:?} but truth of shape {truth:?} (slices, rows, columns)")]
    Shape { prediction: [usize; 3], truth: [usize; 3] },
    #[error("label {label} at pixel {pixel}, but the classes are 0 to {}: is it a scribble?", classes.saturating_sub(1))]
    Label { label: u8, pixel: usize, classes: usize },
    #[error("class {class} asked for, but the classes are 0 to {}", classes.saturating_sub(1))]
    Class { class: u8, classes: usize },
    #[error("probability {value} of class {class} at pixel {pixel} is not a number from 0 to 1")]
    Probability { value: f64, class: usize, pixel: usize },
    #[error("{found} pixels do not fill {height} x {width}")]
    Plane { found: usize, height: usize, width: usize },
    #[error("pixel spacing {spacing:?} must be positive and finite")]
    Spacing { spacing: [f64; 2] },
}
