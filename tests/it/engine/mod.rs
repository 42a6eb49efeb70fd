//! The engine with toy stages and plans built by hand.

mod command;
mod explain;
mod faults;
mod history;
mod keys;
mod lineage;
mod results;
mod runs;
mod select;
mod sharing;
mod toys;
