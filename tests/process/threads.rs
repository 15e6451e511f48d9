//! A process that cannot start a thread, and so cannot look up a host name.

use std::time::Duration;

use typesense_keys::{ErrorKind, KeysClient};

use crate::child;
use crate::support::Scripted;
use crate::support::harness::PlainTest;

pub(crate) const TESTS: &[PlainTest] = &[(
    "value_is_in_the_error_if_no_thread_can_look_up_a_host",
    value_is_in_the_error_if_no_thread_can_look_up_a_host,
)];

fn value_is_in_the_error_if_no_thread_can_look_up_a_host() {
    // Reads each request and closes the connection.
    let server = Scripted::start(|peer| peer.request().map(drop));
    let mut command = child::command(&format!("threads {}", server.url()));
    // No address space has room for such a stack. (A limit of threads does not apply to root.)
    child::run(command.env("RUST_MIN_STACK", (1_u64 << 46).to_string()));
    assert!(server.connections() > 0);
}

/// The code of the process.
pub(crate) fn main(url: &str) {
    assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "a thread can be started");
    let by_name = url.replace("127.0.0.1", "localhost");
    let builder = || KeysClient::builder().api_key("key").timeout(Duration::from_secs(1));
    let create = |client: &KeysClient| client.create().actions(["*"]).collections(["*"]);

    // Every second attempt goes to the node that has a host name.
    let client = builder().nearest_node(url).node(&*by_name).build().unwrap();
    let error = create(&client).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(error.value().is_some(), "{error}");
    let results: Vec<_> =
        error.report().unwrap().attempts().iter().map(|attempt| attempt.result.to_string()).collect();
    assert!(results.iter().any(|result| result.starts_with("no thread could be started")), "{results:?}");

    let client = builder().node(by_name).build().unwrap();
    let error = create(&client).send().unwrap_err();
    assert_eq!((error.kind(), error.may_have_acted()), (ErrorKind::Connection, false), "{error}");
    let batch = client.create_many((0..3).map(|_| create(&client).prepare().unwrap())).send();
    assert!(batch.into_outputs().is_err());
}
