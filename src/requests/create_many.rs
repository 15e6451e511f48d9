//! Create many keys over a few connections, each once, and not faster than the caller processes them.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use super::create::{CreateKey, PreparedCreate};
use crate::engine::Engine;
use crate::error::Error;
use crate::key::CreatedKey;

/// The default number of concurrent requests.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// A request to create many keys, such as one for each tenant. Made by
/// [`KeysClient::create_many`](crate::KeysClient::create_many).
///
/// Each request keeps its own timeout and its own wait for replication. Existing keys are not looked for: use
/// [`ensure`](crate::KeysClient::ensure) for that.
///
/// Prepare the requests and store the values first, so that a crash cannot leave a key whose value is lost:
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
///     let request = client.create().description(tenant).actions(["documents:search"]).collections([tenant]);
///     let prepared = request.prepare()?;
///     vault.insert(tenant, prepared.value().clone()); // stored before the key exists
///     requests.push(prepared);
/// }
/// let batch = client.create_many(requests).send_with(|progress| {
///     eprintln!("{} of {}", progress.done, progress.total);
///     ControlFlow::Continue(())
/// })?;
/// for (index, error) in batch.failed() {
///     eprintln!("{}: {error}", tenants[index]);
/// }
/// let keys = batch.into_keys().expect("none failed, and nothing was left out");
/// # assert_eq!((keys.len(), server.key_count()), (3, 3));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct CreateMany {
    engine: Arc<Engine>,
    items: Vec<Item>,
    connections: NonZeroUsize,
    keep_going: bool,
}

/// A request of a [`CreateMany`]: a [`CreateKey`] or a [`PreparedCreate`].
#[derive(Debug)]
pub struct BatchItem(Item);

impl From<CreateKey> for BatchItem {
    fn from(request: CreateKey) -> Self {
        Self(Item::New(request))
    }
}

impl From<PreparedCreate> for BatchItem {
    fn from(request: PreparedCreate) -> Self {
        Self(Item::Ready(request))
    }
}

/// The results of a [`CreateMany`].
#[derive(Debug)]
#[must_use = "it holds the keys that were created, and the errors"]
pub struct Batch(CreateMany);

enum Item {
    /// Not checked yet.
    New(CreateKey),
    Ready(PreparedCreate),
    Failed(PreparedCreate, Error),
    Created(CreatedKey),
}

/// The progress of a [`CreateMany`], after each of its requests.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The number of finished requests, including those before a [`resume`](Batch::resume).
    pub done: usize,
    /// The total number of requests.
    pub total: usize,
    /// The position of the finished request, counted from 0 in the order of the requests.
    pub index: usize,
    /// Its result.
    pub result: Result<&'a CreatedKey, &'a Error>,
}

impl CreateMany {
    pub(crate) fn new(engine: Arc<Engine>, requests: impl Iterator<Item = BatchItem>) -> Self {
        let items = requests.map(|request| request.0).collect();
        Self { engine, items, connections: CONNECTIONS, keep_going: false }
    }

    /// Sets the number of concurrent requests. Each has its own connection and thread. Defaults to 4; 0 counts as 1.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// Whether to continue after a failed request. Defaults to `false`: no further requests are started, and requests
    /// in progress are completed.
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.keep_going = keep_going;
        self
    }

    /// Creates the keys.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], with the position of the request, if one of them is invalid; [`Error::RandomSource`]. In both
    /// cases, nothing was sent. The [`Batch`] contains all later errors.
    pub fn send(self) -> Result<Batch, Error> {
        self.send_with(|_| ControlFlow::Continue(()))
    }

    /// Like [`send`](Self::send), and calls `progress` in this thread after each request.
    ///
    /// The requests wait for `progress`: at any time, at most [`connections`](Self::connections) keys exist for which
    /// it has not been called. After it returns [`ControlFlow::Break`], no further requests are started.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_with(self, mut progress: impl FnMut(&Progress<'_>) -> ControlFlow<()>) -> Result<Batch, Error> {
        let Self { engine, items, connections, keep_going } = self;
        let items: Vec<Item> =
            items.into_iter().enumerate().map(|(index, item)| item.check(index)).collect::<Result<_, _>>()?;
        let total = items.len();
        let requests = items.iter().enumerate().filter_map(|(index, item)| Some((index, item.request()?)));
        let mut done = total - requests.clone().count();
        let mut results: Vec<_> = items.iter().map(|_| None).collect();
        let threads = connections.get().min(total - done);
        // `None` once no further requests are to be started.
        let todo = Mutex::new(Some(requests));
        let todo = || todo.lock().unwrap_or_else(PoisonError::into_inner);
        let next = || todo().as_mut().and_then(Iterator::next);
        let mut report = |index, result: Result<CreatedKey, Error>| {
            done += 1;
            let progress = progress(&Progress { done, total, index, result: result.as_ref() });
            if progress.is_break() || (result.is_err() && !keep_going) {
                *todo() = None;
            }
            if let Some(place) = results.get_mut(index) {
                *place = Some(result);
            }
        };
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let work = || {
                let (sender, engine, next) = (sender.clone(), &engine, &next);
                move || {
                    while let Some((index, request)) = next() {
                        let (reported, is_reported) = mpsc::channel::<()>();
                        let is_sent = sender.send((index, request.send_by(engine), reported)).is_ok();
                        // If the report is missing, `progress` has panicked.
                        if !is_sent || is_reported.recv().is_err() {
                            break;
                        }
                    }
                }
            };
            let begun = (0..threads).filter(|_| thread::Builder::new().spawn_scoped(scope, work()).is_ok()).count();
            drop(sender);
            for (index, result, reported) in receiver {
                report(index, result);
                let _ = reported.send(());
            }
            if begun == 0 {
                // No thread could be started.
                while let Some((index, request)) = next() {
                    report(index, request.send_by(&engine));
                }
            }
        });
        let items = items.into_iter().zip(results).map(|(item, result)| item.concluded(result)).collect();
        Ok(Batch(Self { engine, items, connections, keep_going }))
    }
}

impl Batch {
    /// Whether every request has created its key.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.items.iter().all(|item| matches!(item, Item::Created(_)))
    }

    /// The keys that were created, each with the position of its request, counted from 0.
    pub fn created(&self) -> impl Iterator<Item = (usize, &CreatedKey)> {
        self.0.items.iter().enumerate().filter_map(|(index, item)| match item {
            Item::Created(key) => Some((index, key)),
            Item::New(_) | Item::Ready(_) | Item::Failed(..) => None,
        })
    }

    /// The requests that failed, each with its position, counted from 0. The other requests without a key were not
    /// started.
    pub fn failed(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.0.items.iter().enumerate().filter_map(|(index, item)| match item {
            Item::Failed(_, error) => Some((index, error)),
            Item::New(_) | Item::Ready(_) | Item::Created(_) => None,
        })
    }

    /// The keys, in the order of the requests.
    ///
    /// # Errors
    ///
    /// The unchanged batch if it is not [complete](Self::is_complete).
    pub fn into_keys(self) -> Result<Vec<CreatedKey>, Self> {
        if !self.is_complete() {
            return Err(self);
        }
        let keys = self.0.items.into_iter().filter_map(|item| match item {
            Item::Created(key) => Some(key),
            Item::New(_) | Item::Ready(_) | Item::Failed(..) => None,
        });
        Ok(keys.collect())
    }

    /// Returns a request that continues with the failed requests and those that were not started. Store the keys that
    /// it creates, too.
    ///
    /// A request with an unknown outcome is repeated with the same value, so that it cannot create a second key. If
    /// the server generates the value, the request is not repeated.
    pub fn resume(self) -> CreateMany {
        self.0
    }
}

impl Item {
    fn check(self, index: usize) -> Result<Self, Error> {
        match self {
            Self::New(request) => match request.check() {
                Ok(prepared) => Ok(Self::Ready(prepared)),
                Err(Error::InvalidRequest { field, reason }) => {
                    Err(Error::invalid(field, format!("{reason} (request {index}, counted from 0)")))
                }
                Err(error) => Err(error),
            },
            Self::Ready(_) | Self::Failed(..) | Self::Created(_) => Ok(self),
        }
    }

    /// The request, if it has to be sent.
    fn request(&self) -> Option<&PreparedCreate> {
        match self {
            Self::Ready(request) => Some(request),
            Self::Failed(request, _) if request.is_repeatable() => Some(request),
            Self::New(_) | Self::Failed(..) | Self::Created(_) => None,
        }
    }

    fn concluded(self, result: Option<Result<CreatedKey, Error>>) -> Self {
        match (self, result) {
            (_, Some(Ok(key))) => Self::Created(key),
            (Self::Ready(request) | Self::Failed(request, _), Some(Err(error))) => Self::Failed(request, error),
            (item, _) => item,
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New(_) | Self::Ready(_) => f.write_str("not begun"),
            Self::Failed(_, error) => write!(f, "failed: {error}"),
            Self::Created(key) => write!(f, "created key {}", key.id),
        }
    }
}
