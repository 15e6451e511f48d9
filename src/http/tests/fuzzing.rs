//! The transport and the whole client, with scripted bytes in place of a connection: for the fuzz targets in
//! `tests/fuzz`, and for unit tests. Not in any other build, and no part of the API.

use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Error};

use super::connect::DeferredResolver;
use super::connection::BUFFER;
use super::exchange::{Exchange, enter};
use super::framing::ProtocolError;
use super::transport::SwapTransport;
use super::{Deadlines, Http};
use crate::error;
use crate::key::KeyId;
use crate::operation::Operation;

/// The result of the transport for a response.
#[derive(Debug)]
pub struct Dissected {
    /// The bytes that ureq sees.
    pub shown: Vec<u8>,
    /// The body, as far as it is read. `None` if it is refused or breaks off.
    pub payload: Option<Vec<u8>>,
    /// Whether the response was refused.
    pub is_refused: bool,
}

/// Sends a request. Each read receives one of `pieces` as part of the response.
pub fn dissect(pieces: &[Vec<u8>]) -> Dissected {
    let nothing = || Dissected { shown: Vec::new(), payload: None, is_refused: false };
    let Some(limit) = limit() else { return nothing() };
    let mut transport = SwapTransport::new(Box::new(Scripted::new(pieces.to_vec())), limit);
    let end = Instant::now() + Duration::from_secs(3600);
    let deadlines = Deadlines::of_all(end);
    let work = || -> Result<Vec<u8>, Error> {
        let head = b"GET / HTTP/1.1\r\n\r\n";
        if let Some(room) = transport.buffers().output().get_mut(..head.len()) {
            room.copy_from_slice(head);
        }
        transport.transmit_output(head.len(), limit)?;
        transport.await_input(limit)?;
        Ok(transport.buffers().input().to_vec())
    };
    let exchange = Exchange::new(Arc::new(SecretString::from("key")), Operation::Get(KeyId::from(7)), deadlines);
    let Some((exchange, result)) = enter(exchange, work) else { return nothing() };
    let is_refused = matches!(&result, Err(Error::Other(error)) if error.is::<ProtocolError>());
    let payload = exchange.response.map(|received| received.content.as_slice().to_vec());
    Dissected { shown: result.unwrap_or_default(), payload, is_refused }
}

/// Receives `pieces` as the response to each request, which has a connection of its own.
pub(crate) fn http(api_key: Arc<SecretString>, pieces: Vec<Vec<u8>>) -> Result<Http, error::Error> {
    let usual = Http::new(api_key, &super::TlsSettings::default(), &super::ProxySource::None)?;
    let agent = Agent::with_parts(usual.agent().config().clone(), Responses(pieces), DeferredResolver);
    Ok(Http { agent: RwLock::new(agent), ..usual })
}

/// A time limit as ureq passes it: its fields depend on ureq's version.
fn limit() -> Option<NextTimeout> {
    static LIMIT: OnceLock<NextTimeout> = OnceLock::new();
    #[derive(Debug)]
    struct Keep;
    impl Resolver for Keep {
        fn resolve(&self, _: &Uri, _: &Config, limit: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
            let _ = LIMIT.set(limit);
            Err(Error::HostNotFound)
        }
    }
    if LIMIT.get().is_none() {
        let _ = Agent::with_parts(Config::default(), Responses(Vec::new()), Keep).get("http://a.test").call();
    }
    LIMIT.get().copied()
}

#[derive(Debug)]
struct Responses(Vec<Vec<u8>>);

impl Connector for Responses {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let scripted = Box::new(Scripted::new(self.0.clone()));
        Ok(Some(Box::new(SwapTransport::new(scripted, details.timeout))))
    }
}

/// A connection that accepts any data, and on which `pieces` arrive.
#[derive(Debug)]
struct Scripted {
    buffers: LazyBuffers,
    pieces: std::vec::IntoIter<Vec<u8>>,
}

impl Scripted {
    fn new(pieces: Vec<Vec<u8>>) -> Self {
        Self { buffers: LazyBuffers::new(2 * BUFFER, BUFFER), pieces: pieces.into_iter() }
    }
}

impl Transport for Scripted {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let Some(piece) = self.pieces.next() else { return Ok(false) };
        let count = piece.len().min(BUFFER);
        if let (Some(room), Some(piece)) = (self.buffers.input_append_buf().get_mut(..count), piece.get(..count)) {
            room.copy_from_slice(piece);
        }
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}
