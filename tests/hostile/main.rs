//! Bad servers: each call to one ends in time, with the right error, in little memory, and shows no secret. Also bad
//! patterns in listed keys.
//!
//! A bad server is a [`Row`]: a script, and the results of calls to it. [`check`] makes every kind of call.

// A test may fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod breaks;
mod check;
mod content;
mod deadlines;
mod echoes;
mod endless;
mod framing;
mod keepalive;
mod limits;
mod patterns;
mod protocols;
mod row;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use peak_alloc::PeakAlloc;
use row::{Ending, Row};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

static CALLS: AtomicUsize = AtomicUsize::new(0);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One after the other, because allocations are counted for the whole process.
    arguments.test_threads = Some(1);
    let rows: Vec<Row> =
        [breaks::rows(), content::rows(), echoes::rows(), endless::rows(), framing::rows(), protocols::rows()]
            .into_iter()
            .flatten()
            .collect();
    let good = rows.iter().filter(|row| row.reads == Ending::Done).count();
    let census = format!("{} bad servers, and {good} that only look so", rows.len() - good);
    let tries = rows.into_iter().map(|row| {
        trial(row.name, move || {
            CALLS.fetch_add(check::every_call(&row), Ordering::Relaxed);
        })
    });
    let tests = [deadlines::tests(), keepalive::tests(), limits::tests(), patterns::tests()].into_iter().flatten();
    let trials = tries.chain(tests.map(|(name, test)| trial(name, test))).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    println!("known are {census}; {} calls were made to them\n", CALLS.load(Ordering::Relaxed));
    conclusion.exit_code()
}

fn trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    // In a thread, whose stack is as small as that of a user's thread.
    Trial::test(name, || {
        let test = std::thread::spawn(test);
        test.join().map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Failed::from(
                text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default(),
            )
        })
    })
}
