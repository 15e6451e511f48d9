//! The retry loop without a network and without waiting. The last part checks its accounting exhaustively.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::error::{Error, Phase, Quoted, Secrets, Snippet};
use crate::key::KeyId;

/// A clock that advances only when a test sleeps or makes an attempt.
pub(crate) struct TestClock {
    start: Instant,
    passed_ns: AtomicU64,
    jitter: f64,
}

impl TestClock {
    pub(crate) fn new(jitter: f64) -> Self {
        Self { start: Instant::now(), passed_ns: Default::default(), jitter }
    }

    pub(crate) fn pass(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap();
        self.passed_ns.fetch_add(ns, Ordering::SeqCst);
    }

    pub(crate) fn passed(&self) -> Duration {
        Duration::from_nanos(self.passed_ns.load(Ordering::SeqCst))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.start + self.passed()
    }

    fn sleep(&self, duration: Duration) {
        self.pass(duration);
    }

    fn jitter(&self) -> f64 {
        self.jitter
    }
}

const SECOND: Duration = Duration::from_secs(1);
const CREATE: Operation = Operation::Create { repeatable: true };
const CREATE_BY_SERVER: Operation = Operation::Create { repeatable: false };

fn delete() -> Operation {
    Operation::Delete(KeyId::from(7))
}

fn node(name: &str) -> Node {
    Node::parse(&format!("http://{name}.example.net")).unwrap()
}

fn nodes(names: &[&str]) -> Nodes {
    Nodes::new(None, names.iter().copied().map(node).collect())
}

fn name(node: &Node) -> String {
    node.url("").trim_start_matches("http://").trim_end_matches(".example.net").to_owned()
}

const CONFIG: Limits = Limits {
    timeout: Duration::from_secs(30),
    attempt_timeout: Duration::from_secs(10),
    connect_timeout: Duration::from_secs(5),
    retries: true,
    max_list_size: 0,
};

fn refused() -> AttemptError {
    Cause::Connection { phase: Phase::Connect, result: "connection refused".into() }.into()
}

fn reset() -> AttemptError {
    Cause::Connection { phase: Phase::AwaitResponse, result: "reset".into() }.into()
}

fn untrusted() -> AttemptError {
    Cause::Tls { result: "unknown authority".into() }.into()
}

fn status(status: u16) -> AttemptError {
    status_after(status, None)
}

fn status_after(status: u16, retry_after: Option<Duration>) -> AttemptError {
    let message: &[u8] = match status {
        404 => b"Not found.",
        503 => b"Not Ready or Lagging",
        _ => b"",
    };
    let message = Snippet::new(message, Secrets::default());
    let quoted = Quoted { message, ..Quoted::default() };
    AttemptError { quoted, ..Cause::Status { status, retry_after }.into() }
}

fn garbled() -> AttemptError {
    unexpected(201)
}

fn unexpected(status: u16) -> AttemptError {
    Cause::Unexpected { status: Some(status), result: "not JSON".into() }.into()
}

/// Makes a call whose attempts on a node end as `error` says. Returns its result and the names of the tried nodes.
fn call(
    nodes: &Nodes,
    limits: Limits,
    clock: &TestClock,
    operation: Operation,
    error: impl Fn(&str) -> Result<(), AttemptError>,
) -> (Result<(), Box<CallFailure>>, Vec<String>) {
    let asked = RefCell::new(Vec::new());
    let deadline = deadline_after(clock.now(), limits.timeout);
    let result = run(nodes, limits, clock, operation, deadline, &mut |node, deadlines| {
        assert!(deadlines.connect_by <= deadlines.finish_by && deadlines.finish_by <= deadline, "{deadlines:?}");
        asked.borrow_mut().push(name(node));
        error(&name(node))
    });
    (result, asked.into_inner())
}

#[test]
fn successive_calls_rotate_through_the_nodes() {
    let nodes = nodes(&["a", "b", "c"]);
    let firsts: Vec<_> =
        (0..4).map(|_| call(&nodes, CONFIG, &TestClock::new(0.5), Operation::List, |_| Ok(())).1.remove(0)).collect();
    assert_eq!(firsts, ["a", "b", "c", "a"]);
}

#[test]
fn nearest_node_is_tried_first_by_every_call() {
    let nodes = Nodes::new(Some(node("near")), vec![node("a"), node("b")]);
    for _ in 0..3 {
        assert_eq!(call(&nodes, CONFIG, &TestClock::new(0.5), Operation::List, |_| Ok(())).1, ["near"]);
    }
}

#[test]
fn failed_attempt_moves_to_the_next_node_without_waiting() {
    let clock = TestClock::new(1.0);
    let fails_on_a = |name: &str| if name == "a" { Err(refused()) } else { Ok(()) };
    let (result, asked) = call(&nodes(&["a", "b"]), CONFIG, &clock, CREATE, fails_on_a);
    assert!(matches!(result, Ok(())));
    assert_eq!((asked.join(" ").as_str(), clock.passed()), ("a b", Duration::ZERO));
}

#[test]
fn failed_node_is_set_aside_and_returns() {
    let (nodes, clock) = (nodes(&["a", "b"]), TestClock::new(0.5));
    let fails_on_a = |name: &str| if name == "a" { Err(refused()) } else { Ok(()) };
    assert_eq!(call(&nodes, CONFIG, &clock, Operation::List, fails_on_a).1, ["a", "b"]);
    for _ in 0..4 {
        assert_eq!(call(&nodes, CONFIG, &clock, Operation::List, fails_on_a).1, ["b"]);
    }
    clock.pass(11 * SECOND);
    let asked: Vec<_> = (0..2).flat_map(|_| call(&nodes, CONFIG, &clock, Operation::List, |_| Ok(())).1).collect();
    assert!(asked.contains(&"a".to_owned()), "{asked:?}");
}

#[test]
fn node_with_too_large_list_is_not_set_aside() {
    let nodes = Nodes::new(Some(node("near")), vec![node("a")]);
    for _ in 0..3 {
        let too_large = |_: &str| Err(Cause::TooLarge { limit: 9 }.into());
        assert_eq!(call(&nodes, CONFIG, &TestClock::new(0.5), Operation::List, too_large).1, ["near"]);
    }
}

#[test]
fn set_aside_nodes_are_tried_if_no_other_is_left() {
    let (nodes, clock) = (nodes(&["a", "b"]), TestClock::new(0.5));
    let all_fail = call(&nodes, Limits { timeout: SECOND, ..CONFIG }, &clock, Operation::List, |_| Err(refused()));
    assert!(all_fail.0.is_err());
    assert!(matches!(call(&nodes, CONFIG, &clock, Operation::List, |_| Ok(())).0, Ok(())));
}

#[test]
fn backoff_grows_to_one_second_with_full_jitter() {
    let waits = |jitter| -> Vec<_> {
        (1..8).map(|failures| backoff(failures, &TestClock::new(jitter)).as_millis()).collect()
    };
    assert_eq!(waits(1.0), [100, 200, 400, 800, 1000, 1000, 1000]);
    assert_eq!(waits(0.5), [50, 100, 200, 400, 500, 500, 500]);
    assert_eq!(waits(0.0), [0; 7]);
    assert_eq!(backoff(u32::MAX, &TestClock::new(1.0)), SECOND);
}

#[test]
fn leader_election_is_waited_out() {
    let clock = TestClock::new(1.0);
    let no_leader_for_7_s = |_: &str| {
        clock.pass(Duration::from_millis(1));
        if clock.passed() < 7 * SECOND { Err(status(500)) } else { Ok(()) }
    };
    let (result, asked) = call(&nodes(&["a", "b", "c"]), CONFIG, &clock, CREATE, no_leader_for_7_s);
    assert!(matches!(result, Ok(())));
    assert!(clock.passed() < 9 * SECOND && asked.len() < 20, "{:?} {}", clock.passed(), asked.len());
}

#[test]
fn expired_deadline_ends_the_call_and_reports_every_attempt() {
    for jitter in [0.01, 0.5, 1.0] {
        let clock = TestClock::new(jitter);
        let (result, asked) = call(&nodes(&["a", "b"]), CONFIG, &clock, Operation::List, |_| {
            clock.pass(Duration::from_millis(10));
            Err(refused())
        });
        let failure = result.unwrap_err();
        assert!(clock.passed() <= CONFIG.timeout + Duration::from_millis(10), "{:?}", clock.passed());
        assert_eq!(failure.attempts.len(), asked.len());
        assert_eq!(failure.attempts[1].to_string(), "http://b.example.net: connection refused after 10.0ms");
    }
}

#[test]
fn unreachable_nodes_end_the_call_after_the_connect_timeout_unless_one_has_ever_responded() {
    let nodes = nodes(&["a", "b"]);
    let time_of_failure = |error: fn() -> AttemptError| {
        let clock = TestClock::new(1.0);
        let (result, asked) = call(&nodes, CONFIG, &clock, Operation::List, |_| Err(error()));
        assert!(result.is_err() && asked.len() > 2, "{asked:?}");
        clock.passed()
    };
    assert!(time_of_failure(refused) <= CONFIG.connect_timeout);
    // A node that accepts the connection is there.
    assert!(time_of_failure(reset) > CONFIG.connect_timeout);
    assert!(time_of_failure(refused) <= CONFIG.connect_timeout);
    assert!(time_of_failure(|| status(500)) > CONFIG.connect_timeout);
    // From now on, a refused connection may be an election or a restart.
    assert!(time_of_failure(refused) > CONFIG.connect_timeout);
}

#[test]
fn attempt_and_connection_have_their_own_deadlines() {
    let clock = TestClock::new(1.0);
    let seen = Cell::new(None);
    let begun = clock.now();
    _ = run(&nodes(&["a"]), CONFIG, &clock, Operation::List, begun + 30 * SECOND, &mut |_, limits| {
        seen.set(Some((limits.connect_by - begun, limits.finish_by - begun)));
        Ok(())
    });
    assert_eq!(seen.get(), Some((5 * SECOND, 10 * SECOND)));
}

#[test]
fn retry_after_is_honored_within_the_deadline() {
    for code in [429, 503] {
        let clock = TestClock::new(0.0);
        let (result, asked) = call(&nodes(&["a"]), CONFIG, &clock, CREATE, |_| {
            if clock.passed() < 12 * SECOND { Err(status_after(code, Some(12 * SECOND))) } else { Ok(()) }
        });
        assert!(result.is_ok(), "{code}");
        assert_eq!((clock.passed(), asked.len()), (12 * SECOND, 2));
    }
    let clock = TestClock::new(0.0);
    let too_long = |_: &str| Err(status_after(429, Some(31 * SECOND)));
    let (result, asked) = call(&nodes(&["a", "b"]), CONFIG, &clock, CREATE, too_long);
    assert_eq!((result.is_err(), asked.len(), clock.passed()), (true, 1, Duration::ZERO));
}

#[test]
fn attempt_is_repeated_only_if_the_deadline_leaves_it_time() {
    let ms = Duration::from_millis;
    for (left, attempts) in [(MIN_ATTEMPT - ms(1), 1), (MIN_ATTEMPT + ms(1), 2)] {
        let clock = TestClock::new(0.0);
        let (result, asked) =
            call(&nodes(&["a"]), CONFIG, &clock, CREATE, |_| Err(status_after(429, Some(CONFIG.timeout - left))));
        assert_eq!((result.unwrap_err().last.status(), asked.len()), (Some(429), attempts), "{left:?}");
    }
}

#[test]
fn node_with_bad_certificate_is_not_tried_again() {
    let clock = TestClock::new(0.5);
    let (result, asked) = call(&nodes(&["a", "b"]), CONFIG, &clock, CREATE, |_| Err(untrusted()));
    assert!(matches!(result.unwrap_err().last.cause, Cause::Tls { .. }));
    assert_eq!((asked.join(" ").as_str(), clock.passed()), ("a b", Duration::ZERO));
}

#[test]
fn call_without_retries_makes_one_attempt() {
    let once = Limits { retries: false, ..CONFIG };
    for (error, in_doubt) in [(refused as fn() -> AttemptError, false), (reset, true), (untrusted, false)] {
        let (result, asked) = call(&nodes(&["a", "b"]), once, &TestClock::new(0.5), CREATE, |_| Err(error()));
        assert_eq!((result.unwrap_err().in_doubt, asked.len()), (in_doubt, 1));
    }
}

#[test]
fn failed_read_is_never_in_doubt() {
    for error in [reset, garbled, refused] {
        let short = Limits { timeout: SECOND, ..CONFIG };
        let (result, _) = call(&nodes(&["a"]), short, &TestClock::new(0.5), Operation::List, |_| Err(error()));
        assert!(!result.unwrap_err().in_doubt);
    }
}

#[test]
fn refusal_means_already_applied_only_in_doubt() {
    for (operation, refusal) in [(CREATE, 409), (delete(), 404)] {
        let (first, _) = call(&nodes(&["a"]), CONFIG, &TestClock::new(0.5), operation, |_| Err(status(refusal)));
        assert!(!first.unwrap_err().is_already_applied(), "{operation}");

        let asked = Cell::new(0);
        let (after_a_reset, _) = call(&nodes(&["a"]), CONFIG, &TestClock::new(0.5), operation, |_| {
            asked.set(asked.get() + 1);
            Err(if asked.get() == 1 { reset() } else { status(refusal) })
        });
        assert!(after_a_reset.unwrap_err().is_already_applied(), "{operation}");
    }
}

// The model: every course of a call with up to six attempts, against a server that only counts keys.

/// The outcome of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Succeeded,
    NotSent,
    NotReady,
    Limited,
    FailedBefore,
    FailedAfter,
    LostBefore,
    LostAfter,
    GarbledAfter,
    Rejected,
    /// A 404 or 409 of a proxy, which says nothing about a key.
    RejectedByAnother,
}

const EVENTS: [Event; 11] = [
    Event::Succeeded,
    Event::NotSent,
    Event::NotReady,
    Event::Limited,
    Event::FailedBefore,
    Event::FailedAfter,
    Event::LostBefore,
    Event::LostAfter,
    Event::GarbledAfter,
    Event::Rejected,
    Event::RejectedByAnother,
];

/// The keys that the creates of one value, or the deletes of one key, affect.
struct Server {
    keys: Cell<u32>,
    /// The number of creates or deletes that the server carried out.
    acts: Cell<u32>,
}

impl Server {
    fn before(operation: Operation) -> Self {
        Self { keys: Cell::new(u32::from(matches!(operation, Operation::Delete(_)))), acts: Cell::new(0) }
    }

    /// The server's response to an attempt that reaches it.
    fn act(&self, operation: Operation) -> Result<(), AttemptError> {
        let (keys, refusal) = match operation {
            // The server generates a new value for each attempt.
            Operation::Create { repeatable: false } => (self.keys.get() + 1, None),
            Operation::Create { repeatable: true } => (1, (self.keys.get() == 1).then_some(409)),
            _ => (0, (self.keys.get() == 0).then_some(404)),
        };
        if let Some(refusal) = refusal {
            return Err(status(refusal));
        }
        self.keys.set(keys);
        self.acts.set(self.acts.get() + 1);
        Ok(())
    }

    fn meet(&self, event: Event, operation: Operation) -> Result<(), AttemptError> {
        match event {
            Event::Succeeded => self.act(operation),
            Event::NotSent => Err(refused()),
            Event::NotReady => Err(status(503)),
            Event::Limited => Err(status(429)),
            Event::FailedBefore => Err(status(500)),
            Event::LostBefore => Err(reset()),
            Event::Rejected => Err(status(400)),
            Event::RejectedByAnother => {
                Err(unexpected(if matches!(operation, Operation::Delete(_)) { 404 } else { 409 }))
            }
            // If the server refuses, the refusal is lost.
            Event::FailedAfter => self.act(operation).and(Err(status(500))).or(Err(status(500))),
            Event::LostAfter => self.act(operation).and(Err(reset())).or(Err(reset())),
            Event::GarbledAfter => self.act(operation).and(Err(garbled())),
        }
    }
}

#[test]
fn call_from_a_logger_keeps_the_value_of_an_earlier_call() {
    for operation in [CREATE, Operation::Get(KeyId::from(7))] {
        let failure = || CallFailure::new(operation, Cause::Reentrant.into());
        assert!(matches!(failure().into_error(None), Error::CalledFromLogger));
        let earlier = CallFailure { earlier: Some("k3yA-value".into()), ..failure() };
        let error = earlier.into_error(None);
        assert!(error.value().is_some() && error.may_have_acted(), "{error}");
        assert!(error.to_string().contains("called from a logger"), "{error}");
    }
}

#[test]
fn every_course_of_a_call_accounts_for_every_key() {
    for operation in [CREATE, CREATE_BY_SERVER, delete()] {
        let courses = explore(operation, &mut Vec::new());
        assert!(courses > 1_000, "{operation}: {courses}");
    }
}

/// Checks every course that begins with `events`, with up to six attempts before the deadline (without `CI=true`, up to
/// five). Returns their number.
fn explore(operation: Operation, events: &mut Vec<Event>) -> usize {
    let is_over = accounting_holds(operation, events);
    let most = if std::env::var("CI").is_ok_and(|ci| ci == "true") { 6 } else { 5 };
    if is_over || events.len() == most {
        return 1;
    }
    let mut courses = 1;
    for event in EVENTS {
        events.push(event);
        courses += explore(operation, events);
        events.pop();
    }
    courses
}

/// Whether the call ended before the deadline.
fn accounting_holds(operation: Operation, events: &[Event]) -> bool {
    let (server, clock) = (Server::before(operation), TestClock::new(0.0));
    let existed = server.keys.get();
    let mut coming = events.iter();
    let mut is_over = true;
    let deadline = clock.now() + CONFIG.timeout;
    let result = run(&nodes(&["a"]), CONFIG, &clock, operation, deadline, &mut |_, _| {
        clock.pass(Duration::from_millis(1));
        if let Some(&event) = coming.next() {
            return server.meet(event, operation);
        }
        is_over = false;
        clock.pass(CONFIG.timeout);
        Err(refused())
    });
    let keys = server.keys.get();
    let wanted = u32::from(matches!(operation, Operation::Create { .. }));
    assert!(server.acts.get() <= 1, "acted twice: {operation} {events:?}");
    match result {
        Ok(()) => assert_eq!(keys, wanted, "a success that is none: {operation} {events:?}"),
        Err(failure) if failure.is_already_applied() => {
            assert_eq!(keys, wanted, "already applied, but it is not: {operation} {events:?}");
        }
        Err(failure) if !failure.in_doubt => {
            assert_eq!(keys, existed, "an error that hides an act: {operation} {events:?}");
        }
        Err(_) => {
            let clear = [
                Event::Succeeded,
                Event::NotSent,
                Event::NotReady,
                Event::Limited,
                Event::Rejected,
                Event::RejectedByAnother,
            ];
            assert!(
                events.iter().any(|event| !clear.contains(event)),
                "a doubt from nowhere: {operation} {events:?}"
            );
        }
    }
    is_over
}
