//! The settings of a client. [`ClientBuilder::build`] checks all of them.

mod api_key;
mod from_env;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use self::api_key::ApiKey;
use crate::client::KeysClient;
use crate::engine::{Engine, Limits, Nodes, SystemClock};
use crate::error::Error;
use crate::http::{Http, ProxySource, TlsSettings};
use crate::node::Node;
use crate::text;

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
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder {
    /// Each with the name under which errors report it: a method or an environment variable.
    nodes: Vec<(String, &'static str)>,
    nearest_node: Option<String>,
    api_key: Option<(ApiKey, &'static str)>,
    limits: Limits,
    allow_plaintext: bool,
    proxy: ProxySource,
    tls: TlsSettings,
}

// Here because the client does not depend on its builder.
impl KeysClient {
    /// Returns a builder with the default settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

impl ClientBuilder {
    /// Adds a node of the cluster, as `https://host[:port]`. Any node can serve any call.
    ///
    /// A node that is given twice counts once, however its host and port are spelled. With two names, or with a name
    /// and an address, it counts as two nodes, also for [`accept_majority`](crate::RotateKey::accept_majority).
    pub fn node(mut self, address: impl Into<String>) -> Self {
        self.nodes.push((address.into(), "node"));
        self
    }

    /// Adds nodes of the cluster, as [`node`](Self::node) does.
    pub fn nodes(mut self, addresses: impl IntoIterator<Item: Into<String>>) -> Self {
        self.nodes.extend(addresses.into_iter().map(|address| (address.into(), "node")));
        self
    }

    /// Sets a node that is tried before the others, such as a nearby load balancer. Defaults to none: the nodes take
    /// turns.
    pub fn nearest_node(mut self, address: impl Into<String>) -> Self {
        self.nearest_node = Some(address.into());
        self
    }

    /// Sets the key with which the client authenticates. It needs the `keys:…` actions of the calls that are made.
    ///
    /// It is sent as the header `X-TYPESENSE-API-KEY`. The client keeps one copy in memory and wipes it when its last
    /// clone is dropped. A `String` or `&str` is accepted as well; the caller is responsible for wiping the original.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.api_key = Some((ApiKey::Value(key.into()), "api_key"));
        self
    }

    /// Sets the key to the content of a file, such as a secret that is mounted into a container, without the line
    /// break at its end. Replaces [`api_key`](Self::api_key).
    ///
    /// [`build`](Self::build) reads the file once: a client does not notice that the file changes.
    pub fn api_key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.api_key = Some((ApiKey::File(path.into()), "api_key_file"));
        self
    }

    /// Limits a whole call, with all attempts and the pauses between them. Defaults to 30 seconds, which is enough for a
    /// cluster to elect a new leader (about 7 seconds). More than a year counts as a year.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Limits one attempt, from the host lookup to the end of the response. Defaults to 10 seconds.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attempt_timeout = timeout;
        self
    }

    /// Limits how long one attempt may take to open a connection, including the TLS handshake. Defaults to 5 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// Whether a call makes another attempt after a failed one, where that is safe. Defaults to `true`. Use `false`
    /// if you repeat calls yourself: see [`Error::is_retryable`].
    pub fn retries(mut self, retries: bool) -> Self {
        self.limits.retries = retries;
        self
    }

    /// Whether to allow `http://` to hosts other than this one. Defaults to `false`: [`build`](Self::build) refuses
    /// such nodes, because anyone on the network path could read the admin key and every new key.
    ///
    /// Use it only on networks that are encrypted by other means.
    pub fn allow_plaintext(mut self, allow_plaintext: bool) -> Self {
        self.allow_plaintext = allow_plaintext;
        self
    }

    /// Sets the http proxy, as `http[s]://[user:password@]host[:port]`. In the user and the password, percent-encode
    /// every character that is not a letter or a digit. Defaults to the environment's proxy: see
    /// [`proxy_from_env`](Self::proxy_from_env), which has no effect if a proxy is set here.
    ///
    /// Connections to all nodes use it, by the method `CONNECT`, except plain http to this host. It can read every key
    /// that is sent by plain http, and nothing that is sent by https.
    pub fn proxy(mut self, url: impl Into<SecretString>) -> Self {
        self.proxy = ProxySource::Setting(url.into());
        self
    }

    /// Whether https connections use the http proxy that `HTTPS_PROXY` or `ALL_PROXY` names, except to the hosts in
    /// `NO_PROXY`. Plain http does not use that proxy. Defaults to `true`. With `false`, and without a
    /// [`proxy`](Self::proxy), the client uses no proxy at all.
    ///
    /// `NO_PROXY` contains hosts and addresses, perhaps with a port, and networks (`10.0.0.0/8`), separated by commas or
    /// spaces. `example.net` also stands for the hosts below it, `.example.net` and `*.example.net` stand only for
    /// those, and `*` for all hosts. What else it contains is ignored, and logged at `warn`.
    pub fn proxy_from_env(mut self, proxy_from_env: bool) -> Self {
        self.proxy = match self.proxy {
            ProxySource::Setting(url) => ProxySource::Setting(url),
            _ if proxy_from_env => ProxySource::Environment,
            _ => ProxySource::None,
        };
        self
    }

    /// Limits the response to a list, in bytes. Defaults to 64 MiB, which is more than 300,000 keys.
    ///
    /// The limit applies to [`ListKeys::send`](crate::ListKeys::send) and to the lists that other calls read, such as
    /// `ensure` or a create whose response was lost. It does not apply to
    /// [`ListKeys::stream`](crate::ListKeys::stream).
    pub fn max_list_size(mut self, bytes: u64) -> Self {
        self.limits.max_list_size = bytes;
        self
    }

    /// Trusts only the authorities in `pem` (one or more certificates). Defaults to Mozilla's, which are compiled in.
    #[cfg(feature = "tls")]
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.ca_certificates = Some(pem.into());
        self
    }

    /// Whether to trust the operating system's authorities instead of the ones that are compiled in. Defaults to
    /// `false`.
    #[cfg(feature = "native-roots")]
    pub fn native_roots(mut self, native_roots: bool) -> Self {
        self.tls.native_roots = native_roots;
        self
    }

    /// Sets the certificate (PEM, with its chain) for servers that require one, and its private key (PEM: PKCS #8,
    /// PKCS #1 or SEC 1). Defaults to none.
    #[cfg(feature = "tls")]
    pub fn client_certificate(mut self, chain: impl Into<Vec<u8>>, key: impl Into<SecretString>) -> Self {
        self.tls.client_certificate = Some((chain.into(), key.into()));
        self
    }

    /// Checks all settings, reads the [key's file](Self::api_key_file), and builds the client. Performs no network I/O.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`], which names the setting and the fix, if
    /// * no node or no key is given, or a node's address is not `http[s]://host[:port][/path]`,
    /// * a node is `http://` on another host, and [`allow_plaintext`](Self::allow_plaintext) is not `true`,
    /// * a node is `https://`, and the crate is built without its feature `tls`,
    /// * the key is empty, is longer than 4096 bytes, or contains a character that nobody sees, such as a line break,
    /// * the key's file cannot be read,
    /// * a timeout or the maximum size of a list is zero,
    /// * a certificate or private key is not valid,
    /// * the proxy, given here or by the environment, is not an http proxy.
    pub fn build(self) -> Result<KeysClient, Error> {
        let limits = [
            ("timeout", self.limits.timeout.is_zero()),
            ("attempt_timeout", self.limits.attempt_timeout.is_zero()),
            ("connect_timeout", self.limits.connect_timeout.is_zero()),
            ("max_list_size", self.limits.max_list_size == 0),
        ];
        if let Some((setting, _)) = limits.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(Error::configuration(
                setting,
                "is zero, which leaves no call a chance: leave it out for the default",
            ));
        }
        let nearest = self.nearest_node.as_ref();
        let nearest = nearest.map(|address| self.parse_node("nearest_node", "an address", address)).transpose()?;
        let mut others = Vec::new();
        for (number, (address, setting)) in (1..).zip(&self.nodes) {
            let which = if self.nodes.len() == 1 { "an address".to_owned() } else { format!("address {number}") };
            let node = self.parse_node(setting, &which, address)?;
            if nearest.as_ref() != Some(&node) && !others.contains(&node) {
                others.push(node);
            }
        }
        if others.is_empty() && nearest.is_none() {
            return Err(Error::configuration("node", "no node is named: add `.node(\"https://…\")`"));
        }
        let uses_https = nearest.iter().chain(&others).any(Node::is_https);
        let (api_key, setting) = self.api_key.ok_or_else(|| Error::configuration("api_key", "is not set"))?;
        let api_key = Arc::new(api_key.read(setting)?);
        let proxy = match &self.proxy {
            // The environment's proxy is for https.
            ProxySource::Environment if !uses_https => &ProxySource::None,
            proxy => proxy,
        };
        let http = Http::new(Arc::clone(&api_key), &self.tls, proxy)?;
        Ok(KeysClient::new(Engine {
            nodes: Nodes::new(nearest, others),
            limits: self.limits,
            clock: Box::new(SystemClock),
            sender: Box::new(http),
            api_key,
        }))
    }

    /// `which`: how an error names the address, which it does not show.
    fn parse_node(&self, setting: &'static str, which: &str, address: &str) -> Result<Node, Error> {
        let node = Node::parse(address).map_err(|why| {
            let is_list = setting == from_env::URL && text::trimmed(address).contains(char::is_whitespace);
            let or = if is_list { ", or separate addresses by commas" } else { "" };
            Error::configuration(setting, format!("{which} {why}{or}"))
        })?;
        if let Some(origin) = node.exposed().filter(|_| !self.allow_plaintext) {
            let permission = if setting == from_env::URL {
                format!("{}=true", from_env::ALLOW_PLAINTEXT)
            } else {
                ".allow_plaintext(true)".to_owned()
            };
            return Err(Error::configuration(
                setting,
                format!(
                    "{origin} is plain http to another host, where anyone on the network path can read the admin key \
                     and every new key: use https, or set `{permission}` if the network itself is encrypted"
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
    /// Omits the addresses, too: an unchecked address may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, nearest_node: _, api_key: _, limits, allow_plaintext, proxy, tls: _ } = self;
        f.debug_struct("ClientBuilder")
            .field("nodes", &nodes.len())
            .field("limits", limits)
            .field("allow_plaintext", allow_plaintext)
            .field("proxy", proxy)
            .finish_non_exhaustive()
    }
}
