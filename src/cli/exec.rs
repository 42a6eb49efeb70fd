use crate::{engine::executor, stage};
use clap::Args;
use miette::{IntoDiagnostic, Report, miette};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run one stage in this process, as `run` asks for heavy ones
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct Exec {
    /// What to run: written by `run`
    job: PathBuf,
}

impl Exec {
    pub fn exec(self) -> Result<ExitCode, Report> {
        // What happens is said on the standard output: whatever else writes there goes to the log instead.
        let events = File::from(std::io::stdout().as_fd().try_clone_to_owned().into_diagnostic()?);
        // SAFETY: both descriptors are open for as long as the process lives.
        if unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) } < 0 {
            return Err(std::io::Error::last_os_error()).into_diagnostic();
        }
        let done = executor::serve(&self.job, stage::ALL, events).map_err(|error| miette!("{error}"))?;
        Ok(if done { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}
