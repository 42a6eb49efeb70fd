//! The one integration-test binary.

mod bench;
mod cli;
mod commands;
mod data;
mod engine;
mod golden;
mod kernel;
mod layers;
#[cfg(feature = "tch")]
mod libtorch;
mod metric;
mod plan;
mod report;
mod revisions;
mod scribble;
mod spec;
mod stat;
mod training;
