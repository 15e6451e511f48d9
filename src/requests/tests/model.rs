//! A server in memory, whose responses go wrong as told.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::client::KeysClient;
use crate::engine::{Engine, Nodes, RetryConfig, TestClock};
use crate::error::{Phase, Quoted, Secrets, Snippet};
use crate::http::{AttemptError, Cause, Deadlines, DecodeError, Request, RequestSender, ResponseBody};
use crate::key::KeyId;
use crate::node::Node;
use crate::operation::Operation;
use crate::secret::{self, SecretBuf};

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// It is carried out, and its response arrives.
    Normal,
    /// The connection breaks before the server has seen the request.
    LostBefore,
    /// The connection breaks after the server has carried out the request.
    LostAfter,
    Error500Before,
    Error500After,
    /// A follower stops waiting for the leader, which carries out the request.
    Timeout408After,
    /// The server refuses the client's key.
    Unauthorized,
    /// It is carried out, and a response about another key arrives.
    Foreign,
    /// A node that lags shows the keys as they were before the run.
    Lagging,
}

impl Event {
    pub(super) const ALL: [Self; 9] = [
        Self::Normal,
        Self::LostBefore,
        Self::LostAfter,
        Self::Error500Before,
        Self::Error500After,
        Self::Timeout408After,
        Self::Unauthorized,
        Self::Foreign,
        Self::Lagging,
    ];

    /// One of each kind that the client can tell apart.
    pub(super) const DIFFERENT: [Self; 6] =
        [Self::Normal, Self::LostBefore, Self::LostAfter, Self::Unauthorized, Self::Foreign, Self::Lagging];

    /// Whether it makes a difference to the operation. A read that is lost before is like one that is lost after.
    fn applies_to(self, operation: Operation) -> bool {
        let is_write = matches!(operation, Operation::Create { .. } | Operation::Delete(_));
        match self {
            Self::Normal | Self::LostBefore | Self::Unauthorized => true,
            Self::LostAfter | Self::Error500Before | Self::Error500After | Self::Timeout408After => is_write,
            Self::Foreign => operation != Operation::List,
            Self::Lagging => !is_write,
        }
    }

    fn acts(self) -> bool {
        !matches!(self, Self::LostBefore | Self::Error500Before | Self::Unauthorized)
    }
}

/// A key on the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) id: u32,
    pub(super) value: String,
    pub(super) description: String,
    pub(super) actions: Value,
    pub(super) collections: Value,
    pub(super) expires_at: u64,
    /// The bootstrap key is in no list.
    pub(super) is_listed: bool,
}

impl Entry {
    fn json(&self, with_value: bool) -> Value {
        let Self { id, value, description, actions, collections, expires_at, is_listed: _ } = self;
        let (member, shown) =
            if with_value { ("value", value.as_str()) } else { ("value_prefix", value.get(..4).unwrap_or(value)) };
        json!({
            "id": id, member: shown, "description": description, "actions": actions, "collections": collections,
            "expires_at": expires_at,
        })
    }
}

/// What a run did to the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    Created(Entry),
    Deleted { key: Entry, others: Vec<Entry> },
}

#[derive(Default)]
pub(super) struct State {
    pub(super) keys: Vec<Entry>,
    before: Vec<Entry>,
    next_id: u32,
    events: Vec<Event>,
    pub(super) requests: usize,
    /// The process is killed after so many requests.
    pub(super) killed_after: Option<usize>,
    /// An event was asked for that makes no difference to its operation: the course repeats another one.
    pub(super) is_redundant: bool,
    pub(super) acts: Vec<Act>,
    /// The keys whose creator was not told.
    pub(super) lost_creates: Vec<u32>,
}

#[derive(Clone, Default)]
pub(super) struct Model(pub(super) Arc<Mutex<State>>);

impl Model {
    pub(super) fn new(keys: &[Entry], events: &[Event]) -> Self {
        let next_id = keys.iter().map(|key| key.id + 1).max().unwrap_or_default();
        let (keys, before, events) = (keys.to_vec(), keys.to_vec(), events.to_vec());
        Self(Arc::new(Mutex::new(State { keys, before, next_id, events, ..State::default() })))
    }

    /// From now on, nothing goes wrong.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.events.clear();
        state.killed_after = None;
        state.acts.clear();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A client of two nodes, which both are this server.
    pub(super) fn client(&self) -> KeysClient {
        self.client_by(self.clone())
    }

    pub(super) fn client_by(&self, sender: impl RequestSender + 'static) -> KeysClient {
        let node = |name| Node::parse(&format!("http://{name}.test")).unwrap();
        let seconds = Duration::from_secs;
        let config = RetryConfig {
            timeout: seconds(30),
            attempt_timeout: seconds(10),
            connect_timeout: seconds(5),
            retries: true,
        };
        KeysClient::new(Engine {
            nodes: Nodes::new(None, vec![node("a"), node("b")]),
            config,
            max_list_size: 1 << 20,
            clock: Box::new(TestClock::new(1.0)),
            sender: Box::new(sender),
            api_key: Arc::default(),
        })
    }

    /// Carries out a request; returns status and body, or what broke.
    pub(super) fn respond(&self, operation: Operation, body: &SecretBuf) -> Result<(u16, Vec<u8>), AttemptError> {
        let mut state = self.state();
        let number = state.requests;
        state.requests += 1;
        if state.killed_after.is_some_and(|last| number >= last) {
            return Err(broken(Phase::Connect));
        }
        let event = state.events.get(number).copied().unwrap_or(Event::Normal);
        state.is_redundant |= !event.applies_to(operation);
        let response =
            if event.acts() { state.act(operation, body, event == Event::Lagging) } else { (200, Value::Null) };
        let is_lost = matches!(event, Event::LostAfter | Event::Error500After | Event::Timeout408After);
        let created = match state.acts.last() {
            Some(Act::Created(key)) if is_lost && matches!(operation, Operation::Create { .. }) => Some(key.id),
            _ => None,
        };
        state.lost_creates.extend(created);
        match event {
            Event::Normal | Event::Lagging => Ok((response.0, response.1.to_string().into_bytes())),
            Event::LostBefore | Event::LostAfter => Err(broken(Phase::AwaitResponse)),
            Event::Error500Before | Event::Error500After => Ok((500, Vec::new())),
            Event::Timeout408After => Ok((408, Vec::new())),
            Event::Unauthorized => Ok((401, json!({"message": "Forbidden"}).to_string().into_bytes())),
            Event::Foreign => {
                let foreign = Entry {
                    id: 4_000_000_000,
                    value: "FRGN-value".to_owned(),
                    description: "of another".to_owned(),
                    actions: json!(["*"]),
                    collections: json!(["*"]),
                    expires_at: 64_723_363_199,
                    is_listed: true,
                };
                let is_create = matches!(operation, Operation::Create { .. });
                Ok((operation.success(), foreign.json(is_create).to_string().into_bytes()))
            }
        }
    }
}

impl State {
    fn act(&mut self, operation: Operation, body: &SecretBuf, lags: bool) -> (u16, Value) {
        let not_found = || (404, json!({"message": "Not found."}));
        let shown = if lags { &self.before } else { &self.keys };
        match operation {
            Operation::List => {
                let keys: Vec<_> = shown.iter().filter(|key| key.is_listed).map(|key| key.json(false)).collect();
                (200, json!({ "keys": keys }))
            }
            // No test waits for a server.
            Operation::Ready => not_found(),
            Operation::Get(id) => {
                let found = shown.iter().find(|key| key.is_listed && KeyId::from(key.id) == id);
                found.map_or_else(not_found, |key| (200, key.json(false)))
            }
            Operation::Create { .. } => {
                let body: Value = serde_json::from_slice(body.as_slice()).unwrap();
                let value =
                    body["value"].as_str().map_or_else(|| format!("server-made-{}", self.next_id), str::to_owned);
                if self.keys.iter().any(|key| key.value == value) {
                    return (409, json!({"message": "API key generation conflict."}));
                }
                let created = Entry {
                    id: self.next_id,
                    value,
                    description: body["description"].as_str().unwrap().to_owned(),
                    actions: body["actions"].clone(),
                    collections: body["collections"].clone(),
                    expires_at: body["expires_at"].as_u64().unwrap_or(64_723_363_199),
                    is_listed: true,
                };
                self.next_id += 1;
                self.keys.push(created.clone());
                self.acts.push(Act::Created(created.clone()));
                (201, created.json(true))
            }
            Operation::Delete(id) => {
                let Some(at) = self.keys.iter().position(|key| key.is_listed && KeyId::from(key.id) == id) else {
                    return not_found();
                };
                let key = self.keys.remove(at);
                self.acts.push(Act::Deleted { key, others: self.keys.clone() });
                (200, json!({ "id": id.get() }))
            }
        }
    }
}

fn broken(phase: Phase) -> AttemptError {
    Cause::Connection { phase, result: "broken".into() }.into()
}

impl RequestSender for Model {
    fn send(&self, _: &Node, request: Request<'_>, _: Deadlines) -> Result<Box<dyn ResponseBody>, AttemptError> {
        let (status, body) = self.respond(request.operation, request.body)?;
        if status == request.operation.success() {
            Ok(Box::new(Whole { status, body }))
        } else {
            Err(refused(status, &body))
        }
    }
}

/// A body that arrives at once.
struct Whole {
    status: u16,
    body: Vec<u8>,
}

impl ResponseBody for Whole {
    fn read_more(&mut self, content: &mut SecretBuf, _: Instant) -> Result<bool, AttemptError> {
        let body = std::mem::take(&mut self.body);
        content.extend(&body);
        Ok(!body.is_empty())
    }

    fn undecodable(&self, why: DecodeError, _: &[u8], _: Secrets<'_>) -> AttemptError {
        Cause::Unexpected { status: Some(self.status), result: why.to_string().into() }.into()
    }
}

fn refused(status: u16, body: &[u8]) -> AttemptError {
    let quoted = Quoted { message: Snippet::new(body, Secrets::default()), ..Quoted::default() };
    AttemptError { quoted, ..Cause::Status { status, retry_after: None, oddity: None }.into() }
}

/// The server's time, in seconds since 1970, when its clock is `ahead` of the local one by so many hours.
pub(super) fn server_time(ahead: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.checked_add_signed(ahead * 3600).unwrap()
}

/// What the next generated value in this thread will be.
pub(super) fn generate_next(value: &'static str) {
    secret::tests::NEXT_GENERATED.set(Some(value));
}

pub(super) fn exposed(value: Option<&SecretString>) -> Option<String> {
    value.map(|value| value.expose_secret().to_owned())
}
