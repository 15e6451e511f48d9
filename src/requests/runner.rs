//! Runs many jobs over a few threads, not faster than the caller processes their results.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// Runs `job` on each of `inputs` over at most `threads` threads, and calls `report` in this thread with each result.
/// With one thread, the jobs run in this thread.
///
/// A thread starts its next job only after its last result was reported: at any time, there are at most `threads`
/// unreported results. After `report` returns [`ControlFlow::Break`], no further job is started: jobs in progress are
/// completed, and the other inputs remain in the iterator.
pub(super) fn run<I, O: Send>(
    threads: usize,
    inputs: &mut (impl Iterator<Item = I> + Send),
    job: impl Fn(I) -> O + Sync,
    mut report: impl FnMut(O) -> ControlFlow<()>,
) {
    // `None` once no further job is to be started.
    let todo = Mutex::new(Some(inputs));
    let todo = || todo.lock().unwrap_or_else(PoisonError::into_inner);
    let next = || todo().as_mut()?.next();
    let mut report = |output| {
        if report(output).is_break() {
            *todo() = None;
        }
    };
    if threads <= 1 {
        while let Some(input) = next() {
            report(job(input));
        }
        return;
    }
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let work = || {
            let (sender, next, job) = (sender.clone(), &next, &job);
            move || {
                while let Some(input) = next() {
                    let (reported, is_reported) = mpsc::channel::<()>();
                    let is_sent = sender.send((job(input), reported)).is_ok();
                    // If the result is not reported, `report` has panicked.
                    if !is_sent || is_reported.recv().is_err() {
                        break;
                    }
                }
            }
        };
        let begun = (0..threads).filter(|_| thread::Builder::new().spawn_scoped(scope, work()).is_ok()).count();
        drop(sender);
        for (output, reported) in receiver {
            report(output);
            let _ = reported.send(());
        }
        if begun == 0 {
            // No thread could be started.
            while let Some(input) = next() {
                report(job(input));
            }
        }
    });
}
