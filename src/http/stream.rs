//! The body of a successful response, which the caller reads as it arrives.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use secrecy::SecretString;

use super::attempt_error::AttemptError;
use super::body::Body;
use super::decode::{DecodeError, Response};
use super::exchange::{Exchange, enter};
use super::response::Head;
use super::{Deadlines, ResponseBody};
use crate::error::Phase;
use crate::operation::Operation;
use crate::secret::SecretBuf;

pub(super) struct ResponseStream {
    pub(super) node: Box<str>,
    pub(super) api_key: Arc<SecretString>,
    pub(super) head: Head,
    /// `None` after the end of the body.
    pub(super) body: Option<Body>,
    pub(super) ureq_body: ureq::Body,
}

impl ResponseStream {
    /// Gives the connection back to ureq, which waits for the filler that comes with it.
    fn return_connection(&mut self) {
        let Some(connection) = self.body.take().and_then(Body::into_connection) else { return };
        let now = Instant::now();
        let deadlines = Deadlines { connect_by: now, finish_by: now };
        let mut exchange = Exchange::new(Arc::clone(&self.api_key), Operation::List, deadlines);
        exchange.returned = Some(connection);
        // If this fails, the connection is closed, which does no other harm.
        let _ = enter(exchange, || io::copy(&mut self.ureq_body.as_reader(), &mut io::sink()));
    }
}

impl ResponseBody for ResponseStream {
    fn read_more(&mut self, content: &mut SecretBuf, finish_by: Instant) -> Result<bool, AttemptError> {
        let Some(body) = &mut self.body else { return Ok(false) };
        let is_more = body
            .read_more(content, finish_by)
            .map_err(|error| AttemptError::from_ureq(error, Phase::ReadResponse))?;
        if !is_more {
            self.return_connection();
        }
        Ok(is_more)
    }

    fn undecodable(&self, why: DecodeError, rest: &[u8], secrets: &[&SecretString]) -> AttemptError {
        let Self { head, api_key, .. } = self;
        let operation = Operation::List;
        Response { operation, head, content: rest, api_key, secrets }.undecodable(why)
    }

    fn node(&self) -> &str {
        &self.node
    }
}
