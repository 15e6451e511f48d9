//! Waits until the nodes agree that a key exists, or that it does not.

use std::time::{Duration, Instant};

use super::get;
use crate::engine::{Call, Engine, NO_BODY};
use crate::error::{Attempt, Error, NotReplicated, Phase};
use crate::http::{AttemptError, Deadlines, deadline_after};
use crate::key::{CreatedKey, KeyId, KeyInfo};
use crate::node::Node;
use crate::operation::Operation;

/// The state that the nodes should report.
#[derive(Debug, Clone, Copy)]
pub(super) enum Awaited<'a> {
    /// The nodes know this key.
    Known(&'a KeyInfo),
    /// The nodes do not have this key.
    Gone(KeyId),
    /// The nodes respond to a request for this key, with any result.
    Any(KeyId),
}

impl Awaited<'_> {
    fn id(self) -> KeyId {
        match self {
            Self::Known(key) => key.id,
            Self::Gone(id) | Self::Any(id) => id,
        }
    }

    /// Whether a node without the key agrees.
    fn is_met_by_absence(self) -> bool {
        match self {
            Self::Known(key) => key.may_be_purged(),
            Self::Gone(_) | Self::Any(_) => true,
        }
    }
}

/// Waits for at most `limit` until all nodes agree. Does not wait without a limit. `created`: the key of the error, if the
/// call has created one.
pub(super) fn wait_for_all(
    call: Call<'_>,
    awaited: Awaited<'_>,
    limit: Option<Duration>,
    created: impl FnOnce() -> Option<CreatedKey>,
) -> Result<(), Error> {
    if limit.is_none() {
        return Ok(());
    }
    wait(call.within(limit), awaited, false)
        .map_err(|lag| Error::NotReplicated(Box::new(NotReplicated { key: created(), ..*lag })))
}

/// Checks that the nodes are available before a key is created that they must confirm. `id`: of any key.
pub(super) fn check_nodes(call: Call<'_>, id: KeyId, accept_majority: bool) -> Result<(), Error> {
    let soon = call.within(Some(call.engine.limits.connect_timeout));
    let call = Call { deadline: call.deadline.min(soon.deadline), ..call };
    wait(call, Awaited::Any(id), accept_majority)
        .map_err(|lag| nodes_unavailable(call.engine, lag.nodes, accept_majority))
}

pub(super) fn nodes_unavailable(engine: &Engine, nodes: Vec<Attempt>, accept_majority: bool) -> Error {
    let (needed, total) = (needed(engine, accept_majority), engine.nodes.len());
    Error::NodesUnavailable { nodes, needed, total }
}

/// How many nodes must agree.
fn needed(engine: &Engine, accept_majority: bool) -> usize {
    let total = engine.nodes.len();
    if accept_majority { total / 2 + 1 } else { total }
}

/// Requests the key from the nodes until all of them agree, or a majority if that is enough. At the deadline, returns
/// the last results of the nodes that do not agree.
pub(super) fn wait(call: Call<'_>, awaited: Awaited<'_>, accept_majority: bool) -> Result<(), Box<NotReplicated>> {
    let engine = call.engine;
    let needed = needed(engine, accept_majority);
    let mut waiting: Vec<&Node> = engine.nodes.iter().collect();
    let (mut agreed, mut rounds) = (0, 0);
    loop {
        let mut disagreeing = Vec::new();
        for (at, &node) in waiting.iter().enumerate() {
            // Each node gets an equal share of the time, so that a hanging node leaves enough for the others, also for
            // a node that lags and is asked again.
            let shares = waiting.len() - at + usize::from(!disagreeing.is_empty());
            let share = call.remaining() / u32::try_from(shares).unwrap_or(u32::MAX);
            let finish_by = deadline_after(engine.clock.now(), share);
            match ask(call, node, awaited, finish_by) {
                Some((attempt, is_refused)) => disagreeing.push((node, attempt, is_refused)),
                None => agreed += 1,
            }
            if agreed >= needed {
                // A node that is not needed may hang.
                return Ok(());
            }
        }
        // A node that refused the client's key refuses it again, so the others must be enough.
        let can_agree = agreed + disagreeing.iter().filter(|(_, _, is_refused)| !is_refused).count();
        if can_agree < needed || !call.pause(&mut rounds, u32::MAX) {
            let state = if matches!(awaited, Awaited::Gone(_)) { "is deleted" } else { "exists" };
            let nodes = disagreeing.into_iter().map(|(_, attempt, _)| attempt).collect();
            return Err(Box::new(NotReplicated { id: awaited.id(), state, key: None, nodes }));
        }
        waiting = disagreeing.into_iter().map(|(node, ..)| node).collect();
    }
}

/// The result of a request to a node that does not agree, and whether the node refused the client's key. `None` if it
/// agrees.
fn ask(call: Call<'_>, node: &Node, awaited: Awaited<'_>, finish_by: Instant) -> Option<(Attempt, bool)> {
    let clock = &call.engine.clock;
    let started = clock.now();
    let deadlines = Deadlines::of_all(finish_by);
    let id = awaited.id();
    let response = call.attempt(node, Operation::Get(id), NO_BODY, deadlines, get::decode(call.secrets, id));
    let refusal = response.as_ref().err().and_then(AttemptError::typesense_status);
    let (phase, result) = match response {
        Ok(key) => match awaited {
            Awaited::Gone(_) => (Phase::ReadResponse, "still has the key".into()),
            Awaited::Known(known) if !key.is_same_as(known) => {
                (Phase::ReadResponse, "has another key with this id (is it a node of another cluster?)".into())
            }
            Awaited::Known(_) | Awaited::Any(_) => return None,
        },
        Err(_) if refusal == Some(404) && awaited.is_met_by_absence() => return None,
        Err(_) if refusal == Some(404) => (Phase::ReadResponse, "has no such key".into()),
        Err(error) => error.phase_and_result(),
    };
    let elapsed = clock.now().saturating_duration_since(started);
    let attempt = Attempt { node: node.url(""), phase, result: result.into(), started, elapsed };
    Some((attempt, refusal == Some(401)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::engine::tests::TestClock;
    use crate::engine::{Limits, MIN_ATTEMPT, Nodes, backoff};
    use crate::expiry::Expiry;
    use crate::http::{Request, RequestSender, ResponseBody};

    /// Notes by when each attempt must end. None succeeds.
    struct Unreachable(Arc<Mutex<Vec<Instant>>>);

    impl RequestSender for Unreachable {
        fn send(
            &self,
            _: &Node,
            _: Request<'_>,
            deadlines: Deadlines,
        ) -> Result<Box<dyn ResponseBody>, AttemptError> {
            self.0.lock().unwrap().push(deadlines.finish_by);
            Err(AttemptError::no_node())
        }
    }

    /// By when each attempt must end if a call to so many nodes ends by `left` after its first pause.
    fn attempts(nodes: usize, left: Duration) -> Vec<Duration> {
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let limit = Duration::from_secs(1);
        let node = |number| Node::parse(&format!("http://{number}.test")).unwrap();
        let engine = Engine {
            nodes: Nodes::new(None, (0..nodes).map(node).collect()),
            limits: Limits {
                timeout: limit,
                attempt_timeout: limit,
                connect_timeout: limit,
                retries: true,
                max_list_size: 0,
            },
            clock: Box::new(TestClock::new(1.0)),
            sender: Box::new(Unreachable(Arc::clone(&attempts))),
            api_key: Arc::default(),
        };
        let started = engine.clock.now();
        let call = engine.call(Some(backoff(1, &*engine.clock) + left));
        assert!(wait(call, Awaited::Any(KeyId::from(7)), false).is_err());
        attempts.lock().unwrap().iter().map(|end| end.duration_since(started)).collect()
    }

    /// The error shows the last result, which must not be a timeout.
    #[test]
    fn node_is_asked_again_only_if_the_deadline_leaves_it_time() {
        let ms = Duration::from_millis;
        for (left, expected) in [(MIN_ATTEMPT, 1), (MIN_ATTEMPT + ms(1), 2)] {
            assert_eq!(attempts(1, left).len(), expected, "{left:?}");
        }
    }

    /// No time passes, so a node that has no time left would get none.
    #[test]
    fn each_node_gets_an_equal_share_of_the_time_that_is_left() {
        let whole = backoff(1, &TestClock::new(1.0));
        // Once a node disagrees, a share is kept for asking it again.
        assert_eq!(attempts(3, Duration::ZERO), [whole / 3, whole / 3, whole / 2]);
    }

    #[test]
    fn absent_key_counts_as_known_only_if_the_server_may_have_deleted_it_after_its_expiry() {
        let key = |autodelete: Option<bool>, expires_at: Expiry| -> KeyInfo {
            let key = serde_json::json!({
                "id": 7, "description": "docs", "actions": ["documents:get"], "collections": ["docs"],
                "expires_at": expires_at, "value_prefix": "k3yA", "autodelete": autodelete,
            });
            serde_json::from_value(key).unwrap()
        };
        let past = Expiry::from_unix_seconds(1);
        assert!(Awaited::Known(&key(Some(true), past)).is_met_by_absence());
        assert!(!Awaited::Known(&key(Some(true), Expiry::NEVER)).is_met_by_absence());
        assert!(!Awaited::Known(&key(Some(false), past)).is_met_by_absence());
        assert!(!Awaited::Known(&key(None, past)).is_met_by_absence());
        assert!(Awaited::Gone(KeyId::from(7)).is_met_by_absence());
        assert!(Awaited::Any(KeyId::from(7)).is_met_by_absence());
    }
}
