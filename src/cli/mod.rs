//! Subcommands: each file has its clap struct and its `exec`.

mod bench;
mod bundle;
mod cache;
mod cache_text;
mod common;
mod compare;
mod exec;
mod explain;
mod graph;
mod interrupt;
mod ls;
mod plan;
mod progress;
mod run;
mod status;
mod store;
mod text;
mod units;
mod verify;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A declarative, cached experiment-pipeline runner.
#[derive(Debug, Parser)]
#[command(name = "runner", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Plan(plan::PlanCommand),
    Explain(explain::Explain),
    Status(status::Status),
    Graph(graph::Graph),
    Ls(ls::Ls),
    Bench(bench::Bench),
    Cache(cache::Cache),
    Bundle(bundle::Bundle),
    Verify(verify::Verify),
    Exec(exec::Exec),
}

/// 0 ok, 1 a stage failed, 2 bad input, 130 interrupted.
pub fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let command = Cli::parse().command;
    if let Err(fault) = crate::stage::check_vectors() {
        eprintln!("{:?}", miette::miette!("{fault}"));
        return ExitCode::from(2);
    }
    let outcome = match command {
        Command::Run(command) => command.exec(),
        Command::Plan(command) => command.exec(),
        Command::Explain(command) => command.exec(),
        Command::Status(command) => command.exec(),
        Command::Graph(command) => command.exec(),
        Command::Ls(command) => command.exec(),
        Command::Bench(command) => command.exec(),
        Command::Cache(command) => command.exec(),
        Command::Bundle(command) => command.exec(),
        Command::Verify(command) => command.exec(),
        Command::Exec(command) => command.exec(),
    };
    outcome.unwrap_or_else(|report| {
        eprintln!("{report:?}");
        ExitCode::from(2)
    })
}
