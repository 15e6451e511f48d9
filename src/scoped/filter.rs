//! The embedded filter: combines its conditions, and protects them from the request's own filter.
//!
//! The server joins the two as text, `(REQUEST) && (EMBEDDED)`, and an unclosed back-tick quotes everything up to the
//! end. A request with ``filter_by=)f:!=` `` therefore swallows a plain embedded filter and finds every document (seen with
//! 0.24.1; v25 to v30 have the same code: `StringUtils::tokenize_filter_query` in `string_utils.cpp`,
//! `filter::parse_filter_string` in v30's `filter.cpp`).

/// Precedes every filter without changing its meaning, because no document has two ids. If an open back-tick swallows
/// its beginning, the server reads the quoted `(&` as filter text, in which a single `&` is a syntax error: it
/// responds with 400 instead of documents.
///
/// Newer servers also skip text by counting brackets, quoted or not (joins since v25, object filters and several
/// geopoints since v29). The embedded text never closes more brackets than it opened, so it cannot close a bracket
/// that the request opened: the server responds to such a request with 400, too.
const GUARD: &str = "(id:=`(&` && id:=a) || ";

/// The text to embed for conditions that must all hold.
pub(super) fn guarded(conditions: &[String]) -> String {
    format!("{GUARD}({})", conditions.join(" && "))
}

/// The filter inside its guard, if it has one.
pub(super) fn unguarded(embedded: &str) -> Option<&str> {
    embedded.strip_prefix(GUARD)?.strip_prefix('(')?.strip_suffix(')')
}

/// Refuses a filter that the server would ignore.
pub(super) fn check_not_empty(filter: &str) -> Result<(), &'static str> {
    if filter.trim().is_empty() {
        return Err("is empty: the server would find every document; leave it out if that is intended");
    }
    Ok(())
}

/// Checks that the guard can protect this filter, and that parentheses can enclose it.
pub(super) fn check(filter: &str) -> Result<(), &'static str> {
    check_not_empty(filter)?;
    let brackets = [['(', ')'], ['[', ']'], ['{', '}']];
    if brackets.into_iter().any(|pair| left_open(filter.chars(), pair).is_none()) {
        return Err("closes a bracket that it did not open, which may be a quoted one");
    }
    if filter.matches('`').count() % 2 == 1 {
        return Err("does not close a back-tick");
    }
    let unquoted = filter.split('`').step_by(2).flat_map(str::chars);
    match left_open(unquoted, ['(', ')']) {
        Some(0) => Ok(()),
        Some(_) => Err("does not close a parenthesis"),
        None => Err("closes a parenthesis that it did not open"),
    }
}

/// How many brackets of this kind stay open; `None` if one is closed that was not opened.
fn left_open(mut text: impl Iterator<Item = char>, [open, close]: [char; 2]) -> Option<usize> {
    text.try_fold(0_usize, |depth, character| match character {
        _ if character == open => Some(depth + 1),
        _ if character == close => depth.checked_sub(1),
        _ => Some(depth),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_that_could_leave_its_parentheses_is_refused() {
        for filter in
            ["a:=b) || (c:=d", ")", "(", "((a:=b)", "a:=`b", "a:=`)` || `", "a:=`]`", "a:=`}`", "a:=`)`", " ", ""]
        {
            assert!(check(filter).is_err(), "{filter}");
        }
        for filter in
            ["a:=b || c:=d", "(a:=b) && c:=[1,2]", "a:=`(`", "a:=`b && c`", "place:(48.9, 2.3, 5 km)", "a.{b:=1}"]
        {
            assert_eq!(check(filter), Ok(()), "{filter}");
        }
    }
}
