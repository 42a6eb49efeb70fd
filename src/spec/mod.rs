//! What the user typed: a pipeline, the catalogue of settings in `experiments/`, a profile and `--set` arguments.
//!
//! [`load`] lays them over each other and keeps for every value the place where it was written, so that each
//! error, here and in `plan`, points there.
//!
//! ```yaml
//! title: Ablation of the components      # for people; default: the file's name
//! profile: demo                          # experiments/profiles/demo.yaml, unless --profile names another
//! results: results/${pipeline}           # folder below the project's root (this is the default)
//! settings:                              # what profiles and --set may change, besides the catalogue, `matrix`,
//!   dataset: phantom                     # `results` and `title`
//!   seed: 1
//! matrix:                                # axes of scalars; `--set matrix.method=[ours]` narrows one
//!   method: [ours, plain]
//!   fold: [0, 1]
//!   exclude: [{ method: plain, fold: 1 }]
//! stages:
//!   prepare:
//!     stage: preprocess                  # the stage kind
//!     with: { dataset: "${datasets.${dataset}}" }   # its parameters: experiments/datasets/phantom.yaml
//!   train:
//!     stage: train
//!     for_each: [method, fold]           # an instance for each point of these axes
//!     inputs: { slices: prepare }        # port: entry, entry.output, or a list of such where a port takes many
//!     seed: ${seed}
//!     with:
//!       method: ${methods.${matrix.method}.with}
//!     exclude: [{ method: plain }]       # drops points, and what depends on them
//!     resources: { cpus: 2, memory: 6 GiB, gpus: 1 }    # what the scheduler sets aside
//!     timeout: 2 h                       # ended and failed when it takes longer
//!     retries: 2                         # tried again after a failure, later each time
//!     priority: 1                        # those with more go first (default 0)
//!   table:
//!     stage: table
//!     inputs: { weights: train }         # gathers the instances that differ on axes that `table` doesn't run for
//!     publish: { tables: tables }        # output port: folder below `results`
//!   count:
//!     stage: command                     # a program of your own
//!     inputs: { tables: table }          # seen at inputs/tables; a list of entries gathers, as above
//!     outputs: { counts: counts }        # output port: artifact word; it writes to outputs/counts
//!     with: { run: "wc -l inputs/tables/* > outputs/counts/lines.txt" }
//! ```

mod catalogue;
mod fault;
mod fields;
mod load;
mod located;
mod matrix;
mod overlay;
mod pipeline;
mod project;
mod quick;
mod reference;
pub mod schema;
mod source;
mod suggest;
mod tree;
mod yaml;

pub use fault::{Fault, SpecError};
pub use load::{Experiment, Request, inside, load};
pub use located::{Explain, Located};
pub use matrix::{Axis, Exclude};
pub use pipeline::{Entry, Input};
pub use quick::read_quickly;
pub use reference::{Point, Scope};
pub use source::{Mark, Source};
pub use suggest::{closest, did_you_mean, listed};
pub use tree::{Name, Tree, Value};
pub use yaml::parse_fully;
