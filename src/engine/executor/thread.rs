use crate::contract::{Stage, StageContext, StageError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// As much as the main thread has: recursion in a stage may go as deep as it does there.
const STACK: usize = 8 << 20;

/// rayon inside the stage sees only the threads that the scheduler granted. A thread can't be ended from outside:
/// after `timeout` the stage is asked to stop.
pub fn run(stage: &dyn Stage, context: &StageContext, timeout: Option<Duration>) -> Result<(), StageError> {
    let Some(limit) = timeout else { return on_own_threads(stage, context) };
    let (done, wait) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                context.cancel.store(true, Ordering::Relaxed);
            }
        });
        let ended = on_own_threads(stage, context);
        drop(done);
        ended
    })
}

fn on_own_threads(stage: &dyn Stage, context: &StageContext) -> Result<(), StageError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(context.threads)
        .stack_size(STACK)
        .build()
        .map_err(StageError::failed)?;
    catch_unwind(AssertUnwindSafe(|| pool.install(|| stage.run(context))))
        .unwrap_or_else(|panic| Err(StageError::Failed(panicked(&*panic))))
}

pub fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}
