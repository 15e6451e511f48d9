//! One key per tenant: two designs, and what escapes a filter.
//!
//! Both designs give each tenant a key of its own.
//!
//! | | a scoped key each | a key and a collection each |
//! |---|---|---|
//! | made by | [`ScopedKeyBuilder::only`], without a request | [`KeysClient::create`] with [`CollectionPattern::exact`], one request |
//! | documents | in one collection, with a field that names the tenant | in a collection per tenant |
//! | separated by | a filter that the server adds to every search | the key's collections, checked before the search |
//! | revoked by | its own expiry, or with its parent: all tenants at once | [`KeysClient::delete`], one tenant at a time |
//! | allows | searches only | any action, such as `documents:import` |
//! | word counts (typo correction, ranking) | of all tenants | of one tenant |
//! | cost on the server | nothing per tenant | memory per collection and key |
//! | weakest point | the value of the parent, and the server's cache | the number of collections |
//!
//! Choose collections for tenants that must not learn anything about each other, and scoped keys for many tenants.
//!
//! # A scoped key for each tenant
//!
//! ```
//! use std::time::Duration;
//! use typesense_keys::scoped::{ScopedKeyBuilder, ScopedKeyInfo};
//! use typesense_keys::SecretString;
//!
//! // `key.value` of a search-only key.
//! let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
//! let scoped = ScopedKeyBuilder::from_parent(&parent)
//!     .only("tenant", 42)
//!     .collection("orders")
//!     .show_fields(["id", "title", "price"])
//!     .expires_in(Duration::from_secs(86_400))
//!     .sign()?;
//! assert_eq!(ScopedKeyInfo::parse(&scoped)?.warnings(), []);
//! # Ok::<(), typesense_keys::Error>(())
//! ```
//!
//! **Identify tenants by an integer**, or by text that [`ExactValue`] accepts. A server compares text by normalized tokens,
//! so a filter on one tenant's name may find another tenant's documents (seen with 0.24.1):
//!
//! | embedded filter | documents found |
//! |---|---|
//! | ``tenant:=`acme-1` `` | those of `acme-1`, **`acme1`, `Acme-1`, `acme_1`, `acme.1`** |
//! | ``tenant:`acme-1` `` (no `=`) | the same, and **`acme-1 eu`, `eu acme-1`** |
//! | ``tenant:=`a` `` | those of `a`, **`A`, `ä`, `a*`, ` a `, `!=a`** |
//! | ``tenant:=`straße` `` | and **`strasse`** |
//! | ``tenant:=`a,b` `` | and **``a`b``, `[a,b]`** |
//! | ``tenant:=`a` \|\| n:>0`` (a name taken into the filter as it is) | **all** |
//! | `n:=1` (an `int32` field) | exactly those |
//!
//! Check a tenant's name before it is stored. Two different names that pass are two different tenants:
//!
//! ```
//! use typesense_keys::scoped::ExactValue;
//!
//! for (name, is_exact) in [("acme1", true), ("acme-1", false), ("Acme1", false)] {
//!     assert_eq!(ExactValue::from(name).check().is_ok(), is_exact);
//! }
//! ```
//!
//! **What escapes a plain filter**, and what this crate does about it: [`only`] and [`filter_by`] embed a filter behind a
//! guard. A request with an open back-tick (``filter_by=)tenant:!=` ``) finds every document with a plain filter, and gets
//! a 400 with a guarded one (seen with 0.24.1, same code up to v30). A filter that joins another collection is refused,
//! because from v27.1 on, a request can make the joined condition optional (read in v27.1 to v30). Everything else is in
//! the table below.
//!
//! # Search parameters
//!
//! Many parameters of a request show more than a filter or a list of fields allows. So every parameter that a server from
//! 0.24.1 to v30 reads is in one table of this crate, and every one that is not known to be harmless is embedded with the
//! value that switches it off. A request that sets it is not refused; the server ignores its value. `param` embeds another
//! value, and [`allow_params`](crate::scoped::ScopedKeyBuilder::allow_params) leaves the parameter to requests.
//!
//! The most noticeable ones are `sort_by` and `exclude_fields`. In a collection without a vector field, tenants may choose
//! the order: `allow_params(["sort_by"])`. Requests that want short responses use `include_fields`.
//!
//! **Open** are the parameters that no key can close, because a server reads them before it applies the embedded ones, or
//! because no search would be left. With `only`, `param("num_typos", 0)`, `param("prefix", false)` and
//! `param("split_join_tokens", "off")` keep the words of other tenants secret (each of the three is needed, seen with
//! 0.24.1), at the price of searches for whole and correct words; a collection for each tenant does so without the price.
//! Keep language models, references between collections, and keys that are not signed here with `use_cache` off a server
//! with such tenants.
//!
//! An empty cell means that the parameter is harmless, and `with` that another one, which is off, is needed for an effect.
//!
#![doc = include_str!("../scoped/parameters.md")]
//!
//! Three more limits have no parameter:
//!
//! * Synonyms, curation rules, aliases, presets and stopwords belong to no tenant.
//! * The time that a search takes, and `search_time_ms`, depend on the size of the whole collection.
//! * Any holder of a key can end a server of version 0.24.1: `filter_by` with an empty quoted id makes the process exit
//!   (seen). No key can prevent this.
//!
//! **Hidden fields** do not appear in responses, but `filter_by` still compares them: whoever can ask often enough finds a
//! hidden value. Keep what must stay secret in another collection. Prefer
//! [`show_fields`](crate::scoped::ScopedKeyBuilder::show_fields) to [`hide_fields`](crate::scoped::ScopedKeyBuilder::hide_fields), which
//! cannot hide members of an object that are not in the schema: with `owner.name` in the schema, hiding `owner` still shows
//! `owner.phone` (seen with 0.24.1). One oddity remains with `show_fields`: a field whose name begins a shown name, such
//! as `own` for `owner`, is shown as empty objects if it is a list of objects, with other elements of that list (seen
//! with 0.24.1; same code in v29.0, `prune_doc`).
//!
//! **Never hand out the parent.** With its value, anybody can sign a scoped key with an embedded `collection`, which up to
//! v29.0, and on v30.0 and v30.1, replaces that of the request after the key's collections were checked: the holder of a
//! search key for `docs` reads every collection of the server (seen with 0.24.1, read in v29.0; v29.1 and v30.2 refuse it,
//! documented upstream). This holds for every search-only key, even if nobody has ever signed a scoped key with it. So give
//! browsers scoped keys only, with [`collection`](crate::scoped::ScopedKeyBuilder::collection) embedded.
//!
//! # A collection for each tenant
//!
//! ```
//! # use typesense_keys::{Action, CollectionPattern, KeysClient};
//! # fn provision(client: &KeysClient) -> Result<(), typesense_keys::Error> {
//! let key = client.create()
//!     .description("tenant 42, search and import")
//!     .actions([Action::DOCUMENTS_SEARCH, Action::DOCUMENTS_IMPORT])
//!     .collections([CollectionPattern::exact("orders_42")])
//!     .send()?;
//! # drop(key);
//! # Ok(()) }
//! ```
//!
//! A collection in a key is a regular expression on the server, with the same kind of trap as a filter: plain `a.b` also
//! allows `axb` (seen with 0.24.1). [`CollectionPattern::exact`] escapes the name. A search-only key of one tenant can
//! be a parent: see above. So give it a second action, because a server accepts scoped keys only of a key whose one action
//! is `documents:search` (seen with 0.24.1), or hand out a scoped key of it.
//!
//! [`only`]: crate::scoped::ScopedKeyBuilder::only
//! [`filter_by`]: crate::scoped::ScopedKeyBuilder::filter_by
//! [`ExactValue`]: crate::scoped::ExactValue
//! [`ScopedKeyBuilder::only`]: crate::scoped::ScopedKeyBuilder::only
//! [`CollectionPattern::exact`]: crate::CollectionPattern::exact
//! [`KeysClient::create`]: crate::KeysClient::create
//! [`KeysClient::delete`]: crate::KeysClient::delete
