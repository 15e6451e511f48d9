//! Every action that a server knows, with the routes that it opens.
//!
//! From the server's own route table (0.24.1, and the development line towards v30), not from its documentation,
//! which lists actions that open nothing: an action is computed from a request's method and path.

use super::Action;

/// Which servers know an action.
macro_rules! known_to {
    (Always) => {
        "Known to 0.24.1 and to v30."
    };
    (Newer) => {
        "Not known to 0.24.1; known to v30."
    };
    (Older) => {
        "Known to 0.24.1 and up to v29; gone in v30."
    };
    // Seen: in 0.24.1, the lists of overrides and synonyms have an action of their own.
    (Narrow) => {
        "Known to 0.24.1; later servers, up to v29, have `…:get` for this."
    };
    (Widened) => {
        "Known to 0.24.1, where the list needs `…:list`, and up to v29; gone in v30."
    };
    // Seen: 0.24.1 goes by the last part of these paths, and a key with the whole path opens nothing there.
    (Short) => {
        "Known to 0.24.1; to v30 by the whole path, as `operations/…`."
    };
}

macro_rules! actions {
    ($($name:ident = $text:literal, $servers:ident, $routes:literal;)*) => {
        /// One constant for each action that a server knows.
        impl Action {
            $(
                #[doc = concat!("`", $text, "` opens `", $routes, "`. ", known_to!($servers))]
                pub const $name: Self = Self::constant($text);
            )*

            /// Every action that some server from 0.24.1 to v30 knows, in alphabetical order. There is a constant for each.
            #[must_use]
            pub const fn known() -> &'static [Self] {
                const KNOWN: &[Action] = &[$(Action::$name),*];
                KNOWN
            }

            /// For each of [`known`](Self::known), in the same order, what it opens.
            pub(super) const ROUTES: &'static [&'static str] = &[$($routes),*];
        }
    };
}

#[rustfmt::skip] // one row, one line: it is a table
actions! {
    ALIASES_DELETE = "aliases:delete", Always, "DELETE /aliases/:alias";
    ALIASES_GET = "aliases:get", Always, "GET /aliases/:alias";
    ALIASES_LIST = "aliases:list", Always, "GET /aliases";
    ALIASES_UPSERT = "aliases:upsert", Always, "PUT /aliases/:alias";
    ANALYTICS_AGGREGATE_EVENTS_CREATE = "analytics/aggregate_events:create", Newer, "POST /analytics/aggregate_events";
    ANALYTICS_EVENTS_CREATE = "analytics/events:create", Newer, "POST /analytics/events";
    ANALYTICS_EVENTS_LIST = "analytics/events:list", Newer, "GET /analytics/events";
    ANALYTICS_FLUSH_CREATE = "analytics/flush:create", Newer, "POST /analytics/flush";
    ANALYTICS_RULES_CREATE = "analytics/rules:create", Newer, "POST /analytics/rules";
    ANALYTICS_RULES_DELETE = "analytics/rules:delete", Newer, "DELETE /analytics/rules/:name";
    ANALYTICS_RULES_GET = "analytics/rules:get", Newer, "GET /analytics/rules/:name";
    ANALYTICS_RULES_LIST = "analytics/rules:list", Newer, "GET /analytics/rules";
    ANALYTICS_RULES_UPSERT = "analytics/rules:upsert", Newer, "PUT /analytics/rules/:name";
    ANALYTICS_STATUS_LIST = "analytics/status:list", Newer, "GET /analytics/status";
    CLEAR_CREATE = "clear:create", Short, "POST /operations/cache/clear";
    COLLECTIONS_CREATE = "collections:create", Always, "POST /collections";
    COLLECTIONS_DELETE = "collections:delete", Always, "DELETE /collections/:collection";
    COLLECTIONS_GET = "collections:get", Always, "GET /collections/:collection";
    COLLECTIONS_LIST = "collections:list", Always, "GET /collections";
    COLLECTIONS_UPDATE = "collections:update", Always, "PATCH /collections/:collection";
    COMPACT_CREATE = "compact:create", Short, "POST /operations/db/compact";
    CONFIG_CREATE = "config:create", Always, "POST /config";
    CONVERSATIONS_MODELS_CREATE = "conversations/models:create", Newer, "POST /conversations/models";
    CONVERSATIONS_MODELS_DELETE = "conversations/models:delete", Newer, "DELETE /conversations/models/:id";
    CONVERSATIONS_MODELS_GET = "conversations/models:get", Newer, "GET /conversations/models/:id";
    CONVERSATIONS_MODELS_LIST = "conversations/models:list", Newer, "GET /conversations/models";
    CONVERSATIONS_MODELS_UPSERT = "conversations/models:upsert", Newer, "PUT /conversations/models/:id";
    CURATION_SETS_ITEMS_DELETE = "curation_sets/items:delete", Newer, "DELETE /curation_sets/:name/items/:id";
    CURATION_SETS_ITEMS_GET = "curation_sets/items:get", Newer, "GET /curation_sets/:name/items, GET /curation_sets/:name/items/:id";
    CURATION_SETS_ITEMS_UPSERT = "curation_sets/items:upsert", Newer, "PUT /curation_sets/:name/items/:id";
    CURATION_SETS_DELETE = "curation_sets:delete", Newer, "DELETE /curation_sets/:name";
    CURATION_SETS_GET = "curation_sets:get", Newer, "GET /curation_sets/:name";
    CURATION_SETS_LIST = "curation_sets:list", Newer, "GET /curation_sets";
    CURATION_SETS_UPSERT = "curation_sets:upsert", Newer, "PUT /curation_sets/:name";
    DEBUG_LIST = "debug:list", Always, "GET /debug";
    DOCUMENTS_CREATE = "documents:create", Always, "POST /collections/:collection/documents";
    DOCUMENTS_DELETE = "documents:delete", Always, "DELETE /collections/:collection/documents, DELETE /collections/:collection/documents/:id";
    DOCUMENTS_EXPORT = "documents:export", Always, "GET /collections/:collection/documents/export";
    DOCUMENTS_GET = "documents:get", Always, "GET /collections/:collection/documents/:id";
    DOCUMENTS_IMPORT = "documents:import", Always, "POST /collections/:collection/documents/import";
    DOCUMENTS_SEARCH = "documents:search", Always, "GET /collections/:collection/documents/search, POST /multi_search";
    DOCUMENTS_UPDATE = "documents:update", Always, "PATCH /collections/:collection/documents/:id, PATCH /collections/:collection/documents";
    HEALTH_CREATE = "health:create", Always, "POST /health";
    HEALTH_LIST = "health:list", Always, "GET /health";
    HEALTH_WITH_RUSAGE_LIST = "health_with_rusage:list", Newer, "GET /health_with_rusage";
    KEYS_CREATE = "keys:create", Always, "POST /keys";
    KEYS_DELETE = "keys:delete", Always, "DELETE /keys/:id";
    KEYS_GET = "keys:get", Always, "GET /keys/:id";
    KEYS_LIST = "keys:list", Always, "GET /keys";
    LIMITS_ACTIVE_DELETE = "limits/active:delete", Newer, "DELETE /limits/active/:id";
    LIMITS_ACTIVE_LIST = "limits/active:list", Newer, "GET /limits/active";
    LIMITS_EXCEEDS_DELETE = "limits/exceeds:delete", Newer, "DELETE /limits/exceeds/:id";
    LIMITS_EXCEEDS_LIST = "limits/exceeds:list", Newer, "GET /limits/exceeds";
    LIMITS_CREATE = "limits:create", Always, "POST /limits";
    LIMITS_DELETE = "limits:delete", Always, "DELETE /limits/:id";
    LIMITS_GET = "limits:get", Always, "GET /limits/:id";
    LIMITS_LIST = "limits:list", Always, "GET /limits";
    LIMITS_UPSERT = "limits:upsert", Always, "PUT /limits/:id";
    METRICS_JSON_LIST = "metrics.json:list", Always, "GET /metrics.json";
    NL_SEARCH_MODELS_CREATE = "nl_search_models:create", Newer, "POST /nl_search_models";
    NL_SEARCH_MODELS_DELETE = "nl_search_models:delete", Newer, "DELETE /nl_search_models/:id";
    NL_SEARCH_MODELS_GET = "nl_search_models:get", Newer, "GET /nl_search_models/:id";
    NL_SEARCH_MODELS_LIST = "nl_search_models:list", Newer, "GET /nl_search_models";
    NL_SEARCH_MODELS_UPSERT = "nl_search_models:upsert", Newer, "PUT /nl_search_models/:id";
    OPERATIONS_CACHE_CLEAR_CREATE = "operations/cache/clear:create", Newer, "POST /operations/cache/clear";
    OPERATIONS_DB_COMPACT_CREATE = "operations/db/compact:create", Newer, "POST /operations/db/compact";
    OPERATIONS_RESET_PEERS_CREATE = "operations/reset_peers:create", Newer, "POST /operations/reset_peers";
    OPERATIONS_SCHEMA_CHANGES_LIST = "operations/schema_changes:list", Newer, "GET /operations/schema_changes";
    OPERATIONS_SNAPSHOT_CREATE = "operations/snapshot:create", Newer, "POST /operations/snapshot";
    OPERATIONS_VOTE_CREATE = "operations/vote:create", Newer, "POST /operations/vote";
    OVERRIDES_DELETE = "overrides:delete", Older, "DELETE /collections/:collection/overrides/:id";
    OVERRIDES_GET = "overrides:get", Widened, "GET /collections/:collection/overrides, GET /collections/:collection/overrides/:id";
    OVERRIDES_LIST = "overrides:list", Narrow, "GET /collections/:collection/overrides";
    OVERRIDES_UPSERT = "overrides:upsert", Older, "PUT /collections/:collection/overrides/:id";
    PERSONALIZATION_MODELS_CREATE = "personalization/models:create", Newer, "POST /personalization/models";
    PERSONALIZATION_MODELS_DELETE = "personalization/models:delete", Newer, "DELETE /personalization/models/:id";
    PERSONALIZATION_MODELS_GET = "personalization/models:get", Newer, "GET /personalization/models/:id";
    PERSONALIZATION_MODELS_LIST = "personalization/models:list", Newer, "GET /personalization/models";
    PERSONALIZATION_MODELS_UPSERT = "personalization/models:upsert", Newer, "PUT /personalization/models/:id";
    PRESETS_DELETE = "presets:delete", Always, "DELETE /presets/:name";
    PRESETS_GET = "presets:get", Always, "GET /presets/:name";
    PRESETS_LIST = "presets:list", Always, "GET /presets";
    PRESETS_UPSERT = "presets:upsert", Always, "PUT /presets/:name";
    PROXY_CREATE = "proxy:create", Newer, "POST /proxy";
    PROXY_SSE_CREATE = "proxy_sse:create", Newer, "POST /proxy_sse";
    SNAPSHOT_CREATE = "snapshot:create", Short, "POST /operations/snapshot";
    STATS_JSON_LIST = "stats.json:list", Always, "GET /stats.json";
    STATUS_LIST = "status:list", Always, "GET /status";
    STEMMING_DICTIONARIES_IMPORT_CREATE = "stemming/dictionaries/import:create", Newer, "POST /stemming/dictionaries/import";
    STEMMING_DICTIONARIES_DELETE = "stemming/dictionaries:delete", Newer, "DELETE /stemming/dictionaries/:id";
    STEMMING_DICTIONARIES_GET = "stemming/dictionaries:get", Newer, "GET /stemming/dictionaries/:id";
    STEMMING_DICTIONARIES_LIST = "stemming/dictionaries:list", Newer, "GET /stemming/dictionaries";
    STOPWORDS_DELETE = "stopwords:delete", Newer, "DELETE /stopwords/:name";
    STOPWORDS_GET = "stopwords:get", Newer, "GET /stopwords/:name";
    STOPWORDS_LIST = "stopwords:list", Newer, "GET /stopwords";
    STOPWORDS_UPSERT = "stopwords:upsert", Newer, "PUT /stopwords/:name";
    SYNONYM_SETS_ITEMS_DELETE = "synonym_sets/items:delete", Newer, "DELETE /synonym_sets/:name/items/:id";
    SYNONYM_SETS_ITEMS_GET = "synonym_sets/items:get", Newer, "GET /synonym_sets/:name/items, GET /synonym_sets/:name/items/:id";
    SYNONYM_SETS_ITEMS_UPSERT = "synonym_sets/items:upsert", Newer, "PUT /synonym_sets/:name/items/:id";
    SYNONYM_SETS_DELETE = "synonym_sets:delete", Newer, "DELETE /synonym_sets/:name";
    SYNONYM_SETS_GET = "synonym_sets:get", Newer, "GET /synonym_sets/:name";
    SYNONYM_SETS_LIST = "synonym_sets:list", Newer, "GET /synonym_sets";
    SYNONYM_SETS_UPSERT = "synonym_sets:upsert", Newer, "PUT /synonym_sets/:name";
    SYNONYMS_DELETE = "synonyms:delete", Older, "DELETE /collections/:collection/synonyms/:id";
    SYNONYMS_GET = "synonyms:get", Widened, "GET /collections/:collection/synonyms, GET /collections/:collection/synonyms/:id";
    SYNONYMS_LIST = "synonyms:list", Narrow, "GET /collections/:collection/synonyms";
    SYNONYMS_UPSERT = "synonyms:upsert", Older, "PUT /collections/:collection/synonyms/:id";
    VOTE_CREATE = "vote:create", Short, "POST /operations/vote";
}
