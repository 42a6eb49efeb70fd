use super::super::{DataError, Place};

/// What is wrong with a file, before it is said which file.
#[derive(Debug)]
pub(super) enum Fault {
    Truncated,
    Reason(String),
    TooLarge { bytes: u128, limit: u128 },
    Spacing([f64; 2]),
    NotFinite(usize),
}

impl Fault {
    pub(super) fn reason(reason: impl Into<String>) -> Self {
        Fault::Reason(reason.into())
    }

    pub(super) fn at(self, place: &Place) -> DataError {
        let place = place.clone();
        match self {
            Fault::Truncated => DataError::Truncated { place },
            Fault::Reason(reason) => DataError::NotDicom { place, reason },
            Fault::TooLarge { bytes, limit } => DataError::TooLarge { place, bytes, limit },
            Fault::Spacing(spacing) => DataError::Spacing { place, spacing },
            Fault::NotFinite(count) => DataError::NotFinite { place, count },
        }
    }
}
