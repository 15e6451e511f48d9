//! One node: its shared and own state, and how it handles a request.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::fault::{self, Due, Fault, Subject};
use super::http::{self, Request};
use super::keys::Keys;
use super::response::Delivery;
use super::{Operation, lock};

pub(super) struct FakeNode {
    pub(super) keys: Arc<Mutex<Keys>>,
    /// Locked before `keys`.
    pub(super) own: Mutex<Own>,
    pub(super) is_leader: bool,
}

#[derive(Default)]
pub(super) struct Own {
    /// The pending faults, in the order of registration.
    pub(super) faults: Vec<(Due, Fault)>,
    /// The keys that the node knew when it began to lag.
    pub(super) lagging: Option<Keys>,
    pub(super) connections: usize,
    pub(super) requests: Vec<Option<Operation>>,
}

impl FakeNode {
    /// Serves one connection. An error ends the connection, and matters only to the client.
    pub(super) fn serve(&self, stream: &TcpStream) {
        lock(&self.own).connections += 1;
        let _ = http::serve(stream, |request| self.respond(request));
    }

    fn respond(&self, request: &Request) -> Delivery {
        let operation = request.route().and_then(|(operation, _)| operation);
        let mut own = lock(&self.own);
        own.requests.push(operation);
        let description = || match operation {
            Some(Operation::Create) => request.description(),
            _ => lock(&self.keys).find(request.id()?).map(|key| key.info.description.clone()),
        };
        let is_about = |subject: &Subject| match subject {
            Subject::Id(id) => request.id() == Some(*id),
            Subject::Description(described) => description().as_ref() == Some(described),
        };
        let fault = operation.and_then(|operation| fault::take_due(&mut own.faults, operation, is_about));
        let act = || lock(&self.keys).respond(request, own.lagging.as_ref(), self.is_leader);
        match fault {
            None => act().map_or(Delivery::Close, Delivery::Send),
            Some(fault) if fault.acts() => fault.delivery(act()),
            Some(fault) => fault.delivery(None),
        }
    }
}
