use miette::{IntoDiagnostic, Report};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What shells report for a program that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// Ctrl-C once: the flag is set, and stages checkpoint. Twice: out at once; the store repairs itself.
pub fn on_interrupt() -> Result<Arc<AtomicBool>, Report> {
    let cancel = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancel);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    };
    ctrlc::set_handler(handler).into_diagnostic()?;
    Ok(cancel)
}
