//! The engine with toy stages and plans built by hand.

mod cache_command;
mod command;
mod explain;
mod faults;
mod gc;
mod isolation;
mod keys;
mod remote;
mod results;
mod runs;
mod schedule;
mod select;
mod sharing;
mod toys;
mod verify_store;
