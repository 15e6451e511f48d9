//! List all keys' metadata: whole, or key by key.

mod decoder;
mod filter;
mod reader;
mod stream;

use std::time::{Duration, Instant};

use secrecy::SecretString;

pub(super) use self::filter::Filter;
use self::reader::Reader;
pub use self::stream::KeyStream;
use super::error;
use crate::engine::{CallFailure, Outcome, RetryConfig};
use crate::http::Deadlines;
use crate::operation::Operation;
use crate::{Action, Error, KeyInfo, KeysClient};

/// A request for what the server tells about all keys, or those that pass some filters. Made by [`KeysClient::list`].
///
/// The server has no pages and no filters: it always sends all keys, and the filters are applied here.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # use typesense_keys::KeysClient;
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// # client.create().description("docs site").actions(["documents:search"]).collections(["docs"]).send()?;
/// for key in client.list().description("docs site").send()? {
///     println!("{:>4}  {}…  {:?}", key.id, key.prefix, key.actions);
/// }
/// # assert_eq!(client.list().description("docs site").expired(false).send()?.len(), 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` or `stream` is called"]
pub struct ListKeys {
    client: KeysClient,
    filter: Filter,
    timeout: Option<Duration>,
}

impl ListKeys {
    pub(crate) fn new(client: KeysClient) -> Self {
        Self { client, filter: Filter::default(), timeout: None }
    }

    /// Only keys whose value begins so, as far as the server tells: it shows 4 bytes.
    ///
    /// To find the id of a key that has leaked, its whole value may be given; no more than 4 bytes of it are kept.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.filter.set_prefix(prefix);
        self
    }

    /// Only keys of exactly this description.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.filter.description = Some(description.into());
        self
    }

    /// Only keys whose time is over by this machine's clock (`true`), or is not (`false`).
    pub fn expired(mut self, expired: bool) -> Self {
        self.filter.expired = Some(expired);
        self
    }

    /// Only keys that may do `action` in `collection`: see [`KeyInfo::allows`].
    pub fn allows(mut self, action: impl Into<Action>, collection: impl Into<String>) -> Self {
        self.filter.opens.push((action.into(), collection.into()));
        self
    }

    /// How long this call may take in all; of a [`stream`](Self::stream), how long it may wait for the server in all.
    /// Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lists the keys, without their values.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if a filter names an action that no server knows, [`Error::Unauthorized`] if the
    /// client's key lacks `keys:list`, [`Error::TooLarge`] if there are more keys than
    /// [`max_list_size`](crate::ClientBuilder::max_list_size) allows, or what keeps a call from coming through: see
    /// [`Error`].
    pub fn send(self) -> Result<Vec<KeyInfo>, Error> {
        self.filter.check()?;
        let deadline = self.client.deadline(self.timeout);
        all(&self.client, &self.filter, deadline, None).map_err(|failure| error(Operation::List, failure, None))
    }

    /// Lists the keys one by one as they arrive, in little memory however many there are.
    ///
    /// [`max_list_size`](crate::ClientBuilder::max_list_size) does not apply. What the caller does between two keys
    /// takes none of the timeout, but a server may close a connection that is not read from for long.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let server = typesense_keys::testing::FakeServer::start()?;
    /// # let (url, admin_key) = (server.url(), server.api_key());
    /// # use typesense_keys::KeysClient;
    /// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
    /// for key in client.list().expired(true).stream()? {
    ///     client.delete(key?.id).send()?;
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), as long as nothing of the list has arrived. After that, the iterator's last item
    /// says why there are no more: begin again then.
    pub fn stream(self) -> Result<KeyStream, Error> {
        let Self { client, filter, timeout } = self;
        filter.check()?;
        match client.open(Operation::List, client.deadline(timeout), |reply, _| Ok(reply)) {
            Ok(Outcome::Done(reply)) => {
                let RetryConfig { timeout: patience, attempt_timeout: patience_at_once, .. } = client.pace();
                let patience = timeout.unwrap_or(patience);
                Ok(KeyStream { filter, reader: Some(Reader::new(reply, u64::MAX)), patience, patience_at_once })
            }
            Ok(Outcome::AlreadyApplied(failure)) | Err(failure) => Err(error(Operation::List, failure, None)),
        }
    }
}

/// All keys that pass the filter. `value`: a secret that must not be in an error.
pub(super) fn all(
    client: &KeysClient,
    filter: &Filter,
    deadline: Instant,
    value: Option<&SecretString>,
) -> Result<Vec<KeyInfo>, CallFailure> {
    let read = |reply, limits: Deadlines| {
        let mut reader = Reader::new(reply, client.http().max_list_size);
        let mut keys = Vec::new();
        while let Some(key) = reader.next(|_| limits.finish_by, value)? {
            if filter.admits(&key) {
                reader.keep(&key)?;
                keys.push(key);
            }
        }
        Ok(keys)
    };
    match client.open(Operation::List, deadline, read)? {
        Outcome::Done(keys) => Ok(keys),
        Outcome::AlreadyApplied(failure) => Err(failure),
    }
}
