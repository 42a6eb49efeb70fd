//! The engine with toy stages and plans built by hand.

mod bundle;
mod command;
mod disk;
mod explain;
mod faults;
pub mod forge;
mod history;
mod isolation;
mod keys;
mod lineage;
mod names;
mod peers;
mod results;
mod runs;
mod schedule;
mod select;
mod sharing;
mod strangers;
mod toys;
mod verify;
