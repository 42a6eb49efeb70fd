//! Runs a plan: looks up what is cached, schedules the rest, stores and publishes what comes out.
//!
//! The engine sees stages through `contract::Stage` alone.

pub mod bundle;
pub mod cache;
pub mod compare;
pub mod difference;
mod ledger;
pub mod recompute;
pub mod sample;

mod attempt;
mod error;
pub mod executor;
pub mod history;
pub mod lineage;
mod observer;
mod prepare;
mod provenance;
mod publish;
mod request;
mod retry;
mod run;
mod schedule;
mod select;
mod space;
mod staging;
mod status;
mod workspace;

pub use cache::Store;
pub use error::EngineError;
pub use ledger::{By, Compared, Seen};
pub use observer::{Event, How, Observer, SilentObserver};
pub use prepare::is_named;
pub use publish::{Published, published};
pub use request::{Failure, Options, Summary};
pub use run::run;
pub use schedule::Budget;
pub use select::{Part, Select};
pub use status::{NodeStatus, State, status};
