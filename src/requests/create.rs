//! Create a key, once.

use std::time::Duration;

use super::new_key::NewKey;
use super::replication::{self, Wanted};
use super::settings::{Settings, Value, scope_methods, value_methods};
use crate::{CreatedKey, Error, KeysClient, NotReplicated};

/// A request to create a key. Made by [`KeysClient::create`].
///
/// At least one action and one collection are needed. By default, the key's value is drawn here, from the operating
/// system's random source, in the server's own format; so the request can be repeated when a reply is lost, and still
/// no more than one key is made.
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct CreateKey {
    client: KeysClient,
    settings: Settings,
    timeout: Option<Duration>,
    replicated_within: Option<Duration>,
}

scope_methods!(CreateKey);
value_methods!(CreateKey, "never");

impl CreateKey {
    pub(crate) fn new(client: KeysClient) -> Self {
        Self { client, settings: Settings::default(), timeout: None, replicated_within: None }
    }

    /// What the key is for, in words, for whoever finds it in a list. Defaults to an empty text.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.settings.description = description.into();
        self
    }

    /// Lets the server draw the value.
    ///
    /// Then a request whose reply is lost cannot be repeated: the call ends in [`Error::OutcomeUnknown`], and there
    /// may be a key whose value nobody knows.
    pub fn server_generated(mut self) -> Self {
        self.settings.value = Value::ServerGenerated;
        self
    }

    /// How long this call may take in all. Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// After the key is created, waits until every node of the client knows it, for at most `limit`. Needs
    /// `keys:get`. Defaults to no waiting: for a moment, nodes that lag refuse the key.
    pub fn wait_for_replication(mut self, limit: Duration) -> Self {
        self.replicated_within = Some(limit);
        self
    }

    /// Creates the key.
    ///
    /// Where the reply to an attempt was lost, and the next one is told that the value is in use already (409), the
    /// first has created the key: its id is looked up in a list (for which the client's key needs `keys:list`), and
    /// the key is returned as if nothing had happened.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] before anything is sent, [`Error::Conflict`] if another key has this value,
    /// [`Error::Unauthorized`] if the client's key lacks `keys:create`, [`Error::OutcomeUnknown`], with the value, if
    /// it cannot be told whether there is a key now, [`Error::NotReplicated`], with the key, if there is one but not
    /// every node knows it in time, or what keeps a call from coming through: see [`Error`].
    pub fn send(self) -> Result<CreatedKey, Error> {
        self.prepare()?.send(false)
    }

    /// Checks the settings and draws the value.
    pub(super) fn prepare(self) -> Result<Prepared, Error> {
        let Self { client, settings, timeout, replicated_within } = self;
        Ok(Prepared { client, key: NewKey::try_from(settings)?, timeout, replicated_within })
    }
}

/// A request that is valid, and can be sent again without a second key.
pub(super) struct Prepared {
    client: KeysClient,
    key: NewKey,
    timeout: Option<Duration>,
    replicated_within: Option<Duration>,
}

impl Prepared {
    /// Whether the server itself sees to it that it makes no second key.
    pub(super) fn is_repeatable(&self) -> bool {
        self.key.value.is_some()
    }

    /// `again`: it was sent before, and may have been carried out.
    pub(super) fn send(&self, again: bool) -> Result<CreatedKey, Error> {
        let Self { client, key, timeout, replicated_within } = self;
        if !again && key.expires_at.is_past() {
            return Err(Error::invalid("expires_at", "has passed since the request was checked: make a new one"));
        }
        let key = key.create(client, client.deadline(*timeout), again)?;
        match replicated_within
            .map(|limit| replication::wait(client, key.id, Wanted::Present, limit, Some(&key.value)))
        {
            None | Some(Ok(())) => Ok(key),
            Some(Err(lag)) => Err(Error::NotReplicated(Box::new(NotReplicated { key: Some(key), ..*lag }))),
        }
    }
}
