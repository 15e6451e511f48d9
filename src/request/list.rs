//! List all keys' metadata.

use std::time::Duration;

use serde::Deserialize;

use super::error;
use crate::cluster::Outcome;
use crate::http::Undecodable;
use crate::operation::Operation;
use crate::secret::SecretBuf;
use crate::{Error, KeyInfo, KeysClient};

/// A request for what the server tells about all keys. Made by [`KeysClient::list`].
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct ListKeys {
    client: KeysClient,
    timeout: Option<Duration>,
}

impl ListKeys {
    pub(crate) fn new(client: KeysClient) -> Self {
        Self { client, timeout: None }
    }

    /// How long this call may take in all. Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lists every key, without the values. The server has no pages and no filters: it always sends them all.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`] if the client's key lacks `keys:list`, [`Error::TooLarge`] if there are more keys than
    /// [`max_list_size`](crate::ClientBuilder::max_list_size) allows, or what keeps a call from coming through: see
    /// [`Error`].
    pub fn send(self) -> Result<Vec<KeyInfo>, Error> {
        let deadline = self.client.deadline(self.timeout);
        match self.client.call(Operation::List, deadline, &SecretBuf::default(), None, decode) {
            Ok(Outcome::Done(keys)) => Ok(keys),
            Ok(Outcome::Settled(gave_up)) | Err(gave_up) => Err(error(Operation::List, gave_up, None)),
        }
    }
}

pub(super) fn decode(answer: &[u8]) -> Result<Vec<KeyInfo>, Undecodable> {
    #[derive(Deserialize)]
    struct Answer {
        keys: Vec<KeyInfo>,
    }
    let Answer { keys } = serde_json::from_slice(answer)?;
    Ok(keys)
}
