//! A stand-in for a Typesense server, for tests (feature `testing`).
//!
//! [`FakeServer`] runs inside the test's own process, listens on loopback only and keeps its keys in
//! memory. It answers the key, health and debug endpoints as Typesense 0.24.1 does, down to the
//! messages; a differential test in this crate's repository holds it to a real server.
//!
//! **It is a test double, not a server.** It has no collections and no search, it keeps nothing
//! after it is dropped, it takes no care of the secrets in it, and its dependency `mockito` writes
//! every request, keys included, to the log at `debug`. Give it only keys that open nothing else.
//! It also differs from a real server where that would make a test hang, and where mockito leaves
//! no choice:
//!
//! * Where a real server never answers (asked for a key id that is no number, or to show a key
//!   whose fourth byte falls inside a character), the stand-in cuts the connection.
//! * It closes the connection after every reply, so the reuse of connections cannot be observed.
//! * After it is dropped, its port answers 501 until the process ends.
//!
//! # A test of one's own
//!
//! With `typesense-keys = { version = "0.1", features = ["testing"] }` among a tool's `[dev-dependencies]`, its tests
//! can have a server each, and have that fail when they like:
//!
//! ```
//! use typesense_keys::testing::{Fault, FakeServer};
//! use typesense_keys::{Action, CreatedKey, Error, KeysClient};
//!
//! /// What the tool does: gives a site the key for its search page.
//! fn provision(client: &KeysClient, site: &str) -> Result<CreatedKey, Error> {
//!     let request = client.create().description(format!("search on {site}"));
//!     request.actions([Action::DOCUMENTS_SEARCH]).collections([site]).send()
//! }
//!
//! // In the tool, with `#[test]` above it.
//! fn a_site_gets_one_key_although_a_reply_is_lost() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = FakeServer::start()?;
//!     let client = KeysClient::builder().node(server.url()).api_key(server.api_key()).build()?;
//!
//!     // The server makes the key, and the tool does not hear of it.
//!     server.inject(Fault::LoseResponse);
//!     let key = provision(&client, "docs")?;
//!
//!     assert_eq!(server.key_count(), 1);
//!     // Created; created again, which the server refuses; looked up in the list.
//!     assert_eq!(server.request_count(), 3);
//!     let info = client.get(key.id).send()?;
//!     assert_eq!((info.description.as_str(), info.actions), ("search on docs", vec![Action::DOCUMENTS_SEARCH]));
//!     Ok(())
//! }
//! # a_site_gets_one_key_although_a_reply_is_lost()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod input;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mockito::{Matcher, Mock, Server, ServerOpts};
use secrecy::{ExposeSecret, SecretString};

use answer::{Answers, Reply};
use input::Asked;

/// What the stand-in should do wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Act, then cut the connection without a reply.
    LoseResponse,
    /// Act, then answer 500 with an empty body.
    ErrorAfter,
    /// Answer 500 with an empty body and do nothing, as a cluster does to writes while it has no
    /// leader.
    ErrorBefore,
    /// Answer 503 `Not Ready or Lagging` and do nothing.
    NotReady {
        /// Sent as `Retry-After`, in whole seconds, rounded up.
        retry_after: Option<Duration>,
    },
    /// Answer 429 and do nothing. A real server sends no `Retry-After`; a proxy may.
    RateLimited {
        /// Sent as `Retry-After`, in whole seconds, rounded up.
        retry_after: Option<Duration>,
    },
    /// Act and send the head of the reply at once, but its body only after this long. Other
    /// requests are served meanwhile.
    Delay(Duration),
}

/// A stand-in for a Typesense server: in process, on loopback, state in memory.
///
/// See the [module documentation](self) for what it does and does not do.
///
/// # Example
///
/// ```
/// use typesense_keys::testing::{Fault, FakeServer};
///
/// let server = FakeServer::start()?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// assert_eq!(server.key_count(), 0);
///
/// // The next request to `/keys` is carried out, but its reply is lost.
/// server.inject(Fault::LoseResponse);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FakeServer {
    server: Mutex<Server>,
    state: Arc<Mutex<State>>,
    api_key: SecretString,
}

impl FakeServer {
    /// Starts a stand-in on a free loopback port, with a random bootstrap key and no other.
    ///
    /// # Errors
    ///
    /// When no loopback port or no random bytes can be had.
    pub fn start() -> io::Result<FakeServer> {
        let api_key = SecretString::from(answer::random_value().map_err(io::Error::other)?);
        // Not from mockito's pool, which makes the 51st caller wait forever. The constructor has
        // no fallible form, hence the detour.
        let mut server = std::panic::catch_unwind(|| Server::new_with_opts(ServerOpts::default()))
            .map_err(|_| io::Error::other("mockito could not start a server"))?;
        let state = Arc::new(Mutex::new(State {
            answers: Answers::new(api_key.expose_secret()),
            requests: 0,
            last_ticket: 0,
            faults: VecDeque::new(),
            replies: HashMap::new(),
        }));
        serve(&mut server, &state, None, |mock| mock);
        Ok(FakeServer { server: Mutex::new(server), state, api_key })
    }

    /// The address to give to a client, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        lock(&self.server).url()
    }

    /// The bootstrap key, which may do everything. Drawn anew for every stand-in.
    #[must_use]
    pub fn api_key(&self) -> SecretString {
        self.api_key.clone()
    }

    /// Queues a fault. Each request to `/keys` uses up the oldest one; other routes use up none.
    pub fn inject(&self, fault: Fault) {
        let mut server = lock(&self.server);
        let ticket = lock(&self.state).draw_ticket();
        let dress = |mock: Mock| match fault {
            Fault::NotReady { retry_after } | Fault::RateLimited { retry_after } => match retry_after {
                Some(wait) => mock.with_header("retry-after", &whole_seconds(wait)),
                None => mock,
            },
            Fault::Delay(wait) => {
                let state = Arc::clone(&self.state);
                mock.with_chunked_body(move |out| {
                    let body = lock(&state).take_body(Some(ticket));
                    write_late(out, wait, &body)
                })
            }
            Fault::LoseResponse | Fault::ErrorAfter | Fault::ErrorBefore => mock,
        };
        serve(&mut server, &self.state, Some(ticket), dress);
        // Last, so that no request can meet a fault that nothing serves yet.
        lock(&self.state).faults.push_back((ticket, fault));
    }

    /// How many keys exist now, the bootstrap key not counted.
    #[must_use]
    pub fn key_count(&self) -> usize {
        lock(&self.state).answers.key_count()
    }

    /// How many requests have arrived so far, on any route.
    #[must_use]
    pub fn request_count(&self) -> usize {
        lock(&self.state).requests
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server: _, state: _, api_key: _ } = self;
        f.debug_struct("FakeServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// Names a queued fault, so that its own mock serves it. `None`: no fault is due.
type Ticket = Option<usize>;

struct State {
    answers: Answers,
    requests: usize,
    last_ticket: usize,
    faults: VecDeque<(usize, Fault)>,
    replies: HashMap<Ticket, Reply>,
}

impl State {
    fn draw_ticket(&mut self) -> usize {
        self.last_ticket += 1;
        self.last_ticket
    }

    fn due_ticket(&self, path: &str) -> Ticket {
        let (ticket, _) = self.faults.front()?;
        input::is_keys_route(path).then_some(*ticket)
    }

    /// Computes and keeps the reply to a request; returns its status.
    fn prepare(&mut self, ticket: Ticket, asked: &Asked<'_>) -> usize {
        self.requests += 1;
        let fault = ticket.and_then(|_| self.faults.pop_front());
        let reply = match fault.map(|(_, fault)| fault) {
            None | Some(Fault::Delay(_)) => self.answers.answer(asked),
            Some(Fault::LoseResponse) => {
                self.answers.answer(asked);
                Reply::Silence
            }
            Some(Fault::ErrorAfter) => {
                self.answers.answer(asked);
                Reply::Empty(500)
            }
            Some(Fault::ErrorBefore) => Reply::Empty(500),
            Some(Fault::NotReady { .. }) => Reply::message(503, "Not Ready or Lagging"),
            Some(Fault::RateLimited { .. }) => Reply::message(429, "Rate limit exceeded or blocked"),
        };
        let status = match reply {
            Reply::Json(status, _) | Reply::Empty(status) => status,
            Reply::Silence => 500,
        };
        self.replies.insert(ticket, reply);
        status
    }

    fn content_type(&self, ticket: Ticket) -> String {
        match self.replies.get(&ticket) {
            // No header may hold a line feed, so building the reply fails and the connection is
            // cut: the one way to do that which mockito leaves open.
            Some(Reply::Silence) => "\n".to_owned(),
            // The header is there, without a value, as in a real server's empty 500.
            Some(Reply::Empty(_)) => String::new(),
            _ => "application/json; charset=utf-8".to_owned(),
        }
    }

    fn take_body(&mut self, ticket: Ticket) -> Vec<u8> {
        match self.replies.remove(&ticket) {
            Some(Reply::Json(_, body)) => body.to_string().into_bytes(),
            _ => Vec::new(),
        }
    }
}

/// Registers what answers the requests for which `ticket` is due.
///
/// Mockito asks separately for status, headers and body: in this order, on one thread and under
/// one lock. So the status computes the whole reply, and the others fetch their part of it.
fn serve(server: &mut Server, state: &Arc<Mutex<State>>, ticket: Ticket, dress: impl Fn(Mock) -> Mock) {
    for method in ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE"] {
        let [due, status, head, body] = std::array::from_fn(|_| Arc::clone(state));
        let mock = server
            .mock(method, Matcher::Any)
            .match_request(move |request| lock(&due).due_ticket(request.path()) == ticket)
            .with_status_code_from_request(move |request| lock(&status).prepare(ticket, &Asked::from(request)))
            .with_header_from_request("content-type", move |_| lock(&head).content_type(ticket))
            .with_body_from_request(move |_| lock(&body).take_body(ticket));
        dress(mock).create();
    }
}

/// Writes `body` after `wait`, but gives up soon after the client has gone away: mockito waits for
/// this thread then, and serves nobody else meanwhile.
fn write_late(out: &mut dyn io::Write, wait: Duration, body: &[u8]) -> io::Result<()> {
    let started = Instant::now();
    while let Some(left) = wait.checked_sub(started.elapsed()) {
        thread::sleep(left.min(Duration::from_millis(10)));
        // Sends nothing, but fails once nobody listens.
        let _ = out.write(&[])?;
    }
    out.write_all(body)
}

fn whole_seconds(wait: Duration) -> String {
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
