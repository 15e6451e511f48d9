//! A call that is repeated ends when one that is not would: with its deadline.

use std::io;
use std::thread;
use std::time::Duration;

use typesense_keys::{Error, KeysClient};

use super::check::{ending, make, measured};
use super::row::{ADMIN_KEY, Call, Ending};
use super::support::{Peer, Scripted};

const DEADLINE: Duration = Duration::from_millis(900);
const GRACE: Duration = Duration::from_secs(2);

/// Far above what an attempt leaves behind, and far below what would add up.
const HEAP_LIMIT: usize = 2 * 1024 * 1024;

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("repeats end with the deadline: a close at once", || repeats_end(|_| Ok(()), Ending::Connection)),
        ("repeats end with the deadline: no response", || {
            let silent = |peer: &mut Peer| {
                peer.request()?;
                peer.wait()
            };
            repeats_end(silent, Ending::Timeout(typesense_keys::Phase::AwaitResponse));
        }),
        ("repeats end with the deadline: 500 for ever", || {
            repeats_end(responding("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), Ending::Unavailable);
        }),
        ("repeats end with the deadline: 429 without a pause", || {
            let response = "HTTP/1.1 429 No\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
            repeats_end(responding(response), Ending::RateLimited);
        }),
        ("a pause beyond the deadline ends the call at once", || {
            for pause in ["10", "18446744073709551615"] {
                let response = format!("HTTP/1.1 429 No\r\nretry-after: {pause}\r\ncontent-length: 0\r\n\r\n");
                let server = Scripted::start(responding(response));
                let ended = measured(|| make(&client(&server), Call::List).unwrap_err());
                assert!(matches!(ended.result, Error::RateLimited { .. }), "{}", ended.result);
                assert!(ended.elapsed < DEADLINE, "{:?}", ended.elapsed);
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

fn client(server: &Scripted) -> KeysClient {
    let builder = KeysClient::builder().node(server.url()).api_key(ADMIN_KEY).timeout(DEADLINE);
    builder.attempt_timeout(DEADLINE / 4).build().unwrap()
}

/// Whether the deadline cut off the last attempt, which a busy machine may cause, after attempts with 429 only.
fn is_cut_off(error: &Error, reads: Ending) -> bool {
    let attempts = error.report().map(|report| report.attempts()).unwrap_or_default();
    match attempts.split_last() {
        Some((last, earlier)) if reads == Ending::RateLimited => {
            last.result().starts_with("timed out")
                && !earlier.is_empty()
                && earlier.iter().all(|attempt| attempt.result().contains("status 429"))
        }
        _ => false,
    }
}

/// All calls, at once, to a server with which none succeeds.
fn repeats_end(script: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static, reads: Ending) {
    let server = Scripted::start(script);
    let client = client(&server);
    let ended = measured(|| {
        thread::scope(|scope| {
            let threads = Call::ALL.map(|call| {
                let client = &client;
                (call, scope.spawn(move || make(client, call)))
            });
            threads.map(|(call, thread)| (call, thread.join().unwrap()))
        })
    });
    assert!(ended.elapsed < DEADLINE + GRACE, "{:?}", ended.elapsed);
    assert!(ended.allocated < HEAP_LIMIT, "allocated {} bytes", ended.allocated);
    for (call, result) in ended.result {
        let error = result.unwrap_err();
        let found = ending(&error);
        let may_have_acted = call.is_write() && reads != Ending::RateLimited;
        let expected = if may_have_acted { Ending::Unknown } else { reads };
        assert!(found == expected || is_cut_off(&error, reads), "{call:?}: {found:?}, not {expected:?}: {error}");
    }
    // Failures that cost no time are not repeated without a pause.
    assert!(server.connections().max(server.received().len()) < 300, "{} requests", server.received().len());
    // What the server may have done is not sent again where it would be done again; all else is.
    let may_do_again = |body: &str| body.contains("actions") && !body.contains("\"value\"");
    let received = server.received();
    let again = received.iter().filter(|request| may_do_again(&request.body)).count();
    if reads == Ending::RateLimited {
        assert!(again > 1, "{again} creates without a value");
    } else {
        assert!(again <= 1, "{again} creates without a value");
    }
    assert!(server.received().len() > Call::ALL.len() || reads == Ending::Connection, "{} requests", received.len());
}
