//! Get a key's metadata, and wait until a server responds to such a request.

use std::sync::Arc;
use std::time::Duration;

use super::options::CallOptions;
use crate::engine::{Call, CallFailure, Engine, NO_BODY};
use crate::error::{Error, Secrets};
use crate::http::{AttemptError, Cause, Deadlines, DecodeError};
use crate::key::{KeyId, KeyInfo};
use crate::node::Node;
use crate::operation::Operation;

/// A request for the metadata of a key. Made by [`KeysClient::get`](crate::KeysClient::get).
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct GetKey {
    engine: Arc<Engine>,
    id: KeyId,
    options: CallOptions,
}

impl GetKey {
    pub(crate) fn new(engine: Arc<Engine>, id: KeyId) -> Self {
        Self { engine, id, options: CallOptions::default() }
    }

    timeout_method!();

    /// Gets the key.
    ///
    /// # Errors
    ///
    /// * [`Error::NotFound`] if no key has this id,
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:get`,
    /// * a failure of the call itself: see [`Error`].
    pub fn send(self) -> Result<KeyInfo, Error> {
        get(self.options.call(&self.engine)?, self.id)
    }
}

pub(super) fn get(call: Call<'_>, id: KeyId) -> Result<KeyInfo, Error> {
    Ok(call.send(Operation::Get(id), NO_BODY, decode(call.secrets, id))?)
}

/// Requests a key that is known. Another key with its id is an error.
pub(super) fn known(
    call: Call<'_>,
    id: KeyId,
    is_it: impl Fn(&KeyInfo) -> bool,
) -> Result<KeyInfo, Box<CallFailure>> {
    let attempt = |node: &Node, deadlines| known_by(call, node, deadlines, id, &is_it);
    call.engine.run(Operation::Get(id), call.deadline, attempt)
}

/// Requests a key that is known from one node.
pub(super) fn known_by(
    call: Call<'_>,
    node: &Node,
    deadlines: Deadlines,
    id: KeyId,
    is_it: impl Fn(&KeyInfo) -> bool,
) -> Result<KeyInfo, AttemptError> {
    let found = call.attempt(node, Operation::Get(id), NO_BODY, deadlines, decode(call.secrets, id))?;
    if is_it(&found) { Ok(found) } else { Err(Cause::AnotherKey { id }.into()) }
}

/// Decodes the response to a request for key `id`. The key does not show the `secrets`.
pub(super) fn decode(secrets: Secrets<'_>, id: KeyId) -> impl Fn(&[u8]) -> Result<KeyInfo, DecodeError> {
    move |response| {
        let info: KeyInfo = serde_json::from_slice(response)?;
        if info.id == id { Ok(secrets.hide_in(info)) } else { Err(DecodeError::AnotherKey) }
    }
}

/// Waits until a node serves requests, for at most `limit`.
pub(crate) fn wait_until_ready(engine: &Engine, limit: Duration) -> Result<(), Error> {
    let call = CallOptions { timeout: Some(limit), replicated_within: None }.call(engine)?;
    let mut rounds = 0;
    loop {
        match call.send(Operation::Ready, NO_BODY, decode(call.secrets, KeyId::from(u32::MAX))) {
            Ok(_) => return Ok(()),
            // A server that is not ready says so before it looks at the key.
            Err(failure) if matches!(failure.last.typesense_status(), Some(401 | 404)) => return Ok(()),
            Err(failure) => {
                let error = Error::from(failure);
                if !error.is_retryable() || !call.pause(&mut rounds, u32::MAX) {
                    return Err(error);
                }
            }
        }
    }
}
