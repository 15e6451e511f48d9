//! The [`FakeServer`] that tests use.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;

use super::fault::{Fault, FaultRule, Operation};
use super::key::TestKey;
use super::keys::Keys;
use super::listener::Listener;
use super::lock;
use super::node::FakeNode;
use crate::client::KeysClient;
use crate::key::{KeyId, KeyInfo};
use crate::secret;
use crate::server_version::ServerVersion;

/// A fake Typesense server, or one node of a fake cluster.
///
/// The [module documentation](super) describes what it can do.
///
/// # Example
///
/// ```
/// use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};
/// use typesense_keys::audit::ServerVersion;
/// use typesense_keys::Expiry;
///
/// let server = FakeServer::builder().version(ServerVersion::V30).start()?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
///
/// // Add a key that expired in 1970.
/// let expired = TestKey::new("last year's demo", ["documents:get"], ["demo"]);
/// let expired = expired.autodelete(true).expires_at(Expiry::from_unix_seconds(1));
/// let id = server.seed(expired)?;
/// assert_eq!(server.keys()[0].id, id);
/// assert_eq!(server.purge_expired(), 1);
///
/// // From now on, every delete is carried out, but its response is lost.
/// server.fail(Operation::Delete).times(usize::MAX).with(Fault::LoseResponse);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FakeServer {
    pub(super) node: Arc<FakeNode>,
    address: SocketAddr,
    /// `None` while the server is stopped.
    listener: Mutex<Option<Listener>>,
    client: KeysClient,
}

/// The settings of a new [`FakeServer`].
#[derive(Clone, Debug)]
#[must_use]
pub struct FakeServerBuilder {
    version: ServerVersion,
}

impl FakeServerBuilder {
    /// The version of Typesense whose responses the server sends: [`ServerVersion::V0_24`], the default, is compared
    /// with a real server 0.24.1; [`ServerVersion::V30`] follows that server's source, and has `autodelete`.
    pub fn version(mut self, version: ServerVersion) -> FakeServerBuilder {
        self.version = version;
        self
    }

    /// Starts a server.
    ///
    /// # Errors
    ///
    /// If there is no fake server of the [`version`](Self::version), no free loopback port, no thread, or no random
    /// bytes.
    pub fn start(self) -> io::Result<FakeServer> {
        let [server] = self.start_cluster()?;
        Ok(server)
    }

    /// Starts `N` nodes with the same keys and the same bootstrap key.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_cluster<const N: usize>(self) -> io::Result<[FakeServer; N]> {
        if ![ServerVersion::V0_24, ServerVersion::V30].contains(&self.version) {
            let why = format!("there is no fake server {}: use `V0_24` or `V30`", self.version);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let api_key = secret::generate().map_err(io::Error::other)?;
        let keys = Arc::new(Mutex::new(Keys::new(self.version, api_key.clone())));
        let node = |number| {
            let node = FakeNode { keys: Arc::clone(&keys), own: Mutex::default(), is_leader: number == 0 };
            let node = Arc::new(node);
            let listener = listen(&node, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let address = listener.address;
            let client = KeysClient::builder().node(format!("http://{address}")).api_key(api_key.clone()).build();
            let (listener, client) = (Mutex::new(Some(listener)), client.map_err(io::Error::other)?);
            Ok(FakeServer { node, address, listener, client })
        };
        let nodes = (0..N).map(node).collect::<io::Result<Vec<_>>>()?;
        nodes.try_into().map_err(|_| io::Error::other("not N nodes"))
    }
}

fn listen(node: &Arc<FakeNode>, address: SocketAddr) -> io::Result<Listener> {
    let node = Arc::clone(node);
    Listener::start(address, move |stream| node.serve(stream))
}

impl FakeServer {
    /// Starts a server of version 0.24.1 on a free loopback port, with a random bootstrap key and no other.
    ///
    /// # Errors
    ///
    /// If there is no free loopback port, no thread, or no random bytes.
    pub fn start() -> io::Result<FakeServer> {
        FakeServer::builder().start()
    }

    /// Starts a cluster of version 0.24.1: `let [one, two, three] = FakeServer::cluster()?;`.
    ///
    /// Each node has its own address, faults and counters; they share the keys and the bootstrap key. See
    /// [`set_lagging`](Self::set_lagging) and [`stop`](Self::stop).
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn cluster<const N: usize>() -> io::Result<[FakeServer; N]> {
        FakeServer::builder().start_cluster()
    }

    /// Returns the settings of a new server or cluster.
    pub fn builder() -> FakeServerBuilder {
        FakeServerBuilder { version: ServerVersion::V0_24 }
    }

    /// The address for a client, as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client with the bootstrap key and the default settings. Of a cluster, it knows this node only.
    pub fn client(&self) -> KeysClient {
        self.client.clone()
    }

    /// The bootstrap key, which allows everything. Each server or cluster has its own.
    pub fn api_key(&self) -> SecretString {
        lock(&self.node.keys).bootstrap_key.clone()
    }
}

/// Faults.
impl FakeServer {
    /// Lets the next request for a key operation fail.
    ///
    /// If several faults are due, the request fails with the one that was registered first, and the others wait.
    /// Health and debug requests never fail.
    pub fn inject(&self, fault: Fault) {
        FaultRule::new(self, None).with(fault);
    }

    /// Lets requests of one operation fail: `server.fail(Operation::Delete).nth(2).with(Fault::LoseResponse)`.
    pub fn fail(&self, operation: Operation) -> FaultRule<'_> {
        FaultRule::new(self, Some(operation))
    }

    /// Moves the clock forward, so that a test sees keys expire without waiting. Fractions of a second are rounded up.
    ///
    /// It is the clock of this server and of the other nodes of its cluster, and the local clock by which this crate
    /// tells in this thread, and in the batches that it starts, whether a key has expired. When the server is dropped,
    /// the thread's clock is the system's again. Deadlines and timeouts are not affected.
    ///
    /// ```
    /// use std::time::Duration;
    /// use typesense_keys::testing::FakeServer;
    ///
    /// let (server, hour) = (FakeServer::start()?, Duration::from_secs(3_600));
    /// let request = server.client().create().actions(["documents:import"]);
    /// let key = request.collections(["docs"]).expires_in(hour).send()?;
    /// server.advance(2 * hour);
    /// assert!(server.client().get(key.id).send()?.is_expired());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advance(&self, duration: Duration) {
        let begun = u64::from(duration.subsec_nanos() > 0);
        let clock = Arc::clone(&lock(&self.node.keys).clock);
        clock.advance(duration.as_secs().saturating_add(begun));
    }

    /// Removes all pending faults.
    pub fn clear_faults(&self) {
        lock(&self.node.own).faults.clear();
    }

    /// Closes all connections and refuses new ones. Keys, faults and counters remain.
    pub fn stop(&self) {
        *lock(&self.listener) = None;
    }

    /// Listens again, on the same port. Does nothing if the server was not stopped.
    ///
    /// # Errors
    ///
    /// If another program has taken the port.
    pub fn restart(&self) -> io::Result<()> {
        let mut listener = lock(&self.listener);
        if listener.is_none() {
            *listener = Some(listen(&self.node, self.address)?);
        }
        Ok(())
    }

    /// Makes this node of a cluster lag behind, or catch up.
    ///
    /// A lagging node shows and accepts the keys that existed when the lag began. Writes through it reach the other
    /// nodes immediately, and the node itself when it catches up.
    pub fn set_lagging(&self, lagging: bool) {
        let mut own = lock(&self.node.own);
        if lagging != own.lagging.is_some() {
            own.lagging = lagging.then(|| lock(&self.node.keys).clone());
        }
    }
}

/// Direct access to the keys, without HTTP.
impl FakeServer {
    /// Adds a key, and returns its id.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if another key has its value; or if there are no random bytes.
    pub fn seed(&self, key: TestKey) -> io::Result<KeyId> {
        lock(&self.node.keys).insert(key).map(|key| key.info.id)
    }

    /// All keys except the bootstrap key, in the order of their ids. A lag has no effect.
    pub fn keys(&self) -> Vec<KeyInfo> {
        let mut keys: Vec<KeyInfo> = lock(&self.node.keys).infos().cloned().collect();
        keys.sort_by_key(|key| key.id);
        keys
    }

    /// The value of a key, which a real server never shows.
    pub fn value_of(&self, id: impl Into<KeyId>) -> Option<SecretString> {
        lock(&self.node.keys).find(id.into().get()).map(|key| key.value.clone())
    }

    /// Removes a key, like another client. Returns whether the key existed.
    pub fn remove(&self, id: impl Into<KeyId>) -> bool {
        lock(&self.node.keys).remove(id.into().get())
    }

    /// Removes the expired keys with `autodelete`, like a real server every hour. Returns their number.
    ///
    /// A lagging node keeps them, like a node whose clock is behind. Always 0 with [`ServerVersion::V0_24`], which
    /// ignores `autodelete`.
    pub fn purge_expired(&self) -> usize {
        lock(&self.node.keys).purge_expired()
    }
}

/// Counters.
impl FakeServer {
    /// The number of keys now, without the bootstrap key.
    pub fn key_count(&self) -> usize {
        lock(&self.node.keys).infos().count()
    }

    /// The number of requests so far, on any route.
    pub fn request_count(&self) -> usize {
        lock(&self.node.own).requests.len()
    }

    /// The number of requests so far for one operation, failed ones included.
    pub fn requests(&self, operation: Operation) -> usize {
        let own = lock(&self.node.own);
        own.requests.iter().filter(|requested| **requested == Some(operation)).count()
    }

    /// The number of connections so far. It is less than the number of requests if a client reuses connections.
    pub fn connection_count(&self) -> usize {
        lock(&self.node.own).connections
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node: _, address: _, listener: _, client: _ } = self;
        f.debug_struct("FakeServer").field("url", &self.url()).finish_non_exhaustive()
    }
}
