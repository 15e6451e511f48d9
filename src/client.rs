//! The client: a handle that threads share, with one entry point per operation.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::Error;
use crate::key::{CreatedKey, KeyId};
use crate::requests::{
    CreateKey, DeleteKey, EnsureKey, GetKey, KeyRef, KeySpec, ListKeys, PlanKeys, PreparedCreate, PreparedRotation,
    RotateKey, SendMany, wait_until_ready,
};

/// A client for the keys of one Typesense server or cluster.
///
/// Building a client performs no network I/O; the [key's file](crate::ClientBuilder::api_key_file) is read once, then. A
/// client is `Send`, `Sync` and cheap to clone. Clones share their
/// connections, which stay open between calls, and the record of failed nodes.
///
/// Sending one request blocks the thread for at most the [timeout](crate::ClientBuilder::timeout) plus the limit given
/// to `wait_for_replication`. Batches and [`apply`](crate::plan::Plan::apply) give each request its own timeout. The timeout of
/// a [stream](ListKeys::stream) limits only the time for which it waits for the server.
///
/// A client remains usable after a fork: the child process opens its own connections.
///
/// The [guide](crate::guide) says what is promised, what fails and how, and how keys are kept secret.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// use typesense_keys::{Action, KeysClient};
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let import = client.create().actions([Action::DOCUMENTS_IMPORT]);
/// let key = import.collections(["docs"]).send()?;
/// assert_eq!(client.get(key.id).send()?.actions, [Action::DOCUMENTS_IMPORT]);
/// client.delete(&key).send()?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeysClient(Arc<Engine>);

impl KeysClient {
    /// Waits for at most `limit` until a node serves requests, for scripts that start a server.
    ///
    /// The client's key needs no action for this: a response with status 401 counts as ready, too.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if `limit` is zero. The error of the last attempt, such as [`Error::Connection`] or
    /// [`Error::Unavailable`], if no node is ready at the limit. An error that waiting cannot cure, such as [`Error::Tls`] or [`Error::UnexpectedResponse`], is returned
    /// immediately.
    pub fn wait_until_ready(&self, limit: Duration) -> Result<(), Error> {
        wait_until_ready(&self.0, limit)
    }

    /// Creates a key. Needs a key with the action `keys:create`.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let server = typesense_keys::testing::FakeServer::start()?;
    /// # let client = server.client();
    /// use std::time::Duration;
    /// use typesense_keys::{Action, CollectionPattern};
    ///
    /// let key = client
    ///     .create()
    ///     .description("nightly import")
    ///     .actions([Action::DOCUMENTS_IMPORT])
    ///     .collections([CollectionPattern::prefix("docs_")])
    ///     .expires_in(Duration::from_secs(30 * 86_400))
    ///     .send()?;
    /// println!("created key {}", key.id);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&self) -> CreateKey {
        CreateKey::new(self.0.clone())
    }

    /// Creates many keys over a few connections. Needs a key with the action `keys:create`.
    ///
    /// Each request is [prepared](CreateKey::prepare) first, so that its value can be stored before the key exists.
    /// This client sends all of them, each with its own options.
    pub fn create_many(&self, requests: impl IntoIterator<Item = PreparedCreate>) -> SendMany<CreatedKey> {
        SendMany::new(self.0.clone(), requests.into_iter().map(|prepared| prepared.request))
    }

    /// Gets the metadata of a key: everything but its value. Needs a key with the action `keys:get`.
    pub fn get(&self, id: impl Into<KeyId>) -> GetKey {
        GetKey::new(self.0.clone(), id.into())
    }

    /// Lists the metadata of all keys. Needs a key with the action `keys:list`.
    pub fn list(&self) -> ListKeys {
        ListKeys::new(self.0.clone())
    }

    /// Deletes a key: whichever has an id, or a key that was listed or created. Needs a key with the action `keys:delete`
    /// and, if a key is given, `keys:get`.
    ///
    /// Prefer to give the key: it is deleted only if it looks as it did. **An id may belong to another key by now**, after
    /// a restore or a failover: see [`KeyId`].
    ///
    /// The key stops working at once; on a cluster, on each node as soon as that node knows of the deletion.
    pub fn delete(&self, key: impl Into<KeyRef>) -> DeleteKey {
        DeleteKey::new(self.0.clone(), key.into())
    }

    /// Deletes many keys over a few connections. Needs a key with the actions that [`delete`](Self::delete) needs.
    ///
    /// Accepts [`DeleteKey`]s, each with its own options. This client sends all of them.
    pub fn delete_many(&self, requests: impl IntoIterator<Item = DeleteKey>) -> SendMany<KeyId> {
        SendMany::new(self.0.clone(), requests)
    }

    /// Replaces a key with a new one of the same scope: whichever has an id, or a key that was listed or created. Needs a
    /// key with the actions `keys:get`, `keys:create`, `keys:delete` and, if a response is lost or a value is given,
    /// `keys:list`.
    ///
    /// Prefer to give the key: it is replaced only if it looks as it did.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let server = typesense_keys::testing::FakeServer::start()?;
    /// # let client = server.client();
    /// # let old = client.create().actions(["documents:import"]).collections(["docs"]).send()?;
    /// let new = client.rotate(&old).send()?;
    /// println!("key {} replaces key {}", new.id, old.id);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rotate(&self, key: impl Into<KeyRef>) -> RotateKey {
        RotateKey::new(self.0.clone(), key.into())
    }

    /// Replaces many keys over a few connections. Needs the actions that [`rotate`](Self::rotate) needs.
    ///
    /// Each rotation is [prepared](RotateKey::prepare) first, so that the new value can be stored before the key exists.
    /// This client sends all of them, each with its own options.
    pub fn rotate_many(&self, rotations: impl IntoIterator<Item = PreparedRotation>) -> SendMany<CreatedKey> {
        SendMany::new(self.0.clone(), rotations)
    }

    /// Ensures that a key with this description and scope exists, for scripts that run again and again. Needs a key
    /// with the actions `keys:list`, `keys:create`, `keys:delete` and `keys:get`.
    pub fn ensure(&self, description: impl Into<String>) -> EnsureKey {
        EnsureKey::new(self.0.clone(), description.into())
    }

    /// Compares the server's keys with the keys that should exist, and plans the changes: [`ensure`](Self::ensure) for
    /// many keys, with one list for all of them. Needs a key with the actions that `ensure` needs: `keys:get` also
    /// to [`prune`](PlanKeys::prune), because each key is requested before it is deleted.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let server = typesense_keys::testing::FakeServer::start()?;
    /// # let (url, admin_key) = (server.url(), server.api_key());
    /// # let mut vault = std::collections::BTreeMap::new();
    /// use typesense_keys::plan::KeySpec;
    /// use typesense_keys::{KeyInfo, KeysClient};
    ///
    /// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
    /// let file = r#"[
    ///     { "description": "app: shop",
    ///       "actions": ["documents:search", "documents:get"],
    ///       "collections": ["shop"] },
    ///     { "description": "app: blog",
    ///       "actions": ["documents:*"],
    ///       "collections": ["prefix:blog_"] }
    /// ]"#;
    /// let specs: Vec<KeySpec> = serde_json::from_str(file)?;
    ///
    /// let is_ours = |key: &KeyInfo| key.description.starts_with("app: ");
    /// let plan = client.plan(specs).prune(is_ours).send()?;
    /// println!("{plan}");
    /// # assert_eq!(plan.to_string().lines().last(), Some("2 to create, 0 to replace, 0 to delete, 0 drifted, 0 to keep"));
    /// for (description, value) in plan.values() {
    ///     // Stored before the key exists.
    ///     vault.insert(description.to_owned(), value.clone());
    /// }
    /// let applied = plan.apply()?;
    /// for (description, error) in applied.failed() {
    ///     eprintln!("{description}: {error}");
    /// }
    /// # assert!(applied.is_complete() && server.key_count() == 2);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan<'a>(&self, specs: impl IntoIterator<Item = KeySpec>) -> PlanKeys<'a> {
        PlanKeys::new(self.0.clone(), specs.into_iter().collect())
    }

    pub(crate) fn new(engine: Engine) -> Self {
        Self(Arc::new(engine))
    }
}
