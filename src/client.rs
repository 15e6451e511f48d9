//! The client: a handle that all threads share, and one entry point for each operation.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::engine::{self, CallFailure, Clock, Nodes, Outcome, RetryConfig, SystemClock};
use crate::http::{AttemptError, Deadlines, DecodeError, Http, ResponseStream};
use crate::node::Node;
use crate::operation::Operation;
use crate::requests::{CreateKey, CreateMany, DeleteKey, EnsureKey, GetKey, ListKeys, RotateKey};
use crate::secret::SecretBuf;
use crate::{ClientBuilder, Error, KeyId};

/// A client for the keys of one Typesense server or cluster.
///
/// To build one reads no file and opens no connection. It is `Send`, `Sync` and cheap to clone: clones share the
/// connections, which are kept open between calls, and what has been learnt about failed nodes. Every call blocks the
/// thread that makes it, for at most the [timeout](ClientBuilder::timeout), and for what `wait_for_replication` is given.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// use typesense_keys::{Action, KeysClient};
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let key = client.create().actions([Action::DOCUMENTS_SEARCH]).collections(["docs"]).send()?;
/// assert_eq!(client.get(key.id).send()?.actions, [Action::DOCUMENTS_SEARCH]);
/// client.delete(key.id).send()?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct KeysClient(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) nodes: Nodes,
    pub(crate) pace: RetryConfig,
    pub(crate) http: Http,
}

impl KeysClient {
    /// Begins the settings of a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// A client with its nodes from `TYPESENSE_NODES` (separated by commas; the first is not nearer than the others)
    /// and its key from `TYPESENSE_API_KEY`.
    ///
    /// The environment keeps its own copy of the key, which this crate cannot wipe.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if either is missing, or is not valid as in [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }

    /// Creates a key. Needs a key with the action `keys:create`.
    pub fn create(&self) -> CreateKey {
        CreateKey::new(self.clone())
    }

    /// Creates many keys over a few connections. Needs a key with the action `keys:create`.
    pub fn create_many(&self, requests: impl IntoIterator<Item = CreateKey>) -> CreateMany {
        CreateMany::new(requests)
    }

    /// Gets what the server tells about one key: all but its value. Needs a key with the action `keys:get`.
    pub fn get(&self, id: impl Into<KeyId>) -> GetKey {
        GetKey::new(self.clone(), id.into())
    }

    /// Lists all keys, without their values. Needs a key with the action `keys:list`.
    pub fn list(&self) -> ListKeys {
        ListKeys::new(self.clone())
    }

    /// Deletes a key: it opens nothing any more, on a cluster once all nodes know. Needs a key with the action `keys:delete`.
    pub fn delete(&self, id: impl Into<KeyId>) -> DeleteKey {
        DeleteKey::new(self.clone(), id.into())
    }

    /// Replaces a key by a new one of the same scope. Needs a key with the actions `keys:get`, `keys:create` and
    /// `keys:delete`, and, for the rare case that a reply is lost, `keys:list`.
    pub fn rotate(&self, id: impl Into<KeyId>) -> RotateKey {
        RotateKey::new(self.clone(), id.into())
    }

    /// Sees to it that there is one key of this description, with the scope that is then named: for scripts that run
    /// again and again. Needs a key with the actions `keys:list`, `keys:create`, `keys:delete` and `keys:get`.
    pub fn ensure(&self, description: impl Into<String>) -> EnsureKey {
        EnsureKey::new(self.clone(), description.into())
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.0.nodes.iter()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.0.http
    }

    /// When a call that begins now has to be over.
    pub(crate) fn deadline(&self, timeout: Option<Duration>) -> Instant {
        engine::deadline_after(SystemClock.now(), timeout.unwrap_or(self.0.pace.timeout))
    }

    /// Carries `operation` out. `body` is sent with each attempt, and holds `value`, if that is given.
    pub(crate) fn call<T>(
        &self,
        operation: Operation,
        deadline: Instant,
        body: &SecretBuf,
        value: Option<&SecretString>,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<Outcome<T>, CallFailure> {
        let Inner { nodes, pace, http } = &*self.0;
        engine::run(nodes, *pace, &SystemClock, operation, deadline, |node, limits| {
            http.attempt(node, operation, limits, body.copy(), value, &decode)
        })
    }

    /// Carries `operation` out, whose answer `read` takes as it arrives.
    pub(crate) fn open<T>(
        &self,
        operation: Operation,
        deadline: Instant,
        read: impl Fn(ResponseStream, Deadlines) -> Result<T, AttemptError>,
    ) -> Result<Outcome<T>, CallFailure> {
        let Inner { nodes, pace, http } = &*self.0;
        engine::run(nodes, *pace, &SystemClock, operation, deadline, |node, limits| {
            read(http.open(node, operation, limits)?, limits)
        })
    }

    pub(crate) fn pace(&self) -> RetryConfig {
        self.0.pace
    }
}

impl fmt::Debug for KeysClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { nodes, pace, http } = &*self.0;
        f.debug_struct("KeysClient").field("nodes", nodes).field("pace", pace).field("http", http).finish()
    }
}
