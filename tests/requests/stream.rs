//! A list that is read key by key: each key is returned when it arrives, whatever follows.

use std::io;
use std::thread;
use std::time::Duration;

use typesense_keys::error::Phase;
use typesense_keys::{Error, KeyInfo, KeyStream, KeysClient};

use crate::support::Scripted;
use crate::support::scripted::Peer;
use crate::support::time::with_enough_time;

fn key(id: usize) -> String {
    let expires_at = if id % 10 == 3 { 1 } else { 64_723_363_199_u64 };
    format!(
        r#"{{"actions":["documents:search"],"collections":["docs"],"description":"tenant {id}","expires_at":{expires_at},"id":{id},"value_prefix":"{:04}"}}"#,
        id % 10_000
    )
}

fn list(count: usize) -> String {
    let keys: Vec<_> = (0..count).map(key).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn response(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A server that sends the same response to every request.
fn saying(response: String) -> Scripted {
    Scripted::start(move |peer| {
        loop {
            peer.request()?;
            peer.send(&response)?;
        }
    })
}

fn client(server: &Scripted) -> KeysClient {
    KeysClient::builder().node(server.url()).api_key("key").timeout(Duration::from_secs(20)).build().unwrap()
}

fn hasty(server: &Scripted, timeout: Duration) -> KeysClient {
    let builder = KeysClient::builder().node(server.url()).api_key("key").retries(false);
    builder.timeout(timeout).attempt_timeout(timeout).build().unwrap()
}

fn ids(keys: KeyStream) -> Vec<u32> {
    keys.map(|key| key.unwrap().id.get()).collect()
}

#[test]
fn stream_yields_the_same_keys_as_the_whole_list() {
    let server = saying(response(&list(500)));
    let client = client(&server);
    let streamed: Result<Vec<KeyInfo>, Error> = client.list().stream().unwrap().collect();
    assert_eq!(streamed.unwrap(), client.list().send().unwrap());
}

#[test]
fn filters_apply_to_streams_and_lists() {
    let server = saying(response(&list(500)));
    let client = client(&server);
    for (request, expected) in [
        (client.list().expired(true), 50),
        (client.list().expired(false), 450),
        (client.list().description("tenant 7"), 1),
        (client.list().prefix("012"), 10),
        (client.list().prefix("0123-and-the-rest-of-the-value"), 1),
        (client.list().prefix("0123").expired(true), 1),
        (client.list().prefix("0124").expired(true), 0),
        (client.list().description("tenant"), 0),
        (client.list().allows("documents:search", "docs"), 500),
        (client.list().allows("documents:search", "docs").allows("documents:delete", "docs"), 0),
        (client.list().allows("documents:search", "another"), 0),
    ] {
        assert_eq!(ids(request.clone().stream().unwrap()).len(), expected, "{request:?}");
        assert_eq!(request.clone().send().unwrap().len(), expected, "{request:?}");
    }
}

#[test]
fn filter_that_could_find_nothing_is_refused() {
    let server = saying(response(&list(1)));
    let request = client(&server).list().allows("documents:serach", "docs");
    for error in [request.clone().send().unwrap_err(), request.stream().unwrap_err()] {
        assert!(error.to_string().ends_with("did you mean `documents:search`?"), "{error}");
    }
    assert_eq!(server.received().len(), 0);
}

#[test]
fn only_the_prefix_of_a_value_is_kept() {
    let server = saying(response(&list(0)));
    let request = client(&server).list().prefix("abcdEFGHsecret");
    assert!(!format!("{request:?}").contains("EFGH"));
}

#[test]
fn first_key_arrives_before_the_last_is_sent() {
    // The server sends the second half after the client has read the first.
    let (seen, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = Scripted::start(move |peer| {
        peer.request()?;
        let whole = response(&list(2));
        let (first, second) = whole.split_at(whole.len() - 20);
        peer.send(first)?;
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(10));
        peer.send(second)?;
        peer.wait()
    });
    let mut keys = client(&server).list().stream().unwrap();
    assert_eq!(keys.next().unwrap().unwrap().id.get(), 0);
    seen.send(()).unwrap();
    assert_eq!(ids(keys), [1]);
}

#[test]
fn connection_is_used_again_after_a_whole_list_and_not_after_a_part_of_one() {
    let server = saying(response(&list(5_000)));
    let client = client(&server);
    for _ in 0..3 {
        assert_eq!(client.list().stream().unwrap().count(), 5_000);
    }
    assert_eq!(server.connections(), 1);
    for _ in 0..3 {
        assert!(client.list().stream().unwrap().next().unwrap().is_ok());
    }
    assert_eq!(client.list().stream().unwrap().count(), 5_000);
    assert_eq!(server.connections(), 4);
}

#[test]
fn other_calls_can_be_made_while_a_list_is_read() {
    let server = Scripted::start(|peer| {
        loop {
            let asked = peer.request()?;
            let body = if asked.head.starts_with("GET /keys ") { list(300) } else { key(7) };
            peer.send(response(&body))?;
        }
    });
    let client = client(&server);
    let mut keys = client.list().stream().unwrap();
    for key in keys.by_ref().take(10) {
        key.unwrap();
        assert_eq!(client.get(7).send().unwrap().id.get(), 7);
    }
    // Also in another thread.
    assert_eq!(thread::spawn(move || keys.count()).join().unwrap(), 290);
}

/// The keys, and the error at the end.
fn broken(keys: KeyStream) -> (usize, Error) {
    let mut items: Vec<_> = keys.collect();
    let error = items.pop().unwrap().unwrap_err();
    assert!(items.iter().all(Result::is_ok), "an item follows an error");
    (items.len(), error)
}

/// A server that sends the beginning of a list, and then does this.
fn then(go_on: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |peer| {
        peer.request()?;
        let begun = list(100);
        let begun = begun.strip_suffix("]}").unwrap();
        peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n{begun}"))?;
        go_on(peer)
    })
}

#[test]
fn broken_connection_ends_the_stream_with_an_error() {
    let server = then(|_| Ok(()));
    let (before, error) = broken(hasty(&server, Duration::from_secs(10)).list().stream().unwrap());
    assert!(matches!(error, Error::Connection { .. }) && error.is_retryable(), "{error}");
    assert_eq!((before, error.report().unwrap().attempts().len()), (100, 1));
}

#[test]
fn malformed_rest_of_a_list_is_reported_after_the_keys_before_it() {
    let server = then(|peer| peer.send(",{}]}"));
    let (before, error) = broken(hasty(&server, Duration::from_secs(10)).list().stream().unwrap());
    assert_eq!(before, 100);
    let text = error.to_string();
    assert!(
        text.ends_with("status 200 with a response that is JSON of another shape (after 100 keys): \"{}]}\""),
        "{text}"
    );
}

#[test]
fn endless_key_is_too_large() {
    let server = then(|peer| {
        peer.send(r#",{"description":""#)?;
        peer.send_without_end("x")
    });
    let (before, error) = broken(hasty(&server, Duration::from_secs(20)).list().stream().unwrap());
    assert!(matches!(error, Error::TooLarge(_)) && error.to_string().contains(" 1048576 bytes"), "{error}");
    assert_eq!(before, 100);
}

#[test]
fn silent_server_ends_the_stream_at_the_timeout() {
    let server = then(Peer::wait);
    with_enough_time(Duration::from_millis(500), |timeout| {
        let stream = hasty(&server, timeout).list().stream().map_err(|error| error.to_string())?;
        let (before, error) = broken(stream);
        assert!(
            matches!(&error, Error::Timeout(report) if report.attempts()[0].phase == Phase::ReadResponse),
            "{error}"
        );
        if before == 100 { Ok(()) } else { Err(format!("{before} keys")) }
    });
}

#[test]
fn slow_server_ends_the_stream_at_the_timeout() {
    // The response takes minutes. Without the timeout, there would be another error.
    let server = then(|peer| peer.drip(" ".repeat(10_000), Duration::from_millis(20)));
    with_enough_time(Duration::from_millis(700), |timeout| {
        let stream = hasty(&server, timeout).list().stream().map_err(|error| error.to_string())?;
        let (_, error) = broken(stream);
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        Ok(())
    });
}

#[test]
fn time_between_keys_does_not_count_for_the_timeout() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    // The server sends the second half after the client has taken a part of the first half, so that the client reads
    // again after a pause.
    let (taken, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = Scripted::start(move |peer| {
        peer.request()?;
        let whole = response(&list(200));
        let (first, second) = whole.split_at(whole.len() / 2);
        peer.send(first)?;
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(10));
        peer.send(second)?;
        peer.wait()
    });
    let mut keys = hasty(&server, TIMEOUT).list().stream().unwrap();
    keys.next().unwrap().unwrap();
    thread::sleep(TIMEOUT + Duration::from_millis(500));
    taken.send(()).unwrap();
    assert_eq!(keys.map(Result::unwrap).count(), 199);
}

#[test]
fn stream_that_has_not_begun_is_repeated_like_any_call() {
    let server = Scripted::start(|peer| {
        peer.request()?;
        peer.send("HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n")?;
        peer.request()?;
        peer.send(response(&list(3)))
    });
    assert_eq!(ids(client(&server).list().stream().unwrap()), [0, 1, 2]);
}

#[test]
fn stream_refuses_the_same_responses_as_the_list() {
    let body = r#"{"message": "Forbidden - a valid `x-typesense-api-key` header must be sent."}"#;
    let server = saying(format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    let client = client(&server);
    let (streamed, whole) = (client.list().stream().unwrap_err(), client.list().send().unwrap_err());
    assert!(matches!(streamed, Error::Unauthorized(_)));
    assert_eq!(streamed.to_string(), whole.to_string());
}
