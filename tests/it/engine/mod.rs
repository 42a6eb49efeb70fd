//! The engine with toy stages and plans built by hand.

pub mod bundle;
mod command;
mod disk;
mod explain;
mod faults;
mod isolation;
mod keys;
mod names;
mod peers;
mod results;
mod runs;
mod schedule;
mod select;
mod sharing;
mod toys;
mod verify;
