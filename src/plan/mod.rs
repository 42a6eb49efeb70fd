//! From what was typed to what can run: a DAG of concrete stages, their keys, and why they would run.

mod node;

pub use node::{Binding, Node, Plan};
