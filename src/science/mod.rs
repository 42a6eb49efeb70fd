//! The science: pure functions that know no YAML, keys or cache.

pub mod data;
pub mod device;
pub mod loss;
pub mod method;
pub mod metric;
pub mod model;
pub mod scribble;
pub mod stat;
pub mod training;
