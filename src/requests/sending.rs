//! One run of a batch: sends the requests, finds the keys of those whose values are in use, and reports the results.

use std::any::Any;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::{fmt, vec};

use secrecy::SecretString;

use super::batch_item::BatchItem;
use super::list;
use super::lookup::{Lookup, ROUNDS_FOR_GIVEN, Sent};
use super::runner::{self, Connections};
use crate::engine::{CallFailure, Engine};
use crate::error::Error;
use crate::key::{self, KeyInfo};

/// The progress of a [`SendMany`](crate::batch::SendMany), after each of its requests.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Progress<'a, T> {
    /// The number of finished requests, including those before a [`resume`](crate::batch::Batch::resume).
    pub done: usize,
    /// The total number of requests.
    pub total: usize,
    /// The position of the finished request, counted from 0 in the order of the requests.
    pub index: usize,
    /// Its result.
    pub result: Result<&'a T, &'a Error>,
}

/// The state of one request. A failed one has its last error.
pub(super) enum Item<T> {
    Pending(Box<dyn BatchItem<T>>),
    /// Its key exists, or may exist, and is to be found in a list.
    ToFind(Box<dyn BatchItem<T>>, Box<Lookup>),
    Failed(Box<dyn BatchItem<T>>, Error),
    Done(T),
}

/// The requests with their positions in the batch.
type Numbered<T> = Vec<(usize, Item<T>)>;

pub(super) struct Sending<'a, T> {
    engine: &'a Engine,
    connections: Connections,
    keep_going: bool,
    progress: &'a mut dyn FnMut(&Progress<'_, T>) -> ControlFlow<()>,
    total: usize,
    finished: Numbered<T>,
    to_find: Numbered<T>,
    /// The first panic of `progress`.
    panic: Option<Box<dyn Any + Send>>,
}

impl<'a, T: Send> Sending<'a, T> {
    pub(super) fn new(
        engine: &'a Engine,
        connections: Connections,
        keep_going: bool,
        progress: &'a mut dyn FnMut(&Progress<'_, T>) -> ControlFlow<()>,
    ) -> Self {
        let (finished, to_find) = (Vec::new(), Vec::new());
        Self { engine, connections, keep_going, progress, total: 0, finished, to_find, panic: None }
    }

    /// Sends the requests that can be sent. Returns all of them, in their order.
    pub(super) fn send(mut self, items: Vec<Item<T>>) -> Vec<Item<T>> {
        let engine = self.engine;
        self.total = items.len();
        let (todo, finished) = items.into_iter().enumerate().partition(|(_, item)| item.can_be_sent());
        let mut todo = Vec::into_iter(todo);
        self.finished = finished;
        self.run(&mut todo, &|item| item.sent(engine));
        self.find();
        if let Some(payload) = self.panic {
            // After the caller was told about every key.
            resume_unwind(payload);
        }
        let mut items = self.finished;
        items.extend(todo);
        items.sort_unstable_by_key(|(index, _)| *index);
        items.into_iter().map(|(_, item)| item).collect()
    }

    /// Finds the keys of the requests whose values are in use, with one list for all of them. Reads it again until it shows
    /// them, because a node may lag.
    fn find(&mut self) {
        let engine = self.engine;
        for rounds in 1.. {
            let to_find = std::mem::take(&mut self.to_find);
            if to_find.is_empty() {
                break;
            }
            let values: Vec<_> = to_find.iter().filter_map(|(_, item)| item.value()).collect();
            let prefixes: BTreeSet<_> = values.iter().map(|value| key::shown_prefix(value)).collect();
            // A list that was read before a value was refused might show another key that begins alike, and not yet its
            // own.
            let call = engine.call(None);
            let listed = list::all(call.hiding_all(&values), &|key| prefixes.contains(&key.prefix));
            let is_last = rounds >= ROUNDS_FOR_GIVEN;
            let mut todo = to_find.into_iter();
            // These keys exist already, so the caller cannot stop this.
            while todo.len() > 0 {
                self.run(&mut todo, &|item| item.found(engine, &listed, is_last));
            }
            if !self.to_find.is_empty() {
                call.pause_until(rounds);
            }
        }
    }

    fn run(&mut self, todo: &mut vec::IntoIter<(usize, Item<T>)>, job: &(dyn Fn(Item<T>) -> Item<T> + Sync)) {
        let connections = self.connections;
        runner::run(connections, todo, |(index, item)| (index, job(item)), |(index, item)| self.report(index, item));
    }

    fn report(&mut self, index: usize, item: Item<T>) -> ControlFlow<()> {
        let Some(result) = item.result() else {
            self.to_find.push((index, item));
            return ControlFlow::Continue(());
        };
        let (done, total) = (self.finished.len() + 1, self.total);
        let is_failed = result.is_err();
        let progress = Progress { done, total, index, result };
        let flow = catch_unwind(AssertUnwindSafe(|| (self.progress)(&progress)));
        self.finished.push((index, item));
        match flow {
            Ok(ControlFlow::Continue(())) if self.keep_going || !is_failed => ControlFlow::Continue(()),
            Ok(_) => ControlFlow::Break(()),
            Err(payload) => {
                self.panic.get_or_insert(payload);
                ControlFlow::Break(())
            }
        }
    }
}

impl<T> Item<T> {
    fn can_be_sent(&self) -> bool {
        match self {
            Self::Pending(_) | Self::ToFind(..) => true,
            Self::Failed(request, _) => request.is_repeatable(),
            Self::Done(_) => false,
        }
    }

    /// The value of the key that the request may create.
    fn value(&self) -> Option<&SecretString> {
        match self {
            Self::Pending(request) | Self::ToFind(request, _) | Self::Failed(request, _) => request.value(),
            Self::Done(_) => None,
        }
    }

    fn sent(self, engine: &Engine) -> Self {
        let (Self::Pending(mut request) | Self::Failed(mut request, _)) = self else { return self };
        let result = request.send_by(engine);
        Self::after(request, result)
    }

    /// `is_last`: whether the list is not read again.
    fn found(self, engine: &Engine, listed: &Result<Vec<KeyInfo>, Box<CallFailure>>, is_last: bool) -> Self {
        let Self::ToFind(mut request, lookup) = self else { return self };
        let result = match listed {
            Ok(listed) => match request.find_in(engine, *lookup, listed) {
                Ok(Sent::ToFind(lookup)) if is_last => Err(request.unlisted(*lookup, None)),
                result => result,
            },
            Err(failure) => Err(request.unlisted(*lookup, Some(failure.copy()))),
        };
        Self::after(request, result)
    }

    fn after(request: Box<dyn BatchItem<T>>, result: Result<Sent<T>, Error>) -> Self {
        match result {
            Ok(Sent::Done(output)) => Self::Done(output),
            Ok(Sent::ToFind(lookup)) => Self::ToFind(request, lookup),
            Err(error) => Self::Failed(request, error),
        }
    }

    /// `None` if the request was not started.
    pub(super) fn result(&self) -> Option<Result<&T, &Error>> {
        match self {
            Self::Pending(_) | Self::ToFind(..) => None,
            Self::Failed(_, error) => Some(Err(error)),
            Self::Done(output) => Some(Ok(output)),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending(_) | Self::ToFind(..) => f.write_str("not started"),
            Self::Failed(_, error) => write!(f, "failed: {error}"),
            Self::Done(output) => output.fmt(f),
        }
    }
}
