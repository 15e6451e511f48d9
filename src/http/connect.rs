//! Opens a connection: resolves the name, connects (perhaps through a proxy), sets up TLS, and puts the
//! [`SwapTransport`] on top.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Instant;
use std::{io, thread};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use super::deadline::remaining;
use super::exchange::current;
use super::proxy::NoProxy;
use super::tcp::TcpTransport;
use super::tls::TlsConnector;
use super::transport::SwapTransport;
use crate::error::Phase;
use crate::node::{host_and_port, is_loopback};

/// How many addresses of a host are tried.
const MAX_ADDRESSES: usize = 16;

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
    /// If the proxy comes from the environment, the hosts that are connected directly.
    no_proxy: Option<NoProxy>,
    tunnel: ConnectProxyConnector,
    tls: TlsConnector,
}

impl SwapConnector {
    pub(super) fn new(no_proxy: Option<NoProxy>) -> Self {
        Self { no_proxy, ..Self::default() }
    }

    fn uses_proxy(&self, details: &ConnectionDetails) -> bool {
        let is_covered = match &self.no_proxy {
            // The environment's variables are for https.
            Some(no_proxy) => details.needs_tls() && !no_proxy.covers(details.uri),
            // Plain http to this host is always direct, because a proxy could read the key.
            None => details.needs_tls() || !details.uri.host().is_some_and(is_loopback),
        };
        is_covered && details.config.proxy().is_some()
    }

    fn connect_tcp(&self, details: &ConnectionDetails) -> Result<Box<dyn Transport>, Error> {
        let connect_by = current(|exchange| {
            exchange.phase = Phase::Resolve;
            exchange.deadlines.connect_by
        })?;
        let addresses = resolve(details.uri, connect_by)?;
        current(|exchange| exchange.phase = Phase::Connect)?;
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
}

impl Connector for SwapConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let is_to_proxy = current(|exchange| exchange.is_tunnelling)?;
        let mut connection = if !is_to_proxy && self.uses_proxy(details) {
            self.connect_tunnel(details)?
        } else {
            self.connect_tcp(details)?
        };
        if details.needs_tls() {
            current(|exchange| exchange.phase = Phase::Handshake)?;
            connection = Box::new(self.tls.connect(details, Some(connection))?.ok_or(Error::ConnectionFailed)?);
        }
        Ok(Some(if is_to_proxy {
            Box::new(ProxyTransport(connection))
        } else {
            Box::new(SwapTransport::new(connection, details.timeout))
        }))
    }
}

/// The addresses of the host, which are found by `end`.
fn resolve(uri: &Uri, end: Instant) -> Result<Vec<SocketAddr>, Error> {
    let (host, port) = host_and_port(uri);
    let host = host.to_owned();
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    // The operating system's resolver knows no time limit, so it runs in a thread, which ends when it has a result.
    // `Builder`, because `thread::spawn` panics if the process may have no more threads.
    let (sender, receiver) = mpsc::sync_channel(1);
    let look_up = move || {
        let found = (host.as_str(), port).to_socket_addrs().map(|addresses| addresses.take(MAX_ADDRESSES).collect());
        let _ = sender.send(found);
    };
    thread::Builder::new().spawn(look_up)?;
    let found: io::Result<Vec<_>> =
        receiver.recv_timeout(remaining(end)?).map_err(|_| Error::Timeout(Timeout::Global))?;
    match found? {
        found if found.is_empty() => Err(Error::HostNotFound),
        found => Ok(found),
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

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
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
