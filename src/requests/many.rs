//! Send many requests of one kind over a few connections, each once, and not faster than the caller processes the
//! results.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::batch_item::BatchItem;
use super::runner::Pace;
use super::sending::{Item, Progress, Sending};
use crate::engine::Engine;
use crate::error::Error;

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
/// });
/// for (index, error) in batch.failed() {
///     eprintln!("{}: {error}", tenants[index]);
/// }
/// let keys = batch.into_outputs().expect("none failed, and nothing was left out");
/// # assert_eq!((keys.len(), server.key_count()), (3, 3));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each week, replace the keys that expire soon. Here, each user's key has a description of its own, and `vault` holds the
/// new values by the id of the old key. A run that is interrupted is completed by the next one:
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # let mut vault = std::collections::BTreeMap::new();
/// # fn deploy(_: &typesense_keys::CreatedKey) {}
/// # use std::ops::ControlFlow;
/// # use std::time::Duration;
/// # use typesense_keys::{KeyId, KeyInfo, KeysClient};
/// const WEEK: Duration = Duration::from_secs(7 * 86_400);
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// # let key = |name| client.create().description(name).actions(["documents:import"]).collections(["docs"]);
/// # key("ada").expires_in(WEEK * 3 / 2).send()?;
/// # key("bob").send()?;
/// # for replaced in [1, 0] {
/// // The old key works until its users have the new one, and ends by itself.
/// let rotate = |id: KeyId| client.rotate(id).keep_old(true).expires_in(12 * WEEK);
/// let mut requests = Vec::new();
/// for (id, value) in &vault {
///     let interrupted = rotate(*id).stored_value(Clone::clone(value));
///     requests.push((*id, interrupted.prepare()?));
/// }
/// let keys = client.list().expired(false).send()?;
/// let is_replaced = |old: &KeyInfo| {
///     let replaces = |new: &KeyInfo| new.description == old.description && new.id > old.id;
///     keys.iter().any(replaces)
/// };
/// let expires_soon = |key: &KeyInfo| {
///     key.expires_at.remaining().is_some_and(|left| left < 2 * WEEK)
/// };
/// for key in keys.iter().filter(|key| expires_soon(key) && !is_replaced(key)) {
///     if !vault.contains_key(&key.id) {
///         let prepared = rotate(key.id).prepare()?;
///         // Stored before the new key exists.
///         vault.insert(key.id, prepared.value().clone());
///         requests.push((key.id, prepared));
///     }
/// }
/// let (ids, requests): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
/// let batch = client.rotate_many(requests).keep_going(true).send_with(|progress| {
///     let old = ids[progress.index];
///     match progress.result {
///         Ok(key) => {
///             deploy(key);
///             vault.remove(&old);
///         }
///         Err(error) => eprintln!("key {old}: {error}"),
///     }
///     ControlFlow::Continue(())
/// });
/// # assert!(batch.is_complete() && batch.succeeded().count() == replaced && server.key_count() == 3);
/// # assert!(vault.is_empty());
/// # }
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The requests that have to find their keys, because an earlier process has created them or a response was lost, share one
/// list, which is read after all requests are sent. It has the client's [timeout](crate::ClientBuilder::timeout), and needs
/// `keys:list`. Their results are reported then, also if `progress` has returned `Break` before.
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct SendMany<T>(Batch<T>);

/// The results of a [`SendMany`], each a `T`: the key that was created, or the id of the key that was deleted.
#[derive(Debug)]
#[must_use = "it holds the results, such as the keys that were created, and the errors"]
pub struct Batch<T> {
    engine: Arc<Engine>,
    items: Vec<Item<T>>,
    pace: Pace,
}

impl<T: Send> SendMany<T> {
    pub(crate) fn new<I: BatchItem<T> + 'static>(engine: Arc<Engine>, requests: impl IntoIterator<Item = I>) -> Self {
        let items =
            requests.into_iter().map(|request| Item { request: Box::new(request), lookup: None, result: None });
        Self(Batch { engine, items: items.collect(), pace: Pace::default() })
    }

    /// Sets the number of concurrent requests. Each has its own connection and thread. Defaults to 4; 0 counts as 1.
    pub fn connections(mut self, connections: usize) -> Self {
        self.0.pace.connections = connections;
        self
    }

    /// Whether to continue after a failed request. Defaults to `false`: no further requests are started, and requests
    /// in progress are completed.
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.0.pace.keep_going = keep_going;
        self
    }

    /// Sends the requests. The [`Batch`] contains all results and errors.
    pub fn send(self) -> Batch<T> {
        self.send_with(|_| ControlFlow::Continue(()))
    }

    /// Like [`send`](Self::send), and calls `progress` in this thread after each request.
    ///
    /// The requests wait for `progress`: there are never more unreported keys than [`connections`](Self::connections).
    /// After it returns [`ControlFlow::Break`], no further requests are started.
    pub fn send_with(self, mut progress: impl FnMut(&Progress<'_, T>) -> ControlFlow<()>) -> Batch<T> {
        let Self(Batch { engine, items, pace }) = self;
        let items = Sending::send(&engine, pace, items, &mut progress);
        Batch { engine, items, pace }
    }
}

impl<T> Batch<T> {
    /// Whether every request has succeeded.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.items.iter().all(|item| matches!(item.result, Some(Ok(_))))
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
        self.items.iter().enumerate().filter_map(|(index, item)| Some((index, item.result.as_ref()?.as_ref())))
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
        self.items.into_iter().map(|item| item.result).collect()
    }

    /// Returns a request that continues with the failed requests and those that were not started.
    ///
    /// A request to create a key is repeated with the same value, so that it cannot create a second key. A rotation is
    /// completed, whatever was done: see [`PreparedRotation::send`](crate::PreparedRotation::send).
    pub fn resume(self) -> SendMany<T> {
        SendMany(self)
    }
}
