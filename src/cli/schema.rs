use super::common::print_json;
use crate::contract::{Arity, Port, Stage};
use crate::spec::schema::{Kind, Takes, schema};
use crate::stage;
use clap::Args;
use miette::Report;
use std::process::ExitCode;

/// Print the JSON Schema of pipelines, with which editors complete and check them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  runner schema > pipelines/schema.json
and as the first line of a pipeline, for VS Code with its YAML extension:
  # yaml-language-server: $schema=schema.json")]
pub struct Schema {}

impl Schema {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let kinds: Vec<Kind> = stage::ALL.iter().map(|stage| kind(*stage)).collect();
        print_json(&schema(&kinds))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn kind(stage: &dyn Stage) -> Kind {
    let takes = |port: &Port| match port.arity {
        Arity::One => Takes::One,
        Arity::Optional => Takes::Optional,
        Arity::Many => Takes::Many,
    };
    Kind {
        name: stage.kind().to_owned(),
        summary: stage.summary().to_owned(),
        inputs: stage.inputs().iter().map(|port| (port.name.to_string(), takes(port))).collect(),
        outputs: stage.outputs().iter().map(|port| port.name.to_string()).collect(),
        open: stage.open(),
        with: stage.schema(),
    }
}
