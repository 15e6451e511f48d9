//! Every search parameter that a server reads, from 0.24.1 to v30, and what a scoped key does about it.
//!
//! The names are taken from the server's source (`do_search` in `collection_manager.cpp`, `collection_search_args_t` in
//! `collection.h`, `get_search` and `post_multi_search` in `core_api.cpp`); `tests/search_parameters` has the lists. The
//! rule: a parameter is embedded unless it is known to be harmless. A parameter that a server reads before it applies
//! the embedded ones cannot be closed by any key, and is [`Rule::Open`], with its reason.
//!
//! Imports nothing, so that a test can include this file.

/// A version: major and minor.
pub(super) type Version = (u16, u16);

pub(super) const V0_24: Version = (0, 24);
pub(super) const V0_25: Version = (0, 25);
pub(super) const V26: Version = (26, 0);
pub(super) const V27: Version = (27, 0);
pub(super) const V28: Version = (28, 0);
pub(super) const V29: Version = (29, 0);
pub(super) const V30: Version = (30, 0);

/// What a key that restricts documents, or hides fields, does about a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing: it is harmless.
    Harmless,
    /// Embeds this value, which switches the parameter off. A server reads every value as text.
    Off(&'static str),
    /// Nothing: it has an effect only together with another parameter, which is off.
    OffWith(&'static str),
    /// Nothing: it stays open, because no key can close it, or because no search would be left.
    Open,
}

/// Parameters that a request can use for the same thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) names: &'static [&'static str],
    /// The first version that reads them, and the first that no longer does. A test compares them with the source.
    #[allow(dead_code)]
    pub(super) since: Version,
    #[allow(dead_code)]
    pub(super) until: Option<Version>,
    /// In a key that restricts documents (`only`, `filter_by`).
    pub(super) documents: Rule,
    /// In a key that hides fields (`show_fields`, `hide_fields`).
    pub(super) fields: Rule,
    /// What a request can do with them, or why they are harmless. Continues "a request".
    pub(super) effect: &'static str,
    pub(super) evidence: &'static str,
}

const SEEN: &str = "seen with 0.24.1";

const fn row(
    names: &'static [&'static str],
    (since, until): (Version, Option<Version>),
    (documents, fields): (Rule, Rule),
    effect: &'static str,
    evidence: &'static str,
) -> Row {
    Row { names, since, until, documents, fields, effect, evidence }
}

const fn harmless(names: &'static [&'static str], since: Version, effect: &'static str) -> Row {
    let evidence = "read in every version that has it";
    row(names, (since, None), (Rule::Harmless, Rule::Harmless), effect, evidence)
}

use Rule::{Harmless, Off, OffWith, Open};

/// The table, in the order in which the parameters are embedded.
pub(super) const TABLE: &[Row] = &[
    row(&["pinned_hits"], (V0_24, None), (Off(""), Harmless), "shows any document by its id", SEEN),
    row(
        &["hidden_hits"],
        (V0_24, None),
        (Off(""), Harmless),
        "hides all documents of the filter, after which a vector search ignores the filter",
        "seen with 0.24.1; read up to v30, `VectorFilterFunctor` in `index.h`",
    ),
    row(
        &["vector_query"],
        (V0_24, None),
        (Off(""), Off("")),
        "finds documents outside of the filter, and shows distances, from which the vector of any document follows",
        SEEN,
    ),
    row(
        &["sort_by"],
        (V0_24, None),
        (Off(""), Off("")),
        "shows the distance to a hidden point and the order of hidden values; from v26 on, also the distance to the \
         vector of any document, from which that vector follows",
        "seen with 0.24.1; read from v26.0 to v30, `_vector_query` in `collection.cpp`",
    ),
    row(
        &["enable_overrides"],
        (V0_24, Some(V30)),
        (Off("false"), Harmless),
        "shows documents that a curation rule adds, whatever the filter says",
        SEEN,
    ),
    row(
        &["enable_curations"],
        (V30, None),
        (Off("false"), Harmless),
        "shows documents that a curation rule adds, whatever the filter says",
        "read in v30, `collection.cpp`",
    ),
    row(
        &["validate_field_names"],
        (V28, None),
        (Off("true"), Harmless),
        "turns the filter off in a collection without its field",
        "read in v29.0",
    ),
    row(
        &["cache_ttl"],
        (V0_24, None),
        (Off("0"), Off("0")),
        "leaves a response in the cache of the server (`use_cache`), from which other keys get it",
        "seen with 0.24.1; the cache distinguishes keys from v29.1 and v30.2 on (release notes)",
    ),
    row(
        &["exclude_fields"],
        (V0_24, None),
        (Off("out_of"), Harmless),
        "shows `out_of`, the number of all documents",
        SEEN,
    ),
    row(
        &["facet_return_parent"],
        (V26, None),
        (Off(""), Off("")),
        "shows the whole object around a facet's value, and that of another document with the same value",
        "read from v26.0 to v30: `facet_index.cpp` takes the first document with the value",
    ),
    row(
        &["facet_strategy"],
        (V27, None),
        (Off("exhaustive"), Harmless),
        "chooses the facets by their number in all documents",
        "read from v27.0 to v30, `facet_index_t::intersect`",
    ),
    row(
        &["personalization_model_id"],
        (V29, None),
        (Off(""), Off("")),
        "searches with a vector computed from the events of any user, and shows distances to it",
        "read in v29.0, `parse_and_validate_personalization_query`: empty, the others are a 400",
    ),
    row(
        &["enable_lazy_filter"],
        (V26, None),
        (Off("false"), Harmless),
        "has the filter evaluated by other code, not known to find the same documents",
        "read from v26.0 to v30, `filter_result_iterator.cpp`",
    ),
    row(
        &["max_filter_by_candidates"],
        (V28, None),
        (Off("4"), Harmless),
        "changes how many words a `*` in the filter stands for",
        "read in v28.0 and v29.0, `filter_result_iterator.cpp`",
    ),
    row(&["facet_by"], (V0_24, None), (Harmless, Off("")), "shows all values of a hidden field", SEEN),
    row(&["group_by"], (V0_24, None), (Harmless, Off("")), "shows the values of a hidden field", SEEN),
    row(
        &["highlight_fields"],
        (V0_24, None),
        (Harmless, Off("none")),
        "shows the words around a match in a hidden field",
        SEEN,
    ),
    // Not embedded: harmless while others are off.
    row(
        &["filter_curated_hits"],
        (V0_24, None),
        (OffWith("pinned_hits"), Harmless),
        "has curated documents filtered, too; no rule and no request adds any",
        SEEN,
    ),
    row(
        &["override_tags"],
        (V26, Some(V30)),
        (OffWith("enable_overrides"), Harmless),
        "chooses curation rules, which are off",
        "read in v27.1, `curate_results`",
    ),
    row(
        &["curation_tags", "diversity_lambda"],
        (V30, None),
        (OffWith("enable_curations"), Harmless),
        "chooses curation rules and their diversity, which are off",
        "read in v30, `curate_results`",
    ),
    row(
        &[
            "personalization_event_name",
            "personalization_item_field",
            "personalization_n_events",
            "personalization_type",
            "personalization_user_field",
            "personalization_user_id",
        ],
        (V29, None),
        (OffWith("personalization_model_id"), OffWith("personalization_model_id")),
        "needs a model, which is off",
        "read in v29.0, `parse_and_validate_personalization_query`",
    ),
    row(
        &["facet_query", "facet_query_num_typos", "max_facet_values"],
        (V0_24, None),
        (Harmless, OffWith("facet_by")),
        "chooses among the facets of the documents found",
        SEEN,
    ),
    row(
        &["facet_sample_percent", "facet_sample_threshold"],
        (V0_25, None),
        (Harmless, OffWith("facet_by")),
        "counts fewer of the documents found",
        "read in every version that has it",
    ),
    row(
        &["facet_sample_slope"],
        (V30, None),
        (Harmless, OffWith("facet_by")),
        "counts fewer of the documents found",
        "read in v30",
    ),
    row(
        &["group_limit"],
        (V0_24, None),
        (Harmless, OffWith("group_by")),
        "chooses how many documents found a group shows",
        SEEN,
    ),
    row(
        &["group_missing_values"],
        (V0_25, None),
        (Harmless, OffWith("group_by")),
        "chooses whether documents without the field are one group",
        "read in every version that has it",
    ),
    row(
        &["highlight_full_fields"],
        (V0_24, None),
        (Harmless, OffWith("highlight_fields")),
        "shows a field that is highlighted in full",
        SEEN,
    ),
    // Left open.
    row(
        &["filter_by"],
        (V0_24, None),
        (Open, Open),
        "tells by its results whether a hidden field has a value; from v26 on, shows and compares documents of the \
         collections that references connect to this one",
        "seen with 0.24.1; read from v26.0 to v30, `initialize_ref_include_exclude_fields_vec`",
    ),
    row(
        &["query_by"],
        (V0_24, None),
        (Harmless, Open),
        "tells by its results whether a hidden field has a word; from v25 on, shows the distance between the query \
         and a hidden vector that the server computes from text",
        "seen with 0.24.1; read from v0.25.2 to v30",
    ),
    row(
        &["q"],
        (V0_24, None),
        (Open, Harmless),
        "can tell by corrected typing errors and the order of results that other documents have a word",
        "read in every version: words are counted over all documents",
    ),
    row(
        &["include_fields"],
        (V0_24, None),
        (Open, Harmless),
        "shows, from v26 on, documents of the collections that references connect to this one",
        "read from v26.0 to v30, `initialize_ref_include_exclude_fields_vec`",
    ),
    row(
        &["use_cache"],
        (V0_24, None),
        (Open, Open),
        "gets the response to the same request of a key that has not embedded `cache_ttl` 0",
        "seen with 0.24.1; read before the embedded parameters",
    ),
    row(
        &["conversation", "conversation_id", "conversation_model_id"],
        (V26, None),
        (Open, Open),
        "shows the history of any conversation whose id, a random UUID, it has",
        "read from v27.0 to v30, `core_api.cpp`, before the embedded parameters",
    ),
    row(
        &["conversation_stream"],
        (V29, None),
        (Open, Open),
        "like `conversation`",
        "read in v29.0 and v30, `core_api.cpp`, before the embedded parameters",
    ),
    row(
        &["nl_query", "nl_model_id", "nl_query_debug", "nl_query_prompt_cache_ttl"],
        (V29, None),
        (Open, Open),
        "asks a language model that knows facet values of all documents and fields",
        "read in v29.0 and v30, `generate_schema_prompt`, before the embedded parameters",
    ),
    row(
        &["union"],
        (V28, None),
        (Open, Harmless),
        "shows `out_of`, the number of all documents, and ignores an embedded `limit_hits`",
        "read from v28.0 to v30, `do_union`; not a parameter of a search",
    ),
    // Harmless.
    harmless(&["collection"], V0_24, "names the collection, which `collection` embeds"),
    harmless(&["expires_at"], V0_24, "has no effect: only that of the key is read"),
    harmless(&["limit_hits", "page", "per_page"], V0_24, "chooses among the documents found"),
    harmless(&["limit", "offset"], V0_25, "chooses among the documents found"),
    harmless(&["limit_multi_searches"], V0_24, "limits the number of searches"),
    harmless(&["preset"], V0_24, "sets parameters that it could set itself, and none that is embedded"),
    harmless(&["searches"], V0_24, "has several searches, each with the embedded parameters"),
    harmless(&["remove_duplicates"], V30, "shows a document of a union once"),
    harmless(&["x-typesense-api-key"], V0_24, "searches with another key, and its embedded parameters"),
    harmless(&["x-typesense-user-id"], V0_25, "names a user for analytics"),
    harmless(&["analytics_tag"], V29, "is recorded for analytics"),
    harmless(&["enable_analytics"], V27, "is recorded for analytics"),
    harmless(
        &[
            "drop_tokens_threshold",
            "exhaustive_search",
            "infix",
            "max_candidates",
            "max_extra_prefix",
            "max_extra_suffix",
            "min_len_1typo",
            "min_len_2typo",
            "num_typos",
            "pre_segmented_query",
            "prefix",
            "prioritize_exact_match",
            "prioritize_token_position",
            "query_by_weights",
            "rank_tokens_by",
            "split_join_tokens",
            "text_match_type",
            "typo_tokens_threshold",
        ],
        V0_24,
        "changes how `q` is matched: see `q`",
    ),
    harmless(&["drop_tokens_mode", "prioritize_num_matching_fields"], V0_25, "changes how `q` is matched: see `q`"),
    harmless(
        &["enable_typos_for_numerical_tokens", "stopwords", "voice_query"],
        V26,
        "changes `q`, or how it is matched: see `q`",
    ),
    harmless(
        &["enable_synonyms", "enable_typos_for_alpha_numerical_tokens", "synonym_num_typos", "synonym_prefix"],
        V27,
        "changes how `q` is matched: see `q`",
    ),
    harmless(&["rerank_hybrid_matches"], V28, "computes more of what `query_by` shows: see `query_by`"),
    harmless(&["demote_synonym_match", "synonym_sets"], V30, "changes how `q` is matched: see `q`"),
    harmless(
        &["remote_embedding_num_tries", "remote_embedding_timeout_ms"],
        V0_25,
        "limits how long a model may compute the vector of `q`",
    ),
    harmless(
        &["search_cutoff_ms"],
        V0_24,
        "limits the time of a search, which the size of the collection influences",
    ),
    harmless(
        &[
            "enable_highlight_v1",
            "highlight_affix_num_tokens",
            "highlight_end_tag",
            "highlight_start_tag",
            "snippet_threshold",
        ],
        V0_24,
        "changes the form of highlights",
    ),
    harmless(
        &[
            "_fallback_q_used",
            "_llm_generated_params",
            "_llm_response",
            "_nl_processing_failed",
            "_original_llm_filter_by",
            "_original_nl_query",
            "error",
            "llm_generated_filter_by",
            "llm_response_str",
            "processed_by_nl_model",
        ],
        V29,
        "is the server's own, and returned as the request sent it",
    ),
];

/// Each parameter with its row.
pub(super) fn parameters() -> impl Iterator<Item = (&'static str, &'static Row)> {
    TABLE.iter().flat_map(|row| row.names.iter().map(move |name| (*name, row)))
}
