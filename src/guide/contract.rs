//! The contract: what this crate promises about keys.
//!
//! # Nothing invalid is sent
//!
//! A request to create a key is checked before it is sent. An error names the field and what to write instead.
//!
//! * A [`KeyId`] cannot contain a number that the server would truncate.
//! * An [`Action`] from text must allow something on some server.
//! * A [`CollectionPattern`] from text must mean the same as a name and as a pattern.
//! * A value must have 5 to 4096 bytes that an HTTP header can carry.
//! * No text of a key may contain the client's key or the new value, if they have at least 16 bytes. A description may not
//!   contain a shorter value, either.
//! * An expiry must lie in the future when the request is made. If it has passed when a prepared request is sent again,
//!   and an earlier attempt may have created the key, the key is only looked up.
//!
//! # A key is created once, and its value is not lost
//!
//! However often a create is repeated, it creates at most one key. By default, this crate generates the value and sends
//! it with the request, and the server refuses a value that is in use: see [`retries`](super::retries). If the outcome
//! stays unknown, the error contains the value: see [`Error::value`].
//!
//! There are two exceptions:
//!
//! * With [`server_generated`](crate::CreateKey::server_generated), which is chosen explicitly, the request is not
//!   repeated, and a lost response loses the value.
//! * A program can die after the server has created a key and before it has stored the value. So store the value first:
//!   see [`PreparedCreate`](crate::PreparedCreate). A later process that finds the value does not need to know how far
//!   the earlier one got:
//!
//! | the earlier process died | on the server | what a request with the [`stored_value`] does |
//! |---|---|---|
//! | before it stored the value | nothing | there is no such value: a new request creates the key |
//! | after that, and before the request | nothing | creates the key |
//! | after the request | the key | finds the key |
//!
//! The same holds for a [`PreparedRotation`](crate::PreparedRotation): if the earlier process has created the new key, or
//! has deleted the old one, too, a later one does the rest, and creates nothing once the old key is gone.
//!
//! [`create_many`](crate::KeysClient::create_many) and [`rotate_many`](crate::KeysClient::rotate_many) take only prepared
//! requests. They never have more unreported keys than [`connections`](crate::batch::SendMany::connections): the next
//! request waits until [`progress`](crate::batch::SendMany::send_with) was called for the last one. Only keys that have to
//! be found in a list are reported later, after one list for all of them.
//!
//! **A value that the server has once confirmed, or refused as in use, is not created again** by the same prepared request
//! or batch: its key may have been deleted since, because it leaked. For a value of your own, see
//! [below](#values-of-your-own).
//!
//! # `Ok` is about the requested key
//!
//! A response about another key is never returned, because each response is compared with its request:
//!
//! * The response to a create must have the value that was sent (compared in constant time), the description, the
//!   actions, the collections and the expiry. Otherwise the error is [`Error::OutcomeUnknown`].
//! * The response to a get or delete must have the id. Otherwise the error is [`Error::UnexpectedResponse`] for a get,
//!   and [`Error::OutcomeUnknown`] for a delete.
//!
//! # A listed key is not mistaken for a new one
//!
//! After a lost response, and for a [`stored_value`] that is in use, the key is looked up in a list. A list shows the
//! first four bytes of a value, and **four bytes do not identify a key**. So a listed key is accepted only if
//!
//! * the server has refused the value as in use before the list was read, or the value is a rotation's stored one and no
//!   key may be created any more, because the old key is gone or the expiry has passed,
//! * the key has the prefix of the value, and the description, the actions, the collections and the expiry of the
//!   request (for a stored value: an expiry within its [`expires_in`](crate::CreateKey::expires_in)),
//! * no other listed key has all of these, except keys that are known to be older.
//!
//! Otherwise the error is [`Error::OutcomeUnknown`] with the value and the ids of the
//! [candidates](field@crate::error::OutcomeUnknown::candidates). Do not delete a candidate because it is one.
//!
//! Keys with the same prefix and another description or scope do no harm: no other key has a value that was generated
//! for this one. Two generated values have the same prefix with a probability of 1 in 14.8 million. So if you create
//! thousands of keys, give each its own description, such as the name of its user.
//!
//! # Derived values
//!
//! A value that is [derived](crate::ValueRoot) from a root, a label and a generation is for one key alone, as a generated
//! one is. So a create with a derived value may be repeated by any process, as one with a [`stored_value`].
//!
//! `ensure` and `apply` keep a listed key that has the description, the scope and the prefix of the derived value. If a
//! key has another prefix, they name the generation whose value begins so. If keys that are not as wanted may have the
//! value, because they have its prefix, the result is [`Error::Drift`], which advises a higher generation: nothing is
//! created, replaced or deleted. The same is said about a key of a later generation: no key is replaced by one of an
//! earlier generation. Generations up to 20 away are recognized. A generation is refused if its value has the
//! prefix of an earlier one. Before an old key is deleted because a listed key has the prefix of the derived value, the
//! value is created: only if the server refuses it as in use, the old key is deleted.
//!
//! # Renewals
//!
//! With [`renew_before`](crate::EnsureKey::renew_before), a key with the wanted scope that expires soon is no reason not to
//! create another, and never takes precedence. It is not deleted before it has expired for more than a day. Several runs
//! at once end with one key that does not expire soon: the one with the lowest id.
//!
//! # Values of your own
//!
//! Another key may already have a value that you give by [`value`](crate::CreateKey::value). So other rules apply to
//! it:
//!
//! * **After a lost response**, `create` and `rotate` accept a listed key if the server has refused the value as in
//!   use, only one listed key (of any description and scope) has its prefix, and that key matches. So give your values
//!   different beginnings. A key that existed before with the same value, description and scope cannot be distinguished
//!   from the new one, and `create` may return it.
//! * **A prepared request that is sent again** after its key was created gets the key by its id. If a key is found that looks
//!   as it should, the value is sent again, because the found key may be another one that begins so. If the server refuses
//!   the value, the key is looked up as after a lost response. If it accepts the value, no key had it (the server was
//!   restored, or the key was deleted a moment ago), and the new key is returned. The value is not sent again once its
//!   expiry has passed or the old key of a rotation is gone: then the found key is returned.
//! * **`ensure`** accepts an existing key if the server has refused the value as in use and no other key of the
//!   description has its prefix (otherwise, the error is [`Error::Drift`] about that key). It cannot detect that the
//!   value belongs to a key of another description, or to the bootstrap key, which is in no list.
//!   [`created`](crate::EnsuredKey::created) is `false` for every key that it has found in a list. It deletes no key
//!   except one that the same run has created. If a concurrent run has created a key with another value, it reports
//!   [`Error::Drift`].
//! * **An intermediary** that sends each request twice can turn the success of a create into an error: see
//!   [below](#errors-that-change-nothing).
//!
//! # What is deleted
//!
//! Only these keys are ever deleted:
//!
//! | by | key |
//! |---|---|
//! | [`delete`](crate::KeysClient::delete) | the given key, or the one with the given id |
//! | [`rotate`](crate::KeysClient::rotate) | the old key, once every node knows the new one, which has another id (with [`accept_majority`](crate::RotateKey::accept_majority): most nodes; with [`keep_old`](crate::RotateKey::keep_old): none) |
//! | [`ensure`](crate::KeysClient::ensure) and [`apply`](crate::plan::Plan::apply) | a key that the same run has created, if another key with this description takes precedence |
//! | `ensure` and `apply` with a generated, stored or derived value | keys with the same description that expired more than a day ago |
//! | `ensure` and `apply` with [`replace_on_drift`](crate::EnsureKey::replace_on_drift) | keys with the same description and another scope, or not with the derived value, that were listed before the run created anything, once every node knows the key that replaces them (with [`keep_old`](crate::EnsureKey::keep_old): none) |
//! | `apply` with [`prune`](crate::plan::PlanKeys::prune) | keys that the plan shows as to be deleted, if they are unchanged since |
//!
//! **An id is not an identity.** A restore from a backup counts ids from an earlier number on, and two clusters behind one
//! address have other keys with the same ids. So a key that was listed or created is deleted only if the node that deletes
//! it has just confirmed it: a `GET` on this node shows the same id, prefix, description, actions, collections and expiry.
//! Before `rotate` or `replace_on_drift` delete an old key, the same node has also shown the key that replaces it. Otherwise
//! nothing is sent, and the error is [`Error::AnotherKey`], or [`Error::Incomplete`] with this cause. To delete a key that
//! you have listed, give the key to [`delete`](crate::KeysClient::delete), and not its id: `client.delete(&key)`. Likewise
//! `client.rotate(&key)`, which replaces only this key.
//!
//! What remains:
//!
//! * the moment between this `GET` and the `DELETE`,
//! * keys that look the same in all of these,
//! * a create whose response is lost and which is then repeated on another cluster: the first cluster may have a key with
//!   this value, too. If `ensure` or `apply` then keeps another key, no result contains this value,
//! * a deletion whose response is lost, if the node that has shown the key is then restarted with older data, or if another
//!   node responds at the same address: if it does not have the key, the deletion counts as done,
//! * a key that is missing when it is to be deleted: it counts as deleted by another run. On a cluster that never had it,
//!   `Ok` does not say that the first cluster has lost it.
//!
//! No key is ever deleted
//!
//! * because its value has the right prefix,
//! * because this machine's clock says that it has just expired,
//! * by `rotate` or `replace_on_drift`, if the key that replaces it has expired by this machine's clock before the
//!   deletion begins,
//! * by `replace_on_drift`, by `prune` or because it expired long ago, if it has the prefix of the client's own key and
//!   may allow `keys:list`, as that key does,
//! * by `rotate` or `replace_on_drift` if it has [members that this crate does not
//!   know](crate::KeyInfo::unknown_members), because a replacement without them might allow more (`rotate` copies them
//!   if [told to](crate::RotateKey::copy_unknown_members)).
//!
//! # Panics
//!
//! This crate does not panic. If a logger panics, the attempt or the call that it logs fails. If this may have created or
//! deleted a key, the error is [`Error::OutcomeUnknown`], with the value. Attempts of other threads that are in progress may
//! fail, too, because the client then opens new connections: ureq calls the logger while it holds a lock. If your `progress`
//! panics, it is first called for every request in progress, so that it is told all values, and then the panic passes on.
//!
//! # Errors that change nothing
//!
//! If [`Error::may_have_acted`] is `false`, every key is as it was before the call. A run of `ensure` that ends in
//! [`Error::Drift`] has deleted the key that it had created.
//!
//! Faulty intermediaries are the exception:
//!
//! * One that sends each request twice, such as a load balancer that retries, can turn the success of a delete into
//!   [`Error::NotFound`](crate::Error::NotFound), and that of a create with a [value of your own](#values-of-your-own)
//!   into [`Error::Conflict`](crate::Error::Conflict).
//! * One that responds twice to one request can turn the success of the next into an error: HTTP/1.1 does not say
//!   which request a response belongs to. If the second response arrives before the next request is sent, the
//!   connection is closed.
//!
//! # Several programs at once
//!
//! The result is defined when several programs run at the same time:
//!
//! * Several runs of `ensure` or `apply` with the same scope end with one key: the one with the lowest id. The others
//!   are deleted by the runs that created them. A run that was killed, or that lost the response to its create, can
//!   leave another key, which later runs report in [`duplicates`](crate::EnsuredKey::duplicates).
//! * A plan that no longer fits what the server lists is refused for that key: [`Error::PlanOutdated`].
//! * Two rotations of one key create two keys, and each call returns its own.
//! * After a fork, the child process opens connections of its own, because two processes on one connection would read
//!   each other's responses.
//!
//! # Clocks
//!
//! A server judges an expiry by its own clock, and does not report its time. As long as the local clock is wrong by
//! less than a day, `ensure` and `apply` do not delete a working key as expired. This crate uses the local clock
//!
//! * to compute [`expires_in`](crate::CreateKey::expires_in): if the local clock is behind by more than this duration,
//!   the key never works,
//! * to refuse an expiry in the past,
//! * to decide which keys have expired, and which expire soon,
//! * to decide whether a key expires within the `expires_in` of `ensure`, of `apply` or of a create with a
//!   [`stored_value`], with five minutes of tolerance.
//!
//! # How it is tested
//!
//! A model of a server and of lagging nodes runs every operation through every combination of existing keys, lost
//! requests and responses, server errors, wrong clocks, killed processes, panics, and clusters that become another one, up
//! to a bounded number of requests, and checks these promises after each. It also checks that what an error advises then
//! succeeds, if the operation would have without faults and no other key looks the same. Further tests use a real server behind a proxy that loses responses,
//! and a real cluster of three whose nodes are killed.
//!
//! [`Action`]: crate::Action
//! [`CollectionPattern`]: crate::CollectionPattern
//! [`Error::AnotherKey`]: crate::Error::AnotherKey
//! [`Error::Drift`]: crate::Error::Drift
//! [`Error::Incomplete`]: crate::Error::Incomplete
//! [`Error::OutcomeUnknown`]: crate::Error::OutcomeUnknown
//! [`Error::PlanOutdated`]: crate::Error::PlanOutdated
//! [`Error::UnexpectedResponse`]: crate::Error::UnexpectedResponse
//! [`Error::may_have_acted`]: crate::Error::may_have_acted
//! [`Error::value`]: crate::Error::value
//! [`KeyId`]: crate::KeyId
//! [`stored_value`]: crate::CreateKey::stored_value
