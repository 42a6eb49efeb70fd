//! From an experiment to a DAG of concrete stages, with toy stages.

mod drawing;
mod errors;
mod expansion;
mod properties;
mod toy;
