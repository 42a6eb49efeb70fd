use thiserror::Error;

/// Samples that must be reported, never tested or averaged silently.
#[derive(Debug, Clone, Error, PartialEq)]
pub enum StatError {
    #[error("{x} scores against {y}: a paired test needs the same cases on both sides")]
    Length { x: usize, y: usize },
    #[error("no values: there is nothing to test or to average")]
    Empty,
    #[error("value {index} is {value}: leave undefined scores out, in pairs, before the test")]
    NotFinite { index: usize, value: f64 },
    #[error("{n} pairs are too many for the exact distribution (at most {limit}): use `auto` or `normal`")]
    TooMany { n: usize, limit: usize },
    #[error(
        "an interval of confidence {confidence} from {resamples} resamples: the first must be above 0 and below 1, the second from 100 to 10,000,000"
    )]
    Interval { confidence: f64, resamples: usize },
    #[error("p value {index} is {value}, not a number from 0 to 1")]
    Probability { index: usize, value: f64 },
}

/// Refuses empty samples, NaN and infinities.
pub(super) fn check(values: &[f64]) -> Result<(), StatError> {
    if values.is_empty() {
        return Err(StatError::Empty);
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatError::NotFinite { index, value: values[index] }),
        None => Ok(()),
    }
}
