//! A logger that calls the client while that client logs gets an error, and does not wait forever. One that panics loses
//! no value, and leaves the client usable.
//!
//! Each test is a process of its own, because a process has one logger.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;
use std::{panic, thread};

use log::{LevelFilter, Log, Metadata, Record};
use secrecy::{ExposeSecret, SecretString};
use typesense_keys::plan::KeySpec;
use typesense_keys::testing::{FakeServer, Fault, Operation};
use typesense_keys::{Error, KeysClient};

use crate::child;
use crate::support::Scripted;
use crate::support::harness::PlainTest;
use crate::support::time::HANG;

pub(crate) const TESTS: &[PlainTest] = &[
    ("logger_that_calls_the_client_gets_an_error_and_the_call_succeeds", || {
        drop(child::run(&mut child::command("logger calls")));
    }),
    ("panic_of_the_logger_loses_no_value_and_leaves_the_client_usable", || {
        drop(child::run(&mut child::command("logger panics")));
    }),
];

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
pub(crate) fn main(case: &str) {
    match case {
        "calls" => logger_calls(),
        _ => logger_panics(),
    }
}

/// Panics at the record with this number, counted down, and at the next record that ureq writes about its pool.
struct PanickingLogger;

static RECORDS_LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);
static IN_POOL: AtomicBool = AtomicBool::new(false);

impl Log for PanickingLogger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let is_ours = record.target().starts_with("ureq") || record.target().starts_with("typesense_keys");
        // ureq holds a lock.
        let is_in_pool =
            || record.args().to_string().starts_with("Use pooled") && IN_POOL.swap(false, Ordering::Relaxed);
        if is_ours && (RECORDS_LEFT.fetch_sub(1, Ordering::Relaxed) == 0 || is_in_pool()) {
            panic!("the logger");
        }
    }

    fn flush(&self) {}
}

/// Panics at every fourth record of each call in turn, while the server loses responses, and then asks for the keys.
fn logger_panics() {
    panic::set_hook(Box::new(|_| {}));
    log::set_logger(&PanickingLogger).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let mut panics = 0;
    for call in [create_many, apply, ensure] {
        for records in (0..).step_by(4) {
            let server = FakeServer::start().unwrap();
            // Two nodes, so that an attempt follows another one at once.
            let nodes = [server.url(), server.url().replace("127.0.0.1", "localhost")];
            let client = KeysClient::builder().nodes(nodes).api_key(server.api_key().clone()).build().unwrap();
            // The next call uses a pooled connection.
            client.list().send().unwrap();
            server.fail(Operation::Create).nth(1).with(Fault::LoseResponse);
            server.fail(Operation::List).nth(1).with(Fault::ErrorBefore);
            RECORDS_LEFT.store(records, Ordering::Relaxed);
            let told = call(&client);
            let is_over = RECORDS_LEFT.swap(usize::MAX, Ordering::Relaxed) < usize::MAX / 2;
            for key in server.keys() {
                let prefix = |value: &SecretString| value.expose_secret().starts_with(&key.prefix);
                assert!(told.iter().any(prefix), "record {records}: the value of key {} is lost", key.id);
            }
            assert_eq!(client.list().send().unwrap().len(), server.key_count(), "record {records}");
            if is_over {
                break;
            }
            panics += 1;
        }
    }
    assert!(panics > 30, "{panics}");

    let server = FakeServer::start().unwrap();
    let client = server.client();
    client.list().send().unwrap();
    IN_POOL.store(true, Ordering::Relaxed);
    assert!(client.list().send().is_ok());
    assert!(!IN_POOL.load(Ordering::Relaxed), "ureq has another text for the record");
    assert!(client.list().send().is_ok());
}

fn create_many(client: &KeysClient) -> Vec<SecretString> {
    let request = |description: &str| client.create().description(description).actions(["*"]).collections(["*"]);
    let prepared = ["a", "b", "c"].map(|description| request(description).prepare().unwrap());
    let batch = client.create_many(prepared).connections(1).send();
    let failed = batch.failed().filter_map(|(_, error)| error.value().cloned());
    batch.succeeded().map(|(_, key)| key.value.clone()).chain(failed).collect()
}

fn apply(client: &KeysClient) -> Vec<SecretString> {
    let specs = ["a", "b"].map(|description| KeySpec::new(description).actions(["*"]).collections(["*"]));
    let Ok(plan) = client.plan(specs).connections(1).send() else { return Vec::new() };
    match plan.apply() {
        Ok(applied) => {
            let failed = applied.failed().filter_map(|(_, error)| error.value().cloned());
            applied.ensured().filter_map(|key| key.value.clone()).chain(failed).collect()
        }
        Err(error) => error.value().cloned().into_iter().collect(),
    }
}

fn ensure(client: &KeysClient) -> Vec<SecretString> {
    match client.ensure("a").actions(["*"]).collections(["*"]).send() {
        Ok(ensured) => ensured.value.into_iter().collect(),
        Err(error) => error.value().cloned().into_iter().collect(),
    }
}

fn logger_calls() {
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
