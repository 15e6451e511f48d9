//! The contract: what this crate promises about keys.
//!
//! # Nothing invalid is sent
//!
//! A request is checked before anything is sent, and an error names the field and what to write instead. A [`KeyId`]
//! cannot hold a number that the server would truncate. An [`Action`] from text must open something on some server. A
//! [`CollectionPattern`] from text must mean the same as a name and as a pattern. A value must fit into an HTTP header,
//! and an expiry must lie in the future.
//!
//! # A key is created once, and its value is not lost
//!
//! By default, this crate draws the value of a new key and sends it with the request. The server refuses a value that is
//! in use, so repeating the request creates no second key: see [`retries`](super::retries). If the outcome stays unknown,
//! the error carries the value: see [`Error::value`]. There is one exception, which is chosen explicitly:
//! [`server_generated`](crate::CreateKey::server_generated).
//!
//! But a program can die after the server has created a key and before it has stored the value. So store the value first:
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! # let server = typesense_keys::testing::FakeServer::start()?;
//! # let (url, admin_key) = (server.url(), server.api_key());
//! # let mut vault = Vec::new();
//! use typesense_keys::KeysClient;
//!
//! let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
//! let request = || client.create().description("docs").actions(["documents:search"]).collections(["docs"]);
//!
//! let prepared = request().prepare()?;
//! vault.push(prepared.value().clone()); // stored before the key exists
//! let key = prepared.send()?;
//!
//! // A later process, which finds the value and does not know how far the earlier one got:
//! let stored = vault.remove(0);
//! let same = request().value(stored).prepare()?.send_again()?;
//! assert_eq!(same.id, key.id);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | the earlier process died | on the server | what [`send_again`] does |
//! |---|---|---|
//! | before it stored the value | nothing | it is not called: there is no value |
//! | after that, and before the request | nothing | creates the key |
//! | after the request | the key | finds the key |
//!
//! [`create_many`](crate::KeysClient::create_many) takes prepared requests, too. At no moment do more keys exist that its
//! callback has not been called with than it has [`connections`](crate::CreateMany::connections).
//!
//! # `Ok` names its own key
//!
//! Each response is compared with its request. The response to a create must have the value that was sent (compared in
//! constant time), the description, the actions, the collections and the expiry. The response to a get or delete must have
//! the id. A response about another key is never returned: a create or delete ends in [`Error::OutcomeUnknown`], and a get
//! in [`Error::UnexpectedResponse`].
//!
//! # Created and found are two things
//!
//! After a lost response, the key is looked up in a list. A list shows the first four bytes of a value, and **four bytes do
//! not identify a key**. So a listed key must also have the description, the actions, the collections and the expiry that
//! were asked for, and:
//!
//! | value | a listed key is accepted if |
//! |---|---|
//! | drawn by this crate | the server has refused the value as in use, and one key matches that is not known to be older |
//! | given by [`value`](crate::CreateKey::value) | the server has refused the value as in use, and exactly one key matches |
//!
//! Otherwise the error is [`Error::OutcomeUnknown`] with the value and the ids of the
//! [candidates](crate::OutcomeUnknown::candidates). Do not delete a candidate because it is one.
//!
//! With a value of your own, a key that existed before with the same value, description and scope cannot be told from the
//! new one, and a create may return it after a lost response. `ensure` says
//! [`created: false`](crate::EnsuredKey::created) of every key with a value of your own that it has found in a list.
//!
//! # What is deleted
//!
//! Only these keys are ever deleted:
//!
//! | by | key |
//! |---|---|
//! | [`delete`](crate::KeysClient::delete) | the one with the given id |
//! | [`rotate`](crate::KeysClient::rotate) | the old key, once every node knows the new one, which has another id (with [`accept_majority`](crate::RotateKey::accept_majority): most nodes; with [`keep_old`](crate::RotateKey::keep_old): none) |
//! | [`ensure`](crate::KeysClient::ensure) | a key that the same run has created, if another key of this description is in its way |
//! | `ensure` with a drawn value | keys of the same description that expired more than a day ago |
//! | `ensure` with [`replace_on_drift`](crate::EnsureKey::replace_on_drift) | keys of the same description with another scope that were listed before the run created anything, once every node knows the key that replaces them |
//!
//! No key is ever deleted
//!
//! * because its value begins with the right four bytes,
//! * because this machine's clock says that it has just expired,
//! * by an `ensure` with a value of your own, except for the key that the same run has created,
//! * by `rotate` or `replace_on_drift` if it has [members that this crate does not know](crate::KeyInfo::unknown_members),
//!   because a replacement without them might open more (`rotate` copies them if
//!   [told to](crate::RotateKey::copy_unknown_members)).
//!
//! # Errors that change nothing
//!
//! If [`Error::may_have_acted`] is `false`, every key is as it was before the call. A run of `ensure` that ends in
//! [`Error::Drift`] has deleted what it had created.
//!
//! # Several programs at once
//!
//! * Several runs of `ensure` with the same scope end with one key: the one with the lowest id. The others are deleted by
//!   the runs that created them. A run that was killed, or that lost the response to its create, can leave another key,
//!   which later runs report in [`duplicates`](crate::EnsuredKey::duplicates).
//! * Two rotations of one key create two keys, and each call returns its own.
//! * After a fork, the child process opens connections of its own, because two processes on one connection would read each
//!   other's responses.
//!
//! # Clocks
//!
//! A server judges an expiry by its own clock, and does not tell its time. This crate uses the local clock to compute
//! [`expires_in`](crate::CreateKey::expires_in), to refuse an expiry that is past, and to say what is expired. If the local
//! clock is behind by more than the duration of `expires_in`, the key never works. As long as it is wrong by less than a
//! day, `ensure` deletes no key that still works.
//!
//! # How it is tested
//!
//! A model of a server and of lagging nodes runs every operation through every combination of existing keys, lost
//! requests and responses, server errors, wrong clocks and killed processes, up to a bounded number of requests, and checks
//! these promises after each. Further tests use a real server behind a proxy that loses responses, and a real cluster of
//! three whose nodes are killed.
//!
//! [`Action`]: crate::Action
//! [`CollectionPattern`]: crate::CollectionPattern
//! [`Error::Drift`]: crate::Error::Drift
//! [`Error::OutcomeUnknown`]: crate::Error::OutcomeUnknown
//! [`Error::UnexpectedResponse`]: crate::Error::UnexpectedResponse
//! [`Error::may_have_acted`]: crate::Error::may_have_acted
//! [`Error::value`]: crate::Error::value
//! [`KeyId`]: crate::KeyId
//! [`send_again`]: crate::PreparedCreate::send_again
