//! From YAML to an experiment: references, the catalogue, profiles and `--set`, and errors that point.

mod errors;
mod hostile;
mod layers;
pub mod project;
mod quick;
mod yaml;
