//! One node: what it shares with the others, what it keeps to itself, and how it treats a request.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::fault::Faults;
use super::http::{self, Request};
use super::keys::{Asked, Keys, Route};
use super::response::Outcome;
use super::{Operation, lock};

pub(super) struct Node {
    pub(super) keys: Arc<Mutex<Keys>>,
    /// Locked before `keys`.
    pub(super) own: Mutex<Own>,
    pub(super) is_leader: bool,
}

#[derive(Default)]
pub(super) struct Own {
    pub(super) faults: Faults,
    /// What the node knew when it began to lag.
    pub(super) lagging: Option<Keys>,
    pub(super) connections: usize,
    pub(super) requests: Vec<Option<Operation>>,
}

impl Node {
    /// Serves one connection. An error ends it, and concerns the client alone.
    pub(super) fn serve(&self, stream: &TcpStream) {
        lock(&self.own).connections += 1;
        let _ = http::serve(stream, |request| self.respond(request));
    }

    fn respond(&self, request: &Request) -> Outcome {
        let operation = match Route::of(request) {
            Some(Route::Keys(operation)) => Some(operation),
            _ => None,
        };
        let mut own = lock(&self.own);
        own.requests.push(operation);
        let fault = operation.and_then(|operation| own.faults.next(operation));
        let act = || {
            let asked = Asked { lagging: own.lagging.as_ref(), is_leader: self.is_leader };
            lock(&self.keys).respond(request, &asked)
        };
        match fault {
            None => act().map_or(Outcome::Close, Outcome::Send),
            Some(fault) if fault.acts() => fault.outcome(act()),
            Some(fault) => fault.outcome(None),
        }
    }
}
