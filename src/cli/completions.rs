use super::common::print;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use miette::{IntoDiagnostic, Report};
use std::process::ExitCode;

/// Print what a shell needs to complete runner's commands and options
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bash:  runner completions bash > ~/.local/share/bash-completion/completions/runner
  zsh:   runner completions zsh > \"${fpath[1]}/_runner\"
  fish:  runner completions fish > ~/.config/fish/completions/runner.fish")]
pub struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn exec(self) -> Result<ExitCode, Report> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "runner", &mut script);
        print(&String::from_utf8(script).into_diagnostic()?)?;
        Ok(ExitCode::SUCCESS)
    }
}
