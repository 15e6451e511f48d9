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
    nodes: Vec<Node>,
    /// Whether the first node is the nearest one, which each call tries first.
    has_nearest: bool,
    /// Which of the other nodes the next call starts with.
    turn: AtomicUsize,
    /// Whether any node has ever responded.
    responded: AtomicBool,
    /// The time until which each node is set aside.
    aside: Mutex<Vec<Option<Instant>>>,
}

impl Nodes {
    /// At least one node is given.
    pub(crate) fn new(nearest: Option<Node>, others: Vec<Node>) -> Self {
        let has_nearest = nearest.is_some();
        let nodes: Vec<_> = nearest.into_iter().chain(others).collect();
        let aside = Mutex::new(vec![None; nodes.len()]);
        Self { nodes, has_nearest, turn: AtomicUsize::new(0), responded: AtomicBool::new(false), aside }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn have_responded(&self) -> bool {
        self.responded.load(Ordering::Relaxed)
    }

    /// The order of nodes for one call: the nearest node first, then the others in turn.
    pub(super) fn route(&self) -> Route<'_> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = usize::from(self.has_nearest);
        let others = self.nodes.len() - first;
        let in_turn = (0..others).map(|step| first + (turn % others + step) % others);
        let stops = (0..first).chain(in_turn).map(|index| Stop { index, is_tried: false }).collect();
        Route { nodes: self, stops }
    }

    /// Whether a node failed recently.
    pub(super) fn is_aside(&self, index: usize, now: Instant) -> bool {
        self.aside().get(index).is_some_and(|until| until.is_some_and(|until| now < until))
    }

    pub(super) fn record_success(&self, index: usize) {
        self.responded.store(true, Ordering::Relaxed);
        if let Some(until) = self.aside().get_mut(index) {
            *until = None;
        }
    }

    /// Records a failed attempt. Sets the node aside if the failure is the node's fault.
    pub(super) fn record_failure(&self, index: usize, error: &AttemptError, now: Instant) {
        if error.is_response() {
            self.responded.store(true, Ordering::Relaxed);
        }
        // A list that is larger than the caller's limit is not the node's fault.
        let is_well = error.effect() == ServerEffect::Refused || matches!(error.cause, Cause::TooLarge { .. });
        if is_well || self.is_aside(index, now) {
            return;
        }
        if let (Some(node), Some(until)) = (self.nodes.get(index), self.aside().get_mut(index)) {
            warn!("{} is set aside: {}", node.origin(), error.result());
            *until = now.checked_add(SET_ASIDE);
        }
    }

    fn aside(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        // Each entry is written in one step, so a panicked thread cannot leave an invalid state.
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nodes that one call can still use, in order. Nodes that were tried move to the end.
pub(super) struct Route<'a> {
    nodes: &'a Nodes,
    stops: VecDeque<Stop>,
}

#[derive(Clone, Copy)]
struct Stop {
    index: usize,
    is_tried: bool,
}

impl<'a> Route<'a> {
    /// The next node to try; one that is set aside only if no other is left. `None` if the call gave up on all nodes.
    pub(super) fn next(&mut self, now: Instant) -> Option<(usize, &'a Node)> {
        let ready = self.stops.iter().position(|stop| !self.nodes.is_aside(stop.index, now));
        let stop = self.stops.remove(ready.unwrap_or(0))?;
        self.stops.push_back(Stop { is_tried: true, ..stop });
        self.nodes.nodes.get(stop.index).map(|node| (stop.index, node))
    }

    /// Whether any node is left that was neither tried nor set aside.
    pub(super) fn has_untried(&self, now: Instant) -> bool {
        self.stops.iter().any(|stop| !stop.is_tried && !self.nodes.is_aside(stop.index, now))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stops.is_empty()
    }

    pub(super) fn give_up_on(&mut self, index: usize) {
        self.stops.retain(|stop| stop.index != index);
    }
}
