//! Create many keys over a few connections: each once, and none of them lost, whatever happens.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::create::Prepared;
use crate::{CreateKey, CreatedKey, Error};

/// How many keys are created at once, unless said otherwise.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// A request to create many keys, such as one for each tenant. Made by
/// [`KeysClient::create_many`](crate::KeysClient::create_many).
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # fn store(_: &str, _: &typesense_keys::CreatedKey) {}
/// use std::ops::ControlFlow;
/// use typesense_keys::KeysClient;
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let tenants = ["ada", "bob", "cyd"];
/// let requests = tenants.map(|tenant| {
///     client.create().description(tenant).actions(["documents:search"]).collections([tenant])
/// });
/// let batch = client.create_many(requests).send_with(|progress| {
///     if let Ok(key) = progress.result {
///         store(tenants[progress.index], key); // at once: this process may not live to see the end
///     }
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
    items: Vec<Item>,
    connections: NonZeroUsize,
    keep_going: bool,
}

/// What has become of many requests: see [`CreateMany`].
#[derive(Debug)]
#[must_use = "it holds the keys that were created, and what has failed"]
pub struct Batch(CreateMany);

enum Item {
    /// Not looked at yet.
    New(CreateKey),
    Ready(Prepared),
    Failed(Prepared, Error),
    Created(CreatedKey),
}

/// How far a [`CreateMany`] has come, after each of its requests.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// How many requests have been carried out, those before a [resumption](Batch::resume) included.
    pub done: usize,
    /// How many there are in all.
    pub total: usize,
    /// Which one this is about, counted from 0 in the order in which they were given.
    pub index: usize,
    /// What has become of it.
    pub result: Result<&'a CreatedKey, &'a Error>,
}

impl CreateMany {
    pub(crate) fn new(requests: impl IntoIterator<Item = CreateKey>) -> Self {
        let items = requests.into_iter().map(Item::New).collect();
        Self { items, connections: CONNECTIONS, keep_going: false }
    }

    /// How many keys are created at once, each over a connection and in a thread of its own. Defaults to 4; 0 counts
    /// as 1.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// Goes on after a request has failed. Defaults to beginning no more of them then: those that are under way are
    /// still carried out.
    pub fn keep_going(mut self) -> Self {
        self.keep_going = true;
        self
    }

    /// Creates the keys, and tells what has become of each request.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], before anything is sent, if one of the requests is not valid, with its number; and
    /// [`Error::RandomSource`]. Whatever happens later is told by the [`Batch`].
    pub fn send(self) -> Result<Batch, Error> {
        self.send_with(|_| ControlFlow::Continue(()))
    }

    /// Like [`send`](Self::send), and calls `progress` after each request, in this thread. If that returns
    /// [`ControlFlow::Break`], no more requests are begun.
    ///
    /// The moment to store a key is when `progress` is called with it: should this process come to an end before the
    /// [`Batch`] is there, its value is in no other place.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_with(self, mut progress: impl FnMut(&Progress<'_>) -> ControlFlow<()>) -> Result<Batch, Error> {
        let Self { items, connections, keep_going } = self;
        let items: Vec<Item> =
            items.into_iter().enumerate().map(|(index, item)| item.prepare(index)).collect::<Result<_, _>>()?;
        let todo: Vec<(usize, &Prepared, bool)> =
            items.iter().enumerate().filter_map(|(index, item)| item.todo(index)).collect();
        let total = items.len();
        let mut results: Vec<_> = items.iter().map(|_| None).collect();
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let mut done = total - todo.len();
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let work = || {
                let sender = sender.clone();
                let (todo, next, stop) = (&todo, &next, &stop);
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        let Some((index, request, again)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else {
                            break;
                        };
                        let result = request.send(*again);
                        if result.is_err() && !keep_going {
                            stop.store(true, Ordering::Relaxed);
                        }
                        if sender.send((*index, result)).is_err() {
                            break;
                        }
                    }
                }
            };
            let threads = connections.get().min(todo.len());
            let begun = (0..threads).filter(|_| thread::Builder::new().spawn_scoped(scope, work()).is_ok()).count();
            if begun == 0 {
                // No thread is to be had: then without.
                work()();
            }
            drop(sender);
            for (index, result) in receiver {
                done += 1;
                if progress(&Progress { done, total, index, result: result.as_ref() }).is_break() {
                    stop.store(true, Ordering::Relaxed);
                }
                if let Some(place) = results.get_mut(index) {
                    *place = Some(result);
                }
            }
        });
        let items = items.into_iter().zip(results).map(|(item, result)| item.concluded(result)).collect();
        Ok(Batch(Self { items, connections, keep_going }))
    }
}

impl Batch {
    /// Whether every request has led to its key.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.items.iter().all(|item| matches!(item, Item::Created(_)))
    }

    /// The keys that were created, each with the place of its request, counted from 0.
    pub fn created(&self) -> impl Iterator<Item = (usize, &CreatedKey)> {
        self.0.items.iter().enumerate().filter_map(|(index, item)| match item {
            Item::Created(key) => Some((index, key)),
            _ => None,
        })
    }

    /// The requests that failed, each with its place, counted from 0. The others that led to no key were not begun.
    pub fn failed(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.0.items.iter().enumerate().filter_map(|(index, item)| match item {
            Item::Failed(_, error) => Some((index, error)),
            _ => None,
        })
    }

    /// The keys, in the order of the requests.
    ///
    /// # Errors
    ///
    /// The batch itself, with all that it holds, if it is not [complete](Self::is_complete).
    pub fn into_keys(self) -> Result<Vec<CreatedKey>, Self> {
        if !self.is_complete() {
            return Err(self);
        }
        let keys = self.0.items.into_iter().filter_map(|item| match item {
            Item::Created(key) => Some(key),
            _ => None,
        });
        Ok(keys.collect())
    }

    /// The same request again: when it is sent, it goes on with what failed or was not begun.
    ///
    /// A request of which it was not known whether it was carried out is repeated with the same value, so that it
    /// makes no second key; if the server was to draw that value, it is not repeated.
    pub fn resume(self) -> CreateMany {
        self.0
    }
}

impl Item {
    fn prepare(self, index: usize) -> Result<Self, Error> {
        match self {
            Self::New(request) => match request.prepare() {
                Ok(prepared) => Ok(Self::Ready(prepared)),
                Err(Error::InvalidRequest { field, reason }) => {
                    Err(Error::invalid(field, format!("{reason} (request {index}, counted from 0)")))
                }
                Err(error) => Err(error),
            },
            other => Ok(other),
        }
    }

    /// What is still to be done for it, and whether that may have been done before.
    fn todo(&self, index: usize) -> Option<(usize, &Prepared, bool)> {
        match self {
            Self::Ready(request) => Some((index, request, false)),
            Self::Failed(request, error) => {
                let again = matches!(error, Error::OutcomeUnknown(_) | Error::NotReplicated(_));
                (!again || request.is_repeatable()).then_some((index, request, again))
            }
            Self::New(_) | Self::Created(_) => None,
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
