//! The names of fields, and the parameters that show their values.

use serde_json::Value;

use crate::text::without_keys;

/// Parameters whose value names fields, and that make a response show values of these.
pub(super) const SHOWING: [&str; 3] = ["facet_by", "group_by", "highlight_fields"];

/// Checks that `name` is the name of one field.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    if !name.is_empty() && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(format!("`{}` is not the name of a field: ASCII letters, digits, `_` and `.`", without_keys(name)))
}

/// The names in a list that is separated by commas.
pub(super) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Whether a parameter of [`SHOWING`] with this value shows `field`, a part of it, or an object that contains it. Newer
/// servers also read `note(sort_by:…)` and `no*` (documented upstream; 0.24.1 responds with 404). `field` may be such
/// a `no*`, too: newer servers read it in `exclude_fields` (read upstream; 0.24.1 ignores it there).
fn shows(value: &str, field: &str) -> bool {
    let contains = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    names(value).any(|shown| {
        let (name, options) = shown.split_at(shown.find(['*', '(']).unwrap_or(shown.len()));
        let name = name.trim_end();
        name == field
            || contains(name, field)
            || contains(field, name)
            || (options.starts_with('*') && field.starts_with(name))
            || field.strip_suffix('*').is_some_and(|field| name.starts_with(field))
    })
}

/// The first embedded parameter of [`SHOWING`] that shows a hidden field, and this field: one of `hidden`, or one that is
/// not in `shown`. An empty `shown` hides nothing. `highlight_fields=none` is what turns highlights off.
pub(super) fn shown_although_hidden<'a>(
    get: &dyn Fn(&str) -> Option<&'a Value>,
    hidden: &'a [impl AsRef<str>],
    shown: &[impl AsRef<str>],
) -> Option<(&'static str, &'a str)> {
    let is_part = |name: &str, field: &str| {
        name.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '(', ' ']))
    };
    let is_missing = |name: &&str| !shown.is_empty() && !shown.iter().any(|field| is_part(name, field.as_ref()));
    SHOWING.into_iter().find_map(|parameter| {
        let value = get(parameter)?.as_str()?;
        let is_off = (parameter, value) == ("highlight_fields", "none");
        let field = hidden.iter().map(AsRef::as_ref).find(|field| shows(value, field));
        Some((parameter, field.or_else(|| names(value).find(is_missing).filter(|_| !is_off))?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_name_with_syntax_is_refused() {
        for name in ["", "a b", "a:=1 || b", "$other(a", "a`", "a)", "ä", "a,b", "a\n", "*"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["a", "tenant_id", "owner.Id", "7"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }
}
