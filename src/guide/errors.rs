//! Errors: when each occurs, whether the server acted, and what to do.
//!
//! | form | shows |
//! |---|---|
//! | `{err}` | one line for people: what happened, where, how long it was tried, and what to do next |
//! | `{err:?}` | one line with the error's fields, and the attempts as a count |
//! | `{err:#?}` | all fields, and every attempt |
//! | [`source`](std::error::Error::source) | the cause, if another library found it |
//! | serde | an object with `kind`, `message`, `status` and `attempts`, for programs that print JSON |
//!
//! No form of an error shows a key.
//!
//! # Methods
//!
//! | method of [`Error`] | returns |
//! |---|---|
//! | [`kind`](Error::kind) | the row of the table below, as a fieldless enum with stable names |
//! | [`value`](Error::value) | the value of a key that exists, or may exist, although the call failed |
//! | [`key_id`](Error::key_id) | the id of the key that the error is about, if it is known |
//! | [`may_have_acted`](Error::may_have_acted) | whether a key may have been created or deleted |
//! | [`is_retryable`](Error::is_retryable) | whether the same call may succeed later, and is safe to repeat |
//! | [`retry_after`](Error::retry_after) | how long the last response asked to wait, if it did |
//! | [`status`](Error::status) | the status of the last response |
//! | [`report`](Error::report) | every attempt with node, phase, result and time, and what the last response said |
//!
//! # The value of a key that may exist
//!
//! A call that creates a key can fail after the server has created it. Then the error contains the value. Store it and
//! complete the call, as the table below says, or find the key and delete it. [`Error::value`] covers every such error
//! ([`OutcomeUnknown`](Error::OutcomeUnknown), [`NotReplicated`](Error::NotReplicated) and
//! [`Incomplete`](Error::Incomplete)) of every call (`create`, `rotate`, `ensure`), and has an example.
//!
//! If the error has no value, no value is lost, with one exception: the value of a
//! [`server_generated`](crate::CreateKey::server_generated) key was in the response that was lost. Find such a key in a
//! list, and delete it.
//!
//! # All errors
//!
//! | variant | when | did the server act? | what to do |
//! |---|---|---|---|
//! | [`InvalidRequest`](Error::InvalidRequest) | a field is not valid; the error names the field and the reason | no; at most, keys were read | correct the field |
//! | [`Configuration`](Error::Configuration) | a client setting is not valid; the error names the setting and the reason | nothing was sent | correct the setting |
//! | [`Unauthorized`](Error::Unauthorized) | 401: wrong key, expired key, or missing action; the server does not say which | no | check all three; if only some requests fail, start all nodes with the same bootstrap key |
//! | [`NotFound`](Error::NotFound) | 404: no key with this id | no | after a delete: nothing, unless an earlier call for this key was in doubt |
//! | [`AnotherKey`](Error::AnotherKey) | the id belongs to another key by now | no | list the keys again |
//! | [`Conflict`](Error::Conflict) | 409: a key has this `value` | no | if an earlier call may have created it, look for it in a list; otherwise choose another value, or leave it out |
//! | [`Rejected`](Error::Rejected) | any other refusal by the server, with its message | no | read the message |
//! | [`RateLimited`](Error::RateLimited) | 429, with [`retry_after`](Error::retry_after) | no | wait, then call again |
//! | [`Unavailable`](Error::Unavailable) | 408 or 500 to 599 until the deadline, or 422 because the node is out of resources or skips writes; at once if `Retry-After` is beyond the deadline | no, or the call only reads | call again later |
//! | [`Timeout`](Error::Timeout) | the deadline expired; the [`phase`](crate::error::Attempt::phase) of the last attempt says while doing what | no, or the call only reads | call again later |
//! | [`Connection`](Error::Connection) | refused, broken, or host not found | no, or the call only reads | check the address and the server |
//! | [`Tls`](Error::Tls) | certificate or handshake; the text names the reason | no | see [`ca_certificates`](crate::ClientBuilder#method.ca_certificates) |
//! | [`UnexpectedResponse`](Error::UnexpectedResponse) | not a Typesense server's response; the text quotes its beginning | no, or the call only reads | look for what the text asks |
//! | [`TooLarge`](Error::TooLarge) | a list above [`max_list_size`](crate::ClientBuilder::max_list_size) | the call only reads | raise the limit, or use [`stream`](crate::ListKeys::stream) |
//! | [`NodesUnavailable`](Error::NodesUnavailable) | too few nodes are available to confirm the new key of `rotate` or a replacement | no | call again when the named nodes are back |
//! | [`OutcomeUnknown`](Error::OutcomeUnknown) | a response was lost, or an earlier process may have acted, and no later attempt showed what had happened | **perhaps**; contains the value | [complete](crate::CreateKey::stored_value) a create with a generated value; for the others, see [`OutcomeUnknown`](crate::error::OutcomeUnknown); repeat a delete |
//! | [`NotReplicated`](Error::NotReplicated) | the call succeeded, but some nodes did not confirm its result in time | **yes**; contains a new key | store the value; wait, or look at the named nodes |
//! | [`Incomplete`](Error::Incomplete) | a rotation, `ensure` or `apply` stopped between two steps | **yes**; says which keys exist, and contains the new one | store the value; finish a rotation with this [value](crate::RotateKey::stored_value) unless the new key was deleted since, or send a [prepared](crate::PreparedRotation) one again; run `ensure` again, or make a new plan |
//! | [`Drift`](Error::Drift) | `ensure` or `apply` found a key with another scope, or one that may have the given value; the error lists the differences | no | as its text says: change the request, use `replace_on_drift`, or delete the key |
//! | [`PlanOutdated`](Error::PlanOutdated) | the keys with this description have changed since the plan was made | no | make a new plan |
//! | [`CalledFromLogger`](Error::CalledFromLogger) | a logger made the call while its thread was making another call | no | send it later, or in another thread |
//! | [`RandomSource`](Error::RandomSource) | the operating system provided no random bytes | no; at most, keys were read | give a value of your own |
//!
//! # Testing the handling of errors
//!
//! With the feature `testing`, a `FakeServer` makes any request fail in many ways: see the documentation of the module
//! `testing`. A mock can return the errors of such requests.
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use typesense_keys::Error;
//! use typesense_keys::testing::{FakeServer, Fault, Operation};
//!
//! let server = FakeServer::start()?;
//! server.fail(Operation::Delete).with(Fault::Unauthorized);
//! let error = server.client().delete(7).send().unwrap_err();
//! assert!(matches!(error, Error::Unauthorized(_)));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(doc)]
use crate::Error;
