//! Warnings about the parameters of a scoped key.

use serde_json::{Map, Value};

use super::params::number;
use super::{exact, fields, filter, table};
use crate::expiry::Expiry;

/// The server's default page size.
pub(super) const DEFAULT_PAGE: u64 = 10;

/// The bytes that the query of a URL may have (0.24.1).
const MAX_QUERY: usize = 4_000;

/// A gap of a scoped key, or something that makes it fail. Found by
/// [`ScopedKeyInfo::warnings`](crate::scoped::ScopedKeyInfo::warnings).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ScopedKeyWarning {
    /// The filter has no guard, so a request whose own filter leaves a back-tick open finds every document (seen with
    /// 0.24.1). [`only`](crate::scoped::ScopedKeyBuilder::only) and [`filter_by`](crate::scoped::ScopedKeyBuilder::filter_by) add the
    /// guard.
    #[error("a request can escape `filter_by` with an open back-tick: sign it with `only` or `filter_by`")]
    UnguardedFilter,
    /// A comparison without `=`: it finds every text that contains the words (seen with 0.24.1).
    #[error("`filter_by` compares without `=`, which finds every text that contains the words")]
    LooseComparison,
    /// Quoted text with characters that the server drops or folds, so that it also finds other values (seen with
    /// 0.24.1).
    #[error("`filter_by` compares a text that equals others once case, accents and symbols are dropped: use `only`")]
    InexactText,
    /// An `||` at the top level of the filter, which may come from an unescaped value.
    #[error("`filter_by` has `||` at its top level: check that it did not come from a value")]
    TopLevelOr,
    /// The filter joins another collection. From v27.1 on, the server merges it with the request's join of that
    /// collection, and responds with 400 if it cannot (read in v27.1 and v29).
    #[error(
        "`filter_by` joins a collection: from v27.1 on, it is merged with the request's join, or the search fails"
    )]
    Join,
    /// A request can set this parameter, although the key restricts documents or hides fields. The `Display` says what
    /// the request can do with it. [`allow_params`](crate::scoped::ScopedKeyBuilder::allow_params) leaves it open on purpose.
    #[error("`{0}` is left to requests: one that sets it {effect}", effect = effect(.0))]
    OpenParameter(&'static str),
    /// `exclude_fields` or `include_fields` removes a field from documents, but a request can still show its values
    /// with `facet_by`, `group_by` or `highlight_fields` (seen with 0.24.1), or one of these is embedded and shows an
    /// excluded field.
    #[error("a request can still show the removed fields with facets, groups or highlights: use `hide_fields`")]
    FieldsNotHidden,
    /// `exclude_fields` names a member of an object. Other members that are not in the collection's schema are shown
    /// (seen with 0.24.1). [`show_fields`](crate::scoped::ScopedKeyBuilder::show_fields) hides them.
    #[error("`exclude_fields` names members of an object, whose other members may be shown: use `show_fields`")]
    MembersNotHidden,
    /// The key restricts neither documents nor fields, collections or hits: it is worth as much as its parent.
    #[error("the key restricts nothing: it is worth as much as its parent")]
    Unrestricted,
    /// The key has no expiry of its own: it works as long as its parent.
    #[error("the key has no expiry of its own: it works as long as its parent")]
    NeverExpires,
    /// The expiry is so late that it may be in milliseconds. The server reads seconds, and accepts it (seen with 0.24.1).
    #[error("`expires_at` is past the year 4020: it may be in milliseconds instead of seconds")]
    InMilliseconds,
    /// The key has more than 4,000 characters, which the query of a URL cannot have (400, seen with 0.24.1). The header
    /// `X-TYPESENSE-API-KEY` can.
    #[error("the key is longer than the 4,000 bytes that a URL's query may have: send it in a header")]
    TooLongForUrl,
    /// The key has no padding, or something after it, such as a line break. Servers accept it, and ignore that.
    #[error("the key lacks its padding, or text follows it: servers ignore that")]
    OtherEncoding,
    /// `limit_hits` is below the default page of 10, and no `per_page` is embedded: every search without `per_page`
    /// fails (seen with 0.24.1).
    #[error("`limit_hits` is below 10 without `per_page`: searches without `per_page` fail")]
    LimitBelowPage,
    /// `limit_hits` does not limit the hits of a request with `group_by`, because the server counts groups (seen with
    /// 0.24.1). [`limit_hits`](crate::scoped::ScopedKeyBuilder::limit_hits) also embeds `group_limit`.
    #[error("`limit_hits` counts groups, not hits, for a request with `group_by`: embed `group_limit` as 1")]
    UnlimitedGroups,
}

/// What a request can do with an open parameter.
fn effect(open: &str) -> String {
    table::find(open).map(|row| format!("{} ({})", row.effect, row.evidence)).unwrap_or_default()
}

/// The warnings for the parameters of a key with this many characters.
pub(super) fn warnings(params: &Map<String, Value>, length: usize) -> Vec<ScopedKeyWarning> {
    let get = |name: &str| params.get(name);
    let mut found = Vec::new();
    let mut add_if = |holds: bool, warning| found.extend(holds.then_some(warning));
    if let Some(embedded) = get("filter_by").and_then(Value::as_str) {
        let inside = filter::unguarded(embedded);
        add_if(inside.is_none(), ScopedKeyWarning::UnguardedFilter);
        let tokens = filter::tokens(inside.unwrap_or(embedded));
        let mut comparisons = tokens.iter().filter_map(|token| Some(token.split_once(':')?.1.trim_start()));
        add_if(comparisons.clone().any(is_loose), ScopedKeyWarning::LooseComparison);
        add_if(comparisons.any(has_inexact_text), ScopedKeyWarning::InexactText);
        add_if(has_top_level_or(&tokens), ScopedKeyWarning::TopLevelOr);
        add_if(tokens.iter().any(|token| filter::is_join(token)), ScopedKeyWarning::Join);
    }
    let list = |name| get(name).and_then(Value::as_str).unwrap_or_default();
    let excluded: Vec<_> = fields::names(list("exclude_fields")).filter(|name| *name != "out_of").collect();
    let included: Vec<_> = fields::names(list("include_fields")).collect();
    let removes_fields = !excluded.is_empty() || !included.is_empty();
    // With neither of them, the fields are removed to shorten responses.
    let hides_fields = removes_fields && fields::SHOWING.iter().any(|name| get(name).is_some());
    let is_shown = fields::shown_although_hidden(&get, &excluded, &included).is_some();
    add_if(removes_fields && (!hides_fields || is_shown), ScopedKeyWarning::FieldsNotHidden);
    for (name, off) in table::switched_off(get("filter_by").is_some(), hides_fields) {
        let is_closed = get(name).is_some_and(|value| is_closed(value, off));
        add_if(!is_closed, ScopedKeyWarning::OpenParameter(name));
    }
    let has_member = excluded.iter().any(|field| field.contains('.'));
    add_if(hides_fields && has_member, ScopedKeyWarning::MembersNotHidden);
    let restrictions = ["filter_by", "collection", "limit_hits"];
    let is_restricted = removes_fields || restrictions.iter().any(|name| get(name).is_some());
    add_if(!is_restricted, ScopedKeyWarning::Unrestricted);
    let expires_at = get("expires_at").and_then(number);
    add_if(expires_at.is_none(), ScopedKeyWarning::NeverExpires);
    let is_late = expires_at.is_some_and(|seconds| seconds > Expiry::NEVER.unix_seconds());
    add_if(is_late, ScopedKeyWarning::InMilliseconds);
    add_if(length > MAX_QUERY, ScopedKeyWarning::TooLongForUrl);
    let limit = get("limit_hits").and_then(number);
    let is_low = limit.is_some_and(|limit| limit < DEFAULT_PAGE);
    add_if(is_low && get("per_page").is_none(), ScopedKeyWarning::LimitBelowPage);
    let can_group = get("group_by").is_none_or(|value| value != "");
    add_if(
        get("limit_hits").is_some() && get("group_limit").is_none() && can_group,
        ScopedKeyWarning::UnlimitedGroups,
    );
    found
}

/// Whether this embedded value closes a parameter as `off` does.
fn is_closed(value: &Value, off: &str) -> bool {
    // The server reads every parameter as text.
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // What names fields or documents shows those that the signer has chosen.
    matches!(off, "" | "none") || fields::names(&text).any(|name| name == off)
}

fn has_top_level_or(tokens: &[&str]) -> bool {
    let mut depth = 0_usize;
    tokens.iter().any(|token| {
        match *token {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *token == "||"
    })
}

/// Whether the text after a field's colon compares without `=`. Points and ranges are compared differently.
fn is_loose(comparison: &str) -> bool {
    !comparison.starts_with(['=', '<', '>', '!', '(']) && !comparison.contains("..")
}

/// Whether one of the compared values is text that equals others.
fn has_inexact_text(comparison: &str) -> bool {
    if comparison.starts_with('(') {
        return false;
    }
    // Quoted values are at the odd places.
    comparison.split('`').enumerate().any(|(at, part)| match at % 2 {
        1 => exact::check_text(part).is_err(),
        _ => {
            let mut values = part.split(['[', ']', ',']).map(|value| value.trim_matches([' ', '=', '<', '>', '!']));
            values.any(|value| !value.is_empty() && !is_number(value) && exact::check_text(value).is_err())
        }
    })
}

/// Whether this is a number, or a range of numbers.
fn is_number(value: &str) -> bool {
    let (first, last) = value.split_once("..").unwrap_or((value, value));
    [first, last].iter().all(|number| number.trim().parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ScopedKeyWarning::{FieldsNotHidden, InexactText, Join, LimitBelowPage};
    use super::ScopedKeyWarning::{
        InMilliseconds, LooseComparison, MembersNotHidden, NeverExpires, OpenParameter, TooLongForUrl, TopLevelOr,
        UnguardedFilter, UnlimitedGroups, Unrestricted,
    };
    use super::table::{TABLE, off};
    use super::*;

    fn of(params: &Value) -> Vec<ScopedKeyWarning> {
        let params: Map<String, Value> = params.as_object().unwrap().clone();
        let other = |warning: &ScopedKeyWarning| !matches!(warning, NeverExpires | Unrestricted);
        warnings(&params, 400).into_iter().filter(other).collect()
    }

    /// The warnings for a guarded filter without any other gap.
    fn of_filter(filter: &str) -> Vec<ScopedKeyWarning> {
        let mut params = closed(|row| row.documents);
        params.insert("filter_by".to_owned(), filter::guarded(&[filter.to_owned()]).into());
        of(&params.into())
    }

    #[test]
    fn closed_filter_has_no_warning() {
        for filter in [
            "t:=1",
            "t:=-5 && t:<0",
            "t:=[`acme1`]",
            "t:=`acme1` && n:>3",
            "n:[1..5]",
            "n:=[1, -5, 1.5]",
            "n:>=-1.5 && b:=true",
            "t:=[acme, bmw] && n:!= 5",
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
            ("t:=acme-1", InexactText),
            ("t:=Acme", InexactText),
            ("t:= Retail Group", InexactText),
            ("t:=[acme-1,bmw]", InexactText),
            ("n:=1 && (t:=[`a`, B])", InexactText),
            ("t:!=acme-1", InexactText),
            ("t:=1 || t:=2", TopLevelOr),
            ("t:=`a` || n:>0", TopLevelOr),
            ("$orders(n:=1)", Join),
        ] {
            assert_eq!(of_filter(filter), [expected], "{filter}");
        }
    }

    /// The embedded value of each parameter that a key closes.
    fn closed(cell: fn(&table::Row) -> &'static str) -> Map<String, Value> {
        TABLE.iter().filter_map(|row| Some((row.name.to_owned(), off(cell(row))?.into()))).collect()
    }

    #[test]
    fn verbatim_filter_leaves_every_parameter_open() {
        let open = closed(|row| row.documents).into_iter().map(|(name, _)| name);
        let mut warnings = of(&json!({"filter_by": "t:=1"})).into_iter();
        assert_eq!(warnings.next(), Some(UnguardedFilter));
        let named: Vec<_> = warnings
            .map(|warning| match warning {
                OpenParameter(name) => name.to_owned(),
                other => panic!("{other:?}"),
            })
            .collect();
        let mut open: Vec<_> = open.collect();
        open.sort_by_key(|name| TABLE.iter().position(|row| row.name == name));
        assert_eq!(named, open);
        assert!(named.len() > 10);
    }

    #[test]
    fn closed_parameter_that_is_missing_or_undone_has_a_warning() {
        let filter = filter::guarded(&["t:=1".to_owned()]);
        let mut all = closed(|row| row.documents);
        all.insert("filter_by".to_owned(), filter.into());
        assert_eq!(of(&all.clone().into()), []);
        for row in TABLE.iter() {
            let (name, Some(off)) = (row.name, off(row.documents)) else { continue };
            let mut open = all.clone();
            open.remove(name);
            assert_eq!(of(&open.clone().into()), [OpenParameter(name)]);
            if !off.is_empty() && name != "exclude_fields" {
                open.insert(name.to_owned(), "another".into());
                assert_eq!(of(&open.into()), [OpenParameter(name)]);
            }
        }
        let mut fields = closed(|row| row.fields);
        fields.insert("exclude_fields".to_owned(), "a".into());
        assert_eq!(of(&fields.clone().into()), []);
        for (name, _) in closed(|row| row.fields) {
            let mut open = fields.clone();
            open.remove(&name);
            let named: Vec<_> = of(&open.into()).iter().map(ToString::to_string).collect();
            assert!(matches!(&named[..], [one] if one.starts_with(&format!("`{name}` is left"))), "{named:?}");
        }
    }

    #[test]
    fn shown_field_that_is_excluded_or_not_included_has_a_warning() {
        let mut params = Value::from(closed(|row| row.fields));
        params["exclude_fields"] = "a".into();
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
        params["exclude_fields"] = "".into();
        params["include_fields"] = "a,b".into();
        for (shown, warnings) in
            [("", &[][..]), ("a, b.c", &[]), ("ab", &[FieldsNotHidden]), ("*", &[FieldsNotHidden])]
        {
            params["facet_by"] = shown.into();
            assert_eq!(of(&params), warnings, "{shown}");
        }
        assert_eq!(of(&json!({"include_fields": "a"})), [FieldsNotHidden]);
        assert_eq!(of(&json!({"exclude_fields": "a"})), [FieldsNotHidden]);
        assert_eq!(of(&json!({"exclude_fields": "out_of"})), []);
    }

    #[test]
    fn key_without_limits_has_warnings() {
        let of = |params: Value, length| warnings(params.as_object().unwrap(), length);
        assert_eq!(of(json!({}), 70), [Unrestricted, NeverExpires]);
        assert_eq!(of(json!({"use_cache": true, "expires_at": 1_900_000_000}), 70), [Unrestricted]);
        assert_eq!(of(json!({"collection": "docs", "expires_at": 1_900_000_000}), 4_000), []);
        assert_eq!(of(json!({"collection": "docs", "expires_at": 1_900_000_000}), 4_001), [TooLongForUrl]);
        assert_eq!(of(json!({"collection": "docs", "expires_at": 1_900_000_000_000_u64}), 70), [InMilliseconds]);
    }

    #[test]
    fn hidden_member_of_an_object_has_a_warning() {
        let mut params = Value::from(closed(|row| row.fields));
        for (hidden, warnings) in [("owner", &[][..]), ("a,owner.name", &[MembersNotHidden])] {
            params["exclude_fields"] = hidden.into();
            assert_eq!(of(&params), warnings);
        }
        assert_eq!(of(&json!({"exclude_fields": "owner.name"})), [FieldsNotHidden]);
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
