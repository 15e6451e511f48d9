//! Requests that the oracle has found. Each reveals something to a key without one of its parameters.

use super::keys::{self, Key};
use super::mutation::{self, GUARD};
use super::oracle::Pair;
use super::request::{Search, Way};
use super::world::Stage;

struct Row {
    key: &'static str,
    /// Parameters that are also removed from the key, because each of them would be enough.
    open: &'static [&'static str],
    /// The part of the key that the request proves to be needed.
    part: &'static str,
    params: &'static [(&'static str, &'static str)],
}

const fn row(key: &'static str, part: &'static str, params: &'static [(&'static str, &'static str)]) -> Row {
    Row { key, open: &[], part, params }
}

const ROWS: &[Row] = &[
    row("only", "filter_by", &[("q", "*")]),
    row("only", GUARD, &[("q", "*"), ("filter_by", ")title:!=`")]),
    row("only", "exclude_fields", &[("q", "*")]),
    row("only", "pinned_hits", &[("q", "*"), ("pinned_hits", "x1:1")]),
    row("only", "enable_overrides", &[("q", "harbor"), ("query_by", "body")]),
    row("only", "vector_query", &[("q", "*"), ("vector_query", "vec:([], id: x1)")]),
    row("only", "cache_ttl", &[("q", "*"), ("use_cache", "1")]),
    Row {
        key: "only",
        open: &["vector_query"],
        part: "hidden_hits",
        params: &[("q", "*"), ("vector_query", "vec:([0,0,1])"), ("hidden_hits", "o1,o2,o3,o4,o5,o6,o7,o8")],
    },
    row("only, no guesses", "num_typos", &[("q", "rive river"), ("query_by", "body.text")]),
    row("only, no guesses", "prefix", &[("q", "silve"), ("query_by", "body"), ("max_candidates", "1")]),
    row("only, no guesses", "split_join_tokens", &[("q", "lanternlantern"), ("query_by", "body.text")]),
    row("show_fields", "include_fields", &[("q", "*")]),
    row("show_fields", "facet_by", &[("q", "*"), ("facet_by", "note")]),
    row("show_fields", "group_by", &[("q", "*"), ("group_by", "cost")]),
    row("show_fields", "highlight_fields", &[("q", "zebra"), ("query_by", "note"), ("highlight_fields", "note")]),
    row("show_fields", "sort_by", &[("q", "*"), ("sort_by", "note:asc")]),
    row("show_fields", "vector_query", &[("q", "*"), ("vector_query", "vec:([0,1,0])")]),
    row("show_fields", "enable_overrides", &[("q", "meadow"), ("query_by", "tags")]),
    row("show_fields", "cache_ttl", &[("q", "*"), ("use_cache", "1")]),
    row("hide_fields", "exclude_fields", &[("q", "*")]),
    row("hide_fields", "facet_by", &[("q", "*"), ("facet_by", "note")]),
    row("hide_fields", "group_by", &[("q", "*"), ("group_by", "cost")]),
    row("hide_fields", "highlight_fields", &[("q", "zebra"), ("query_by", "note"), ("highlight_fields", "note")]),
    row("hide_fields", "sort_by", &[("q", "*"), ("sort_by", "home(1,89.9):asc")]),
    row("hide_fields", "vector_query", &[("q", "*"), ("vector_query", "vec:([0,1,0])")]),
    row("hide_fields", "enable_overrides", &[("q", "meadow"), ("query_by", "tags")]),
    row("hide_fields", "cache_ttl", &[("q", "*"), ("use_cache", "1")]),
];

/// Parts whose need cannot be proved on 0.24.1, and the reason why they are embedded.
const UNPROVED: &[(&str, &str, &str)] =
    &[("only", "sort_by", "`_vector_query(…)` of v26 and newer shows distances to the vector of any document")];

/// Whether a row, or [`UNPROVED`], is about this part of a key with one of the key's settings.
fn is_known(key: &Key, part: &str) -> bool {
    let has = |setting: &str| key.name.contains(setting) || (setting == "only" && key.limits_documents());
    ROWS.iter().any(|row| row.part == part && has(row.key))
        || UNPROVED.iter().any(|(setting, unproved, _)| *unproved == part && has(setting))
}

pub(crate) fn check(stage: &Stage) {
    let mut pair = Pair::new(stage);
    let keys = keys::all(stage);
    let mut failures = Vec::new();
    for Row { key: name, open, part, params } in ROWS {
        let key = keys.iter().find(|key| key.name == *name).unwrap();
        let search = Search::new(Way::Get, params);
        let lacks = open.iter().chain([part]).any(|part| *part != GUARD && !key.params.contains_key(*part));
        if lacks {
            failures.push(format!("{name} does not embed {part}"));
            continue;
        }
        let with = open.iter().fold(key.clone(), |key, open| mutation::without(stage, &key, open));
        let without = mutation::without(stage, &with, part);
        for (changed, must_reveal) in [(&with, false), (&without, true)] {
            // Other keys see what this key leaves in the cache.
            let response = match *part {
                "cache_ttl" => {
                    let of_other_tenant = changed.of_other_tenant.clone();
                    pair.revealed(&Key { of_other_tenant, ..keys[0].clone() }, &search)
                }
                _ => pair.revealed(changed, &search),
            };
            if response.is_some() != must_reveal {
                let reveals = if must_reveal { "nothing without" } else { "something with" };
                failures.push(format!("{name} reveals {reveals} {part}: {search}"));
            }
        }
    }
    for key in &keys {
        for part in mutation::parts(key).iter().filter(|part| !is_known(key, part)) {
            failures.push(format!("{}: nothing proves that {part} is needed", key.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
