//! The choice of the node for the next attempt.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::warn;

use crate::http::{AttemptError, Cause, ServerEffect};
use crate::node::Node;

/// How long a failed node is set aside: it is used only if no other node is left.
const SET_ASIDE: Duration = Duration::from_secs(10);

/// The nodes and their state, shared by all calls of a client.
#[derive(Debug)]
pub(crate) struct Nodes {
    members: Vec<Member>,
    /// Whether the first node is the nearest one, which each call tries first.
    has_nearest: bool,
    /// Which of the other nodes the next call starts with.
    turn: AtomicUsize,
    /// Whether any node has ever responded.
    responded: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) node: Node,
    /// The time until which the node is set aside.
    aside: Mutex<Option<Instant>>,
}

impl Nodes {
    /// At least one node is given.
    pub(crate) fn new(nearest: Option<Node>, others: Vec<Node>) -> Self {
        let has_nearest = nearest.is_some();
        let members =
            nearest.into_iter().chain(others).map(|node| Member { node, aside: Mutex::new(None) }).collect();
        Self { members, has_nearest, turn: AtomicUsize::new(0), responded: AtomicBool::new(false) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.members.iter().map(|member| &member.node)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn have_responded(&self) -> bool {
        self.responded.load(Ordering::Relaxed)
    }

    /// The order of nodes for one call: the nearest node first, then the others in turn.
    pub(super) fn order(&self) -> NodeOrder<'_> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (nearest, others) = self.members.split_at(usize::from(self.has_nearest));
        let (later, first) = others.split_at(turn.checked_rem(others.len()).unwrap_or_default());
        NodeOrder { members: [nearest, first, later].into_iter().flatten().collect(), untried: self.members.len() }
    }

    pub(super) fn record_success(&self, member: &Member) {
        self.responded.store(true, Ordering::Relaxed);
        *member.aside() = None;
    }

    /// Records a failed attempt. Sets the node aside if the failure is the node's fault.
    pub(super) fn record_failure(&self, member: &Member, error: &AttemptError, now: Instant) {
        if error.is_response() {
            self.responded.store(true, Ordering::Relaxed);
        }
        // A list that is larger than the caller's limit is not the node's fault.
        let is_well = error.effect() == ServerEffect::Refused || matches!(error.cause, Cause::TooLarge { .. });
        if !is_well && !member.is_aside(now) {
            warn!("{} is set aside: {}", member.node.url(""), error.phase_and_result().1);
            *member.aside() = now.checked_add(SET_ASIDE);
        }
    }
}

impl Member {
    /// Whether the node failed recently.
    fn is_aside(&self, now: Instant) -> bool {
        self.aside().is_some_and(|until| now < until)
    }

    fn aside(&self) -> MutexGuard<'_, Option<Instant>> {
        // It is written in one step, so a panicked thread cannot leave an invalid state.
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nodes that one call can still use, in order. Nodes that were tried move to the end.
pub(super) struct NodeOrder<'a> {
    members: VecDeque<&'a Member>,
    /// How many of them, at the front, were not tried.
    untried: usize,
}

impl<'a> NodeOrder<'a> {
    /// The next node to try; one that is set aside only if no other is left. `None` if all are excluded.
    pub(super) fn next(&mut self, now: Instant) -> Option<&'a Member> {
        let at = self.members.iter().position(|member| !member.is_aside(now)).unwrap_or(0);
        let member = self.members.remove(at)?;
        self.members.push_back(member);
        self.untried -= usize::from(at < self.untried);
        Some(member)
    }

    /// Whether any node is left that was neither tried nor set aside.
    pub(super) fn has_untried(&self, now: Instant) -> bool {
        self.members.iter().take(self.untried).any(|member| !member.is_aside(now))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Excludes the node that was tried last.
    pub(super) fn exclude_last(&mut self) {
        self.members.pop_back();
    }
}
