//! Opening a connection: look up the name, connect (through a proxy, for https), agree on encryption, and put the
//! [`SwapTransport`] on top.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
#[cfg(feature = "tls")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, Either, NextTimeout, TcpConnector, Transport, time,
};
use ureq::{Error, Timeout};

use super::deadline::DeadlineTransport;
use super::exchange::current;
use super::transport::{SwapTransport, timeout};
use crate::error::Phase;

/// Where ureq expects addresses before it has looked for a connection that is already open.
///
/// ureq resolves the host for every request, in a thread of its own where there is a time limit, also when it then
/// uses a pooled connection: that costs more than the request. The real look-up is [`SwapConnector`]'s.
#[derive(Debug)]
pub(super) struct DeferredResolver;

impl Resolver for DeferredResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut none_yet = self.empty();
        none_yet.push(SocketAddr::from(([0, 0, 0, 0], 0)));
        Ok(none_yet)
    }
}

/// Opens connections for ureq, which calls it only when it has none to use again.
#[derive(Debug, Default)]
pub(super) struct SwapConnector {
    tunnel: ConnectProxyConnector,
    tcp: TcpConnector,
    #[cfg(feature = "tls")]
    tls: RustlsConnector,
}

impl SwapConnector {
    fn open(&self, details: &ConnectionDetails, is_tunnelled: bool) -> Result<Option<Box<dyn Transport>>, Error> {
        let tunnel: Option<Either<(), Box<dyn Transport>>> = if is_tunnelled {
            // Comes back here for the connection to the proxy itself.
            current(|exchange| exchange.tunnelling = true)?;
            let tunnel = self.tunnel.connect(details, None);
            current(|exchange| exchange.tunnelling = false)?;
            tunnel?
        } else {
            None
        };
        let connection = self.tcp.connect(details, tunnel)?.map(DeadlineTransport);
        #[cfg(feature = "tls")]
        let connection = {
            if details.needs_tls() {
                current(|exchange| exchange.phase = Phase::Handshake)?;
            }
            self.tls.connect(details, connection)?
        };
        Ok(connection.map(|connection| Box::new(connection) as Box<dyn Transport>))
    }
}

impl Connector for SwapConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let to_proxy = current(|exchange| exchange.tunnelling)?;
        // Plain http goes to loopback, or where plain text is allowed by name: never by way of a proxy.
        let proxy = details.config.proxy().filter(|_| details.needs_tls());
        let is_tunnelled = !to_proxy && proxy.is_some_and(|proxy| !proxy.is_no_proxy(details.uri));
        let addrs = if is_tunnelled { details.resolver.empty() } else { resolve(details)? };
        current(|exchange| exchange.phase = Phase::Connect)?;
        let details = ConnectionDetails {
            uri: details.uri,
            addrs,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: time::Instant::now(),
            timeout: timeout(|exchange| exchange.connect_by)?,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let connection = self.open(&details, is_tunnelled)?;
        if to_proxy {
            return Ok(connection);
        }
        Ok(connection.map(|connection| Box::new(SwapTransport::new(connection)) as Box<dyn Transport>))
    }
}

fn resolve(details: &ConnectionDetails) -> Result<ResolvedSocketAddrs, Error> {
    current(|exchange| exchange.phase = Phase::Resolve)?;
    let limit = timeout(|exchange| exchange.connect_by)?;
    let uri = details.uri;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let default_port = if details.needs_tls() { 443 } else { 80 };
    let port = uri.port_u16().unwrap_or(default_port);
    let found = match host.parse::<IpAddr>() {
        Ok(literal) => vec![SocketAddr::new(literal, port)],
        Err(_) => look_up(host.to_owned(), port, *limit.after)?,
    };
    let mut addrs = details.resolver.empty();
    // ureq tries at most 16, and its list panics on more.
    for address in found.into_iter().take(16) {
        addrs.push(address);
    }
    if addrs.is_empty() {
        return Err(Error::HostNotFound);
    }
    Ok(addrs)
}

/// Asks the operating system, which knows no time limit: in a thread, which is left behind if it takes too long.
fn look_up(host: String, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new().name("typesense-keys-dns".to_owned()).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody listens any more if it took too long.
        let _ = sender.send(found);
    })?;
    match receiver.recv_timeout(limit) {
        Ok(found) => Ok(found?),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Error::Timeout(Timeout::Resolve)),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(io::Error::other("the look-up ended without a result").into())
        }
    }
}
