//! What happens when things break: attempts, deadlines, nodes, and what may be repeated.
//!
//! # One call
//!
//! A *call* is what `send` does. It makes *attempts*, each on one node, until one succeeds, until no other may be made, or
//! until the deadline expires. The error contains every attempt: see [`Error::report`](crate::Error::report).
//!
//! | limit | default | set by |
//! |---|---|---|
//! | a whole call, with all attempts and the pauses between them | 30 s, which is longer than a leader election (about 7 s, seen with 0.24.1) | [`ClientBuilder::timeout`], or `timeout` of the request |
//! | one attempt, from the lookup of the host to the end of the response | 10 s | [`ClientBuilder::attempt_timeout`] |
//! | opening a connection, including the TLS handshake | 5 s | [`ClientBuilder::connect_timeout`] |
//! | waiting until every node agrees, after the call | no waiting | `wait_for_replication` of the request |
//!
//! The deadlines also hold if a server does not read the request, or sends the response byte by byte.
//! [`retries(false)`](crate::ClientBuilder::retries) limits a call to one attempt, for callers that repeat calls themselves:
//! see [`Error::is_retryable`](crate::Error::is_retryable).
//!
//! `rotate` and `ensure` make several requests within one deadline. A [stream](crate::ListKeys::stream) of keys counts only
//! the time for which it waits for the server.
//!
//! # Which node
//!
//! The [`nearest_node`](crate::ClientBuilder::nearest_node) is asked first, and the others take turns. A node that failed is
//! *set aside* for 10 s: it is asked only if no other node is left. A success ends that. A refusal, such as 401, is not a
//! failure of the node. All clones of a client share what is known of its nodes.
//!
//! The next attempt is made
//!
//! * at once, if another node is left that this call has not asked and that is not set aside;
//! * otherwise, and after every 429, after a random pause: at most 100 ms after the first failure, and at most twice as long
//!   after each further one, up to a second. If a 429 or 503 has a `Retry-After`, the pause is at least that long.
//!
//! If the pause would end after the deadline, the call fails at once.
//!
//! # Fast failure
//!
//! A call to a wrong address should not take 30 s. If a client has never had a response from any node, and no attempt of a
//! call opens a connection (refused, or host not found), the call fails after the
//! [connect timeout](crate::ClientBuilder::connect_timeout), 5 s. Every other call has until its deadline.
//!
//! # What may be repeated
//!
//! A create or delete is *in doubt* once an attempt may have had an effect, and stays so until it succeeds. What may be
//! repeated depends on that:
//!
//! | an attempt ended | get, list | create | create, [`server_generated`] | delete |
//! |---|---|---|---|---|
//! | before anything was sent: refused, host not found, connecting timed out | repeat | repeat | repeat | repeat |
//! | with 429, or 503 `Not Ready or Lagging` | repeat | repeat | repeat | repeat |
//! | with 422 about the node's own state: `Rejecting write: running out of resource type…`, `Skipping writes.` | repeat | repeat | repeat | repeat |
//! | with a failed TLS handshake | other nodes only | other nodes only | other nodes only | other nodes only |
//! | after sending: closed, timed out, 408, another 5xx | repeat | repeat, in doubt | [`OutcomeUnknown`] | repeat, in doubt |
//! | with success, but the response is unreadable, too large or about another key; or with bytes that are not HTTP | error | [`OutcomeUnknown`] | [`OutcomeUnknown`] | [`OutcomeUnknown`] |
//! | with 409, in doubt, or for a value that was generated here | | **done**: the key is looked up | | |
//! | with 404, in doubt | | | | **done** (of a given key: if this node has shown it) |
//! | with any other response | error | error; in doubt: [`OutcomeUnknown`] | error | error; in doubt: [`OutcomeUnknown`] |
//!
//! If the deadline expires in doubt, the error is [`OutcomeUnknown`], too. An empty cell means: see the last row.
//!
//! During an election, writes get an empty 500, and a stopped node accepts connections and never responds (both seen with
//! 0.24.1). A follower responds with 408 if the leader did not respond in time, and the leader may have carried out the
//! write (read in v0.25.0). A 503 with another text comes from a proxy, which may have forwarded the request.
//!
//! A 404 or 409 counts only if it comes from a Typesense server. A proxy's page with that status says nothing about a key.
//!
//! # After a lost response to a create
//!
//! The create is repeated with the same value. If the first attempt created the key, the server responds with 409, and the
//! key is looked up in a list, for which the client's key needs `keys:list`. A node may lag, so the list is read again until
//! the key is in it: until the deadline, or six times for a stored value or one of your own. Without a list, or if several
//! keys match, the error is [`OutcomeUnknown`], with the value. The [contract](super::contract) says which listed key is
//! accepted.
//!
//! # On a cluster
//!
//! Nodes that lag refuse a new key and accept a deleted one for a moment (seen with 0.24.1).
//! `wait_for_replication(limit)` on `create`, `delete`, `rotate` and `ensure` asks each node in turn until all agree, or
//! returns [`NotReplicated`](crate::Error::NotReplicated), which names those that do not. It needs `keys:get`. Only the
//! nodes that the client knows are asked: behind a load balancer, name each node.
//!
//! Before `rotate` creates a key, and before `ensure` replaces one, they check that every node can be asked. If one cannot,
//! the error is [`NodesUnavailable`](crate::Error::NodesUnavailable), and nothing was created. A rotation that is sent again
//! or has a stored value does not check this, because its key may exist already.
//! With [`accept_majority`](crate::RotateKey::accept_majority), most nodes are enough for `rotate`. A rotation that is
//! interrupted later ends in [`Incomplete`](crate::error::Incomplete). Send a [prepared](crate::PreparedRotation) rotation
//! again to finish it, or send another one with its value as [`stored_value`](crate::RotateKey::stored_value).
//!
//! # Testing it
//!
//! The fake server of the feature `testing` loses responses, refuses connections, lags, and responds with each of the
//! statuses above.
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use typesense_keys::testing::{FakeServer, Fault, Operation};
//!
//! let server = FakeServer::start()?;
//! let client = server.client();
//!
//! server.fail(Operation::Create).with(Fault::LoseResponse);
//! let create = client.create().actions(["documents:import"]);
//! let key = create.collections(["docs"]).send()?;
//! assert_eq!(server.keys()[0].id, key.id);
//! assert_eq!((server.key_count(), server.requests(Operation::Create)), (1, 2));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`ClientBuilder::attempt_timeout`]: crate::ClientBuilder::attempt_timeout
//! [`ClientBuilder::connect_timeout`]: crate::ClientBuilder::connect_timeout
//! [`ClientBuilder::timeout`]: crate::ClientBuilder::timeout
//! [`OutcomeUnknown`]: crate::Error::OutcomeUnknown
//! [`server_generated`]: crate::CreateKey::server_generated
