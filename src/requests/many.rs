//! Send many requests of one kind over a few connections, each once, and not faster than the caller processes the
//! results.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::create::{CheckedCreate, CreateKey, PreparedCreate};
use super::delete::DeleteKey;
use super::rotate::{RotateKey, resume};
use super::runner::{self, Connections};
use crate::engine::Engine;
use crate::error::Error;
use crate::key::{CreatedKey, KeyId};

/// A request to send many requests of one kind. Made by [`KeysClient::create_many`](crate::KeysClient::create_many),
/// [`delete_many`](crate::KeysClient::delete_many) and [`rotate_many`](crate::KeysClient::rotate_many).
///
/// Each request keeps its own options, such as its timeout and its wait for replication.
///
/// Before keys are created, prepare the requests and store the values, so that a crash cannot leave a key whose value
/// is lost:
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # let mut vault = std::collections::BTreeMap::new();
/// use std::ops::ControlFlow;
/// use typesense_keys::KeysClient;
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let tenants = ["ada", "bob", "cyd"];
/// let mut requests = Vec::new();
/// for tenant in tenants {
///     let request = client.create().description(tenant);
///     let request = request.actions(["documents:import"]).collections([tenant]);
///     let prepared = request.prepare()?;
///     // Stored before the key exists.
///     vault.insert(tenant, prepared.value().clone());
///     requests.push(prepared);
/// }
/// let batch = client.create_many(requests).send_with(|progress| {
///     eprintln!("{} of {}", progress.done, progress.total);
///     ControlFlow::Continue(())
/// })?;
/// for (index, error) in batch.failed() {
///     eprintln!("{}: {error}", tenants[index]);
/// }
/// let keys = batch.into_outputs().expect("none failed, and nothing was left out");
/// # assert_eq!((keys.len(), server.key_count()), (3, 3));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each week, replace the keys that expire soon. Here, each user's key has a description of its own:
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # fn store(_: &typesense_keys::CreatedKey) {}
/// # use std::ops::ControlFlow;
/// # use std::time::Duration;
/// # use typesense_keys::{KeyInfo, KeysClient};
/// const WEEK: Duration = Duration::from_secs(7 * 86_400);
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// # let key = |name| client.create().description(name).actions(["documents:import"]).collections(["docs"]);
/// # key("ada").expires_in(WEEK * 3 / 2).send()?;
/// # key("bob").send()?;
/// # for replaced in [1, 0] {
/// let keys = client.list().expired(false).send()?;
/// let expires_soon = |key: &KeyInfo| {
///     key.expires_at.remaining().is_some_and(|left| left < 2 * WEEK)
/// };
/// // The old key stays in the list until it expires: an earlier run may have
/// // replaced it.
/// let replaces = |new: &KeyInfo, old: &KeyInfo| {
///     new.description == old.description && new.id > old.id
/// };
/// let is_replaced = |key: &KeyInfo| keys.iter().any(|new| replaces(new, key));
/// let is_due = |key: &&KeyInfo| expires_soon(key) && !is_replaced(key);
/// let expiring: Vec<_> = keys.iter().filter(is_due).collect();
/// let requests = expiring.iter().map(|key| {
///     client.rotate(key.id).keep_old(true).expires_in(12 * WEEK)
/// });
/// let batch = client.rotate_many(requests).keep_going(true).send_with(|progress| {
///     match progress.result {
///         // The old key works until its users have the new one.
///         Ok(key) => store(key),
///         Err(error) => eprintln!("key {}: {error}", expiring[progress.index].id),
///     }
///     ControlFlow::Continue(())
/// })?;
/// # assert!(batch.is_complete() && batch.succeeded().count() == replaced && server.key_count() == 3);
/// # }
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct SendMany<T> {
    engine: Arc<Engine>,
    items: Vec<Item<T>>,
    /// Whether the requests were checked. A resumed batch was: a second check that fails would lose its outputs.
    is_checked: bool,
    connections: Connections,
    keep_going: bool,
}

/// The results of a [`SendMany`], each a `T`: the key that was created, or the id of the key that was deleted.
#[derive(Debug)]
#[must_use = "it holds the results, such as the keys that were created, and the errors"]
pub struct Batch<T>(SendMany<T>);

/// The state of one request. A failed one has its last error.
enum Item<T> {
    Pending(Box<dyn BatchRequest<T>>),
    Failed(Box<dyn BatchRequest<T>>, Error),
    Done(T),
}

/// The progress of a [`SendMany`], after each of its requests.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Progress<'a, T> {
    /// The number of finished requests, including those before a [`resume`](Batch::resume).
    pub done: usize,
    /// The total number of requests.
    pub total: usize,
    /// The position of the finished request, counted from 0 in the order of the requests.
    pub index: usize,
    /// Its result.
    pub result: Result<&'a T, &'a Error>,
}

impl<T: Send> SendMany<T> {
    pub(crate) fn new<R: BatchRequest<T> + 'static>(engine: Arc<Engine>, requests: impl Iterator<Item = R>) -> Self {
        let items = requests.map(|request| Item::Pending(Box::new(request))).collect();
        Self { engine, items, is_checked: false, connections: Connections::default(), keep_going: false }
    }

    /// Sets the number of concurrent requests. Each has its own connection and thread. Defaults to 4; 0 counts as 1.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.into();
        self
    }

    /// Whether to continue after a failed request. Defaults to `false`: no further requests are started, and requests
    /// in progress are completed.
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.keep_going = keep_going;
        self
    }

    /// Sends the requests.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], with the position of the request, if one of them is invalid; [`Error::RandomSource`].
    /// In both cases, nothing was sent. The [`Batch`] contains all later errors, and all errors after a
    /// [`resume`](Batch::resume).
    pub fn send(self) -> Result<Batch<T>, Error> {
        self.send_with(|_| ControlFlow::Continue(()))
    }

    /// Like [`send`](Self::send), and calls `progress` in this thread after each request.
    ///
    /// The requests wait for `progress`: there are never more unreported keys than [`connections`](Self::connections).
    /// After it returns [`ControlFlow::Break`], no further requests are started.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_with(self, mut progress: impl FnMut(&Progress<'_, T>) -> ControlFlow<()>) -> Result<Batch<T>, Error> {
        let Self { engine, mut items, is_checked, connections, keep_going } = self;
        if !is_checked {
            for (index, item) in items.iter_mut().enumerate() {
                item.check(index)?;
            }
        }
        let total = items.len();
        let (mut todo, mut finished) = (Vec::new(), Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            if item.can_be_sent() { todo.push((index, item)) } else { finished.push((index, item)) }
        }
        let mut done = finished.len();
        let mut todo = todo.into_iter();
        runner::run(
            connections,
            &mut todo,
            |(index, item)| (index, item.sent(&engine)),
            |(index, item)| {
                done += 1;
                let is_break = item.result().is_some_and(|result| {
                    progress(&Progress { done, total, index, result }).is_break() || (result.is_err() && !keep_going)
                });
                finished.push((index, item));
                if is_break { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        finished.extend(todo);
        finished.sort_unstable_by_key(|(index, _)| *index);
        let items = finished.into_iter().map(|(_, item)| item).collect();
        Ok(Batch(Self { engine, items, is_checked: true, connections, keep_going }))
    }
}

impl<T> Batch<T> {
    /// Whether every request has succeeded.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.items.iter().all(|item| matches!(item, Item::Done(_)))
    }

    /// The outputs of the requests that succeeded, each with the position of its request, counted from 0.
    pub fn succeeded(&self) -> impl Iterator<Item = (usize, &T)> {
        self.results().filter_map(|(index, result)| Some((index, result.ok()?)))
    }

    /// The errors of the requests that failed, each with the position of its request, counted from 0. The other
    /// requests without an output were not started.
    pub fn failed(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.results().filter_map(|(index, result)| Some((index, result.err()?)))
    }

    fn results(&self) -> impl Iterator<Item = (usize, Result<&T, &Error>)> {
        self.0.items.iter().enumerate().filter_map(|(index, item)| Some((index, item.result()?)))
    }

    /// The outputs, such as the keys that were created, in the order of the requests.
    ///
    /// # Errors
    ///
    /// The unchanged batch if it is not [complete](Self::is_complete).
    pub fn into_outputs(self) -> Result<Vec<T>, Self> {
        if !self.is_complete() {
            return Err(self);
        }
        Ok(self.into_results().into_iter().flatten().flatten().collect())
    }

    /// The result of each request, in their order. `None` for a request that was not started.
    #[must_use]
    pub fn into_results(self) -> Vec<Option<Result<T, Error>>> {
        let result = |item| match item {
            Item::Pending(_) => None,
            Item::Failed(_, error) => Some(Err(error)),
            Item::Done(output) => Some(Ok(output)),
        };
        self.0.items.into_iter().map(result).collect()
    }

    /// Returns a request that continues with the failed requests and those that were not started.
    ///
    /// A request to create a key is repeated with the same value, so that it cannot create a second key. If the server
    /// generates the value and the outcome is unknown, the request is not repeated. An interrupted rotation is
    /// [resumed](crate::error::Incomplete::resume).
    pub fn resume(self) -> SendMany<T> {
        self.0
    }
}

impl<T> Item<T> {
    fn check(&mut self, index: usize) -> Result<(), Error> {
        let Self::Pending(request) = self else { return Ok(()) };
        request.check().map_err(|error| error.about(format_args!("request {index}, counted from 0")))
    }

    fn can_be_sent(&self) -> bool {
        match self {
            Self::Pending(_) => true,
            Self::Failed(request, _) => request.is_repeatable(),
            Self::Done(_) => false,
        }
    }

    fn sent(self, engine: &Engine) -> Self {
        let (mut request, earlier) = match self {
            Self::Pending(request) => (request, None),
            Self::Failed(request, error) => (request, Some(error)),
            Self::Done(output) => return Self::Done(output),
        };
        match request.send_through(engine, earlier) {
            Ok(output) => Self::Done(output),
            Err(error) => Self::Failed(request, error),
        }
    }

    /// `None` if the request was not started.
    fn result(&self) -> Option<Result<&T, &Error>> {
        match self {
            Self::Pending(_) => None,
            Self::Failed(_, error) => Some(Err(error)),
            Self::Done(output) => Some(Ok(output)),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending(_) => f.write_str("not started"),
            Self::Failed(_, error) => write!(f, "failed: {error}"),
            Self::Done(output) => output.fmt(f),
        }
    }
}

/// A request that a [`SendMany`] can send.
pub(crate) trait BatchRequest<T>: Send + Sync {
    /// Checks the request before any of the requests is sent.
    fn check(&mut self) -> Result<(), Error>;

    /// Whether the request can be sent again after it has failed.
    fn is_repeatable(&self) -> bool {
        true
    }

    /// Sends the request through `engine`, which may belong to another client. `earlier`: its last error.
    fn send_through(&mut self, engine: &Engine, earlier: Option<Error>) -> Result<T, Error>;
}

/// A request of [`create_many`](crate::KeysClient::create_many): a [`CreateKey`] or a [`PreparedCreate`]. No user names
/// it, so it is public only for the bound of that method.
#[derive(Debug)]
pub struct CreateItem(Create);

#[derive(Debug)]
enum Create {
    /// Not checked yet.
    New(CreateKey),
    Checked(CheckedCreate),
}

impl From<CreateKey> for CreateItem {
    fn from(request: CreateKey) -> Self {
        Self(Create::New(request))
    }
}

impl From<PreparedCreate> for CreateItem {
    fn from(request: PreparedCreate) -> Self {
        Self(Create::Checked(request.request))
    }
}

impl BatchRequest<CreatedKey> for CreateItem {
    fn check(&mut self) -> Result<(), Error> {
        if let Create::New(request) = &self.0 {
            self.0 = Create::Checked(request.clone().check()?);
        }
        Ok(())
    }

    fn is_repeatable(&self) -> bool {
        match &self.0 {
            Create::New(_) => true,
            Create::Checked(request) => request.is_repeatable(),
        }
    }

    fn send_through(&mut self, engine: &Engine, _: Option<Error>) -> Result<CreatedKey, Error> {
        match &self.0 {
            Create::New(request) => request.clone().check()?.send_by(engine),
            Create::Checked(request) => request.send_by(engine),
        }
    }
}

impl BatchRequest<KeyId> for DeleteKey {
    fn check(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn send_through(&mut self, engine: &Engine, earlier: Option<Error>) -> Result<KeyId, Error> {
        // The key may be deleted already, which stays true if this attempt fails, too.
        self.ignore_missing |= earlier.is_some_and(|error| error.may_have_acted());
        self.send_by(engine)
    }
}

impl BatchRequest<CreatedKey> for RotateKey {
    fn check(&mut self) -> Result<(), Error> {
        self.validate()
    }

    fn send_through(&mut self, engine: &Engine, earlier: Option<Error>) -> Result<CreatedKey, Error> {
        match earlier {
            Some(Error::Incomplete(interrupted)) => resume(*interrupted, engine, self.options.timeout),
            _ => self.clone().send_by(engine),
        }
    }
}
