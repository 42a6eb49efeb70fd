//! `runner`: a declarative experiment-pipeline runner.
//!
//! One straight line runs through the program, and imports point one way only:
//!
//! | layer | what it is | may import |
//! | --- | --- | --- |
//! | [`digest`] | SHA-256 digests of values, files and folders | nothing |
//! | [`spec`] | what the user typed, with source spans | digest |
//! | [`contract`] | what a stage is | digest |
//! | [`plan`] | spec + stage table → DAG of concrete stages → keys | digest, spec, contract |
//! | [`engine`] | cache, scheduler, journal | digest, contract, plan |
//! | [`science`] | data, models, losses, training, metrics, statistics | nothing of ours |
//! | [`report`] | tables and figures | science |
//! | [`stage`] | one thin adapter per stage kind | digest, contract, science, report |
//! | [`cli`] | subcommands | all but science |

pub mod cli;
pub mod contract;
pub mod digest;
pub mod engine;
pub mod plan;
pub mod report;
pub mod science;
pub mod spec;
pub mod stage;
