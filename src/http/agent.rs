//! The ureq agent: most of its features are off, and connections are ours.

use ureq::Agent;
use ureq::config::{AutoHeaderValue, Config};

use super::connect::{DeferredResolver, SwapConnector};
use super::connection::BUFFER;
use super::proxy::ProxySource;
use super::tls::TlsSettings;
use crate::error::Error;

const USER_AGENT: &str = concat!("typesense-keys/", env!("CARGO_PKG_VERSION"));

/// Enough for a burst of threads on one client. Further connections are closed after use.
const MAX_IDLE_PER_NODE: usize = 16;

/// The agent, and how errors name its proxy.
pub(super) fn agent(tls: &TlsSettings, proxy: &ProxySource) -> Result<(Agent, String), Error> {
    let connector = SwapConnector::new(proxy.no_proxy());
    let (proxy, proxy_name) = proxy.resolve()?.unzip();
    // The transport enforces the time limits: ureq's limits would start a thread for each request.
    let config = tls
        .apply_to(Config::builder())?
        // Also for a proxy. The transport adds all other headers.
        .user_agent(USER_AGENT)
        .accept(AutoHeaderValue::None)
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
    Ok((Agent::with_parts(config, connector, DeferredResolver), proxy_name.unwrap_or_default()))
}
