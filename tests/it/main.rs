//! The one integration-test binary.

mod bench;
mod bundle;
mod cli;
mod commands;
mod committed;
mod data;
mod engine;
mod golden;
mod kernel;
mod kill;
mod layers;
mod leakage;
#[cfg(feature = "tch")]
mod libtorch;
mod metric;
mod plan;
mod predict;
mod priors;
mod report;
mod revisions;
mod scribble;
mod spec;
mod stat;
mod training;
