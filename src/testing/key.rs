//! A key that a test describes.

use secrecy::SecretString;

use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::expiry::Expiry;
use crate::key::{CreatedKey, KeyId, KeyInfo};
use crate::secret;

/// A key for a test: to [`seed`](super::FakeServer::seed) a [`FakeServer`](super::FakeServer), or to return from a
/// mock. Nothing is checked, so it can be a key that this crate would not create.
///
/// ```
/// use typesense_keys::testing::TestKey;
/// use typesense_keys::{CreatedKey, Expiry, KeyInfo};
///
/// let key = TestKey::new("docs import", ["documents:import"], ["docs"]);
/// let key = key.value("a-value").expires_at(Expiry::from_unix_seconds(1));
/// let created: CreatedKey = key.created(7);
/// let listed: KeyInfo = key.info(7);
/// assert_eq!((listed.id, listed.prefix.as_str()), (created.id, "a-va"));
/// assert!(listed.is_expired());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TestKey {
    /// Without its id and prefix.
    pub(super) info: KeyInfo,
    pub(super) value: Option<SecretString>,
}

impl TestKey {
    /// A key with this description, these actions, and these collections, unchecked: the texts that a server stores.
    pub fn new(
        description: impl Into<String>,
        actions: impl IntoIterator<Item: AsRef<str>>,
        collections: impl IntoIterator<Item: AsRef<str>>,
    ) -> TestKey {
        let actions = actions.into_iter().map(|action| Action::custom(action.as_ref())).collect();
        let collections = collections.into_iter().map(|entry| CollectionPattern::custom(entry.as_ref())).collect();
        let info = KeyInfo::new(description.into(), actions, collections, Expiry::NEVER, None);
        TestKey { info, value: None }
    }

    /// When the key expires, which may be in the past. Defaults to [`Expiry::NEVER`].
    pub fn expires_at(mut self, expires_at: Expiry) -> TestKey {
        self.info.expires_at = expires_at;
        self
    }

    /// Whether the server deletes the key after its expiry. Defaults to no; a [`FakeServer`](super::FakeServer) of
    /// version 0.24 ignores it.
    pub fn autodelete(mut self, autodelete: bool) -> TestKey {
        self.info.autodelete = Some(autodelete);
        self
    }

    /// The key's value. Defaults to a random one on a [`FakeServer`](super::FakeServer), and to a fixed one in
    /// [`created`](Self::created) and [`info`](Self::info).
    pub fn value(mut self, value: impl Into<SecretString>) -> TestKey {
        self.value = Some(value.into());
        self
    }

    /// The key, as a create returns it.
    pub fn created(&self, id: impl Into<KeyId>) -> CreatedKey {
        let Self { info, value } = self.clone();
        let value = value.unwrap_or_else(|| secret::copy("TestKeyTestKeyTestKeyTestKeyTest"));
        CreatedKey::new(KeyInfo { id: id.into(), ..info }, value)
    }

    /// The key's metadata, as a list shows it.
    pub fn info(&self, id: impl Into<KeyId>) -> KeyInfo {
        self.created(id).info()
    }
}
