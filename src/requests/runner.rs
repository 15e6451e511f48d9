//! Runs many jobs over a few threads, not faster than the caller processes their results.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use crate::local_clock;

/// How a batch or a plan is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How many requests are sent at the same time, each over its own connection and in its own thread. 0 counts as 1.
    pub(super) connections: usize,
    /// Whether to continue after a failure.
    pub(super) keep_going: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { connections: 4, keep_going: false }
    }
}

/// Runs `job` on each of `inputs` over these connections, and calls `report` in this thread with each result. A single
/// job at a time runs in this thread.
///
/// At any time, there are at most as many unreported results as connections: a thread starts its next job only after a
/// result was reported for its last one. After `report` returns [`ControlFlow::Break`], no further job is started: jobs
/// in progress are completed, and the other inputs remain in the iterator.
pub(super) fn run<I, O: Send>(
    connections: usize,
    inputs: &mut (impl ExactSizeIterator<Item = I> + Send),
    job: impl Fn(I) -> O + Sync,
    mut report: impl FnMut(O) -> ControlFlow<()>,
) {
    let threads = connections.max(1).min(inputs.len());
    // `None` once no further job is to be started.
    let todo = Mutex::new(Some(inputs));
    let outputs = Mutex::new(VecDeque::new());
    let work = || {
        let input = lock(&todo).as_mut().and_then(|inputs| inputs.next());
        let output = input.map(&job);
        let is_any = output.is_some();
        lock(&outputs).extend(output);
        is_any
    };
    let mut report = || {
        let output = lock(&outputs).pop_front();
        output.map_or(ControlFlow::Continue(()), &mut report)
    };
    run_in_threads(threads, &work, &mut report, &|| *lock(&todo) = None);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`run`], for jobs of any kind, so that this is compiled once. `work` carries out one job and keeps its result, or
/// returns `false` if none is left. `report` reports one result. `stop`: no further job is to be started.
fn run_in_threads(
    threads: usize,
    work: &(dyn Fn() -> bool + Sync),
    report: &mut dyn FnMut() -> ControlFlow<()>,
    stop: &dyn Fn(),
) {
    // The first panic of `report` passes on once it was called for the jobs in progress: their outputs hold values.
    let mut panic = None;
    let mut report = || match catch_unwind(AssertUnwindSafe(&mut *report)) {
        Ok(ControlFlow::Continue(())) => {}
        Ok(ControlFlow::Break(())) => stop(),
        Err(payload) => {
            stop();
            panic.get_or_insert(payload);
        }
    };
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let worker = || {
            let (sender, clock) = (sender.clone(), local_clock::of_this_thread());
            move || {
                local_clock::use_in_this_thread(clock);
                while work() {
                    let (reported, is_reported) = mpsc::channel::<()>();
                    if sender.send(reported).is_err() || is_reported.recv().is_err() {
                        break;
                    }
                }
            }
        };
        let threads = if threads == 1 { 0 } else { threads };
        let begun = (0..threads).filter(|_| thread::Builder::new().spawn_scoped(scope, worker()).is_ok()).count();
        drop(sender);
        for reported in receiver {
            report();
            let _ = reported.send(());
        }
        if begun == 0 {
            // No thread is needed, or none could be started.
            while work() {
                report();
            }
        }
    });
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}
