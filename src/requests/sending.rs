//! One run of a batch: sends the requests, finds the keys of those whose values are in use, and reports the results.

use std::any::Any;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::{fmt, mem, vec};

use super::batch_item::BatchItem;
use super::list;
use super::lookup::{Lookup, Sent};
use super::runner::{self, Pace};
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

/// One request, with the state of its key.
pub(super) struct Item<T> {
    pub(super) request: Box<dyn BatchItem<T>>,
    /// Its key exists, or may exist, and is to be found in a list. Only during a run.
    pub(super) lookup: Option<Box<Lookup>>,
    /// `None` if the request was not started.
    pub(super) result: Option<Result<T, Error>>,
}

/// The requests with their positions in the batch.
type Numbered<T> = Vec<(usize, Item<T>)>;

pub(super) struct Sending<'a, T> {
    engine: &'a Engine,
    pace: Pace,
    progress: &'a mut dyn FnMut(&Progress<'_, T>) -> ControlFlow<()>,
    total: usize,
    finished: Numbered<T>,
    to_find: Numbered<T>,
    /// The first panic of `progress`.
    panic: Option<Box<dyn Any + Send>>,
}

impl<'a, T: Send> Sending<'a, T> {
    /// Sends the requests that can be sent. Returns all of them, in their order.
    pub(super) fn send(
        engine: &'a Engine,
        pace: Pace,
        items: Vec<Item<T>>,
        progress: &'a mut dyn FnMut(&Progress<'_, T>) -> ControlFlow<()>,
    ) -> Vec<Item<T>> {
        let total = items.len();
        let (todo, finished) =
            items.into_iter().enumerate().partition(|(_, item)| !matches!(item.result, Some(Ok(_))));
        let mut todo = Vec::into_iter(todo);
        let mut sending = Self { engine, pace, progress, total, finished, to_find: Vec::new(), panic: None };
        sending.run(&mut todo, &|item| item.sent(engine));
        sending.find();
        if let Some(payload) = sending.panic {
            // After the caller was told about every key.
            resume_unwind(payload);
        }
        let mut items = sending.finished;
        items.extend(todo);
        items.sort_unstable_by_key(|(index, _)| *index);
        items.into_iter().map(|(_, item)| item).collect()
    }

    /// Finds the keys of the requests whose values are in use, with one list for all of them. Reads it again until it shows
    /// them, because a node may lag, at most until the client's timeout.
    fn find(&mut self) {
        let engine = self.engine;
        let call = engine.call(None);
        let mut rounds = 0;
        while !self.to_find.is_empty() {
            rounds += 1;
            let to_find = mem::take(&mut self.to_find);
            let lookups = to_find.iter().filter_map(|(_, item)| item.lookup.as_ref());
            let values: Vec<_> = lookups.filter_map(|lookup| lookup.key.value.known()).collect();
            let prefixes: BTreeSet<_> = values.iter().map(|value| key::shown_prefix(value)).collect();
            // A list that was read before a value was refused might show another key that begins alike, and not yet its
            // own.
            let listed = list::all(call.hiding_all(&values), &|key| prefixes.contains(&key.prefix));
            let mut todo = to_find.into_iter();
            // These keys exist already, so the caller cannot stop this.
            while todo.len() > 0 {
                self.run(&mut todo, &|item| item.found(engine, &listed, rounds));
            }
            if !self.to_find.is_empty() {
                call.pause_until(rounds);
            }
        }
    }

    fn run(&mut self, todo: &mut vec::IntoIter<(usize, Item<T>)>, job: &(dyn Fn(Item<T>) -> Item<T> + Sync)) {
        let (connections, job) = (self.pace.connections, |(index, item)| (index, job(item)));
        let report = |(index, item)| self.report(index, item);
        let run = AssertUnwindSafe(|| runner::run(connections, todo, job, report));
        if let Err(payload) = catch_unwind(run) {
            self.panic.get_or_insert(payload);
        }
    }

    fn report(&mut self, index: usize, item: Item<T>) -> ControlFlow<()> {
        if item.lookup.is_some() {
            self.to_find.push((index, item));
            return ControlFlow::Continue(());
        }
        self.finished.push((index, item));
        let (done, total) = (self.finished.len(), self.total);
        let Some((_, Item { result: Some(result), .. })) = self.finished.last() else {
            return ControlFlow::Continue(());
        };
        let result = result.as_ref();
        let flow = (self.progress)(&Progress { done, total, index, result });
        if result.is_err() && !self.pace.keep_going { ControlFlow::Break(()) } else { flow }
    }
}

impl<T> Item<T> {
    fn sent(self, engine: &Engine) -> Self {
        let sent = self.request.begin(engine).and_then(|call| self.request.send_in(call));
        self.after(sent)
    }

    /// `is_last`: whether the list is not read again.
    fn found(mut self, engine: &Engine, listed: &Result<Vec<KeyInfo>, Box<CallFailure>>, rounds: u32) -> Self {
        let Some(lookup) = self.lookup.take() else { return self };
        let found = match listed {
            Ok(listed) => match lookup.find_in(listed) {
                Ok(Sent::ToFind(lookup)) if rounds >= lookup.most_rounds() => Err(lookup.unlisted(None)),
                found => found,
            },
            Err(failure) => Err(lookup.unlisted(Some(failure.copy()))),
        };
        let found = self.request.begin(engine).and_then(|call| self.request.proceed(call, found));
        self.after(found)
    }

    fn after(mut self, result: Result<Sent<T>, Error>) -> Self {
        match result {
            Ok(Sent::ToFind(lookup)) => self.lookup = Some(lookup),
            Ok(Sent::Done(output)) => self.result = Some(Ok(output)),
            Err(error) => {
                self.request.failed(&error);
                self.result = Some(Err(error));
            }
        }
        self
    }
}

impl<T: fmt::Debug> fmt::Debug for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.result.fmt(f)
    }
}
