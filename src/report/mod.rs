//! Tables and figures: pure functions from plain structs to files.
//!
//! [`scores`] and [`log`] are the Parquet files that other stages write; [`table`], [`significance`] and [`figure`] turn them
//! into what people read. Every file has the same bytes each time that it is made from the same values.

pub mod change;
pub mod compare;
pub mod coverage;
mod error;
pub mod figure;
mod frame;
pub mod log;
pub mod pairs;
pub mod preview;
pub mod scores;
pub mod significance;
pub mod table;
pub mod training;

pub use error::ReportError;
