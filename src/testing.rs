//! A fake Typesense server, for tests (feature `testing`).
//!
//! [`FakeServer`] runs inside the test's process, listens on loopback only and keeps its keys in memory. It serves the
//! key, health and debug endpoints with the bytes of a real server: of 0.24.1, which a differential test in this
//! crate's repository compares with a real server, or of [v30](crate::audit::ServerVersion::V30), following that server's
//! source.
//!
//! **It is a test double, not a server.** It has no collections and no search, keeps nothing after it is dropped, and
//! does not wipe its secrets: never give it real keys. It differs from a real server where that would make a test
//! hang or depend on time, and in a few odd requests:
//!
//! * If a real server would never send a response (to a request with a key id that is not a number, or for a key
//!   whose fourth byte is inside a character), it closes the connection.
//! * Expired keys with `autodelete` are deleted when [`purge_expired`](FakeServer::purge_expired) is called, not
//!   hourly.
//! * It refuses heads above 64 KiB, bodies above 8 MiB and chunked requests with 400, and closes connections that are
//!   idle for 60 s.
//! * It refuses to create a key with the expiry `-0`, which a real server reads as 0, and JSON that is nested 128 deep or
//!   deeper, which a real server accepts in members that it does not know.
//! * The nodes of a [`cluster`](FakeServer::cluster) share their keys, so there is no election and no quorum.
//!
//! It is `Sync`, keeps connections alive, and serves each connection on its own thread, so any number of clients may
//! use it concurrently. Dropping it closes its connections, ends its threads and frees its port.
//!
//! # How to test error handling
//!
//! With `typesense-keys = { version = "0.1", features = ["testing"] }` in the `[dev-dependencies]` of a tool, each of
//! its tests can start a server and choose which requests fail:
//!
//! ```
//! use typesense_keys::testing::{FakeServer, Fault, Operation};
//! use typesense_keys::{Action, CreatedKey, Error, KeysClient};
//!
//! /// Part of the tool: creates the key for a site's search page.
//! fn provision(client: &KeysClient, site: &str) -> Result<CreatedKey, Error> {
//!     let request = client.create().description(format!("search on {site}"));
//!     let read = [Action::DOCUMENTS_SEARCH, Action::DOCUMENTS_GET];
//!     request.actions(read).collections([site]).send()
//! }
//!
//! // In the tool, with `#[test]` above it.
//! fn second_site_gets_one_key() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = FakeServer::start()?;
//!     let client = server.client();
//!
//!     // The server creates the second key, and its response is lost.
//!     server.fail(Operation::Create).nth(2).with(Fault::LoseResponse);
//!     provision(&client, "blog")?;
//!     let docs = provision(&client, "docs")?;
//!
//!     assert_eq!(server.key_count(), 2);
//!     assert_eq!(server.keys()[1].description, "search on docs");
//!     assert_eq!(server.keys()[1].id, docs.id);
//!     // The second key was created, then created again, which the server
//!     // refused, then found in the list.
//!     assert_eq!(server.requests(Operation::Create), 3);
//!     assert_eq!(server.requests(Operation::List), 1);
//!     Ok(())
//! }
//! # second_site_gets_one_key()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A fault can hit one key ([`FaultRule::key`], [`FaultRule::described`]), and [`FakeServer::advance`] moves the clock, so
//! that a test sees keys expire without waiting.
//!
//! A program that accesses this crate through its own trait needs no server: a mock of the trait can return keys from
//! [`TestKey::created`] and [`TestKey::info`], and errors that a client of a [`FakeServer`] with a [`Fault`] has returned.

mod fault;
mod http;
mod input;
mod key;
mod keys;
mod listener;
mod node;
mod response;
mod server;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::fault::{Fault, FaultRule, Operation};
pub use self::key::TestKey;
pub use self::server::{FakeServer, FakeServerBuilder};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
