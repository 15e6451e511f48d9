//! Exceptions from the promise: requests that may reveal something, each with its reason. The guide `tenants` has the
//! same list.

use super::keys::{self, Key};
use super::oracle::Pair;
use super::request::{Search, Way};
use super::world::{FIRST, HIDDEN, OTHERS, Stage, World};

const WORDS: &str = "words are corrected, completed, split and joined by the words of all documents";
const FILTER: &str = "a filter on a hidden field tells which documents have a value";
const QUERY: &str = "a query of a hidden field tells which documents have a word";
const BEGINNING: &str = "an array is shown whose name begins the name of a shown field, if an object is in it";

/// Parameters that make a text query show that a word exists, and the values that prevent this.
pub(crate) const WORD_GUESSES: [(&str, &str); 3] =
    [("num_typos", "0"), ("prefix", "false"), ("split_join_tokens", "off")];

/// The reason why the responses to this request may differ; `None` if they may not.
pub(crate) fn reason(key: &Key, search: &Search) -> Option<&'static str> {
    let is_text = search.values("q").any(|query| query != "*") || search.values("preset").next().is_some();
    let is_off = |name: &str, off: &str| search.values(name).eq([off]);
    let guesses = WORD_GUESSES.iter().any(|(name, off)| !is_off(name, off));
    if key.limits_documents() && key.tells_words && is_text && guesses {
        return Some(WORDS);
    }
    let is_hidden = |name: &str| HIDDEN.iter().any(|field| name.split('.').next() == Some(field));
    let names_hidden = |parameter: &str| {
        let is_end = |character: char| !character.is_ascii_alphanumeric() && character != '.';
        search.values(parameter).any(|value| value.to_lowercase().split(is_end).any(is_hidden))
    };
    if key.limits_fields() && names_hidden("filter_by") {
        return Some(FILTER);
    }
    if key.limits_fields() && !key.params.contains_key("query_by") && names_hidden("query_by") {
        return Some(QUERY);
    }
    None
}

/// The reason, the key, the world that differs from the first, and the request.
type Example = (&'static str, &'static str, World, &'static [(&'static str, &'static str)]);

/// A request for each exception. If it no longer reveals anything, the exception must be removed.
const EXAMPLES: &[Example] = &[
    (WORDS, "only", OTHERS[0], &[("q", "rive river"), ("query_by", "body.text")]),
    (FILTER, "show_fields", OTHERS[1], &[("q", "*"), ("filter_by", "note:zebra1")]),
    (QUERY, "show_fields", OTHERS[1], &[("q", "zebra1"), ("query_by", "note"), ("num_typos", "0")]),
    (BEGINNING, "show_fields", OTHERS[5], &[("q", "*")]),
];

pub(crate) fn check(stage: &Stage) {
    let keys = keys::all(stage);
    for (reason, key, other, params) in EXAMPLES {
        let key = keys.iter().find(|known| known.name == *key).unwrap();
        let key = Key { worlds: [FIRST, *other], ..key.clone() };
        let search = Search::new(Way::Get, params);
        let [one, other] = Pair::new(stage).search(&key, &search);
        assert_ne!(one, other, "this is no longer an exception: {reason}");
    }
}
