//! Faults, and the requests that they apply to.

use std::time::Duration;

use super::response::{Delivery, Response};
use super::{FakeServer, lock};
use crate::key::KeyId;

/// An operation on the server's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /keys`
    Create,
    /// `GET /keys/{id}`
    Get,
    /// `GET /keys`
    List,
    /// `DELETE /keys/{id}`
    Delete,
}

/// A fault of one request.
///
/// A fault applies whichever key the request presents. *Act* means that the server carries out the request as it
/// would without the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Act, then close the connection without a response.
    LoseResponse,
    /// Close the connection without acting.
    DropConnection,
    /// Act, then send 500 with an empty body.
    ErrorAfter,
    /// Send 500 with an empty body without acting, like a cluster without a leader for writes.
    ErrorBefore,
    /// Send 503 `Not Ready or Lagging` without acting.
    NotReady {
        /// The value of `Retry-After`, rounded up to whole seconds.
        retry_after: Option<Duration>,
    },
    /// Send 429 without acting. A real server sends no `Retry-After`; a proxy may.
    RateLimited {
        /// The value of `Retry-After`, rounded up to whole seconds.
        retry_after: Option<Duration>,
    },
    /// Send 401 without acting, like a node that has another bootstrap key or does not know the key yet.
    Unauthorized,
    /// Send 408 with an empty body, like a follower of v0.25.0 or later whose request to the leader timed out.
    RequestTimeout {
        /// Whether the leader has carried out the request.
        acted: bool,
    },
    /// Send 422 `Rejecting write: running out of resource type: OUT_OF_DISK` without acting.
    OutOfResources,
    /// Send 422 `Skipping writes.` without acting, like a server that was configured so with `POST /config`.
    SkippingWrites,
    /// Send this response without acting, for example a proxy's error page.
    Respond {
        /// The HTTP status, from 200 to 599.
        status: u16,
        /// The value of `Content-Type`.
        content_type: &'static str,
        /// The body.
        body: &'static str,
    },
    /// Send bytes that are not HTTP, without acting, then close the connection.
    Garbage,
    /// Act and send the head of the response immediately, but its body only after this delay.
    Delay(Duration),
    /// Do not act, and keep the connection open without a response until the client closes it, for at most 60 s.
    Hang,
}

impl Fault {
    pub(super) fn acts(self) -> bool {
        matches!(
            self,
            Fault::LoseResponse | Fault::ErrorAfter | Fault::RequestTimeout { acted: true } | Fault::Delay(_)
        )
    }

    /// `response`: the server's response; `None` if it did not act, or never responds to such a request.
    pub(super) fn delivery(self, response: Option<Response>) -> Delivery {
        Delivery::Send(match self {
            Fault::LoseResponse | Fault::DropConnection => return Delivery::Close,
            Fault::ErrorAfter | Fault::ErrorBefore => Response::empty(500),
            Fault::NotReady { retry_after } => {
                Response::router_message(503, "Not Ready or Lagging").retry_after(retry_after)
            }
            Fault::RateLimited { retry_after } => {
                Response::router_message(429, "Rate limit exceeded or blocked").retry_after(retry_after)
            }
            Fault::Unauthorized => Response::unauthorized(),
            Fault::RequestTimeout { .. } => Response::empty(408),
            Fault::OutOfResources => {
                Response::message(422, "Rejecting write: running out of resource type: OUT_OF_DISK")
            }
            Fault::SkippingWrites => Response::message(422, "Skipping writes."),
            Fault::Respond { status, content_type, body } => Response::new(status, content_type, body),
            Fault::Garbage => return Delivery::SendBytes(b"\x15\x03\x01 this is not HTTP\r\n\r\n"),
            Fault::Delay(wait) => {
                return response.map_or(Delivery::Close, |response| Delivery::SendLate(response, wait));
            }
            Fault::Hang => return Delivery::Hang,
        })
    }
}

/// The requests that a fault applies to. Made by [`FakeServer::fail`](super::FakeServer::fail).
#[derive(Debug)]
#[must_use = "call `with` to register the fault"]
pub struct FaultRule<'a> {
    server: &'a FakeServer,
    due: Due,
}

/// Some requests, as a [`FaultRule`] describes them.
#[derive(Debug)]
pub(super) struct Due {
    /// `None` for any operation.
    operation: Option<Operation>,
    /// `None` for any key.
    subject: Option<Subject>,
    skip: usize,
    times: usize,
}

/// The key that a request is about.
#[derive(Debug)]
pub(super) enum Subject {
    Id(u32),
    Description(String),
}

impl<'a> FaultRule<'a> {
    pub(super) fn new(server: &'a FakeServer, operation: Option<Operation>) -> Self {
        FaultRule { server, due: Due { operation, subject: None, skip: 0, times: 1 } }
    }

    /// Only requests for `/keys/{id}` with this id. Replaces [`described`](Self::described).
    pub fn key(mut self, id: impl Into<KeyId>) -> Self {
        self.due.subject = Some(Subject::Id(id.into().get()));
        self
    }

    /// Only requests that create a key with this description, or that get or delete one. Replaces [`key`](Self::key).
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.due.subject = Some(Subject::Description(description.into()));
        self
    }

    /// Sets the first request that fails, counted from now, starting at 1. Defaults to 1.
    pub fn nth(mut self, nth: usize) -> Self {
        self.due.skip = nth.saturating_sub(1);
        self
    }

    /// Sets how many successive requests fail; [`usize::MAX`] for all. Defaults to 1.
    pub fn times(mut self, times: usize) -> Self {
        self.due.times = times;
        self
    }

    /// Registers the fault.
    pub fn with(self, fault: Fault) {
        lock(&self.server.node.own).faults.push((self.due, fault));
    }
}

/// The fault of the next request: the first one that is due. Other due faults wait.
pub(super) fn take_due(
    faults: &mut Vec<(Due, Fault)>,
    operation: Operation,
    is_about: impl Fn(&Subject) -> bool,
) -> Option<Fault> {
    let mut next = None;
    let concerns = |(due, _): &&mut (Due, Fault)| {
        due.operation.is_none_or(|named| named == operation) && due.subject.as_ref().is_none_or(&is_about)
    };
    for (due, fault) in faults.iter_mut().filter(concerns) {
        if due.skip > 0 {
            due.skip -= 1;
        } else if next.is_none() && due.times > 0 {
            due.times -= 1;
            next = Some(*fault);
        }
    }
    faults.retain(|(due, _)| due.times > 0);
    next
}
