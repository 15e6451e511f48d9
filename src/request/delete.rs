//! Delete a key, once.

use std::time::Duration;

use serde::Deserialize;

use super::error;
use crate::cluster::Outcome;
use crate::http::Undecodable;
use crate::operation::Operation;
use crate::secret::SecretBuf;
use crate::{Error, KeyId, KeysClient};

/// A request to delete a key. Made by [`KeysClient::delete`].
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct DeleteKey {
    client: KeysClient,
    id: KeyId,
    timeout: Option<Duration>,
}

impl DeleteKey {
    pub(crate) fn new(client: KeysClient, id: KeyId) -> Self {
        Self { client, id, timeout: None }
    }

    /// How long this call may take in all. Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Deletes the key, and returns its id.
    ///
    /// Where the reply to an attempt was lost and the next one finds no such key, the first has deleted it: a
    /// success.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no key with this id, [`Error::Unauthorized`] if the client's key lacks
    /// `keys:delete`, [`Error::OutcomeUnknown`] if it cannot be told whether the server deleted it (to call again
    /// does no harm: ids are never reused), or what keeps a call from coming through: see [`Error`].
    pub fn send(self) -> Result<KeyId, Error> {
        #[derive(Deserialize)]
        struct Answer {
            id: KeyId,
        }
        let operation = Operation::Delete(self.id);
        let decode = |answer: &[u8]| {
            let Answer { id } = serde_json::from_slice(answer)?;
            if id == self.id { Ok(id) } else { Err(Undecodable::AnotherKey) }
        };
        let deadline = self.client.deadline(self.timeout);
        match self.client.call(operation, deadline, &SecretBuf::default(), None, decode) {
            Ok(Outcome::Done(id)) => Ok(id),
            Ok(Outcome::Settled(_)) => Ok(self.id),
            Err(gave_up) => Err(error(operation, gave_up, None)),
        }
    }
}
