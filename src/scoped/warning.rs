//! Warnings about the parameters of a scoped key.

use std::fmt;

use serde_json::Value;

use super::params::number;
use super::{exact, fields, filter};

/// The server's default page size.
pub(super) const DEFAULT_PAGE: u32 = 10;

/// A gap of a scoped key, or something that makes it fail. Found by
/// [`ScopedKeyInfo::warnings`](crate::ScopedKeyInfo::warnings).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScopedKeyWarning {
    /// The filter has no guard, so a request whose own filter leaves a back-tick open finds every document (seen with
    /// 0.24.1). [`only`](crate::ScopedKeyBuilder::only) and [`filter_by`](crate::ScopedKeyBuilder::filter_by) add the
    /// guard.
    UnguardedFilter,
    /// A request's `pinned_hits` shows documents that the filter excludes, by their id (seen with 0.24.1).
    PinnedHits,
    /// Curation rules of the collection may show documents that the filter excludes (seen with 0.24.1).
    Curation,
    /// From v28 on, a request with `validate_field_names=false` turns the filter off in a collection that lacks its
    /// field (read in v29).
    MissingField,
    /// A comparison without `=`: it finds every text that contains the words (seen with 0.24.1).
    LooseComparison,
    /// Quoted text with characters that the server drops or folds, so that it also finds other values (seen with
    /// 0.24.1).
    InexactText,
    /// An `||` at the top level of the filter, which may come from an unescaped value.
    TopLevelOr,
    /// The filter joins another collection. From v27.1 on, the server merges it with the request's join of that
    /// collection, and responds with 400 if it cannot (read in v27.1 and v29).
    Join,
    /// The server's cache (`use_cache`) serves the responses to this key to any other key that sends the same request
    /// with the key in a header, without that key's own restrictions (seen with 0.24.1, read in v30).
    SharedCache,
    /// `exclude_fields` or `include_fields` removes a field from documents, but a request can still show its values
    /// with `facet_by`, `group_by` or `highlight_fields` (seen with 0.24.1), or one of these is embedded and shows an
    /// excluded field.
    FieldsNotHidden,
    /// `limit_hits` is below the default page of 10, and no `per_page` is embedded: every search without `per_page`
    /// fails (seen with 0.24.1).
    LimitBelowPage,
    /// `limit_hits` does not limit the hits of a request with `group_by`, because the server counts groups (seen with
    /// 0.24.1). [`limit_hits`](crate::ScopedKeyBuilder::limit_hits) also embeds `group_limit`.
    UnlimitedGroups,
}

impl fmt::Display for ScopedKeyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnguardedFilter => "a request can escape `filter_by` with an open back-tick: sign it with `only` or `filter_by`",
            Self::PinnedHits => "a request can show documents outside of `filter_by` with `pinned_hits`: embed an empty `pinned_hits`",
            Self::Curation => {
                "curation rules can show documents outside of `filter_by`: embed `enable_overrides` and \
                 `enable_curations` as `false`"
            }
            Self::MissingField => {
                "a request can turn `filter_by` off where its field is missing: embed `validate_field_names` as `true`"
            }
            Self::LooseComparison => "`filter_by` compares without `=`, which finds every text that contains the words",
            Self::InexactText => "`filter_by` compares a text that equals others once case, accents and symbols are dropped: use `only`",
            Self::TopLevelOr => "`filter_by` has `||` at its top level: check that it did not come from a value",
            Self::Join => "`filter_by` joins a collection: from v27.1 on, it is merged with the request's join, or the search fails",
            Self::SharedCache => "`use_cache` serves the key's responses to other keys: embed `cache_ttl` as 0",
            Self::FieldsNotHidden => "a request can still show the removed fields with facets, groups or highlights: use `hide_fields`",
            Self::LimitBelowPage => "`limit_hits` is below 10 without `per_page`: searches without `per_page` fail",
            Self::UnlimitedGroups => "`limit_hits` counts groups, not hits, for a request with `group_by`: embed `group_limit` as 1",
        })
    }
}

/// The warnings for the parameters, which `get` returns by name.
pub(super) fn warnings<'a>(get: impl Fn(&str) -> Option<&'a Value>) -> Vec<ScopedKeyWarning> {
    let mut found = Vec::new();
    let mut add_if = |holds: bool, warning| found.extend(holds.then_some(warning));
    if let Some(embedded) = get("filter_by").and_then(Value::as_str) {
        let inside = filter::unguarded(embedded);
        add_if(inside.is_none(), ScopedKeyWarning::UnguardedFilter);
        add_if(get("pinned_hits").is_none(), ScopedKeyWarning::PinnedHits);
        let are_off = ["enable_overrides", "enable_curations"]
            .iter()
            .all(|name| get(name).is_some_and(|value| is(value, false)));
        add_if(!are_off, ScopedKeyWarning::Curation);
        add_if(!get("validate_field_names").is_some_and(|value| is(value, true)), ScopedKeyWarning::MissingField);
        let text = Text::read(inside.unwrap_or(embedded));
        add_if(text.has_loose_comparison, ScopedKeyWarning::LooseComparison);
        add_if(text.has_inexact_text, ScopedKeyWarning::InexactText);
        add_if(text.has_top_level_or, ScopedKeyWarning::TopLevelOr);
        add_if(text.has_join, ScopedKeyWarning::Join);
    }
    let removes_fields = get("exclude_fields").is_some() || get("include_fields").is_some();
    let excluded = || fields::names(get("exclude_fields").and_then(Value::as_str).unwrap_or_default());
    let shows_them = |value: &Value| excluded().any(|field| fields::shows(value.as_str().unwrap_or_default(), field));
    let is_open = |name: &str| get(name).is_none_or(shows_them);
    let are_shown = fields::SHOWING.iter().any(|(name, _)| is_open(name));
    add_if(removes_fields && are_shown, ScopedKeyWarning::FieldsNotHidden);
    let is_restricted = removes_fields || get("filter_by").is_some();
    add_if(is_restricted && get("cache_ttl").and_then(number) != Some(0), ScopedKeyWarning::SharedCache);
    let limit = get("limit_hits").and_then(number);
    let is_low = limit.is_some_and(|limit| limit < DEFAULT_PAGE.into());
    add_if(is_low && get("per_page").is_none(), ScopedKeyWarning::LimitBelowPage);
    let can_group = get("group_by").is_none_or(|value| value != "");
    add_if(
        get("limit_hits").is_some() && get("group_limit").is_none() && can_group,
        ScopedKeyWarning::UnlimitedGroups,
    );
    found
}

/// The server reads every parameter as text.
fn is(value: &Value, truth: bool) -> bool {
    value.as_bool() == Some(truth) || value.as_str() == Some(if truth { "true" } else { "false" })
}

/// What a filter's text reveals without the collection's schema.
#[derive(Default)]
struct Text {
    has_loose_comparison: bool,
    has_inexact_text: bool,
    has_top_level_or: bool,
    has_join: bool,
}

impl Text {
    fn read(filter: &str) -> Self {
        let mut text = Self::default();
        let mut depth = 0_usize;
        for (at, part) in filter.split('`').enumerate() {
            if at % 2 == 1 {
                text.has_inexact_text |= exact::check_text(part).is_err();
                continue;
            }
            for (at, character) in part.char_indices() {
                let rest = part.get(at..).unwrap_or_default();
                match character {
                    '(' => depth += 1,
                    ')' => depth = depth.saturating_sub(1),
                    '|' => text.has_top_level_or |= depth == 0 && rest.starts_with("||"),
                    '$' => text.has_join = true,
                    ':' => text.has_loose_comparison |= is_loose(rest.trim_start_matches(':').trim_start()),
                    _ => {}
                }
            }
        }
        text
    }
}

/// Whether the text after a field's colon compares without `=`. Points and ranges are compared differently.
fn is_loose(comparison: &str) -> bool {
    let is_range = comparison.split(['&', '|', ')']).next().is_some_and(|value| value.contains(".."));
    !comparison.starts_with(['=', '<', '>', '!', '(']) && !is_range
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::ScopedKeyWarning::{Curation, FieldsNotHidden, InexactText, Join, LimitBelowPage};
    use super::ScopedKeyWarning::{
        LooseComparison, MissingField, PinnedHits, SharedCache, TopLevelOr, UnguardedFilter, UnlimitedGroups,
    };
    use super::*;

    fn of(params: &Value) -> Vec<ScopedKeyWarning> {
        let params: Map<String, Value> = params.as_object().unwrap().clone();
        warnings(|name| params.get(name))
    }

    /// The warnings for a guarded filter without any other gap.
    fn of_filter(filter: &str) -> Vec<ScopedKeyWarning> {
        let embedded = filter::guarded(&[filter.to_owned()]);
        of(
            &json!({"filter_by": embedded, "pinned_hits": "", "enable_overrides": false, "enable_curations": "false", "cache_ttl": 0,
            "validate_field_names": true}),
        )
    }

    #[test]
    fn closed_filter_has_no_warning() {
        for filter in [
            "t:=1",
            "t:=-5 && t:<0",
            "t:=[`acme1`]",
            "t:=`acme1` && n:>3",
            "n:[1..5]",
            "(a:=1 || b:=2)",
            "p:(1, 2, 3 km)",
        ] {
            assert_eq!(of_filter(filter), [], "{filter}");
        }
    }

    #[test]
    fn suspicious_filter_has_a_warning() {
        for (filter, expected) in [
            ("t:a", LooseComparison),
            ("t: `a`", LooseComparison),
            ("t:[a,b]", LooseComparison),
            ("t:=`acme-1`", InexactText),
            ("t:=`Acme`", InexactText),
            ("t:=1 || t:=2", TopLevelOr),
            ("t:=`a` || n:>0", TopLevelOr),
            ("$orders(n:=1)", Join),
        ] {
            assert_eq!(of_filter(filter), [expected], "{filter}");
        }
    }

    #[test]
    fn verbatim_filter_has_five_warnings() {
        assert_eq!(
            of(&json!({"filter_by": "t:=1"})),
            [UnguardedFilter, PinnedHits, Curation, MissingField, SharedCache]
        );
    }

    #[test]
    fn removed_fields_are_hidden_only_with_every_parameter_that_shows_them() {
        let mut params = json!({"exclude_fields": "a", "cache_ttl": "0"});
        for (name, off) in fields::SHOWING {
            assert_eq!(of(&params), [FieldsNotHidden]);
            params.as_object_mut().unwrap().insert(name.to_owned(), off.into());
        }
        assert_eq!(of(&params), []);
        for (shown, warnings) in
            [("b, ab", &[][..]), ("b, a", &[FieldsNotHidden]), ("a(sort_by:_alpha:asc)", &[FieldsNotHidden])]
        {
            params["facet_by"] = shown.into();
            assert_eq!(of(&params), warnings, "{shown}");
        }
        params["exclude_fields"] = "sec*".into();
        for (shown, warnings) in [("a, se", &[][..]), ("a, secret", &[FieldsNotHidden]), ("s*", &[FieldsNotHidden])] {
            params["facet_by"] = shown.into();
            assert_eq!(of(&params), warnings, "{shown}");
        }
        assert_eq!(of(&json!({"include_fields": "a"})), [FieldsNotHidden, SharedCache]);
        let closed =
            json!({"include_fields": "a", "cache_ttl": 0, "facet_by": "", "group_by": "", "highlight_fields": ""});
        assert_eq!(of(&closed), []);
    }

    #[test]
    fn low_limit_without_per_page_has_a_warning() {
        for limit in [json!(9), json!("9")] {
            assert_eq!(of(&json!({"limit_hits": limit, "group_limit": 1})), [LimitBelowPage]);
        }
        assert_eq!(of(&json!({"limit_hits": 10, "group_limit": 1})), []);
        assert_eq!(of(&json!({"limit_hits": 9, "per_page": 9, "group_limit": 1})), []);
    }

    #[test]
    fn limit_of_requests_that_may_group_has_a_warning() {
        for open in [json!({"limit_hits": 10}), json!({"limit_hits": "10", "group_by": "a"})] {
            assert_eq!(of(&open), [UnlimitedGroups], "{open}");
        }
        for closed in [json!({"limit_hits": 10, "group_by": ""}), json!({"limit_hits": 10, "group_limit": 2})] {
            assert_eq!(of(&closed), [], "{closed}");
        }
    }
}
