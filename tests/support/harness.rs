//! Runs tests that need a real server, and ignores them if no server can run.
//!
//! The usual harness cannot ignore a test once it runs, so a binary of live tests has
//! `harness = false` and this `main`:
//!
//! ```text
//! fn main() -> ExitCode {
//!     support::harness::run(&[], &[("a_key_lives", a_key_lives), ("a_key_dies", a_key_dies)])
//! }
//! ```

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::{Server, Unavailable};

/// The name of a test, and the test, which receives the server.
pub type LiveTest<S = Server> = (&'static str, fn(&S));

/// A test that needs no server, or starts its own.
pub type PlainTest = (&'static str, fn());

/// The server or the clusters that tests run on.
pub trait Subject: Send + Sync + 'static {
    /// How many tests run at once. They wait more than they compute.
    const SIDE_BY_SIDE: usize = 8;

    /// Which server, and of which version.
    fn describe(&self) -> String;
}

impl Subject for Server {
    fn describe(&self) -> String {
        format!("Typesense {} at {}", self.version(), self.url())
    }
}

/// Runs the `plain` tests, and the other tests on one server, which they share: that of [`Server::obtain`].
pub fn run(plain: &[PlainTest], tests: &[LiveTest]) -> ExitCode {
    run_on(Server::obtain, plain, tests)
}

/// Like [`run`], on a server or a cluster of the caller's choice.
pub fn run_on<S: Subject>(
    obtain: fn() -> Result<S, Unavailable>,
    plain: &[PlainTest],
    tests: &[LiveTest<S>],
) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(S::SIDE_BY_SIDE);
    let is_chosen = |name: &str| arguments.filter.as_ref().is_none_or(|part| name.contains(part));
    let server = if arguments.list || !tests.iter().any(|(name, _)| is_chosen(name)) {
        Err(Unavailable("no test needs it".to_owned()))
    } else {
        let server = obtain();
        announce(&server);
        server
    };
    // Not in a static, which would never be dropped: the server would go on running.
    let server = Arc::new(server);
    let plain = plain.iter().map(|&(name, test)| Trial::ignorable_test(name, move || attempt(test)));
    let live = tests.iter().map(|&(name, test)| {
        let server = Arc::clone(&server);
        Trial::ignorable_test(name, move || match &*server {
            Ok(server) => attempt(|| test(server)),
            Err(unavailable) => ignore(unavailable),
        })
    });
    libtest_mimic::run(&arguments, plain.chain(live).collect()).exit_code()
}

/// Returns the value, or ends the running test as *ignored* (with `CI=true`: as failed). For tests that start servers
/// of their own.
pub fn or_ignore<T>(wanted: Result<T, Unavailable>) -> T {
    wanted.unwrap_or_else(|unavailable| panic::resume_unwind(Box::new(unavailable)))
}

fn attempt(test: impl FnOnce()) -> Result<Completion, Failed> {
    match panic::catch_unwind(AssertUnwindSafe(test)) {
        Ok(()) => Ok(Completion::Completed),
        Err(payload) => match payload.downcast_ref::<Unavailable>() {
            Some(unavailable) => ignore(unavailable),
            None => Err(panic_text(payload.as_ref()).into()),
        },
    }
}

fn ignore(unavailable: &Unavailable) -> Result<Completion, Failed> {
    if server_is_required() {
        return Err(format!("CI=true allows no test to be ignored: {unavailable}").into());
    }
    Ok(Completion::ignored_with(unavailable.to_string()))
}

/// Whether a test without a real server must fail.
pub fn server_is_required() -> bool {
    is_ci()
}

/// How many cases a test tries: all with `CI=true`, otherwise a quarter, which finds nearly every mistake in less time.
pub fn cases(all: usize) -> usize {
    if is_ci() { all } else { all.div_ceil(4) }
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

fn announce(server: &Result<impl Subject, Unavailable>) {
    match server {
        Ok(server) => eprintln!("\nlive tests run against {}", server.describe()),
        Err(unavailable) => eprintln!(
            "\n\
             ====================================================================\n\
             NO REAL TYPESENSE SERVER: these tests prove nothing today.\n\
             {unavailable}\n\
             Set TYPESENSE_SERVER_BIN to a server's binary, or TYPESENSE_TEST_URL\n\
             and TYPESENSE_TEST_API_KEY to a running server, and try again.\n\
             ===================================================================="
        ),
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| "the test panicked".to_owned())
}
