//! A call that is repeated also ends at its deadline.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use typesense_keys::error::Attempt;
use typesense_keys::{Error, KeysClient};

use super::check::{GRACE, ending, make, measured};
use super::row::{ADMIN_KEY, Call, Ending};
use super::support::scripted::Script;
use super::support::time::{HANG, with_enough_time};
use super::support::{Peer, Scripted};

const DEADLINE: Duration = Duration::from_millis(900);

/// Much more than one attempt leaves in memory, and much less than all attempts together would leave.
const HEAP_LIMIT: usize = 2 * 1024 * 1024;

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("repeats end with the deadline: a close at once", || repeats_end(|_| Ok(()), Ending::Connection)),
        ("repeats end with the deadline: no response", || {
            let silent = |peer: &mut Peer| {
                peer.request()?;
                peer.wait()
            };
            repeats_end(silent, Ending::Timeout(typesense_keys::error::Phase::AwaitResponse));
        }),
        ("repeats end with the deadline: 500 for ever", || {
            repeats_end(responding("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), Ending::Unavailable);
        }),
        ("repeats end with the deadline: 429 without a pause", || {
            let response = "HTTP/1.1 429 No\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
            repeats_end(responding(response), Ending::RateLimited);
        }),
        ("a filter that evaluates many patterns ends with the deadline", || {
            let patterns = vec![r#""(a{1,50}){1,20}b""#; 20].join(",");
            let key = format!(
                r#"{{"id":7,"description":"","actions":["*"],"collections":[{patterns}],"expires_at":1,"value_prefix":""}}"#
            );
            let body = format!("{{\"keys\":[{}]}}", vec![key; 5_000].join(","));
            let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let server = Scripted::start(responding(response));
            let client = client(&server, DEADLINE, DEADLINE);
            let ended = measured(|| client.list().allows("documents:search", "a".repeat(200)).send().unwrap_err());
            assert!(ended.elapsed < DEADLINE + GRACE, "{:?}", ended.elapsed);
            assert!(matches!(ending(&ended.result), Ending::Timeout(_)), "{}", ended.result);
        }),
        ("a pause beyond the deadline ends the call at once", || {
            for pause in ["3600", "18446744073709551615"] {
                let response = format!("HTTP/1.1 429 No\r\nretry-after: {pause}\r\ncontent-length: 0\r\n\r\n");
                let server = Scripted::start(responding(response));
                let client = client(&server, HANG, HANG);
                let ended = measured(|| make(&client, Call::List).unwrap_err());
                assert!(ended.elapsed < HANG, "{:?}", ended.elapsed);
                let error = ended.result;
                assert!(matches!(error, Error::RateLimited { .. }), "{error}");
                assert_eq!(server.received().len(), 1);
            }
        }),
    ]
}

fn responding(response: impl AsRef<[u8]> + Send + Sync) -> impl Fn(&mut Peer) -> io::Result<()> + Send + Sync {
    move |peer| loop {
        peer.request()?;
        peer.send(&response)?;
    }
}

fn client(server: &Scripted, deadline: Duration, attempt: Duration) -> KeysClient {
    let builder = KeysClient::builder().node(server.url()).api_key(ADMIN_KEY).timeout(deadline);
    builder.attempt_timeout(attempt).build().unwrap()
}

/// Whether the deadline ended the last attempt before the server did its part, as it may on a busy machine.
fn is_cut_off(error: &Error, reads: Ending) -> bool {
    let attempts = error.report().map(|report| report.attempts()).unwrap_or_default();
    let Some((last, earlier)) = attempts.split_last() else { return false };
    let is_late = |attempt: &Attempt| attempt.result.starts_with("timed out");
    let is_usual = |attempt: &Attempt| match reads {
        Ending::Timeout(phase) => is_late(attempt) && attempt.phase == phase,
        _ => !is_late(attempt),
    };
    is_late(last) && !earlier.is_empty() && earlier.iter().all(is_usual)
}

fn repeats_end(script: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static, reads: Ending) {
    let script: Arc<Script> = Arc::new(script);
    with_enough_time(DEADLINE, |deadline| repeats_end_within(deadline, &script, reads));
}

/// Makes all calls at the same time to a server with which none succeeds.
fn repeats_end_within(deadline: Duration, script: &Arc<Script>, reads: Ending) -> Result<(), String> {
    let server = Scripted::play(Arc::clone(script));
    let is_slow = matches!(reads, Ending::Timeout(_));
    let client = client(&server, deadline, if is_slow { deadline / 4 } else { deadline });
    let ended = measured(|| {
        thread::scope(|scope| {
            let threads = Call::ALL.map(|call| {
                let client = &client;
                (call, scope.spawn(move || make(client, call)))
            });
            threads.map(|(call, thread)| (call, thread.join().unwrap()))
        })
    });
    assert!(ended.elapsed < deadline + GRACE, "{:?}", ended.elapsed);
    assert!(ended.allocated < HEAP_LIMIT, "allocated {} bytes", ended.allocated);
    let received = server.received();
    // Quick failures are repeated only after a pause.
    assert!(server.connections().max(received.len()) < 300, "{} requests", received.len());
    // A request that the server may have carried out is not sent again if it would be carried out twice.
    let may_do_again = |body: &str| body.contains("actions") && !body.contains("\"value\"");
    let again = received.iter().filter(|request| may_do_again(&request.body)).count();
    assert!(again <= 1 || reads == Ending::RateLimited, "{again} creates without a value");

    for (call, result) in ended.result {
        let error = result.unwrap_err();
        let found = ending(&error);
        let may_have_acted = call.is_write() && reads != Ending::RateLimited;
        let expected = if may_have_acted { Ending::Unknown } else { reads };
        if found != expected && !is_cut_off(&error, reads) {
            return Err(format!("{call:?}: {found:?}, not {expected:?}: {error}"));
        }
    }
    if again <= 1 && reads == Ending::RateLimited {
        return Err(format!("{again} creates without a value"));
    }
    if received.len() <= Call::ALL.len() && reads != Ending::Connection {
        return Err(format!("{} requests", received.len()));
    }
    Ok(())
}
