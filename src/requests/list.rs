//! List the metadata of all keys, as a whole or key by key.

mod decoder;
mod reader;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use self::reader::Reader;
pub use self::stream::KeyStream;
use super::options::CallOptions;
use crate::action::Action;
use crate::engine::{Call, CallFailure, Engine};
use crate::error::{Error, Phase};
use crate::http::Cause;
use crate::key::{KeyInfo, PREFIX};
use crate::text::InvalidInput;

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
        action: impl TryInto<Action, Error: Into<InvalidInput>>,
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
        Ok(all(self.options.call(&self.engine)?, &|key| self.filter.admits(key))?)
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

/// The filter of a list.
#[derive(Debug, Clone, Default)]
struct Filter {
    /// At most as many bytes as the server shows: more could be a whole value, which must not be kept.
    prefix: Option<Box<[u8]>>,
    description: Option<String>,
    expired: Option<bool>,
    expires_within: Option<Duration>,
    allows: Vec<(Action, String)>,
    invalid_action: Option<InvalidInput>,
}

impl Filter {
    fn set_prefix(&mut self, prefix: &str) {
        self.prefix = prefix.as_bytes().get(..PREFIX).or(Some(prefix.as_bytes())).map(Into::into);
    }

    /// Checks the actions, because an invalid one would silently match no key, and the prefix, because an empty one would
    /// match every key.
    fn check(&self) -> Result<(), Error> {
        let is_empty = self.prefix.as_ref().is_some_and(|prefix| prefix.is_empty());
        Error::invalid_if(is_empty, "prefix", "is empty, so every key has it: leave it out to list all keys")?;
        if let Some(invalid) = &self.invalid_action {
            return Err(invalid.clone().into());
        }
        Ok(self.allows.iter().try_for_each(|(action, _)| action.check_form())?)
    }

    fn admits(&self, key: &KeyInfo) -> bool {
        let Self { prefix, description, expired, expires_within, allows, invalid_action: _ } = self;
        prefix.as_ref().is_none_or(|prefix| key.prefix.as_bytes().starts_with(prefix))
            && description.as_ref().is_none_or(|description| key.description == *description)
            && expired.is_none_or(|expired| key.is_expired() == expired)
            && expires_within.is_none_or(|duration| key.expires_at.is_within(duration))
            && allows.iter().all(|(action, collection)| key.allows(action, collection))
    }
}

/// All keys that `admits` accepts, in the order of their ids.
pub(super) fn all(call: Call<'_>, admits: &dyn Fn(&KeyInfo) -> bool) -> Result<Vec<KeyInfo>, Box<CallFailure>> {
    call.list(|_, response, deadlines| {
        let mut reader = Reader::new(response, call.engine.limits.max_list_size);
        let mut keys = Vec::new();
        while let Some(key) = reader.next(&|_| deadlines.finish_by, call.secrets)? {
            if admits(&key) {
                reader.keep(&key)?;
                keys.push(key);
            }
            // A filter may evaluate thousands of patterns for each key.
            if call.remaining().is_zero() {
                return Err(Cause::Timeout { phase: Phase::ReadResponse }.into());
            }
        }
        // The server orders the ids as text: 10 comes before 9.
        keys.sort_unstable_by_key(|key| key.id);
        Ok(keys)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_prefix_is_truncated_to_what_the_server_shows() {
        let mut filter = Filter::default();
        filter.set_prefix("abcdefghijklmnop");
        assert_eq!(filter.prefix.as_deref(), Some(b"abcd".as_slice()));
        filter.set_prefix("ab");
        assert_eq!(filter.prefix.as_deref(), Some(b"ab".as_slice()));
    }
}
