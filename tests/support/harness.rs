//! Runs tests that need a real server, and ignores them where none can be had.
//!
//! The usual harness cannot ignore a test once it runs, so a binary of live tests has
//! `harness = false` and this `main`:
//!
//! ```text
//! fn main() -> ExitCode {
//!     support::harness::run(&[("a_key_lives", a_key_lives), ("a_key_dies", a_key_dies)])
//! }
//! ```

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::{Server, Unavailable};

/// A name for the report, and what to do with the server.
pub type LiveTest<S = Server> = (&'static str, fn(&S));

/// What tests run on.
pub trait Subject: Send + Sync + 'static {
    /// Whether the tests run one by one, in the main thread: those that start servers must, because a server ends with
    /// the thread that started it.
    const ONE_BY_ONE: bool = false;

    /// Which server, and of which version.
    fn describe(&self) -> String;
}

impl Subject for Server {
    fn describe(&self) -> String {
        format!("Typesense {} at {}", self.version(), self.url())
    }
}

/// Runs `tests` on one server, which all of them share: the one from [`Server::obtain`].
pub fn run(tests: &[LiveTest]) -> ExitCode {
    run_on(Server::obtain, tests)
}

/// Like [`run`], on a server or a cluster of the caller's choice.
pub fn run_on<S: Subject>(obtain: fn() -> Result<S, Unavailable>, tests: &[LiveTest<S>]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    if S::ONE_BY_ONE {
        arguments.test_threads = Some(1);
    }
    let server = if arguments.list {
        Err(Unavailable("tests are only listed".to_owned()))
    } else {
        let server = obtain();
        announce(&server);
        server
    };
    // Owned here and not by a static, which would never be dropped and so leave it running.
    let server = Arc::new(server);
    let trials = tests
        .iter()
        .map(|&(name, test)| {
            let server = Arc::clone(&server);
            Trial::ignorable_test(name, move || attempt(test, &server))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Takes the value, or ends the running test as *ignored* (as failed where `CI=true`).
///
/// For tests that start further servers of their own.
pub fn or_ignore<T>(wanted: Result<T, Unavailable>) -> T {
    wanted.unwrap_or_else(|unavailable| panic::resume_unwind(Box::new(unavailable)))
}

fn attempt<S>(test: fn(&S), server: &Result<S, Unavailable>) -> Result<Completion, Failed> {
    let server = match server {
        Ok(server) => server,
        Err(unavailable) => return ignore(unavailable),
    };
    match panic::catch_unwind(AssertUnwindSafe(|| test(server))) {
        Ok(()) => Ok(Completion::Completed),
        Err(payload) => match payload.downcast_ref::<Unavailable>() {
            Some(unavailable) => ignore(unavailable),
            None => Err(panic_text(payload.as_ref()).into()),
        },
    }
}

fn ignore(unavailable: &Unavailable) -> Result<Completion, Failed> {
    if server_is_required() {
        return Err(format!("CI=true requires a real server: {unavailable}").into());
    }
    Ok(Completion::ignored_with("no real server"))
}

/// Whether a test without a real server must fail.
pub fn server_is_required() -> bool {
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
