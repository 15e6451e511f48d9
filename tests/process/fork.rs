//! A process that forks while it has open connections: parent and child must not read each other's responses.
//!
//! The test is a process of its own with a single thread, because only the thread that forks exists in the child.

use std::process;

use fork::{Fork, fork, waitpid};
use secrecy::ExposeSecret;
use typesense_keys::KeysClient;

use crate::child;
use crate::support::Scripted;
use crate::support::harness::PlainTest;

pub(crate) const TESTS: &[PlainTest] =
    &[("forked_processes_get_their_own_responses", || drop(child::run(&mut child::command("fork"))))];

const CALLS: usize = 60;

/// The code of the process.
pub(crate) fn main() {
    // Every response repeats the value of its request.
    let server = Scripted::start(|peer| {
        loop {
            let request = peer.request()?;
            let (_, rest) = request.body.split_once(r#""value":""#).unwrap();
            let (value, _) = rest.split_once('"').unwrap();
            let body = format!(
                r#"{{"id":7,"description":"","actions":["*"],"collections":["*"],"expires_at":64723363199,"value":"{value}"}}"#
            );
            peer.send(format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len()))?;
        }
    });
    let client = KeysClient::builder().node(server.url()).api_key("key").retries(false).build().unwrap();
    let create = |who: &str, call: usize| {
        let value = format!("{who}-{call:04}");
        let request = client.create().actions(["*"]).collections(["*"]).value(value.as_str());
        request.send().is_ok_and(|key| key.value.expose_secret() == value)
    };
    assert!(create("before", 0));
    assert_eq!(server.connections(), 1);
    match fork().unwrap() {
        Fork::Child => process::exit(i32::from(!(0..CALLS).all(|call| create("child", call)))),
        Fork::Parent(child) => {
            let is_right = (0..CALLS).all(|call| create("parent", call));
            let status = waitpid(child).unwrap();
            assert!(is_right, "the parent got a response that was not its own");
            assert_eq!(status, 0, "the child got a response that was not its own");
        }
    }
    // The parent goes on using its connection, and the child has opened one of its own.
    assert!(create("after", 0));
    assert_eq!(server.connections(), 2);
}
