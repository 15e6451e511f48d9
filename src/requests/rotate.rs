//! Replace a key by a new one of the same scope, so that at every moment one of the two works.

use std::time::Duration;

use super::new_key::NewKey;
use super::replication::{self, Wanted};
use super::settings::{Settings, value_methods};
use super::{incomplete, remaining};
use crate::{CreatedKey, Error, KeyId, KeysClient};

/// A request to replace a key by a new one with the same description, actions, collections and expiry. Made by
/// [`KeysClient::rotate`].
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # use std::time::Duration;
/// # use typesense_keys::KeysClient;
/// # fn deploy(_: &typesense_keys::CreatedKey) {}
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let old = client.create().actions(["documents:search"]).collections(["docs"]).send()?;
///
/// // The old key works until its users have the new one.
/// let new = client.rotate(old.id).keep_old().send()?;
/// deploy(&new);
/// client.delete(old.id).send()?;
/// # assert_eq!(client.list().send()?.len(), 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct RotateKey {
    client: KeysClient,
    id: KeyId,
    /// Only value and expiry: the rest is the old key's.
    settings: Settings,
    keep_old: bool,
    timeout: Option<Duration>,
    replicated_within: Option<Duration>,
}

value_methods!(RotateKey, "the old key's, which must not be past");

impl RotateKey {
    pub(crate) fn new(client: KeysClient, id: KeyId) -> Self {
        let settings = Settings::default();
        Self { client, id, settings, keep_old: false, timeout: None, replicated_within: None }
    }

    /// Leaves the old key as it is, for the caller to [delete](KeysClient::delete) when nobody uses it any more.
    /// Defaults to deleting it once every node knows the new one.
    pub fn keep_old(mut self) -> Self {
        self.keep_old = true;
        self
    }

    /// How long this may take in all, until the old key is deleted. Defaults to the client's
    /// [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// After the old key is deleted, waits until every node of the client agrees that it is gone, for at most
    /// `limit`. Defaults to no waiting: for a moment, nodes that lag still accept the old key.
    pub fn wait_for_replication(mut self, limit: Duration) -> Self {
        self.replicated_within = Some(limit);
        self
    }

    /// Creates the new key, waits until every node knows it, deletes the old one, and returns the new.
    ///
    /// Two rotations of one key at once make two new keys, each known to its caller. The client's own key can be
    /// rotated; afterwards the client can do nothing more, so do not ask it to
    /// [wait](Self::wait_for_replication).
    ///
    /// # Errors
    ///
    /// [`Error::Incomplete`], which says which keys there are and carries the new one, if something went wrong after
    /// there was, or may have been, a new key. With any other error nothing was changed: [`Error::NotFound`] if there
    /// is no key with this id, [`Error::InvalidRequest`] if its expiry is past and no other is given,
    /// [`Error::Unauthorized`] if the client's key lacks one of `keys:get`, `keys:create`, `keys:delete`, or what
    /// keeps a call from coming through: see [`Error`].
    pub fn send(self) -> Result<CreatedKey, Error> {
        let Self { client, id, settings, keep_old, timeout, replicated_within } = self;
        let deadline = client.deadline(timeout);
        let old = client.get(id).timeout(remaining(deadline)).send()?;
        let key = NewKey::replacing(&old, settings.value, settings.expiry)?;
        let key = key.create(&client, deadline, false).map_err(|cause| match cause {
            Error::OutcomeUnknown(_) => {
                let what = format!("key {id} is as it was, and there may be one to replace it");
                incomplete(what, None, Some(id), cause)
            }
            nothing_changed => nothing_changed,
        })?;
        if let Err(lag) = replication::wait(&client, key.id, Wanted::Present, remaining(deadline), Some(&key.value)) {
            let what = format!("key {id} is as it was, and key {} is there to replace it", key.id);
            return Err(incomplete(what, Some(key), Some(id), Error::NotReplicated(lag)));
        }
        if keep_old {
            return Ok(key);
        }
        match client.delete(id).timeout(remaining(deadline)).send() {
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(cause) => {
                let exists = if let Error::OutcomeUnknown(_) = cause { "may still exist" } else { "still exists" };
                let what = format!("key {} replaces key {id}, which {exists} (delete it)", key.id);
                return Err(incomplete(what, Some(key), Some(id), cause));
            }
        }
        match replicated_within.map(|limit| replication::wait(&client, id, Wanted::Gone, limit, None)) {
            None | Some(Ok(())) => Ok(key),
            Some(Err(lag)) => {
                let what = format!("key {} replaces key {id}, which is deleted", key.id);
                Err(incomplete(what, Some(key), None, Error::NotReplicated(lag)))
            }
        }
    }
}
