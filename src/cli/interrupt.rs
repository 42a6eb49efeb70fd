use miette::{IntoDiagnostic, Report};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What shells report for a program that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// A terminal or a batch system may send one wish to stop twice at once.
const ONE_WISH: Duration = Duration::from_millis(300);

/// Ctrl-C once: the flag is set, and stages checkpoint. Twice: out at once; the store repairs itself.
pub fn on_interrupt() -> Result<Arc<AtomicBool>, Report> {
    let cancel = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancel);
    let mut first: Option<Instant> = None;
    let handler = move || {
        let first = first.get_or_insert_with(Instant::now);
        if flag.swap(true, Ordering::Relaxed) && first.elapsed() > ONE_WISH {
            std::process::exit(i32::from(INTERRUPTED));
        }
    };
    ctrlc::set_handler(handler).into_diagnostic()?;
    Ok(cancel)
}
