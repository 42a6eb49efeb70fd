//! One thin file per stage kind: open inputs, call one science or report function, write outputs.

use crate::contract::Stage;

/// Every stage kind, by hand: adding one is a file here and a row in this table.
pub const ALL: &[&dyn Stage] = &[];
