//! The reply side and the whole client, with scripted bytes in place of a connection: for the fuzz targets in
//! `tests/fuzz`, and in no other build. No part of the API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Error};

use super::Http;
use super::agent::agent;
use super::connect::DeferredResolver;
use super::exchange::{Exchange, current, enter};
use super::response::ReplyHead;
use super::transport::{BUFFER, SwapTransport};
use crate::KeysClient;
use crate::engine::{Engine, Nodes, RetryConfig, SystemClock};
use crate::error::Phase;
use crate::node::Node;
use crate::secret::SecretBuf;

/// What the transport makes of a reply.
#[derive(Debug)]
pub struct Dissected {
    /// What ureq sees.
    pub shown: Vec<u8>,
    /// The body.
    pub payload: Vec<u8>,
    /// Whether the reply came to its end.
    pub is_complete: bool,
    /// Whether it was refused.
    pub is_refused: bool,
    /// The most that was allocated for what had arrived and not been looked at.
    pub buffered: usize,
}

/// Sends a request that is answered with `pieces`, one for each read.
pub fn dissect(pieces: &[Vec<u8>]) -> Dissected {
    let mut dissected =
        Dissected { shown: Vec::new(), payload: Vec::new(), is_complete: false, is_refused: false, buffered: 0 };
    let mut transport = SwapTransport::new(Box::new(Scripted::new(pieces.to_vec())));
    let limit = Instant::now() + Duration::from_secs(3600);
    let exchange = Box::new(Exchange {
        api_key: Arc::new(SecretString::from("key")),
        outgoing: SecretBuf::default(),
        head: Vec::new(),
        connect_by: limit,
        finish_by: limit,
        phase: Phase::Connect,
        tunnelling: false,
        reply: ReplyHead::NONE,
        incoming: SecretBuf::default(),
        fault: None,
    });
    let work = || -> Result<(), Error> {
        let head = b"GET / HTTP/1.1\r\n\r\n";
        if let Some(room) = transport.buffers().output().get_mut(..head.len()) {
            room.copy_from_slice(head);
        }
        transport.transmit_output(head.len(), NextTimeout::default())?;
        while !transport.is_done() {
            let goes_on = transport.await_input(NextTimeout::default())?;
            let shown = transport.buffers().input().to_vec();
            transport.buffers().input_consume(shown.len());
            dissected.shown.extend(shown);
            current(|exchange| {
                dissected.payload.extend_from_slice(exchange.incoming.as_slice());
                exchange.incoming.clear();
            })?;
            dissected.buffered = dissected.buffered.max(transport.buffered());
            if !goes_on {
                break;
            }
        }
        Ok(())
    };
    let (exchange, result) = enter(exchange, work);
    dissected.is_complete = result.is_ok() && transport.is_done();
    dissected.is_refused = exchange.is_some_and(|exchange| exchange.fault.is_some());
    dissected
}

/// A client all of whose requests are answered with `pieces`, each on a connection of its own, and never repeated.
///
/// # Errors
///
/// As [`ClientBuilder::build`](crate::ClientBuilder::build).
pub fn client(api_key: SecretString, pieces: Vec<Vec<u8>>) -> Result<KeysClient, crate::Error> {
    let node = Node::parse("http://127.0.0.1:1").map_err(|why| crate::Error::configuration("node", why))?;
    let usual = agent(
        #[cfg(feature = "tls")]
        &super::Trust::default(),
        None,
    )?;
    let http = Http {
        agent: Agent::with_parts(usual.config().clone(), Answers(pieces), DeferredResolver),
        api_key: Arc::new(api_key),
    };
    let limit = Duration::from_secs(3600);
    let config = RetryConfig { timeout: limit, attempt_timeout: limit, connect_timeout: limit, retries: false };
    Ok(KeysClient::new(Engine {
        nodes: Nodes::new(None, vec![node]),
        config,
        max_list_size: 64 * 1024,
        clock: Box::new(SystemClock),
        transport: Box::new(http),
    }))
}

#[derive(Debug)]
struct Answers(Vec<Vec<u8>>);

impl Connector for Answers {
    type Out = Box<dyn Transport>;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        Ok(Some(Box::new(SwapTransport::new(Box::new(Scripted::new(self.0.clone()))))))
    }
}

/// A connection on which anything may be sent, and on which the same always arrives.
#[derive(Debug)]
struct Scripted {
    buffers: LazyBuffers,
    pieces: std::vec::IntoIter<Vec<u8>>,
}

impl Scripted {
    fn new(pieces: Vec<Vec<u8>>) -> Self {
        Self { buffers: LazyBuffers::new(BUFFER, BUFFER), pieces: pieces.into_iter() }
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
