//! List the metadata of all keys, as a whole or key by key.

mod decoder;
mod filter;
mod reader;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use self::filter::Filter;
use self::reader::Reader;
pub use self::stream::KeyStream;
use super::options::{CallOptions, timeout_method};
use crate::action::{Action, InvalidAction};
use crate::engine::{Call, CallFailure, Engine};
use crate::error::Error;
use crate::key::KeyInfo;

/// A request for the metadata of all keys, or of those that pass some filters. Made by
/// [`KeysClient::list`](crate::KeysClient::list).
///
/// The server supports neither pages nor filters: it always sends all keys, and this crate applies the filters. The
/// server keeps no creation date, but a key with a higher id was created later.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # use typesense_keys::KeysClient;
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// # client.create().description("docs site").actions(["documents:get"]).collections(["docs"]).send()?;
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
    engine: Arc<Engine>,
    filter: Filter,
    options: CallOptions,
}

impl ListKeys {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, filter: Filter::default(), options: CallOptions::default() }
    }

    /// Only keys whose value begins with `prefix`. The server shows 4 bytes of a value, so only the first 4 bytes
    /// are kept and compared: to find a leaked key, `prefix` may be its whole value.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.filter.set_prefix(prefix);
        self
    }

    /// Only keys with exactly this description.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.filter.description = Some(description.into());
        self
    }

    /// Only keys that have expired by the local clock (`true`), or that have not (`false`).
    pub fn expired(mut self, expired: bool) -> Self {
        self.filter.expired = Some(expired);
        self
    }

    /// Only keys that have not expired, and will within `duration` from now, by the local clock.
    pub fn expires_within(mut self, duration: Duration) -> Self {
        self.filter.expires_within = Some(duration);
        self
    }

    /// Only keys that allow `action` in `collection`: see [`KeyInfo::allows`]. Several calls must all hold. Sending the
    /// request reports text that is not an action.
    pub fn allows(
        mut self,
        action: impl TryInto<Action, Error: Into<InvalidAction>>,
        collection: impl Into<String>,
    ) -> Self {
        match action.try_into() {
            Ok(action) => self.filter.allows.push((action, collection.into())),
            Err(error) => {
                self.filter.invalid_action.get_or_insert(error.into());
            }
        }
        self
    }

    timeout_method!();

    /// Lists the metadata of the keys, in the order of their ids.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if an action of a filter is malformed, or is text that is not an action;
    /// [`Error::Unauthorized`] if the client's key lacks `keys:list`, [`Error::TooLarge`] if there are more keys than
    /// [`max_list_size`](crate::ClientBuilder::max_list_size) allows, or a failure of the call itself: see [`Error`].
    pub fn send(self) -> Result<Vec<KeyInfo>, Error> {
        self.filter.check()?;
        Ok(all(self.options.call(&self.engine)?, |key| self.filter.admits(key))?)
    }

    /// Lists the keys one by one as they arrive, in the server's order, with little memory for any number of keys.
    ///
    /// [`max_list_size`](crate::ClientBuilder::max_list_size) does not apply. The timeout limits the total time that
    /// the stream waits for the server. Time that the caller spends between two keys does not count, but a server may
    /// close a connection that is not read for a long time.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let server = typesense_keys::testing::FakeServer::start()?;
    /// # let (url, admin_key) = (server.url(), server.api_key());
    /// # use typesense_keys::KeysClient;
    /// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
    /// for key in client.list().stream()? {
    ///     let key = key?;
    ///     for finding in key.audit() {
    ///         println!("key {}: {finding}", key.id);
    ///     }
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), until the list begins to arrive. After that, an error is the iterator's last
    /// item: start again then.
    pub fn stream(self) -> Result<KeyStream, Error> {
        let Self { engine, filter, options } = self;
        filter.check()?;
        let (node, response) =
            options.call(&engine)?.list(|node, response, _| Ok((node.url("").into(), response)))?;
        Ok(KeyStream {
            filter,
            node,
            reader: Some(Reader::new(response, u64::MAX)),
            timeout: options.timeout.unwrap_or(engine.limits.timeout),
            engine,
        })
    }
}

/// All keys that `admits` accepts, in the order of their ids.
pub(super) fn all(call: Call<'_>, admits: impl Fn(&KeyInfo) -> bool) -> Result<Vec<KeyInfo>, CallFailure> {
    call.list(|_, response, deadlines| {
        let mut reader = Reader::new(response, call.engine.limits.max_list_size);
        let mut keys = Vec::new();
        while let Some(key) = reader.next(|_| deadlines.finish_by, call.secrets)? {
            if admits(&key) {
                reader.keep(&key)?;
                keys.push(key);
            }
        }
        // The server orders the ids as text: 10 comes before 9.
        keys.sort_unstable_by_key(|key| key.id);
        Ok(keys)
    })
}
