//! The engine with toy stages and plans built by hand.

mod command;
mod explain;
mod faults;
mod gc;
mod keys;
mod remote;
mod results;
mod runs;
mod select;
mod sharing;
mod toys;
mod verify_store;
