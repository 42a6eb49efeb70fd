//! Subcommands: each file has its clap struct and its `exec`.

mod artifact;
mod bench;
mod bundle;
mod cache;
mod cache_text;
mod check;
mod common;
mod compare;
mod completions;
mod data;
mod diff;
mod exec;
mod explain;
mod graph;
mod group;
mod interrupt;
mod log;
mod ls;
mod metrics;
mod plan;
mod predict;
mod progress;
mod remote;
mod run;
mod schema;
mod show;
mod status;
mod text;
mod trace;
mod training;
mod tree;
mod units;
mod verify;
mod whence;

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
    Check(check::Check),
    Graph(graph::Graph),
    Log(log::Log),
    Show(show::Show),
    Predict(predict::Predict),
    Trace(trace::Trace),
    Whence(whence::Whence),
    Diff(diff::Diff),
    Ls(ls::Ls),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Data(data::Data),
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
        Command::Check(command) => command.exec(),
        Command::Graph(command) => command.exec(),
        Command::Log(command) => command.exec(),
        Command::Show(command) => command.exec(),
        Command::Predict(command) => command.exec(),
        Command::Trace(command) => command.exec(),
        Command::Whence(command) => command.exec(),
        Command::Diff(command) => command.exec(),
        Command::Ls(command) => command.exec(),
        Command::Schema(command) => command.exec(),
        Command::Completions(command) => command.exec(),
        Command::Data(command) => command.exec(),
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
