//! The settings of a client: all are checked at once, in [`ClientBuilder::build`].

use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::client::KeysClient;
use crate::engine::{Engine, Nodes, RetryConfig, SystemClock};
use crate::error::Error;
#[cfg(feature = "tls")]
use crate::http::Trust;
use crate::http::{ATTEMPT_TIMEOUT, CONNECT_TIMEOUT, Http};
use crate::node::Node;
use crate::secret;

const NODES_VARIABLE: &str = "TYPESENSE_NODES";
const API_KEY_VARIABLE: &str = "TYPESENSE_API_KEY";

/// The settings of a [`KeysClient`]. At least a [`node`](Self::node) and the [`api_key`](Self::api_key) are needed.
///
/// ```
/// use std::time::Duration;
/// use typesense_keys::KeysClient;
///
/// let client = KeysClient::builder()
///     .nodes(["https://search-1.example.net", "https://search-2.example.net"])
///     .api_key("the admin key, from where secrets are kept")
///     .timeout(Duration::from_secs(60))
///     .build();
/// # #[cfg(feature = "tls")]
/// assert!(client.is_ok());
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder {
    nodes: Vec<String>,
    nearest_node: Option<String>,
    api_key: Option<SecretString>,
    /// Where these came from, to be named when one is not valid.
    nodes_setting: &'static str,
    api_key_setting: &'static str,
    config: RetryConfig,
    max_list_size: u64,
    allow_plaintext: bool,
    proxy_from_env: bool,
    #[cfg(feature = "tls")]
    trust: Trust,
}

// Here, because a client knows nothing of its builder.
impl KeysClient {
    /// Starts the settings of a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// A client with its nodes from `TYPESENSE_NODES` (separated by commas; none is preferred) and its key from
    /// `TYPESENSE_API_KEY`.
    ///
    /// The environment keeps its own copy of the key, which this crate cannot wipe.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if a variable is missing, or is invalid as in [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }
}

impl ClientBuilder {
    fn new() -> Self {
        Self {
            nodes: Vec::new(),
            nearest_node: None,
            api_key: None,
            nodes_setting: "node",
            api_key_setting: "api_key",
            config: RetryConfig {
                timeout: Duration::from_secs(30),
                attempt_timeout: ATTEMPT_TIMEOUT,
                connect_timeout: CONNECT_TIMEOUT,
                retries: true,
            },
            max_list_size: 64 * 1024 * 1024,
            allow_plaintext: false,
            proxy_from_env: true,
            #[cfg(feature = "tls")]
            trust: Trust::default(),
        }
    }

    /// Begins with the nodes from `TYPESENSE_NODES` and the key from `TYPESENSE_API_KEY`; see
    /// [`KeysClient::from_env`].
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`], which names the variable, if either is not set or is not Unicode.
    pub fn from_env() -> Result<Self, Error> {
        let variable = |name, meaning: &str| match env::var(name).map(Zeroizing::new) {
            Ok(value) if !value.trim_matches([',', ' ']).is_empty() => Ok(value),
            Err(env::VarError::NotUnicode(_)) => Err(Error::configuration(name, "is not Unicode")),
            _ => Err(Error::configuration(name, format!("is not set: {meaning}"))),
        };
        let nodes = variable(NODES_VARIABLE, "the servers to use, such as `https://search.example.net`, by commas")?;
        let api_key = variable(API_KEY_VARIABLE, "a key with the `keys:…` actions that are needed")?;
        let mut builder = Self::new().nodes(nodes.split(',').filter(|node| !node.trim().is_empty()));
        builder.nodes_setting = NODES_VARIABLE;
        builder.api_key_setting = API_KEY_VARIABLE;
        Ok(builder.api_key(secret::copy(&api_key)))
    }

    /// Adds a node of the cluster, as `https://host[:port]`; any node will do for any call.
    pub fn node(mut self, address: impl Into<String>) -> Self {
        self.nodes.push(address.into());
        self
    }

    /// Adds nodes of the cluster, as [`node`](Self::node) does.
    pub fn nodes<I>(mut self, addresses: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.nodes.extend(addresses.into_iter().map(Into::into));
        self
    }

    /// A node to ask before the others, such as a load balancer close by. Defaults to none: the nodes take turns.
    pub fn nearest_node(mut self, address: impl Into<String>) -> Self {
        self.nearest_node = Some(address.into());
        self
    }

    /// The key that the client's own requests carry, with the `keys:…` actions that they need.
    ///
    /// It is sent as the header `X-TYPESENSE-API-KEY`, and kept in memory once, wiped when the last clone of the
    /// client is dropped. A `String` or `&str` is taken, too; what the caller has of it is the caller's to wipe.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How long a call may take in all, with every attempt and every wait. Defaults to 30 seconds, which is enough
    /// for a cluster to elect a new leader (about 7).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = timeout;
        self
    }

    /// How long one attempt may take, from looking up the host to the end of the reply. Defaults to 10 seconds.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.config.attempt_timeout = timeout;
        self
    }

    /// How long an attempt may take to open a connection, encryption included. Defaults to 5 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// Whether a call makes another attempt after one that failed, where that is safe. Defaults to `true`; `false`
    /// is for callers who repeat calls themselves: see [`Error::is_retryable`].
    pub fn retries(mut self, retries: bool) -> Self {
        self.config.retries = retries;
        self
    }

    /// Permits `http://` to other hosts than this one.
    ///
    /// Without this, [`build`](Self::build) refuses such nodes, because the admin key and every new key could be
    /// read on the way. It is for networks that are encrypted by other means.
    pub fn allow_plaintext(mut self) -> Self {
        self.allow_plaintext = true;
        self
    }

    /// Whether https goes through the http proxy that `HTTPS_PROXY` or `ALL_PROXY` names, except for the hosts in
    /// `NO_PROXY`. Plain http never does. Defaults to `true`.
    pub fn proxy_from_env(mut self, proxy_from_env: bool) -> Self {
        self.proxy_from_env = proxy_from_env;
        self
    }

    /// The most bytes that the answer to a list may have. Defaults to 64 MiB: more than 300,000 keys.
    ///
    /// It applies to [`ListKeys::send`](crate::ListKeys::send), and to the lists in which `ensure` looks for a key, and
    /// a create whose reply was lost for its id; not to [`ListKeys::stream`](crate::ListKeys::stream).
    pub fn max_list_size(mut self, bytes: u64) -> Self {
        self.max_list_size = bytes;
        self
    }

    /// Trusts the authorities in `pem` (one certificate or more), and no others. Defaults to Mozilla's, which are
    /// compiled in.
    #[cfg(feature = "tls")]
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trust.ca_certificates = pem.into();
        self
    }

    /// Trusts what the operating system trusts, instead of the authorities that are compiled in.
    #[cfg(feature = "native-roots")]
    pub fn native_roots(mut self) -> Self {
        self.trust.native_roots = true;
        self
    }

    /// Shows servers that ask for it a certificate (PEM, with its chain) and proves it with its private key (PEM:
    /// PKCS #8, PKCS #1 or SEC 1). Defaults to none.
    #[cfg(feature = "tls")]
    pub fn client_certificate(mut self, chain: impl Into<Vec<u8>>, key: impl Into<SecretString>) -> Self {
        self.trust.client_certificate = Some((chain.into(), key.into()));
        self
    }

    /// Checks all settings, and makes the client. Opens no connection.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`], which names the setting and says what to do, if
    /// * no node or no key is given, or a node's address is not `http[s]://host[:port][/path]`,
    /// * a node is `http://` on another host, and [`allow_plaintext`](Self::allow_plaintext) is not set,
    /// * a node is `https://`, and the crate is built without its feature `tls`,
    /// * the key has bytes that no HTTP header can carry,
    /// * a certificate or private key is not valid, or the environment's proxy is not an http proxy.
    pub fn build(self) -> Result<KeysClient, Error> {
        let setting = self.nodes_setting;
        let parse = |address: &String| self.parse_node(setting, address);
        let nearest =
            self.nearest_node.as_ref().map(|address| self.parse_node("nearest_node", address)).transpose()?;
        let mut others = Vec::new();
        for node in self.nodes.iter().map(parse) {
            let node = node?;
            if nearest.as_ref() != Some(&node) && !others.contains(&node) {
                others.push(node);
            }
        }
        if others.is_empty() && nearest.is_none() {
            return Err(Error::configuration(setting, "no node is named: add `.node(\"https://…\")`"));
        }
        let uses_https = nearest.iter().chain(&others).any(Node::is_https);
        let api_key = self.api_key.ok_or_else(|| Error::configuration("api_key", "is not set"))?;
        secret::check(&api_key).map_err(|why| Error::configuration(self.api_key_setting, why))?;
        let http = Http::new(
            Arc::new(api_key),
            #[cfg(feature = "tls")]
            &self.trust,
            self.proxy_from_env && uses_https,
        )?;
        Ok(KeysClient::new(Engine {
            nodes: Nodes::new(nearest, others),
            config: self.config,
            max_list_size: self.max_list_size,
            clock: Box::new(SystemClock),
            transport: Box::new(http),
        }))
    }

    fn parse_node(&self, setting: &'static str, address: &str) -> Result<Node, Error> {
        let node = Node::parse(address).map_err(|why| Error::configuration(setting, format!("an address {why}")))?;
        if node.is_exposed() && !self.allow_plaintext {
            let origin = node.origin();
            return Err(Error::configuration(
                setting,
                format!(
                    "{origin} is plain http to another host, where anybody on the way can read the admin key and \
                     every new key: use https, or say `.allow_plaintext()` if the network itself is encrypted"
                ),
            ));
        }
        if node.is_https() && cfg!(not(feature = "tls")) {
            return Err(Error::configuration(setting, "https needs this crate's feature `tls`, which is off"));
        }
        Ok(node)
    }
}

impl fmt::Debug for ClientBuilder {
    /// Addresses are left out as well: before they are checked, a password may be in one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            nodes,
            nearest_node: _,
            api_key: _,
            nodes_setting: _,
            api_key_setting: _,
            config,
            max_list_size,
            allow_plaintext,
            proxy_from_env,
            #[cfg(feature = "tls")]
                trust: _,
        } = self;
        f.debug_struct("ClientBuilder")
            .field("nodes", &nodes.len())
            .field("config", config)
            .field("max_list_size", max_list_size)
            .field("allow_plaintext", allow_plaintext)
            .field("proxy_from_env", proxy_from_env)
            .finish_non_exhaustive()
    }
}
