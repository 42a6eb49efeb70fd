use super::common::print;
use crate::contract::{Arity, Port};
use crate::stage;
use clap::{Args, ValueEnum};
use miette::Report;
use std::process::ExitCode;

/// List what pipelines can be built from
#[derive(Debug, Args)]
pub struct Ls {
    what: What,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Stage kinds, with their ports
    Stages,
}

impl Ls {
    pub fn exec(self) -> Result<ExitCode, Report> {
        match self.what {
            What::Stages => {
                let line = |stage: &&dyn crate::contract::Stage| {
                    let (inputs, outputs) = (ports(stage.inputs()), ports(stage.outputs()));
                    format!("{}: {}\n    in:  {inputs}\n    out: {outputs}\n", stage.kind(), stage.summary())
                };
                print(&stage::ALL.iter().map(line).collect::<String>())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `slices, weights…, base?`: `…` takes any number, `?` none or one.
fn ports(ports: &[Port]) -> String {
    let name = |port: &Port| match port.arity {
        Arity::One => port.name.to_string(),
        Arity::Optional => format!("{}?", port.name),
        Arity::Many => format!("{}…", port.name),
    };
    if ports.is_empty() { "-".to_owned() } else { ports.iter().map(name).collect::<Vec<_>>().join(", ") }
}
