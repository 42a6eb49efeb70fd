//! The engine compares outputs by what `report` knows of formats.

use crate::engine::compare::{Agreement, Comparer, FileAgreement};
use crate::report::compare::{Likeness, files};
use std::path::Path;

/// Compares numbers within a tolerance.
pub struct Numbers {
    pub tolerance: f64,
}

impl Comparer for Numbers {
    fn compare(&self, name: &str, recorded: &Path, again: &Path) -> Agreement {
        match files(name, recorded, again, self.tolerance) {
            Likeness::Same { numbers } => Agreement::Identical { numbers },
            Likeness::Close { numbers, largest } => Agreement::Within { numbers, largest },
            Likeness::Apart { numbers, what } => Agreement::Differs { numbers, what },
            Likeness::Unlike => Agreement::Incomparable,
        }
    }
}

/// A line for a file that didn't come out bit by bit.
pub fn difference(file: &FileAgreement) -> Option<String> {
    let name = &file.file;
    match &file.agreement {
        Agreement::Identical { .. } => None,
        Agreement::Within { numbers, largest } => {
            let numbers = counted(*numbers, "number");
            Some(format!("{name}: {numbers}, largest relative difference {largest:.1e}"))
        }
        Agreement::Differs { what, .. } => Some(format!("{name}: {what}")),
        Agreement::Incomparable => Some(format!("{name}: other bytes, without numbers to compare")),
    }
}

/// `1 number`, `2 numbers`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
