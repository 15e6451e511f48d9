//! The ureq agent: most of its features are off, and connections are ours.

use std::env;

use ureq::config::{AutoHeaderValue, Config};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::connect::{DeferredResolver, SwapConnector};
use super::connection::BUFFER;
#[cfg(feature = "tls")]
use super::tls::Trust;
use crate::error::Error;

const USER_AGENT: &str = concat!("typesense-keys/", env!("CARGO_PKG_VERSION"));

/// Enough for a burst of threads on one client. Further connections are closed after use.
const MAX_IDLE_PER_NODE: usize = 16;

pub(super) fn agent(#[cfg(feature = "tls")] trust: &Trust, proxy: Option<Proxy>) -> Result<Agent, Error> {
    let config = Config::builder();
    #[cfg(feature = "tls")]
    let config = config.tls_config(trust.config()?);
    // The transport enforces the time limits: ureq's limits would start a thread for each request.
    let config = config
        .user_agent(USER_AGENT)
        .accept("application/json")
        .accept_encoding(AutoHeaderValue::None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        // More than rustls decrypts at once, so that no data stays inside rustls, where `is_open` cannot see it.
        .input_buffer_size(2 * BUFFER)
        .output_buffer_size(BUFFER)
        .max_idle_connections(MAX_IDLE_PER_NODE * 4)
        .max_idle_connections_per_host(MAX_IDLE_PER_NODE)
        .build();
    Ok(Agent::with_parts(config, SwapConnector::default(), DeferredResolver))
}

/// The proxy for https from the environment: `HTTPS_PROXY`, else `ALL_PROXY`, each also in lower case. `NO_PROXY`
/// lists the hosts that are connected directly.
pub(super) fn proxy_from_env() -> Result<Option<Proxy>, Error> {
    let of = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        let Some(address) = of(name) else { continue };
        // The error shows neither the address nor the cause, which may contain a password.
        let unusable = |reason: &str| Error::configuration(name, format!("{reason} (or see `proxy_from_env`)"));
        let named = Proxy::new(&address).map_err(|_| unusable("is not the address of a proxy"))?;
        if !matches!(named.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
            return Err(unusable("names a SOCKS proxy, which is not supported: use an http proxy"));
        }
        let mut proxy = Proxy::builder(named.protocol()).host(named.host()).port(named.port());
        if let Some(name) = named.username() {
            proxy = proxy.username(name);
        }
        if let Some(password) = named.password() {
            proxy = proxy.password(password);
        }
        for host in of("no_proxy").or_else(|| of("NO_PROXY")).unwrap_or_default().split(',') {
            proxy = proxy.no_proxy(host.trim());
        }
        return proxy.build().map(Some).map_err(|_| unusable("is not the address of a proxy"));
    }
    Ok(None)
}
