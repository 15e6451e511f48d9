//! Opens a connection: resolves the name, connects (perhaps through a proxy), sets up TLS, and puts the
//! [`SwapTransport`] on top.

use std::net::{IpAddr, SocketAddr};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
#[cfg(feature = "tls")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, time,
};

use super::connection::timeout;
use super::exchange::current;
use super::proxy::NoProxy;
use super::tcp::{TcpTransport, remaining};
use super::transport::SwapTransport;
use crate::error::Phase;
use crate::node::is_loopback;

/// Resolves nothing: [`SwapConnector`] resolves the name when it needs an address.
///
/// ureq resolves before it looks for a pooled connection, and starts a thread for that if there is a time limit,
/// which costs more than the request itself.
#[derive(Debug)]
pub(super) struct DeferredResolver;

impl Resolver for DeferredResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut none_yet = self.empty();
        none_yet.push(SocketAddr::from(([0, 0, 0, 0], 0)));
        Ok(none_yet)
    }
}

/// Opens connections for ureq, which calls it only if it has no pooled connection.
#[derive(Debug, Default)]
pub(super) struct SwapConnector {
    proxies_plain_http: bool,
    no_proxy: NoProxy,
    resolver: DefaultResolver,
    tunnel: ConnectProxyConnector,
    #[cfg(feature = "tls")]
    tls: RustlsConnector,
}

impl SwapConnector {
    pub(super) fn new(proxies_plain_http: bool, no_proxy: NoProxy) -> Self {
        Self { proxies_plain_http, no_proxy, ..Self::default() }
    }

    fn uses_proxy(&self, details: &ConnectionDetails) -> bool {
        // Plain http to this host is always direct, because a proxy could read the key.
        let may = details.needs_tls() || self.proxies_plain_http && !details.uri.host().is_some_and(is_loopback);
        may && details.config.proxy().is_some() && !self.no_proxy.covers(details.uri)
    }

    fn resolve(&self, details: &ConnectionDetails) -> Result<ResolvedSocketAddrs, Error> {
        current(|exchange| exchange.phase = Phase::Resolve)?;
        let host = details.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        // With a time limit, ureq resolves in a thread. An IP address does not need that.
        let limit = if host.parse::<IpAddr>().is_ok() { NextTimeout::default() } else { details.timeout };
        self.resolver.resolve(details.uri, details.config, limit)
    }

    fn connect_tcp(&self, details: &ConnectionDetails) -> Result<Box<dyn Transport>, Error> {
        let addresses = self.resolve(details)?;
        let connect_by = current(|exchange| {
            exchange.phase = Phase::Connect;
            exchange.deadlines.connect_by
        })?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Box::new(TcpTransport::connect(&addresses, connect_by, buffers)?))
    }

    /// Calls [`connect`](Connector::connect) again for the connection to the proxy.
    fn connect_tunnel(&self, details: &ConnectionDetails) -> Result<Box<dyn Transport>, Error> {
        current(|exchange| exchange.is_tunnelling = true)?;
        // Stays set if this fails: then the failure is the proxy's.
        let tunnel = Connector::<()>::connect(&self.tunnel, details, None)?;
        current(|exchange| exchange.is_tunnelling = false)?;
        match tunnel {
            Some(Either::B(tunnel)) => Ok(tunnel),
            Some(Either::A(())) | None => Err(Error::ConnectionFailed),
        }
    }

    #[cfg(feature = "tls")]
    fn connect_tls(
        &self,
        details: &ConnectionDetails,
        connection: Box<dyn Transport>,
    ) -> Result<Box<dyn Transport>, Error> {
        current(|exchange| exchange.phase = Phase::Handshake)?;
        let connection = self.tls.connect(details, Some(connection))?.ok_or(Error::ConnectionFailed)?;
        Ok(Box::new(connection))
    }
}

impl Connector for SwapConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let (is_to_proxy, connect_by) = current(|exchange| (exchange.is_tunnelling, exchange.deadlines.connect_by))?;
        let details = ConnectionDetails {
            uri: details.uri,
            addrs: details.resolver.empty(),
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: time::Instant::now(),
            timeout: timeout(connect_by)?,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let connection = if !is_to_proxy && self.uses_proxy(&details) {
            self.connect_tunnel(&details)?
        } else {
            self.connect_tcp(&details)?
        };
        #[cfg(feature = "tls")]
        let connection = if details.needs_tls() { self.connect_tls(&details, connection)? } else { connection };
        Ok(Some(if is_to_proxy {
            Box::new(ProxyTransport(connection))
        } else {
            Box::new(SwapTransport::new(connection))
        }))
    }
}

/// A connection to a proxy.
#[derive(Debug)]
struct ProxyTransport(Box<dyn Transport>);

impl Transport for ProxyTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, mut timeout: NextTimeout) -> Result<bool, Error> {
        // ureq renews the limit for each read, so a proxy that sends its response slowly could hold the call forever.
        let connect_by =
            current(|exchange| exchange.phase.is_before_sending().then_some(exchange.deadlines.connect_by));
        if let Ok(Some(connect_by)) = connect_by {
            timeout.after = timeout.after.min(time::Duration::Exact(remaining(connect_by)?));
        }
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        // The TLS of the proxy may have decrypted data that the inner TLS has not read yet.
        self.0.buffers().input().is_empty() && self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
