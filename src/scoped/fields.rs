//! The names of fields, and the parameters that show their values.

/// Parameters whose value names fields, and that make a response show values of these.
pub(super) const SHOWING: [&str; 3] = ["facet_by", "group_by", "highlight_fields"];

/// Checks that `name` is the name of one field.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    if !name.is_empty() && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(format!("`{}` is not the name of a field: ASCII letters, digits, `_` and `.`", name.escape_debug()))
}

/// The names in a list that is separated by commas.
pub(super) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Whether a parameter of [`SHOWING`] with this value shows `field`, a part of it, or an object that contains it. Newer
/// servers also read `note(sort_by:…)` and `no*` (documented upstream; 0.24.1 responds with 404). `field` may be such
/// a `no*`, too: newer servers read it in `exclude_fields` (read upstream; 0.24.1 ignores it there).
pub(super) fn shows(value: &str, field: &str) -> bool {
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

/// The first field that a parameter of [`SHOWING`] with this value shows and that is not among `fields`, unless those
/// are empty. The value `none` names no field.
pub(super) fn not_among<'a>(value: &'a str, fields: &[String]) -> Option<&'a str> {
    let is_part = |shown: &str, field: &str| {
        shown.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '(', ' ']))
    };
    names(value)
        .filter(|shown| *shown != "none" && !fields.is_empty())
        .find(|shown| !fields.iter().any(|field| is_part(shown, field)))
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
