//! What differs between server versions.
//!
//! This crate supports Typesense servers from 0.24.1 on. The four endpoints that it calls have hardly changed since then,
//! but what a key *allows* has. This page lists the differences, and how each is known:
//!
//! * **seen**: observed on a real server, version 0.24.1; [below](#what-could-not-be-confirmed), what was run of v30;
//! * **read**: read in the server's public source, in the tag `vX` or the branch `v30` (its state of September 2025; the
//!   route tables of two public forks with later commits are the same);
//! * **documented**: said by the public documentation or in an upstream thread, and not confirmed otherwise.
//!
//! `GET /debug` reports a server's version, and [`ServerVersion`](crate::audit::ServerVersion) reads it.
//!
//! # Requests and responses
//!
//! | What | Versions | How it is known |
//! |---|---|---|
//! | A server checks the route (404), then its readiness (503), then the rate limit (429), then the key (401) | all | read: all tags, `src/http_server.cpp`, `catch_all_handler` |
//! | A new key may have `autodelete`, and every response shows it | v26 on | read: v26.0, `include/auth_manager.h`, `src/core_api.cpp` |
//! | Expired `autodelete` keys are deleted | v27 on | read: v27.0, `src/housekeeper.cpp` (in v26.0, the call is commented out) |
//! | A follower whose request to the leader times out responds 408 without a body | v0.25 on | read: v0.25.0, `src/http_client.cpp` |
//! | Error bodies have spaces (`{ "message": "…"}`) | up to v30.1 | read: all tags, `src/http_server.cpp`; documented: release notes of 30.2 |
//! | `PATCH /keys/:id` changes a key, except its value | no release up to v30.2 | documented: pull request 2820, merged in 2026; older servers respond 404 (seen) |
//! | Keys may have `synonym_sets` and `curation_sets`, which limit them | no release up to v30.2 | documented: pull request 2875, open |
//!
//! Unchanged from 0.24.1 to v30: the rule by which actions and collections match (read: `auth_against_key` in
//! `src/auth_manager.cpp` is the same text in all tags), the conditions and texts of 400, 404 and 409, ids, the order of
//! lists, and that there are neither pages nor filters.
//!
//! # Actions
//!
//! A server computes an action from the method and the path of a request. v26 changed this computation, so that a whole
//! path such as `analytics/rules` became the resource (read: `_get_action`, in `include/http_data.h` up to v0.25.2 and in
//! `src/http_data.cpp` from v26.0). Together with the routes of each version (read:
//! `src/main/typesense_server.cpp`) this gives:
//!
//! | From | New actions | Gone actions |
//! |---|---|---|
//! | v0.25 | `proxy:create`; `active:*`, `exceeds:*`, `events:create`, `rules:*`, `reset_peers:create`; `documents:update` also allows `PATCH /collections/:collection/documents` | |
//! | v26 | `analytics/rules:*`, `analytics/events:create`, `limits/active:*`, `limits/exceeds:*`, `operations/…:create`, `stopwords:*`, `conversations/models` (`create`, `delete`, `get`, `list`), `conversations:*`; `overrides:get` and `synonyms:get` also allow the lists | `active:*`, `exceeds:*`, `events:create`, `rules:*`, `reset_peers:create`, `clear:create`, `compact:create`, `snapshot:create`, `vote:create`, `overrides:list`, `synonyms:list` |
//! | v27 | `analytics/aggregate_events:create`, `conversations/models:upsert` | `conversations:*` |
//! | v28 | `analytics/events:list`, `operations/schema_changes:list`, `personalization/models:*`, `stemming/dictionaries` (`get`, `list`), `stemming/dictionaries/import:create` | |
//! | v29 | `nl_search_models:*`, `proxy_sse:create`, `stemming/dictionaries:delete` | |
//! | v30 | `analytics/flush:create`, `analytics/status:list`, `curation_sets:*`, `curation_sets/items:*`, `synonym_sets:*`, `synonym_sets/items:*` | `overrides:*`, `synonyms:*` |
//! | after v30.2 | `keys:update` (documented) | |
//!
//! The documentation of each constant of [`Action`](crate::Action) has its routes and versions. Those of 0.24.1 are seen:
//! a test grants every action and tries every route.
//! [`KeyInfo::audit_for`](crate::KeyInfo::audit_for) finds the actions of a key that allow nothing on a version, for example
//! before an upgrade to v30, where `synonyms:…` and `overrides:…` allow nothing.
//!
//! * **`operations/schema_changes`** is `:list` in v28, v29 and v30 (read), while the documentation says `:get`, which
//!   allows nothing in v29 (documented: issue 2765). A public fork with later commits has `:get`. Grant
//!   `operations/schema_changes:*`, which works everywhere.
//! * **`health_with_rusage:list`** allows nothing: only the bootstrap key and the key of `--health-rusage-api-key` allow
//!   that route (read: v26.0, `src/core_api.cpp`, `handle_authentication`). `GET /health` needs no key (seen).
//! * **`keys:create`** and **`keys:update`** lead to every right: a key that may create or change keys can make one for `*`.
//!
//! # Documented actions that allow nothing
//!
//! The public documentation of some version lists these actions (compared for 0.23.1 to 30.2). They allow nothing on any
//! server (read; seen on 0.24.1 for each). This crate refuses them as text, and [`audit`](crate::KeyInfo::audit) reports
//! them, with what to grant instead.
//!
//! | Documented | To grant instead |
//! |---|---|
//! | `aliases:create` | `aliases:upsert` |
//! | `analytics:*` | `analytics/rules:*` and `analytics/events:create` |
//! | `analytics:create`, `:delete`, `:get`, `:list` | `analytics/rules:create` and so on, `analytics/events:create` |
//! | `curation_sets/items:create`, `synonym_sets/items:create` | `curation_sets/items:upsert`, `synonym_sets/items:upsert` |
//! | `curation_sets/items:list`, `synonym_sets/items:list` | `curation_sets/items:get`, `synonym_sets/items:get` |
//! | `overrides:create`, `synonyms:create` | `overrides:upsert`, `synonyms:upsert` (up to v29) |
//! | `stemming/dictionaries:create` | `stemming/dictionaries/import:create` |
//! | `stopwords:create`, `synonym_sets:create` | `stopwords:upsert`, `synonym_sets:upsert` |
//! | `documents:upsert` | `documents:create` or `documents:import` |
//!
//! `overrides:list` and `synonyms:list` are documented up to 29.1, but exist up to v0.25 only; from v26 on, grant
//! `overrides:get` and `synonyms:get`.
//!
//! # Collections
//!
//! A key's collections limit requests that name a collection: in the path, in the body of `POST /collections`, or in the
//! searches of `POST /multi_search` (seen). They do not limit:
//!
//! * **Aliases, presets, stopwords, keys, analytics rules, models, `operations/…`** and every other route that names no
//!   collection (seen for the routes of 0.24.1; read for the others). `synonym_sets` and `curation_sets`, which replace the
//!   synonyms and overrides *of a collection* in v30, are among them (documented: issue 2866). A key for
//!   `synonym_sets:upsert` changes the synonyms of every tenant.
//! * **The list of collections**, up to v26: `GET /collections` shows all of them (seen). From v27 on, it shows only those
//!   that the key's entries match (read: v27.0, `src/core_api.cpp`, `get_collections`).
//! * **Joined collections**, from v28 on: a search in one collection also reads fields of the collections that its schema
//!   references (`include_fields=$customers(*)`), which the key cannot search (documented: website pull request 498).
//!
//! [`audit`](crate::KeyInfo::audit) reports actions that collections do not limit, in a key that names collections. Joins
//! depend on a collection's schema, which no key shows, so they are not reported.
//!
//! From v27 on, an entry that does not compile as a pattern does harm in a key that may list collections: nothing catches
//! the exception in `is_valid_api_key_collection`, and `GET /collections` never responds to that key (read: v27.0 to v30,
//! `src/collection_manager.cpp`). In 0.24.1, such an entry only matches nothing (seen). `audit` reports it, and this crate
//! refuses to create it.
//!
//! # Expired keys
//!
//! An expired key is refused but stays in every list until it is deleted. A key with `autodelete` is deleted by the server,
//! depending on its version:
//!
//! | Version | What happens |
//! |---|---|
//! | up to v0.25 | The setting is ignored and not reported: `autodelete` is `None` here (seen on 0.24.1). |
//! | v26 | It is stored and reported. Nothing deletes the key (read; issue 1897). |
//! | v27 on | Each node deletes its expired keys every hour, counted from the start of the node, by its own clock, and not through the cluster's log (read). |
//!
//! So nodes may disagree about an expired key for up to an hour and the difference of their clocks. For that time, one node
//! says 404 and another still lists the key.
//!
//! Therefore **a key with `autodelete` cannot be given a value**, neither a stored one nor one of your own. A create
//! compares the value with the node's keys before it takes an id. If the leader has deleted an expired key and a
//! follower has not, then creating the same value again succeeds on the leader and fails on the follower, whose
//! counter of ids is one behind from then on (read: all tags from v26.0, `src/auth_manager.cpp`, `create_key`). A
//! later delete by id removes *different* keys on different nodes.
//!
//! # Scoped keys
//!
//! | What | Versions | How it is known |
//! |---|---|---|
//! | Join conditions in the embedded and the request's `filter_by` are merged; the request can make them optional, or the search fails | v27.1 on | read: v27.1 to v30, `src/auth_manager.cpp`, `add_item_to_params`; `src/join.cpp` |
//! | An embedded `collection` replaces the one that a request names, after the key's collections were checked | before v29.1; from v30.0, before v30.2 | seen; read: v29.0; documented: release notes of 29.1 and 30.2 |
//! | An embedded `collection` is used if a request names none; another name is refused with 401 | v29.1; from v30.2 on | documented: release notes of 29.1 and 30.2 |
//! | The cache of responses (`use_cache`) does not distinguish API keys | before v29.1; from v30.0, before v30.2 | seen; read: v29.0 and v30; documented: release notes of 29.1 and 30.2 |
//! | An embedded list, object or `null` is ignored | up to v27.0 | seen |
//! | An embedded list, object or `null` makes every search a 400 | v27.1 on | read: v27.1, `src/collection_manager.cpp` |
//! | A key without padding, or with other text after it, is accepted | all | read: `base64_decode` |
//! | The search parameters | | the page on [tenants](crate::guide::tenants#search-parameters) has those that a key must close |
//!
//! # What could not be confirmed
//!
//! No whole server newer than 0.24.1 could be run. The released sources of v29.1 and v30.0 to v30.2 could not be read, only
//! their documentation and release notes.
//!
//! A part of v30 was compiled from the branch `v30` and run against this crate: the handlers of the four endpoints, the
//! checks of keys and scoped keys, and what merges embedded parameters and joins. What carries HTTP and replicates keys
//! was replaced, so it was not run:
//!
//! * About 9,600 responses to create, list, get and delete, half of them to malformed requests, are byte for byte those
//!   of `FakeServer` as v30.
//! * It accepted 5,000 scoped keys that this crate signed, with their parameters unchanged.
//! * It was asked 24,000 times whether a key allows an action: where it says yes, so does
//!   [`KeyInfo::allows`](crate::KeyInfo::allows).
