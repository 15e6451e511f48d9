//! A logger that calls the client while that client logs gets an error, and does not wait forever.
//!
//! The test is a process of its own, because a process has one logger.

use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};
use typesense_keys::{Error, KeysClient};

use crate::child;
use crate::support::Scripted;
use crate::support::harness::PlainTest;
use crate::support::time::HANG;

pub(crate) const TESTS: &[PlainTest] =
    &[("logger_that_calls_the_client_gets_an_error_and_the_call_succeeds", || {
        drop(child::run(&mut child::command("logger")));
    })];

struct CallingLogger;

static CLIENT: OnceLock<KeysClient> = OnceLock::new();
static RESULTS: Mutex<Vec<Result<(), Error>>> = Mutex::new(Vec::new());

impl Log for CallingLogger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // While ureq logs, it may hold the lock of its pool. This crate logs the attempts that fail.
        let is_ours = record.target().starts_with("ureq") || record.target().starts_with("typesense_keys");
        if let Some(client) = CLIENT.get().filter(|_| is_ours) {
            let result = client.delete(7).send();
            RESULTS.lock().unwrap().push(result.map(drop));
        }
    }

    fn flush(&self) {}
}

/// The code of the process.
pub(crate) fn main() {
    let server = Scripted::start(|peer| {
        loop {
            peer.request()?;
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":7}")?;
        }
    });
    let client = KeysClient::builder().node(server.url()).api_key("key").build().unwrap();
    CLIENT.set(client.clone()).unwrap();
    log::set_logger(&CallingLogger).unwrap();
    log::set_max_level(LevelFilter::Trace);

    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        // The second call uses a pooled connection. ureq logs that while it holds the lock of the pool.
        let calls = [client.delete(7).send(), client.delete(7).send()];
        done.send(calls.map(|result| result.map(|id| id.get()).map_err(|error| error.to_string()))).unwrap();
    });
    let calls = wait.recv_timeout(HANG).expect("the call waits forever");
    assert_eq!(calls, [Ok(7), Ok(7)]);
    assert_eq!(server.received().len(), 2, "a call from the logger was sent");

    let is_refused = |result: &Result<(), Error>| matches!(result, Err(Error::CalledFromLogger));
    let before = RESULTS.lock().unwrap().len();
    assert!(before > 0 && RESULTS.lock().unwrap().iter().all(is_refused));

    // This crate logs a failed attempt outside of ureq. If the logger's call were sent, it would also fail and be
    // logged, and so on.
    let unreachable = KeysClient::builder().node("http://127.0.0.1:1").api_key("key").retries(false).build().unwrap();
    assert!(matches!(unreachable.delete(7).send(), Err(Error::Connection { .. })));
    assert!(RESULTS.lock().unwrap()[before..].iter().any(is_refused));

    // Each attempt of a call is logged, and each record makes a call.
    let before = RESULTS.lock().unwrap().len();
    let failing = Scripted::start(|peer| {
        loop {
            peer.request()?;
            peer.send("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")?;
        }
    });
    let client =
        KeysClient::builder().node(failing.url()).api_key("key").timeout(Duration::from_secs(1)).build().unwrap();
    // The deadline may end the last attempt.
    assert!(matches!(client.list().send(), Err(Error::Unavailable(_) | Error::Timeout { .. })));
    assert!(RESULTS.lock().unwrap()[before..].iter().filter(|result| is_refused(result)).count() > 1);
}
