//! Replace a key with a new one of the same scope, so that one of the two works at any time.

use std::sync::Arc;
use std::time::Duration;

use super::create::Prior;
use super::delete::{check_replacement, delete_known};
use super::get::{self, get};
use super::list;
use super::new_key::NewKey;
use super::options::{CallOptions, expiry_methods, replication_method, timeout_method, value_method};
use super::replication::{self, Wanted};
use super::value::KeyValue;
use crate::engine::{Call, Engine};
use crate::error::{Error, Incomplete};
use crate::expiry::Expires;
use crate::key::{CreatedKey, KeyId, KeyInfo};
use crate::operation::Operation;

/// A request to replace a key with a new one that has the same description, actions, collections and expiry. Made by
/// [`KeysClient::rotate`](crate::KeysClient::rotate).
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # use std::time::Duration;
/// # use typesense_keys::KeysClient;
/// # fn deploy(_: &typesense_keys::CreatedKey) {}
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let create = client.create().actions(["documents:import"]);
/// let old = create.collections(["docs"]).send()?;
///
/// // The old key works until its users have the new one.
/// let new = client.rotate(old.id).keep_old(true).send()?;
/// deploy(&new);
/// client.delete(&old).send()?;
/// # assert_eq!(client.list().send()?.len(), 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// If the program dies during a rotation, a new key may exist whose value is lost. Where that matters,
/// [prepare](crate::CreateKey::prepare) a create with the scope of the old key, store its value, send it, and then delete
/// the old key.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct RotateKey {
    engine: Arc<Engine>,
    id: KeyId,
    value: KeyValue,
    expiry: Option<Expires>,
    keep_old: bool,
    accept_majority: bool,
    copy_unknown_members: bool,
    pub(super) options: CallOptions,
}

impl RotateKey {
    pub(crate) fn new(engine: Arc<Engine>, id: KeyId) -> Self {
        Self {
            engine,
            id,
            value: KeyValue::default(),
            expiry: None,
            keep_old: false,
            accept_majority: false,
            copy_unknown_members: false,
            options: CallOptions::default(),
        }
    }

    value_method!();
    expiry_methods!(expiry, "that of the old key, which must not be past");

    /// Whether to keep the old key, so that the caller can [delete](crate::KeysClient::delete) it when it is no
    /// longer used. Defaults to `false`: the old key is deleted once every node knows the new one.
    pub fn keep_old(mut self, keep_old: bool) -> Self {
        self.keep_old = keep_old;
        self
    }

    /// Whether a majority of the client's nodes is enough: to be available at the start, and to know the new key
    /// before the old one is deleted. A key can then be rotated while a node is down. Defaults to `false`: every node
    /// is required.
    ///
    /// A node that was down refuses the new key until it has caught up.
    pub fn accept_majority(mut self, accept_majority: bool) -> Self {
        self.accept_majority = accept_majority;
        self
    }

    /// Whether to copy unknown members of the old key to the new one, unchanged. Defaults to `false`:
    /// [`Error::InvalidRequest`], which names the members. Newer servers may restrict a key with such members, and a
    /// replacement without them might allow more.
    ///
    /// The server's response must confirm the members: if the server ignores them, the rotation returns
    /// [`Error::Incomplete`] and keeps the old key.
    pub fn copy_unknown_members(mut self, copy_unknown_members: bool) -> Self {
        self.copy_unknown_members = copy_unknown_members;
        self
    }

    replication_method!("the old key is deleted (not with `keep_old`), waits until it is gone");
    timeout_method!();

    /// Checks the value and the expiry without sending anything. [`send`](Self::send) makes the same checks, and
    /// checks the old key.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], [`Error::RandomSource`].
    pub fn validate(&self) -> Result<(), Error> {
        self.expiry.map(Expires::check).transpose().map_err(Error::invalid_expiry)?;
        self.value.clone().check(None).map(drop)
    }

    /// Creates the new key, waits until every node knows it, deletes the old one, and returns the new one.
    ///
    /// Before anything is created, the old key is requested from every node, so that an unavailable node is noticed
    /// first. The timeout of the call includes the wait for the new key.
    ///
    /// The given [`value`](Self::value) must not be that of the old key. Otherwise the result is [`Error::Conflict`] or,
    /// if a response is lost, an [`Error::Incomplete`] that [`Incomplete::resume`] cannot finish. The same happens after a
    /// lost response if another key begins with the same four bytes: it cannot be told which key has the value.
    ///
    /// Two concurrent rotations of one key create two new keys; each call returns its own. The client's own key can be
    /// rotated, but the client is unusable afterwards, so do not use
    /// [`wait_for_replication`](Self::wait_for_replication).
    ///
    /// # Errors
    ///
    /// [`Error::Incomplete`] if a step failed after the new key was or may have been created, for example because the
    /// client's key lacks `keys:delete`: it says which keys exist and contains the new one. Finish the rotation with
    /// [`Incomplete::resume`]. After any other error, nothing was changed:
    ///
    /// * [`Error::NodesUnavailable`] if a node is unavailable,
    /// * [`Error::NotFound`] if no key has this id,
    /// * [`Error::InvalidRequest`] if a setting is invalid, if the old key has expired and no new expiry is given, or if
    ///   it has unknown members that are not [copied](Self::copy_unknown_members),
    /// * [`Error::RandomSource`],
    /// * [`Error::Conflict`] if another key has the given [`value`](Self::value),
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:get` or `keys:create` (or `keys:list`, with a value of
    ///   your own),
    /// * a failure of the call itself: see [`Error`].
    pub fn send(self) -> Result<CreatedKey, Error> {
        let engine = self.engine.clone();
        self.send_by(&engine)
    }

    /// Sends the request with `engine`, which may belong to another client.
    pub(super) fn send_by(self, engine: &Engine) -> Result<CreatedKey, Error> {
        let Self { engine: _, id, value, expiry, keep_old, accept_majority, copy_unknown_members, options } = self;
        let call = options.call(engine)?;
        let old = get(call, id)?;
        let key = NewKey::replacing(&old, value, expiry, copy_unknown_members)
            .map_err(|error| error.hiding(call.secrets))?;
        replication::check_nodes(call, id, accept_majority)?;
        let mut others = vec![id];
        if key.value.is_provided() {
            // After a lost response, none of these keys can be the new one.
            let listed = list::all(call.hiding(key.value.known()), |listed| key.may_be(listed))?;
            others.extend(listed.iter().map(|listed| listed.id));
        }
        let gone_within = options.replicated_within;
        let rotation = Rotation { key, old, others, keep_old, accept_majority, gone_within };
        rotation.create(call, false)
    }
}

/// The steps of a rotation. An [`Incomplete`] contains them so that the rotation can be resumed.
struct Rotation {
    key: NewKey,
    old: KeyInfo,
    /// Keys that existed before, so that none of them is the new one.
    others: Vec<KeyId>,
    keep_old: bool,
    accept_majority: bool,
    gone_within: Option<Duration>,
}

impl Rotation {
    fn create(self, call: Call<'_>, may_exist: bool) -> Result<CreatedKey, Error> {
        match self.key.create(call, Prior { may_exist, others: &self.others }) {
            Ok(created) => self.finish(call, created.key),
            Err(cause) if cause.may_have_acted() => {
                let what = format!("key {} is as it was, and a key to replace it may exist", self.old.id);
                Err(self.interrupted(what, None, false, cause))
            }
            Err(nothing_changed) => Err(nothing_changed),
        }
    }

    /// The new key exists.
    fn finish(self, call: Call<'_>, key: CreatedKey) -> Result<CreatedKey, Error> {
        let value = key.value.clone();
        let call = call.hiding(Some(&value));
        let mut what = format!("key {} is as it was, and key {} exists to replace it", self.old.id, key.id);
        let mut is_left_over = false;
        let replace = || self.replace(call, &key, &mut what, &mut is_left_over);
        match call.guard(Operation::Delete(self.old.id), replace) {
            Ok(()) => Ok(key),
            Err(cause) => Err(self.interrupted(what, Some(key), is_left_over, cause)),
        }
    }

    /// Sets what is to be said if it fails: the state of the keys, and whether all that is left to do is to delete the old
    /// one.
    fn replace(
        &self,
        call: Call<'_>,
        key: &CreatedKey,
        what: &mut String,
        is_left_over: &mut bool,
    ) -> Result<(), Error> {
        let (old, info) = (self.old.id, key.info());
        replication::wait(call, Wanted::Known(&info), self.accept_majority).map_err(Error::NotReplicated)?;
        if self.keep_old {
            return Ok(());
        }
        *what = format!("key {old} is left as it is, and key {} exists", key.id);
        check_replacement(&info)?;
        match delete_known(call, &self.old, Some(&info)) {
            // Another rotation has deleted it.
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(cause) => {
                *is_left_over = !matches!(cause, Error::AnotherKey { .. });
                let exists = if let Error::OutcomeUnknown(_) = cause { "may still exist" } else { "still exists" };
                if *is_left_over {
                    *what = format!("key {} replaces key {old}, which {exists} (delete it)", key.id);
                }
                return Err(cause);
            }
        }
        *what = format!("key {} replaces key {old}, which is deleted", key.id);
        replication::wait_for_all(call, Wanted::Gone(old), self.gone_within).map_err(Error::NotReplicated)
    }

    /// `is_left_over`: whether all that is left to do is to delete the old key.
    fn interrupted(self, what: String, key: Option<CreatedKey>, is_left_over: bool, cause: Error) -> Error {
        let left_over = is_left_over.then(|| self.old.clone());
        Error::Incomplete(Box::new(Incomplete { what, key, left_over, cause, rest: Some(Box::new(self)) }))
    }
}

/// Finishes an interrupted rotation.
pub(crate) fn resume(
    mut incomplete: Incomplete,
    engine: &Engine,
    timeout: Option<Duration>,
) -> Result<CreatedKey, Error> {
    let rest = incomplete.rest.take();
    let Some(rotation) = rest.and_then(|rest| rest.downcast::<Rotation>().ok()) else {
        return Err(Error::Incomplete(Box::new(incomplete)));
    };
    let call = engine.call(timeout);
    // The client may be one of another cluster, which has no such keys, or others.
    let Rotation { key, old, .. } = &*rotation;
    match get::known(call.hiding(key.value.known()), old.id, |found| found.is_same_as(old)) {
        // The old key is deleted only after the new one exists.
        Err(failure) if failure.is_another_key() || (failure.is_missing() && incomplete.key.is_none()) => {
            incomplete.what = format!(
                "nothing was done, because key {} of this client's cluster is missing or another key (resume with a \
                 client of its own cluster): {}",
                old.id, incomplete.what
            );
        }
        Err(failure) if !failure.is_missing() => {
            incomplete.cause = match incomplete.key {
                Some(_) => failure.into(),
                None => {
                    let what = "the key to replace could not be looked up; the value of the new one is in this error";
                    failure.into_outcome_unknown(what, key.value.known(), Vec::new())
                }
            };
        }
        _ if incomplete.key.is_none() && key.expires_at.is_past() => {
            incomplete.what =
                format!("nothing was done, because the expiry of the new key has passed: {}", incomplete.what);
        }
        _ => {
            return match incomplete.key {
                Some(key) => rotation.finish(call, key),
                None => rotation.create(call, true),
            };
        }
    }
    incomplete.rest = Some(rotation);
    Err(Error::Incomplete(Box::new(incomplete)))
}
