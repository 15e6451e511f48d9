//! Runs many jobs over a few threads, not faster than the caller processes their results.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use crate::local_clock::LocalClock;

/// How many requests are sent at the same time, each over its own connection and in its own thread: 4 by default, and
/// at least 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connections(NonZeroUsize);

impl Default for Connections {
    fn default() -> Self {
        Self(NonZeroUsize::MIN.saturating_add(3))
    }
}

impl From<usize> for Connections {
    fn from(connections: usize) -> Self {
        Self(NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN))
    }
}

/// Runs `job` on each of `inputs` over these connections, and calls `report` in this thread with each result. A single
/// job at a time runs in this thread.
///
/// A thread starts its next job only after its last result was reported: at any time, there are at most as many
/// unreported results as connections. After `report` returns [`ControlFlow::Break`], no further job is started: jobs in
/// progress are completed, and the other inputs remain in the iterator.
pub(super) fn run<I, O: Send>(
    Connections(connections): Connections,
    inputs: &mut (impl ExactSizeIterator<Item = I> + Send),
    job: impl Fn(I) -> O + Sync,
    mut report: impl FnMut(O) -> ControlFlow<()>,
) {
    let threads = connections.get().min(inputs.len());
    // `None` once no further job is to be started.
    let todo = Mutex::new(Some(inputs));
    let todo = || todo.lock().unwrap_or_else(PoisonError::into_inner);
    let next = || todo().as_mut()?.next();
    // The first panic of `report` passes on once it was called for the jobs in progress: their outputs hold values.
    let mut panic = None;
    let mut report = |output| match catch_unwind(AssertUnwindSafe(|| report(output))) {
        Ok(ControlFlow::Continue(())) => {}
        Ok(ControlFlow::Break(())) => *todo() = None,
        Err(payload) => {
            *todo() = None;
            panic.get_or_insert(payload);
        }
    };
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let work = || {
            let (sender, next, job, clock) = (sender.clone(), &next, &job, LocalClock::of_this_thread());
            move || {
                clock.use_in_this_thread();
                while let Some(input) = next() {
                    let (reported, is_reported) = mpsc::channel::<()>();
                    let is_sent = sender.send((job(input), reported)).is_ok();
                    if !is_sent || is_reported.recv().is_err() {
                        break;
                    }
                }
            }
        };
        let threads = if threads == 1 { 0 } else { threads };
        let begun = (0..threads).filter(|_| thread::Builder::new().spawn_scoped(scope, work()).is_ok()).count();
        drop(sender);
        for (output, reported) in receiver {
            report(output);
            let _ = reported.send(());
        }
        if begun == 0 {
            // No thread is needed, or none could be started.
            while let Some(input) = next() {
                report(job(input));
            }
        }
    });
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}
