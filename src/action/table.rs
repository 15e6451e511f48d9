//! Every action of every known server, with the routes that it allows and the versions that have them.
//!
//! The source is the server's code, because the public documentation lists actions that allow nothing: the route
//! table (`src/main/typesense_server.cpp`) and the function that computes an action from a route (`_get_action`), for
//! the tags v0.24.1 to v29.0 and the branch v30. `tests/live/routes.rs` compares the rows of 0.24.1 with a real
//! server.

use super::Action;
use crate::server_version::ServerVersion;

pub(super) struct Row {
    pub(super) action: Action,
    pub(super) routes: &'static [Route],
    /// The actions that allow the same, or replaced it, on newer servers.
    pub(super) successors: &'static [&'static str],
}

/// A route that an action allows, on some servers.
pub(super) struct Route {
    /// Such as `GET /keys/:id`.
    pub(super) name: &'static str,
    pub(super) since: ServerVersion,
    /// The first version on which the action no longer allows it.
    pub(super) until: Option<ServerVersion>,
}

macro_rules! until {
    () => {
        None
    };
    ($until:ident) => {
        Some(ServerVersion::$until)
    };
}

macro_rules! servers {
    (V0_24) => {
        "every server"
    };
    (V0_25) => {
        "v0.25 and later"
    };
    (V26) => {
        "v26 and later"
    };
    (V27) => {
        "v27 and later"
    };
    (V28) => {
        "v28 and later"
    };
    (V29) => {
        "v29 and later"
    };
    (V30) => {
        "v30 and later"
    };
    (AFTER_V30_2) => {
        "no release up to v30.2; merged upstream for a later one"
    };
    (V0_24 V26) => {
        "v0.24 and v0.25"
    };
    (V0_25 V26) => {
        "v0.25 only"
    };
    (V26 V27) => {
        "v26 only"
    };
    (V26 V30) => {
        "v26 to v29"
    };
    (V0_24 V30) => {
        "up to v29"
    };
}

macro_rules! actions {
    ($(
        $(#[$note:meta])*
        $name:ident = $text:literal: $($route:literal $since:ident .. $($until:ident)?),+ $(=> $($successor:literal),+)?;
    )*) => {
        /// One constant for each known action.
        impl Action {
            $(
                #[doc = concat!("`", $text, "` allows:\n")]
                $(#[doc = concat!("* `", $route, "` (", servers!($since $($until)?), ")")])+
                $(#[doc = concat!("\nIn its place on newer servers:", $(" `", $successor, "`",)+ ".")])?
                ///
                $(#[$note])*
                pub const $name: Self = Self::constant($text);
            )*

            /// Every action that allows something on any server from 0.24.1 to v30.2, or is merged upstream for the
            /// next release, in alphabetical order. There is a constant for each.
            #[must_use]
            pub const fn known() -> &'static [Self] {
                const KNOWN: &[Action] = &[$(Action::$name),*];
                KNOWN
            }
        }

        /// In the order of [`Action::known`].
        pub(super) static TABLE: &[Row] = &[$(
            Row {
                action: Action::$name,
                routes: &[$(
                    Route { name: $route, since: ServerVersion::$since, until: until!($($until)?) },
                )+],
                successors: &[$($($successor),+)?],
            },
        )*];
    };
}

// A row: the constant, its text, and each route with the first version that has it and the first that no longer has
// it.
#[rustfmt::skip] // one row, one line: it is a table
actions! {
    ACTIVE_DELETE = "active:delete": "DELETE /limits/active/:id" V0_25..V26 => "limits/active:delete";
    ACTIVE_LIST = "active:list": "GET /limits/active" V0_25..V26 => "limits/active:list";
    ALIASES_DELETE = "aliases:delete": "DELETE /aliases/:alias" V0_24..;
    ALIASES_GET = "aliases:get": "GET /aliases/:alias" V0_24..;
    ALIASES_LIST = "aliases:list": "GET /aliases" V0_24..;
    ALIASES_UPSERT = "aliases:upsert": "PUT /aliases/:alias" V0_24..;
    ANALYTICS_AGGREGATE_EVENTS_CREATE = "analytics/aggregate_events:create": "POST /analytics/aggregate_events" V27..;
    ANALYTICS_EVENTS_CREATE = "analytics/events:create": "POST /analytics/events" V26..;
    ANALYTICS_EVENTS_LIST = "analytics/events:list": "GET /analytics/events" V28..;
    ANALYTICS_FLUSH_CREATE = "analytics/flush:create": "POST /analytics/flush" V30..;
    ANALYTICS_RULES_CREATE = "analytics/rules:create": "POST /analytics/rules" V26..;
    ANALYTICS_RULES_DELETE = "analytics/rules:delete": "DELETE /analytics/rules/:name" V26..;
    ANALYTICS_RULES_GET = "analytics/rules:get": "GET /analytics/rules/:name" V26..;
    ANALYTICS_RULES_LIST = "analytics/rules:list": "GET /analytics/rules" V26..;
    ANALYTICS_RULES_UPSERT = "analytics/rules:upsert": "PUT /analytics/rules/:name" V26..;
    ANALYTICS_STATUS_LIST = "analytics/status:list": "GET /analytics/status" V30..;
    CLEAR_CREATE = "clear:create": "POST /operations/cache/clear" V0_24..V26 => "operations/cache/clear:create";
    COLLECTIONS_CREATE = "collections:create": "POST /collections" V0_24..;
    COLLECTIONS_DELETE = "collections:delete": "DELETE /collections/:collection" V0_24..;
    COLLECTIONS_GET = "collections:get": "GET /collections/:collection" V0_24..;
    /// Up to v26, the list contains every collection; from v27 on, only those that the key's collections match.
    COLLECTIONS_LIST = "collections:list": "GET /collections" V0_24..;
    COLLECTIONS_UPDATE = "collections:update": "PATCH /collections/:collection" V0_24..;
    COMPACT_CREATE = "compact:create": "POST /operations/db/compact" V0_24..V26 => "operations/db/compact:create";
    CONFIG_CREATE = "config:create": "POST /config" V0_24..;
    CONVERSATIONS_MODELS_CREATE = "conversations/models:create": "POST /conversations/models" V26..;
    CONVERSATIONS_MODELS_DELETE = "conversations/models:delete": "DELETE /conversations/models/:id" V26..;
    CONVERSATIONS_MODELS_GET = "conversations/models:get": "GET /conversations/models/:id" V26..;
    CONVERSATIONS_MODELS_LIST = "conversations/models:list": "GET /conversations/models" V26..;
    CONVERSATIONS_MODELS_UPSERT = "conversations/models:upsert": "PUT /conversations/models/:id" V27..;
    CONVERSATIONS_DELETE = "conversations:delete": "DELETE /conversations/:id" V26..V27;
    CONVERSATIONS_GET = "conversations:get": "GET /conversations/:id" V26..V27;
    CONVERSATIONS_LIST = "conversations:list": "GET /conversations" V26..V27;
    CONVERSATIONS_UPSERT = "conversations:upsert": "PUT /conversations/:id" V26..V27;
    CURATION_SETS_ITEMS_DELETE = "curation_sets/items:delete": "DELETE /curation_sets/:name/items/:id" V30..;
    CURATION_SETS_ITEMS_GET = "curation_sets/items:get": "GET /curation_sets/:name/items" V30.., "GET /curation_sets/:name/items/:id" V30..;
    CURATION_SETS_ITEMS_UPSERT = "curation_sets/items:upsert": "PUT /curation_sets/:name/items/:id" V30..;
    CURATION_SETS_DELETE = "curation_sets:delete": "DELETE /curation_sets/:name" V30..;
    CURATION_SETS_GET = "curation_sets:get": "GET /curation_sets/:name" V30..;
    CURATION_SETS_LIST = "curation_sets:list": "GET /curation_sets" V30..;
    CURATION_SETS_UPSERT = "curation_sets:upsert": "PUT /curation_sets/:name" V30..;
    DEBUG_LIST = "debug:list": "GET /debug" V0_24..;
    DOCUMENTS_CREATE = "documents:create": "POST /collections/:collection/documents" V0_24..;
    DOCUMENTS_DELETE = "documents:delete": "DELETE /collections/:collection/documents" V0_24.., "DELETE /collections/:collection/documents/:id" V0_24..;
    DOCUMENTS_EXPORT = "documents:export": "GET /collections/:collection/documents/export" V0_24..;
    DOCUMENTS_GET = "documents:get": "GET /collections/:collection/documents/:id" V0_24..;
    DOCUMENTS_IMPORT = "documents:import": "POST /collections/:collection/documents/import" V0_24..;
    DOCUMENTS_SEARCH = "documents:search": "GET /collections/:collection/documents/search" V0_24.., "POST /multi_search" V0_24..;
    DOCUMENTS_UPDATE = "documents:update": "PATCH /collections/:collection/documents/:id" V0_24.., "PATCH /collections/:collection/documents" V0_25..;
    EVENTS_CREATE = "events:create": "POST /analytics/events" V0_25..V26 => "analytics/events:create";
    EXCEEDS_DELETE = "exceeds:delete": "DELETE /limits/exceeds/:id" V0_25..V26 => "limits/exceeds:delete";
    EXCEEDS_LIST = "exceeds:list": "GET /limits/exceeds" V0_25..V26 => "limits/exceeds:list";
    HEALTH_CREATE = "health:create": "POST /health" V0_24..;
    /// That route needs no key.
    HEALTH_LIST = "health:list": "GET /health" V0_24..;
    /// It leads to every right: a key that may create keys may create one for `*`.
    KEYS_CREATE = "keys:create": "POST /keys" V0_24..;
    KEYS_DELETE = "keys:delete": "DELETE /keys/:id" V0_24..;
    KEYS_GET = "keys:get": "GET /keys/:id" V0_24..;
    KEYS_LIST = "keys:list": "GET /keys" V0_24..;
    /// This crate has no call for it, because no released server supports it. Like `keys:create`, it leads to every
    /// right.
    KEYS_UPDATE = "keys:update": "PATCH /keys/:id" AFTER_V30_2..;
    LIMITS_ACTIVE_DELETE = "limits/active:delete": "DELETE /limits/active/:id" V26..;
    LIMITS_ACTIVE_LIST = "limits/active:list": "GET /limits/active" V26..;
    LIMITS_EXCEEDS_DELETE = "limits/exceeds:delete": "DELETE /limits/exceeds/:id" V26..;
    LIMITS_EXCEEDS_LIST = "limits/exceeds:list": "GET /limits/exceeds" V26..;
    LIMITS_CREATE = "limits:create": "POST /limits" V0_24..;
    LIMITS_DELETE = "limits:delete": "DELETE /limits/:id" V0_24..;
    LIMITS_GET = "limits:get": "GET /limits/:id" V0_24..;
    LIMITS_LIST = "limits:list": "GET /limits" V0_24..;
    LIMITS_UPSERT = "limits:upsert": "PUT /limits/:id" V0_24..;
    METRICS_JSON_LIST = "metrics.json:list": "GET /metrics.json" V0_24..;
    NL_SEARCH_MODELS_CREATE = "nl_search_models:create": "POST /nl_search_models" V29..;
    NL_SEARCH_MODELS_DELETE = "nl_search_models:delete": "DELETE /nl_search_models/:id" V29..;
    NL_SEARCH_MODELS_GET = "nl_search_models:get": "GET /nl_search_models/:id" V29..;
    NL_SEARCH_MODELS_LIST = "nl_search_models:list": "GET /nl_search_models" V29..;
    NL_SEARCH_MODELS_UPSERT = "nl_search_models:upsert": "PUT /nl_search_models/:id" V29..;
    OPERATIONS_CACHE_CLEAR_CREATE = "operations/cache/clear:create": "POST /operations/cache/clear" V26..;
    OPERATIONS_DB_COMPACT_CREATE = "operations/db/compact:create": "POST /operations/db/compact" V26..;
    OPERATIONS_RESET_PEERS_CREATE = "operations/reset_peers:create": "POST /operations/reset_peers" V26..;
    /// Documented upstream for v29, where it allows nothing. Grant `operations/schema_changes:*`.
    OPERATIONS_SCHEMA_CHANGES_GET = "operations/schema_changes:get": "GET /operations/schema_changes" V30..;
    /// Grant `operations/schema_changes:*`, which allows the route on every server that has it.
    OPERATIONS_SCHEMA_CHANGES_LIST = "operations/schema_changes:list": "GET /operations/schema_changes" V28..;
    OPERATIONS_SNAPSHOT_CREATE = "operations/snapshot:create": "POST /operations/snapshot" V26..;
    OPERATIONS_VOTE_CREATE = "operations/vote:create": "POST /operations/vote" V26..;
    OVERRIDES_DELETE = "overrides:delete": "DELETE /collections/:collection/overrides/:id" V0_24..V30 => "curation_sets/items:delete", "curation_sets:delete";
    OVERRIDES_GET = "overrides:get": "GET /collections/:collection/overrides/:id" V0_24..V30, "GET /collections/:collection/overrides" V26..V30 => "curation_sets/items:get", "curation_sets:get";
    OVERRIDES_LIST = "overrides:list": "GET /collections/:collection/overrides" V0_24..V26 => "overrides:get";
    OVERRIDES_UPSERT = "overrides:upsert": "PUT /collections/:collection/overrides/:id" V0_24..V30 => "curation_sets/items:upsert", "curation_sets:upsert";
    PERSONALIZATION_MODELS_CREATE = "personalization/models:create": "POST /personalization/models" V28..;
    PERSONALIZATION_MODELS_DELETE = "personalization/models:delete": "DELETE /personalization/models/:id" V28..;
    PERSONALIZATION_MODELS_GET = "personalization/models:get": "GET /personalization/models/:id" V28..;
    PERSONALIZATION_MODELS_LIST = "personalization/models:list": "GET /personalization/models" V28..;
    PERSONALIZATION_MODELS_UPSERT = "personalization/models:upsert": "PUT /personalization/models/:id" V28..;
    PRESETS_DELETE = "presets:delete": "DELETE /presets/:name" V0_24..;
    PRESETS_GET = "presets:get": "GET /presets/:name" V0_24..;
    PRESETS_LIST = "presets:list": "GET /presets" V0_24..;
    PRESETS_UPSERT = "presets:upsert": "PUT /presets/:name" V0_24..;
    PROXY_CREATE = "proxy:create": "POST /proxy" V0_25..;
    PROXY_SSE_CREATE = "proxy_sse:create": "POST /proxy_sse" V29..;
    RESET_PEERS_CREATE = "reset_peers:create": "POST /operations/reset_peers" V0_25..V26 => "operations/reset_peers:create";
    RULES_CREATE = "rules:create": "POST /analytics/rules" V0_25..V26 => "analytics/rules:create";
    RULES_DELETE = "rules:delete": "DELETE /analytics/rules/:name" V0_25..V26 => "analytics/rules:delete";
    RULES_GET = "rules:get": "GET /analytics/rules/:name" V0_25..V26 => "analytics/rules:get";
    RULES_LIST = "rules:list": "GET /analytics/rules" V0_25..V26 => "analytics/rules:list";
    RULES_UPSERT = "rules:upsert": "PUT /analytics/rules/:name" V0_25..V26 => "analytics/rules:upsert";
    SNAPSHOT_CREATE = "snapshot:create": "POST /operations/snapshot" V0_24..V26 => "operations/snapshot:create";
    STATS_JSON_LIST = "stats.json:list": "GET /stats.json" V0_24..;
    STATUS_LIST = "status:list": "GET /status" V0_24..;
    STEMMING_DICTIONARIES_IMPORT_CREATE = "stemming/dictionaries/import:create": "POST /stemming/dictionaries/import" V28..;
    STEMMING_DICTIONARIES_DELETE = "stemming/dictionaries:delete": "DELETE /stemming/dictionaries/:id" V29..;
    STEMMING_DICTIONARIES_GET = "stemming/dictionaries:get": "GET /stemming/dictionaries/:id" V28..;
    STEMMING_DICTIONARIES_LIST = "stemming/dictionaries:list": "GET /stemming/dictionaries" V28..;
    STOPWORDS_DELETE = "stopwords:delete": "DELETE /stopwords/:name" V26..;
    STOPWORDS_GET = "stopwords:get": "GET /stopwords/:name" V26..;
    STOPWORDS_LIST = "stopwords:list": "GET /stopwords" V26..;
    STOPWORDS_UPSERT = "stopwords:upsert": "PUT /stopwords/:name" V26..;
    SYNONYM_SETS_ITEMS_DELETE = "synonym_sets/items:delete": "DELETE /synonym_sets/:name/items/:id" V30..;
    SYNONYM_SETS_ITEMS_GET = "synonym_sets/items:get": "GET /synonym_sets/:name/items" V30.., "GET /synonym_sets/:name/items/:id" V30..;
    SYNONYM_SETS_ITEMS_UPSERT = "synonym_sets/items:upsert": "PUT /synonym_sets/:name/items/:id" V30..;
    SYNONYM_SETS_DELETE = "synonym_sets:delete": "DELETE /synonym_sets/:name" V30..;
    SYNONYM_SETS_GET = "synonym_sets:get": "GET /synonym_sets/:name" V30..;
    SYNONYM_SETS_LIST = "synonym_sets:list": "GET /synonym_sets" V30..;
    SYNONYM_SETS_UPSERT = "synonym_sets:upsert": "PUT /synonym_sets/:name" V30..;
    SYNONYMS_DELETE = "synonyms:delete": "DELETE /collections/:collection/synonyms/:id" V0_24..V30 => "synonym_sets/items:delete", "synonym_sets:delete";
    SYNONYMS_GET = "synonyms:get": "GET /collections/:collection/synonyms/:id" V0_24..V30, "GET /collections/:collection/synonyms" V26..V30 => "synonym_sets/items:get", "synonym_sets:get";
    SYNONYMS_LIST = "synonyms:list": "GET /collections/:collection/synonyms" V0_24..V26 => "synonyms:get";
    SYNONYMS_UPSERT = "synonyms:upsert": "PUT /collections/:collection/synonyms/:id" V0_24..V30 => "synonym_sets/items:upsert", "synonym_sets:upsert";
    VOTE_CREATE = "vote:create": "POST /operations/vote" V0_24..V26 => "operations/vote:create";
}
