//! The engine with toy stages and plans built by hand.

mod bundle;
mod cache_command;
mod command;
mod disk;
mod explain;
mod faults;
pub mod forge;
mod gc;
mod history;
mod isolation;
mod keys;
mod lineage;
mod names;
mod peers;
mod recent;
mod remote;
mod results;
mod runs;
mod schedule;
mod select;
mod sharing;
mod strangers;
mod toys;
mod verify;
mod verify_store;
