//! Get one key's metadata.

use std::time::Duration;

use super::error;
use crate::engine::Outcome;
use crate::http::DecodeError;
use crate::operation::Operation;
use crate::secret::SecretBuf;
use crate::{Error, KeyId, KeyInfo, KeysClient};

/// A request for what the server tells about one key. Made by [`KeysClient::get`].
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct GetKey {
    client: KeysClient,
    id: KeyId,
    timeout: Option<Duration>,
}

impl GetKey {
    pub(crate) fn new(client: KeysClient, id: KeyId) -> Self {
        Self { client, id, timeout: None }
    }

    /// How long this call may take in all. Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Gets the key.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no key with this id, [`Error::Unauthorized`] if the client's key lacks
    /// `keys:get`, or what keeps a call from coming through: see [`Error`].
    pub fn send(self) -> Result<KeyInfo, Error> {
        let operation = Operation::Get(self.id);
        let deadline = self.client.deadline(self.timeout);
        match self.client.call(operation, deadline, &SecretBuf::default(), None, decode(self.id)) {
            Ok(Outcome::Done(info)) => Ok(info),
            Ok(Outcome::AlreadyApplied(failure)) | Err(failure) => Err(error(operation, failure, None)),
        }
    }
}

/// Reads the answer to a request for key `id`.
pub(super) fn decode(id: KeyId) -> impl Fn(&[u8]) -> Result<KeyInfo, DecodeError> {
    move |answer| {
        let info: KeyInfo = serde_json::from_slice(answer)?;
        if info.id == id { Ok(info) } else { Err(DecodeError::AnotherKey) }
    }
}
