//! No error shows a new value that a server or proxy repeats in a later response.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use typesense_keys::plan::{KeySpec, Plan};
use typesense_keys::testing::{FakeServer, TestKey};
use typesense_keys::{Error, Expiry, KeysClient};

use crate::support::Scripted;
use crate::support::scan::Scanner;
use crate::support::time::with_enough_time;

/// A proxy that passes `passed` requests after the first create, and responds to all later ones with an error that
/// repeats the value. It loses the response to the create if `loses_create`.
struct RepeatingProxy {
    server: FakeServer,
    proxy: Scripted,
    seen: Arc<Mutex<Seen>>,
}

/// What the proxy has seen.
#[derive(Default)]
struct Seen {
    value: Option<String>,
    requests_since: usize,
}

impl RepeatingProxy {
    fn start(passed: usize, loses_create: bool) -> Self {
        let server = FakeServer::start().unwrap();
        let address = server.url().trim_start_matches("http://").to_owned();
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = Arc::clone(&seen);
        let proxy = Scripted::start(move |peer| {
            let request = peer.request()?;
            let mut seen = shared.lock().unwrap();
            if let Some(value) = seen.value.clone() {
                seen.requests_since += 1;
                if seen.requests_since > passed {
                    let body = format!(r#"{{"message": "the last write was {value}"}}"#);
                    let head = format!("content-type: text/{value}\r\ncontent-length: {}", body.len());
                    return peer.send(format!("HTTP/1.1 400 No\r\n{head}\r\nconnection: close\r\n\r\n{body}"));
                }
            }
            let mut beyond = TcpStream::connect(&address)?;
            let head = request.head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            beyond.write_all((head + &request.body).as_bytes())?;
            let mut response = Vec::new();
            beyond.read_to_end(&mut response)?;
            let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
            if let (None, Some(value)) = (&seen.value, body["value"].as_str()) {
                seen.value = Some(value.to_owned());
                if loses_create {
                    return Ok(());
                }
            }
            peer.send(&response)
        });
        Self { server, proxy, seen }
    }

    /// The value of the new key. `None` if a busy machine left no time for the create.
    fn value(&self) -> Option<String> {
        self.seen.lock().unwrap().value.clone()
    }

    fn client(&self, timeout: Duration) -> KeysClient {
        let builder = KeysClient::builder().node(self.proxy.url()).api_key(self.server.api_key());
        builder.timeout(timeout).build().unwrap()
    }

    /// Adds a drifted key with the id 0, and a key that expired long ago.
    fn seed(&self) {
        let key = |action| TestKey::new("docs", [action], ["docs"]);
        self.server.seed(key("documents:get")).unwrap();
        self.server.seed(key("documents:search").expires_at(Expiry::from_unix_seconds(1))).unwrap();
    }
}

/// The errors of a call, in every form that a program may print.
fn texts<'a>(errors: impl IntoIterator<Item = &'a Error>) -> Vec<String> {
    let text = |error| format!("{error} {error:?} {error:#?} {}", serde_json::to_string(error).unwrap());
    errors.into_iter().map(text).collect()
}

/// Makes a call, and returns the texts of its errors.
type Call = fn(&KeysClient) -> Vec<String>;

const CALLS: [(&str, Call); 6] = [
    ("create", |client| {
        let request = client.create().actions(["documents:search"]).collections(["docs"]);
        texts(&request.wait_for_replication(WAIT).send().err())
    }),
    ("rotate", |client| texts(&client.rotate(0).wait_for_replication(WAIT).send().err())),
    ("rotate to a provided value", |client| texts(&client.rotate(0).value("a-value-of-my-own").send().err())),
    ("a prepared rotation, twice", |client| {
        let prepared = client.rotate(0).prepare().unwrap();
        let results = [prepared.send(), prepared.send()];
        texts(results.iter().filter_map(|result| result.as_ref().err()))
    }),
    ("ensure", |client| {
        let request = client.ensure("docs").actions(["documents:search"]).collections(["docs"]);
        texts(&request.replace_on_drift(true).send().err())
    }),
    ("apply", |client| {
        let spec = KeySpec::new("docs").actions(["documents:search"]).collections(["docs"]);
        match client.plan([spec]).replace_on_drift(true).send().and_then(Plan::apply) {
            Ok(applied) => texts(applied.failed().map(|(_, error)| error)),
            Err(error) => texts([&error]),
        }
    }),
];

const WAIT: Duration = Duration::from_millis(100);

/// Makes the call with every number of passed requests, all at once because they wait most of the time. Returns whether
/// one of them received the value again.
fn receives_the_value((name, call): (&str, Call), timeout: Duration) -> bool {
    let run = |(passed, loses_create)| {
        let proxy = RepeatingProxy::start(passed, loses_create);
        proxy.seed();
        let texts = call(&proxy.client(timeout));
        let Some(value) = proxy.value() else { return false };
        let found = Scanner::of([value.as_str()]).find(texts.concat().as_bytes());
        assert!(found.is_empty(), "{name}, {passed} passed, create lost: {loses_create}: {found:?}: {texts:?}");
        !texts.is_empty()
    };
    thread::scope(|scope| {
        let cases = (0..6).flat_map(|passed| [(passed, false), (passed, true)]);
        let runs: Vec<_> = cases.map(|case| scope.spawn(move || run(case))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).filter(|received| *received).count() > 0
    })
}

#[test]
fn no_error_shows_a_new_value_that_a_later_response_repeats() {
    thread::scope(|scope| {
        for call in CALLS {
            scope.spawn(move || {
                with_enough_time(Duration::from_secs(5), |timeout| {
                    let received = receives_the_value(call, timeout);
                    received
                        .then_some(())
                        .ok_or_else(|| format!("{}: no response with the value was received", call.0))
                });
            });
        }
    });
}
