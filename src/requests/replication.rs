//! Waits until every node of a cluster knows of a write: a node that lags answers 404 for a new key, refuses
//! requests that use it, and still accepts one that was deleted.

use std::thread;
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::get;
use crate::engine::{SystemClock, backoff, deadline_after};
use crate::error::{Attempt, Phase};
use crate::http::{AttemptError, Deadlines};
use crate::node::Node;
use crate::operation::Operation;
use crate::secret::SecretBuf;
use crate::{KeyId, KeysClient, NotReplicated};

/// What every node shall come to say about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Present,
    Gone,
}

impl Wanted {
    /// What has been done to the key, so that this is wanted.
    fn done(self) -> &'static str {
        match self {
            Self::Present => "created",
            Self::Gone => "deleted",
        }
    }
}

/// Asks each node until it agrees, for at most `limit`; otherwise returns the last answers of those that do not.
///
/// `value`: the key's, if it is known here; it must not be in an error.
pub(super) fn wait(
    client: &KeysClient,
    id: KeyId,
    wanted: Wanted,
    limit: Duration,
    value: Option<&SecretString>,
) -> Result<(), Box<NotReplicated>> {
    let deadline = deadline_after(Instant::now(), limit);
    let mut waiting: Vec<&Node> = client.nodes().collect();
    let mut rounds = 0;
    loop {
        rounds += 1;
        let mut disagreeing = Vec::new();
        for (at, &node) in waiting.iter().enumerate() {
            // A fair share of what is left: a node that hangs must not take the others' time.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(waiting.len() - at).unwrap_or(u32::MAX);
            disagreeing.extend(ask(client, node, id, wanted, share, value).map(|answer| (node, answer)));
        }
        let pause = backoff(rounds, &SystemClock);
        if disagreeing.is_empty() {
            return Ok(());
        }
        if deadline_after(Instant::now(), pause) >= deadline {
            let nodes = disagreeing.into_iter().map(|(_, answer)| answer).collect();
            return Err(Box::new(NotReplicated { id, done: wanted.done(), key: None, nodes }));
        }
        waiting = disagreeing.into_iter().map(|(node, _)| node).collect();
        thread::sleep(pause);
    }
}

/// `None` if the node agrees.
fn ask(
    client: &KeysClient,
    node: &Node,
    id: KeyId,
    wanted: Wanted,
    limit: Duration,
    value: Option<&SecretString>,
) -> Option<Attempt> {
    let started = Instant::now();
    let until = deadline_after(started, limit);
    let limits = Deadlines { connect_by: until, finish_by: until };
    let answer =
        client.http().attempt(node, Operation::Get(id), limits, SecretBuf::default(), value, get::decode(id));
    let (phase, result) = match (answer, wanted) {
        (Ok(_), Wanted::Present) | (Err(AttemptError::Status { status: 404, .. }), Wanted::Gone) => return None,
        (Ok(_), Wanted::Gone) => (Phase::ReadResponse, "still has the key".to_owned()),
        (Err(AttemptError::Status { status: 404, .. }), Wanted::Present) => {
            (Phase::ReadResponse, "has no such key".to_owned())
        }
        (Err(error), _) => (error.phase(), error.result()),
    };
    Some(Attempt { node: node.origin().into(), phase, result: result.into(), started, elapsed: started.elapsed() })
}
