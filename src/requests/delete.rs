//! Delete a key, once.

use std::time::Duration;

use super::error;
use super::replication::{self, Wanted};
use crate::engine::Outcome;
use crate::http::DecodeError;
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
    replicated_within: Option<Duration>,
}

impl DeleteKey {
    pub(crate) fn new(client: KeysClient, id: KeyId) -> Self {
        Self { client, id, timeout: None, replicated_within: None }
    }

    /// How long this call may take in all. Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// After the key is deleted, waits until every node of the client agrees that it is gone, for at most `limit`.
    /// Needs `keys:get`. Defaults to no waiting: for a moment, nodes that lag still accept the key.
    pub fn wait_for_replication(mut self, limit: Duration) -> Self {
        self.replicated_within = Some(limit);
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
    /// does no harm: ids are never reused), [`Error::NotReplicated`] if it is deleted but not every node agrees in
    /// time, or what keeps a call from coming through: see [`Error`].
    pub fn send(self) -> Result<KeyId, Error> {
        #[derive(serde::Deserialize)]
        struct Answer {
            id: KeyId,
        }
        let operation = Operation::Delete(self.id);
        let decode = |answer: &[u8]| {
            let Answer { id } = serde_json::from_slice(answer)?;
            if id == self.id { Ok(()) } else { Err(DecodeError::AnotherKey) }
        };
        let deadline = self.client.deadline(self.timeout);
        match self.client.call(operation, deadline, &SecretBuf::default(), None, decode) {
            Ok(Outcome::Done(_) | Outcome::AlreadyApplied(_)) => {}
            Err(failure) => return Err(error(operation, failure, None)),
        }
        let id = self.id;
        if let Some(limit) = self.replicated_within {
            replication::wait(&self.client, id, Wanted::Gone, limit, None).map_err(Error::NotReplicated)?;
        }
        Ok(id)
    }
}
