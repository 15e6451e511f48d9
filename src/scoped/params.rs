//! The parameters of a scoped key, in the signed order.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::table::{self, TABLE};
use super::{fields, filter};
use crate::error::Error;
use crate::text::{self, without_keys};
use crate::typo::is_at_most_one_typo;

/// Parameters that the server reads as a whole number. It refuses every search with another value, and never responds to
/// a search with a number from 2^31 to 2^32 - 1 (seen with 0.24.1).
const NUMBERS: [&str; 3] = ["group_limit", "limit_hits", "per_page"];

#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, Value)>);

impl Params {
    /// Adds a parameter, which must not be there yet.
    pub(super) fn push(&mut self, name: &str, value: impl Into<Value>) -> Result<(), Error> {
        if self.get(name).is_some() {
            return Err(Error::invalid("params", format!("`{name}` is given twice")));
        }
        self.0.push((name.to_owned(), value.into()));
        Ok(())
    }

    /// Adds a parameter unless it is there.
    pub(super) fn push_default(&mut self, name: &str, value: impl Into<Value>) {
        if self.get(name).is_none() {
            self.0.push((name.to_owned(), value.into()));
        }
    }

    /// Adds a field to a list of fields that is separated by commas, unless the list has it.
    pub(super) fn push_field(&mut self, name: &str, field: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, Value::String(list))) if fields::names(list).all(|known| known != field) => {
                *list = format!("{list},{field}");
            }
            _ => self.push_default(name, field),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Checks a parameter that the caller has set.
pub(super) fn check(name: &str, value: &Value) -> Result<(), Error> {
    let refuse = |why: String| Error::invalid("params", format!("`{}` {why}", without_keys(name)));
    check_name(name).map_err(refuse)?;
    if name == "filter_by" {
        let filter = value.as_str().ok_or("is not text: the server would refuse every search");
        let check = |filter| filter::check_not_empty(filter).and_then(|()| filter::check_embedded(filter));
        filter.and_then(check).map_err(|why| Error::invalid("filter_by", why))?;
    }
    let is_number = number(value).is_some_and(|number| i32::try_from(number).is_ok());
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => Err(
            "is not text, a number, `true` or `false`: up to v27.0, the server would ignore it; later, it would refuse \
             every search"
                .to_owned(),
        ),
        _ if NUMBERS.contains(&name) && !is_number => Err(
            "is not a whole number below 2^31: the server would refuse every search, or never respond".to_owned(),
        ),
        Value::String(text) => text::check(text),
        _ => Ok(()),
    }
    .map_err(refuse)
}

/// The number that the server reads: it reads every parameter as text.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(is_allowed);
    match meant(name) {
        _ if name == "expires_at" => Err("is set by the methods of that name".to_owned()),
        Some(meant) => Err(format!("is not a parameter: write `{meant}`")),
        None if is_name => Ok(()),
        None => Err("is not the name of a parameter: lower-case ASCII letters, digits and `_`".to_owned()),
    }
}

/// The parameter of which this is a misspelling. A server ignores it, so that the key would lack a restriction.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    // `x` is no misspelling of `q`.
    let mut known = TABLE.iter().map(|row| row.name).filter(|known| known.len() > 3);
    known.find(|known| table::find(name).is_none() && is_near_miss(name, known))
}

/// Whether the names differ only in case, symbols and at most one typo.
fn is_near_miss(name: &str, known: &str) -> bool {
    let letters = |name: &str| name.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
    is_at_most_one_typo(&letters(name), &letters(known))
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_restriction_is_refused_with_the_right_spelling() {
        for (name, meant) in [
            ("filter_by ", "filter_by"),
            (" filter_by", "filter_by"),
            ("Filter_by", "filter_by"),
            ("FILTER_BY", "filter_by"),
            ("filterby", "filter_by"),
            ("filter-by", "filter_by"),
            ("filterBy", "filter_by"),
            ("filters_by", "filter_by"),
            ("fliter_by", "filter_by"),
            ("filter_b", "filter_by"),
            ("include_field", "include_fields"),
            ("exclude_field", "exclude_fields"),
            ("excludeFields", "exclude_fields"),
            ("exlude_fields", "exclude_fields"),
            ("limit_hit", "limit_hits"),
            ("limithits", "limit_hits"),
            ("expire_at", "expires_at"),
            ("expiresAt", "expires_at"),
            ("filter_by\0", "filter_by"),
        ] {
            let why = check_name(name).unwrap_err();
            assert!(why.ends_with(&format!("is not a parameter: write `{meant}`")), "{name}: {why}");
        }
    }

    #[test]
    fn real_parameter_is_accepted() {
        // From `collection.cpp` in v29.
        let names = "q query_by sort_by facet_by group_by filter_by include_fields exclude_fields per_page limit \
            limit_hits offset page group_limit preset hidden_hits pinned_hits collection highlight_fields \
            highlight_full_fields facet_query max_facet_values vector_query infix limit_multi_searches \
            filter_curated_hits max_filter_by_candidates enable_lazy_filter";
        for name in names.split(' ') {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn name_with_invalid_characters_is_refused() {
        for name in ["", " ", "_a", "1a", "per page", "per-page", "Per_page", "é", "a\n", "$a"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
