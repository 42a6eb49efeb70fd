//! The engine with toy stages and plans built by hand.

mod command;
mod explain;
mod faults;
mod keys;
mod results;
mod runs;
mod select;
mod sharing;
mod toys;
