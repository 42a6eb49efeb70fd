use super::common::{PipelineArgs, print};
use crate::plan::draw::{Detail, dot, mermaid, svg};
use clap::{Args, ValueEnum};
use miette::Report;
use std::process::ExitCode;

/// Draw the pipeline
#[derive(Debug, Args)]
pub struct Graph {
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[arg(long, value_enum, default_value = "mermaid")]
    format: Format,
    /// A box for each instance of the matrix instead of one for each entry
    #[arg(long)]
    expand: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Mermaid,
    Dot,
    Svg,
}

impl Graph {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let plan = self.pipeline.plan()?;
        let detail = if self.expand { Detail::Instances } else { Detail::Entries };
        let text = match self.format {
            Format::Mermaid => mermaid(&plan, detail),
            Format::Dot => dot(&plan, detail),
            Format::Svg => svg(&plan, detail),
        };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
