//! What this crate does not promise: requests that may reveal something, each with its reason.
//! The guide `tenants` lists the same.

use super::keys::Key;
use super::request::Search;
use super::world::HIDDEN;

/// Parameters that correct or complete words by the words of all documents, and the values that turn them off.
pub(crate) const WORD_GUESSES: [(&str, &str); 3] =
    [("num_typos", "0"), ("prefix", "false"), ("split_join_tokens", "off")];

/// Why the responses to this request may differ, if they may.
pub(crate) fn reason(key: &Key, search: &Search) -> Option<&'static str> {
    let is_text = search.get("q") != Some("*") || search.get("preset").is_some();
    let guesses = WORD_GUESSES.iter().any(|(name, off)| search.get(name) != Some(*off));
    if key.limits_documents() && key.tells_words && is_text && guesses {
        return Some(
            "typos and beginnings of words are completed, and words split and joined, by the words of all documents",
        );
    }
    let names_hidden = |parameter: &str| {
        let value = search.get(parameter).unwrap_or_default().to_lowercase();
        HIDDEN.iter().any(|field| value.contains(field))
    };
    if key.limits_fields() && names_hidden("filter_by") {
        return Some("a filter on a hidden field tells which documents have a value");
    }
    if key.limits_fields() && !key.params.contains_key("query_by") && names_hidden("query_by") {
        return Some("a query of a hidden field tells which documents have a word");
    }
    None
}
