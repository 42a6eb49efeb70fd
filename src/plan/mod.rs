//! From what was typed to what can run: a DAG of concrete stages, their keys, and why they would run.

mod demands;
pub mod dirty;
pub mod draw;
mod fault;
pub mod manifest;
mod matrix;
mod node;
mod order;
mod publish;
mod resolve;
mod wire;

pub use demands::size;
pub use fault::{Fault, PlanError};
pub use node::{Binding, Node, Plan};
pub use resolve::resolve;
