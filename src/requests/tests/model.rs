//! A server in memory, whose responses go wrong as told.

mod world;

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use serde_json::value::RawValue;

pub(super) use self::world::World;
use crate::client::KeysClient;
use crate::engine::tests::TestClock;
use crate::engine::{Clock, Engine, Limits, Nodes};
use crate::error::{Phase, Quoted, Secrets, Snippet};
use crate::http::{AttemptError, Cause, Deadlines, DecodeError, Request, RequestSender, ResponseBody};
use crate::key::{KeyId, KeyInfo};
use crate::node::Node;
use crate::operation::Operation;
use crate::secret::SecretBuf;
use crate::secret::tests::{NEXT_RANDOM, Random};

pub(super) const NEVER: u64 = 64_723_363_199;
const EVERYTHING: &str = r#"["*"]"#;

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
    /// The transport panics before the server has seen the request.
    PanicBefore,
    /// The transport panics after the server has carried out the request.
    PanicAfter,
}

impl Event {
    pub(super) const ALL: [Self; 11] = [
        Self::Normal,
        Self::LostBefore,
        Self::LostAfter,
        Self::Error500Before,
        Self::Error500After,
        Self::Timeout408After,
        Self::Unauthorized,
        Self::Foreign,
        Self::Lagging,
        Self::PanicBefore,
        Self::PanicAfter,
    ];

    /// One of each kind that the client can tell apart.
    pub(super) const DIFFERENT: [Self; 6] =
        [Self::Normal, Self::LostBefore, Self::LostAfter, Self::Unauthorized, Self::Foreign, Self::Lagging];

    /// Whether it makes a difference to the operation. A read that is lost before is like one that is lost after.
    fn applies_to(self, operation: Operation) -> bool {
        let is_write = matches!(operation, Operation::Create { .. } | Operation::Delete(_));
        match self {
            Self::Normal | Self::LostBefore | Self::Unauthorized | Self::PanicBefore => true,
            Self::LostAfter
            | Self::Error500Before
            | Self::Error500After
            | Self::Timeout408After
            | Self::PanicAfter => is_write,
            Self::Foreign => operation != Operation::List,
            Self::Lagging => !is_write,
        }
    }

    fn acts(self) -> bool {
        !matches!(self, Self::LostBefore | Self::Error500Before | Self::Unauthorized | Self::PanicBefore)
    }

    /// Whether the client gets the response of the server.
    fn delivers(self) -> bool {
        matches!(self, Self::Normal | Self::Lagging)
    }
}

/// A key on the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) id: u32,
    pub(super) value: String,
    pub(super) description: String,
    /// In JSON, as `collections` are.
    pub(super) actions: String,
    pub(super) collections: String,
    pub(super) expires_at: u64,
    /// The bootstrap key is in no list.
    pub(super) is_listed: bool,
}

impl Entry {
    fn json(&self, with_value: bool) -> String {
        let Self { id, value, description, actions, collections, expires_at, is_listed: _ } = self;
        let (member, shown) = if with_value { ("value", value.as_str()) } else { ("value_prefix", self.prefix()) };
        format!(
            r#"{{"id":{id},"{member}":"{shown}","description":"{description}","actions":{actions},
            "collections":{collections},"expires_at":{expires_at}}}"#
        )
    }

    /// As it is listed.
    pub(super) fn info(&self) -> KeyInfo {
        serde_json::from_str(&self.json(false)).unwrap()
    }

    pub(super) fn prefix(&self) -> &str {
        self.value.get(..4).unwrap_or(&self.value)
    }
}

/// What a run did to the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    Created(Entry),
    Deleted {
        key: Entry,
        others: Vec<Entry>,
        /// Whether the run has seen this key, in this cluster, after its last change.
        is_confirmed: bool,
    },
    /// The cluster became another one. `lives_on`: the keys of the first one, unless they are gone.
    Changed {
        lives_on: Vec<Entry>,
    },
}

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) keys: Vec<Entry>,
    before: Vec<Entry>,
    next_id: u32,
    pub(super) events: Vec<Event>,
    pub(super) requests: usize,
    /// The process is killed after so many requests.
    pub(super) killed_after: Option<usize>,
    /// An event was asked for that makes no difference to its operation: the course repeats another one.
    pub(super) is_redundant: bool,
    pub(super) acts: Vec<Act>,
    /// Before which request the cluster becomes another one.
    pub(super) change: Option<(usize, World)>,
    /// The keys and the next id after each change.
    history: Vec<(Vec<Entry>, u32)>,
    /// The keys that the first response has shown.
    pub(super) first_shown: Option<Vec<Entry>>,
    /// The keys that the run has seen after its last change.
    confirmed: Vec<Entry>,
    /// Whether the last response has shown a key.
    just_shown: bool,
    /// The time, as the client was told last.
    now: Option<Instant>,
    /// After how many calls the clock panics. `None` once it has.
    pub(super) clock_panics_at: Option<usize>,
    /// The keys whose creator was not told.
    pub(super) lost_creates: Vec<u32>,
}

#[derive(Clone, Default)]
pub(super) struct Model(pub(super) Arc<Mutex<State>>);

impl Model {
    pub(super) fn new(keys: &[Entry], events: &[Event]) -> Self {
        let next_id = keys.iter().map(|key| key.id + 1).max().unwrap_or_default();
        let until = |count: usize| (keys[..count].to_vec(), keys[..count].last().map_or(0, |key| key.id + 1));
        let history = (0..=keys.len()).map(until).collect();
        let (keys, before, events) = (keys.to_vec(), keys.to_vec(), events.to_vec());
        Self(Arc::new(Mutex::new(State { keys, before, next_id, events, history, ..State::default() })))
    }

    /// From now on, nothing goes wrong. A change that was to come after the last request comes now.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.events.clear();
        state.killed_after = None;
        state.acts.clear();
        let requests = state.requests;
        if let Some((_, world)) = state.change.take().filter(|(at, _)| *at >= requests) {
            state.become_another(world, Operation::List);
        }
    }

    /// Whether it makes a difference that the cluster becomes another one now.
    pub(super) fn become_another(&self, world: World) -> bool {
        let mut state = self.state();
        state.is_redundant = false;
        state.become_another(world, Operation::List);
        !state.is_redundant
    }

    /// A server in the same state.
    pub(super) fn copy(&self) -> Self {
        let state = self.state().clone();
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client of two nodes, which both are this server.
    pub(super) fn client(&self) -> KeysClient {
        self.client_by(self.clone())
    }

    pub(super) fn client_by(&self, sender: impl RequestSender + 'static) -> KeysClient {
        let node = |name| Node::parse(&format!("http://{name}.test")).unwrap();
        // A process that was killed repeats nothing.
        let limits = Limits { retries: self.state().killed_after.is_none(), ..Limits::default() };
        KeysClient::new(Engine {
            nodes: Nodes::new(None, vec![node("a"), node("b")]),
            limits,
            clock: Box::new(ModelClock { clock: TestClock::new(1.0), model: self.clone() }),
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
        if let Some((_, world)) = state.change.filter(|(at, _)| *at == number) {
            state.become_another(world, operation);
        }
        state.just_shown = false;
        let response = if event.acts() { state.act(operation, body, event) } else { (200, String::new()) };
        let is_lost = matches!(event, Event::LostAfter | Event::Error500After | Event::Timeout408After);
        let created = match state.acts.last() {
            Some(Act::Created(key)) if is_lost && matches!(operation, Operation::Create { .. }) => Some(key.id),
            _ => None,
        };
        state.lost_creates.extend(created);
        match event {
            Event::Normal | Event::Lagging => Ok((response.0, response.1.into_bytes())),
            Event::PanicBefore | Event::PanicAfter => {
                drop(state);
                resume_unwind(Box::new("the transport"));
            }
            Event::LostBefore | Event::LostAfter => Err(broken(Phase::AwaitResponse)),
            Event::Error500Before | Event::Error500After => Ok((500, Vec::new())),
            Event::Timeout408After => Ok((408, Vec::new())),
            Event::Unauthorized => Ok((401, b"Forbidden".to_vec())),
            Event::Foreign => {
                let foreign = Entry {
                    id: 4_000_000_000,
                    value: "FRGN-value".to_owned(),
                    description: "of another".to_owned(),
                    actions: EVERYTHING.to_owned(),
                    collections: EVERYTHING.to_owned(),
                    expires_at: NEVER,
                    is_listed: true,
                };
                let is_create = matches!(operation, Operation::Create { .. });
                Ok((operation.success(), foreign.json(is_create).into_bytes()))
            }
        }
    }
}

impl State {
    fn act(&mut self, operation: Operation, body: &SecretBuf, event: Event) -> (u16, String) {
        let not_found = || (404, "Not found.".to_owned());
        match operation {
            Operation::List => {
                let keys: Vec<_> = self.shown(event).into_iter().filter(|key| key.is_listed).collect();
                let list: Vec<_> = keys.iter().map(|key| key.json(false)).collect();
                self.show(event, keys);
                (200, format!("{{\"keys\":[{}]}}", list.join(",")))
            }
            // No test waits for a server.
            Operation::Ready => not_found(),
            Operation::Get(id) => {
                let found = self.shown(event).into_iter().find(|key| key.is_listed && KeyId::from(key.id) == id);
                let Some(found) = found else { return not_found() };
                let json = found.json(false);
                self.show(event, vec![found]);
                (200, json)
            }
            Operation::Create { .. } => {
                #[derive(serde::Deserialize)]
                struct Body<'a> {
                    value: Option<String>,
                    description: String,
                    #[serde(borrow)]
                    actions: &'a RawValue,
                    #[serde(borrow)]
                    collections: &'a RawValue,
                    expires_at: Option<u64>,
                }
                let Body { value, description, actions, collections, expires_at } =
                    serde_json::from_slice(body.as_slice()).unwrap();
                let value = value.unwrap_or_else(|| format!("server-made-{}", self.next_id));
                if self.keys.iter().any(|key| key.value == value) {
                    return (409, "API key generation conflict.".to_owned());
                }
                let created = Entry {
                    id: self.next_id,
                    value,
                    description,
                    actions: actions.get().to_owned(),
                    collections: collections.get().to_owned(),
                    expires_at: expires_at.unwrap_or(NEVER),
                    is_listed: true,
                };
                self.next_id += 1;
                self.keys.push(created.clone());
                self.has_changed();
                self.acts.push(Act::Created(created.clone()));
                (201, created.json(true))
            }
            Operation::Delete(id) => {
                let Some(at) = self.keys.iter().position(|key| key.is_listed && KeyId::from(key.id) == id) else {
                    return not_found();
                };
                let key = self.keys.remove(at);
                let is_confirmed = self.confirmed.contains(&key);
                self.has_changed();
                self.acts.push(Act::Deleted { key, others: self.keys.clone(), is_confirmed });
                (200, json!({ "id": id.get() }).to_string())
            }
        }
    }

    /// What the node shows.
    fn shown(&self, event: Event) -> Vec<Entry> {
        if event == Event::Lagging { self.before.clone() } else { self.keys.clone() }
    }

    fn show(&mut self, event: Event, keys: Vec<Entry>) {
        if event.delivers() {
            self.first_shown.get_or_insert_with(|| keys.clone());
            self.confirmed.extend(keys);
            self.just_shown = true;
        }
    }

    fn has_changed(&mut self) {
        self.history.push((self.keys.clone(), self.next_id));
        self.confirmed.clear();
    }
}

fn broken(phase: Phase) -> AttemptError {
    Cause::Connection { phase, result: "broken".into() }.into()
}

/// A clock that panics as told.
struct ModelClock {
    clock: TestClock,
    model: Model,
}

impl ModelClock {
    fn count(&self) -> &TestClock {
        let mut state = self.model.state();
        match state.clock_panics_at {
            Some(0) => {
                state.clock_panics_at = None;
                drop(state);
                resume_unwind(Box::new("the clock"));
            }
            Some(calls) => state.clock_panics_at = Some(calls - 1),
            None => {}
        }
        &self.clock
    }
}

impl Clock for ModelClock {
    fn now(&self) -> Instant {
        let now = self.count().now();
        self.model.state().now = Some(now);
        now
    }

    fn sleep(&self, duration: Duration) {
        self.count().sleep(duration);
    }

    fn jitter(&self) -> f64 {
        self.count().jitter()
    }
}

impl RequestSender for Model {
    fn send(
        &self,
        _: &Node,
        request: Request<'_>,
        deadlines: Deadlines,
    ) -> Result<Box<dyn ResponseBody>, AttemptError> {
        if self.state().now.is_some_and(|now| now >= deadlines.finish_by) {
            return Err(Cause::Timeout { phase: Phase::Connect }.into());
        }
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
    AttemptError { quoted, ..Cause::Status { status, retry_after: None }.into() }
}

/// The server's time, in seconds since 1970, when its clock is `ahead` of the local one by so many hours.
pub(super) fn server_time(ahead: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.checked_add_signed(ahead * 3600).unwrap()
}

/// What this thread's random source does next.
pub(super) fn generate_next(random: Random) {
    NEXT_RANDOM.set(Some(random));
}

pub(super) fn exposed(value: Option<&SecretString>) -> Option<String> {
    value.map(|value| value.expose_secret().to_owned())
}
