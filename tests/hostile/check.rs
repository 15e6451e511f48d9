//! Makes all calls to a bad server, and checks their results.

use std::error::Error as StdError;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use typesense_keys::{Action, CreatedKey, Error, KeyId, KeysClient};

use super::HEAP;
use super::row::{ADMIN_KEY, Call, Ending, ID, PROVIDED_VALUE, Row, SERVERS_VALUE, sent_value};
use super::support::Scripted;
use super::support::scan::Scanner;
use super::support::time::with_enough_time;

/// The timeout of a call that does not end by its timeout.
const AMPLE: Duration = Duration::from_secs(30);

/// The timeout of a call that only its timeout ends.
const SHORT: Duration = Duration::from_millis(600);

/// How long after its deadline a call may end on a busy machine. A call that ends later has no deadline.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// The limit of a list in these tests, which is also that of all other responses.
pub(crate) const LIMIT: usize = 1024 * 1024;

/// The most memory that a call may use. A limited response is held once, in a buffer that doubles.
const HEAP_LIMIT: usize = 5 * LIMIT;

/// Makes every kind of call to this server. Returns their number.
pub(crate) fn every_call(row: &Row) -> usize {
    if row.is_slow {
        thread::scope(|scope| {
            let threads: Vec<_> = row.calls.iter().map(|&call| scope.spawn(move || one_call(row, call))).collect();
            for thread in threads {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
        });
    } else {
        row.calls.iter().for_each(|&call| one_call(row, call));
    }
    row.calls.len()
}

fn one_call(row: &Row, call: Call) {
    with_enough_time(if row.is_slow { SHORT } else { AMPLE }, |timeout| {
        let made = made(row, call, timeout);
        let early = made.0.result.as_ref().err().filter(|error| row.is_slow && is_early(error, row.result));
        if let Some(error) = early {
            return Err(format!("{}: {call:?}: {error}", row.name));
        }
        check(row, call, timeout, made);
        Ok(())
    });
}

/// Whether the timeout ended the call before the server did what the row is about.
fn is_early(error: &Error, result: &str) -> bool {
    let attempts = error.report().map(|report| report.attempts()).unwrap_or_default();
    attempts.iter().any(|attempt| attempt.result.starts_with("timed out") && !attempt.result.starts_with(result))
}

/// Checks the result of a call. `sent`: the value that the server received.
type Made = (Ended<Result<Option<String>, Error>>, Option<String>);

fn made(row: &Row, call: Call, timeout: Duration) -> Made {
    let server = Scripted::play(Arc::clone(&row.script));
    let url = if row.https { server.url().replace("http:", "https:") } else { server.url() };
    let client = client_with(&url, timeout);
    let ended = measured(|| make(&client, call));
    (ended, server.received().last().and_then(sent_value))
}

fn check(row: &Row, call: Call, timeout: Duration, (ended, sent): Made) {
    let at = format!("{}: {call:?}", row.name);
    assert!(ended.elapsed < timeout + GRACE, "{at}: took {:?}", ended.elapsed);
    assert!(ended.allocated < HEAP_LIMIT, "{at}: allocated {} bytes", ended.allocated);
    let expected = if call.is_write() { row.writes } else { row.reads };
    match ended.result {
        Ok(value) => {
            assert_eq!(Ending::Done, expected, "{at}");
            let expected = call.is_create().then(|| sent.unwrap_or_else(|| SERVERS_VALUE.to_owned()));
            assert_eq!(value, expected, "{at}");
        }
        Err(error) => {
            assert_eq!(ending(&error), expected, "{at}: {error}");
            let attempts = error.report().expect("a report").attempts();
            assert_eq!(attempts.len(), 1, "{at}: {error}");
            let result = &*attempts[0].result;
            let status = if call.is_create() { "status 201" } else { "status 200" };
            let result =
                if row.result.starts_with(' ') { result.strip_prefix(status).unwrap_or(result) } else { result };
            assert!(result.starts_with(row.result), "{at}: {error}");
            if let Error::OutcomeUnknown(unknown) = &error {
                let id = (call == Call::Delete).then_some(KeyId::from(ID));
                assert_eq!(error.key_id(), id, "{at}");
                let value = unknown.value.as_ref().map(|value| value.expose_secret().to_owned());
                let is_known = matches!(call, Call::CreateProvided | Call::CreateGenerated);
                assert_eq!(value.is_some(), is_known, "{at}: the value");
                // If the server closed the connection at once, the test does not know the sent value.
                assert!(sent.is_none() || value == sent, "{at}: not the sent value");
            }
            // The client cannot recognize a value that it has never received, unless it looks like a generated one.
            let own = (call == Call::CreateProvided).then_some(PROVIDED_VALUE);
            tells_none_of([Some(ADMIN_KEY), own, Some(SERVERS_VALUE)], sent.as_deref(), &error, &at);
        }
    }
}

pub(crate) fn client(url: &str) -> KeysClient {
    client_with(url, AMPLE)
}

fn client_with(url: &str, timeout: Duration) -> KeysClient {
    let builder = KeysClient::builder().node(url).api_key(ADMIN_KEY).retries(false).proxy_from_env(false);
    builder.timeout(timeout).attempt_timeout(timeout).max_list_size(LIMIT as u64).build().expect("a client")
}

/// Makes a call. Returns the value of the key if it has created one.
pub(crate) fn make(client: &KeysClient, call: Call) -> Result<Option<String>, Error> {
    let create = || client.create().actions([Action::DOCUMENTS_SEARCH]).collections(["docs"]).description("d");
    let value = |key: CreatedKey| Some(key.value.expose_secret().to_owned());
    match call {
        Call::Get => client.get(ID).send().map(|_| None),
        Call::List => client.list().send().map(|_| None),
        Call::Stream => client.list().stream()?.find_map(Result::err).map_or(Ok(None), Err),
        Call::CreateProvided => create().value(PROVIDED_VALUE).send().map(value),
        Call::CreateGenerated => create().send().map(value),
        Call::CreateServerGenerated => create().server_generated().send().map(value),
        Call::Delete => client.delete(ID).send().map(|_| None),
    }
}

pub(crate) struct Ended<T> {
    pub(crate) result: T,
    pub(crate) elapsed: Duration,
    /// The peak of the memory in use, less the memory in use before.
    pub(crate) allocated: usize,
}

pub(crate) fn measured<T>(call: impl FnOnce() -> T) -> Ended<T> {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let started = Instant::now();
    let result = call();
    let elapsed = started.elapsed();
    Ended { result, elapsed, allocated: HEAP.peak_usage().saturating_sub(before) }
}

pub(crate) fn ending(error: &Error) -> Ending {
    match error {
        Error::Connection { .. } => Ending::Connection,
        Error::NotFound { .. } => Ending::NotFound,
        Error::OutcomeUnknown(_) => Ending::Unknown,
        Error::RateLimited { .. } => Ending::RateLimited,
        Error::Rejected(_) => Ending::Rejected,
        Error::Timeout(report) => Ending::Timeout(report.attempts().last().unwrap().phase),
        Error::Tls { .. } => Ending::Tls,
        Error::TooLarge { .. } => Ending::TooLarge,
        Error::Unauthorized(_) => Ending::Unauthorized,
        Error::Unavailable(_) => Ending::Unavailable,
        Error::UnexpectedResponse { .. } => Ending::Unexpected,
        other => panic!("no server can cause this: {other}"),
    }
}

/// Checks that no form of an error shows a secret. `sent`: the value in the request, which may be random.
fn tells_none_of(fixed: [Option<&str>; 3], sent: Option<&str>, error: &Error, at: &str) {
    let mut texts = Vec::new();
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(this) = cause {
        texts.extend([this.to_string(), format!("{this:?}"), format!("{this:#?}")]);
        cause = this.source();
    }
    if let Some(report) = error.report() {
        texts.extend([report.message(), report.content_type()].into_iter().flatten().map(str::to_owned));
        texts.extend(report.attempts().iter().map(|attempt| format!("{attempt} {attempt:?}")));
    }
    let mut scanner = Scanner::of(sent);
    fixed.into_iter().flatten().for_each(|secret| scanner.add_fixed("a fixed secret", secret));
    assert!(scanner.find(texts.join("\n").as_bytes()).is_empty(), "{at}: the error shows a secret: {texts:?}");
}
