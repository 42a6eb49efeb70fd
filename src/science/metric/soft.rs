use super::MetricError;
use serde::{Deserialize, Serialize};

/// |·| of soft Dice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SoftDenominator {
    /// Σ p + Σ y.
    #[default]
    Sum,
    /// Σ p² + Σ y².
    Squares,
}

/// Multi-class Dice of probabilities `[class, pixel]` against labels `[pixel]`, foreground classes
/// pooled; `None` when 0/0. Equals the hard Dice where probabilities are 0 or 1.
pub fn soft_dice(
    probabilities: &[f64],
    truth: &[u8],
    classes: usize,
    denominator: SoftDenominator,
) -> Result<Option<f64>, MetricError> {
    check(probabilities, truth, classes)?;
    let pixels = truth.len();
    let (mut intersection, mut total) = (0.0, 0.0);
    for class in 1..classes {
        for (pixel, &label) in truth.iter().enumerate() {
            let p = probabilities[class * pixels + pixel];
            let y = f64::from(u8::from(usize::from(label) == class));
            intersection += p * y;
            total += match denominator {
                SoftDenominator::Sum => p + y,
                SoftDenominator::Squares => p * p + y,
            };
        }
    }
    Ok((total > 0.0).then(|| 2.0 * intersection / total))
}

fn check(probabilities: &[f64], truth: &[u8], classes: usize) -> Result<(), MetricError> {
    let pixels = truth.len();
    if probabilities.len() != classes * pixels {
        return Err(MetricError::Length { prediction: probabilities.len() / classes.max(1), truth: pixels });
    }
    if let Some(pixel) = truth.iter().position(|&label| usize::from(label) >= classes) {
        return Err(MetricError::Label { label: truth[pixel], pixel, classes });
    }
    match probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(at) => Err(MetricError::Probability { value: probabilities[at], class: at / pixels, pixel: at % pixels }),
        None => Ok(()),
    }
}

/// The most probable class of each pixel, the lowest on ties. `probabilities`: `[class, pixel]`.
pub fn most_probable(probabilities: &[f64], classes: usize) -> Vec<u8> {
    let pixels = probabilities.len() / classes.max(1);
    let best = |pixel: usize| {
        let of = |class: usize| probabilities[class * pixels + pixel];
        (1..classes).fold(0, |best, class| if of(class) > of(best) { class } else { best })
    };
    (0..pixels).map(|pixel| best(pixel) as u8).collect()
}
