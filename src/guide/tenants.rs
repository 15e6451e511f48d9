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
//!     .hide_fields(["cost"])
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
//! **What escapes a plain filter**, and what this crate does about it:
//!
//! | a request with | finds, with a plain filter | evidence | with [`only`] or [`filter_by`] |
//! |---|---|---|---|
//! | ``filter_by=)tenant:!=` `` (an open back-tick) | all documents | seen with 0.24.1, same code up to v30 | 400 |
//! | `pinned_hits=ID:1` | that document of any tenant | seen with 0.24.1, same code in v29 | pins nothing |
//! | a query that a curation rule knows | what the rule includes | seen with 0.24.1, same code in v29 | rules are off |
//! | `validate_field_names=false` | all, in a collection without the field | read in v29 (from v28 on) | 404 |
//! | `use_cache=true`, key in a header | what another key's same request found | seen with 0.24.1, same code up to v30 | nothing of this key is cached |
//!
//! **Remaining gaps.** For up to a minute, a scoped key may also get a response that a key *without* `cache_ttl` 0 has put
//! in the cache: use `use_cache` only with keys signed here. `found`, scores and typo corrections depend
//! on the words of all tenants. From v28 on, a search key also reads the fields of collections that its collection's schema
//! references (`include_fields=$customers(*)`; documented upstream, not seen): keep references out of shared collections.
//! Synonyms and curation sets (v30), aliases, presets and stopwords belong to no tenant.
//!
//! **Never hand out the parent.** With its value, anybody can sign a scoped key with an embedded `collection`, which up to
//! v29.0 replaces that of the request after the key's collections were checked: the holder of a search key for `docs` reads
//! every collection of the server (seen with 0.24.1, read in v29.0; v29.1 refuses it, documented upstream). This holds for
//! every search-only key, even if nobody has ever signed a scoped key with it. So give browsers scoped keys only, with
//! [`collection`](crate::scoped::ScopedKeyBuilder::collection) embedded.
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
