//! Runs a plan: looks up what is cached, schedules the rest, stores and publishes what comes out.
//!
//! The engine sees stages through `contract::Stage` alone.

pub mod cache;
pub mod compare;

mod attempt;
mod error;
pub mod executor;
pub mod history;
pub mod lineage;
mod observer;
mod prepare;
mod provenance;
mod publish;
mod run;
mod schedule;
mod select;
mod status;

pub use cache::Store;
pub use error::EngineError;
pub use observer::{Event, How, Observer, SilentObserver};
pub use prepare::is_named;
pub use publish::{Published, published};
pub use run::{Failure, Options, Summary, run};
pub use select::{Part, Select};
pub use status::{NodeStatus, State, status};
