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

/// The most tokens of a filter. 0.24.1 refuses every search with more of them (seen); later versions do not count
/// parentheses, and from v27.1 on, a server may take more (`--filter-by-max-ops`; read in v27.1).
const MAX_TOKENS: usize = 100;

/// Checks the whole text to embed, guard included.
pub(super) fn check_embedded(embedded: &str) -> Result<(), &'static str> {
    let tokens = tokens(embedded);
    if tokens.iter().any(|token| is_join(token)) {
        return Err(
            "joins a collection (`$…`): from v27.1 on, a request can make the joined condition optional; copy the field \
             that limits the documents into them",
        );
    }
    if tokens.len() > MAX_TOKENS {
        return Err(
            "has more than 100 comparisons, operators and parentheses (those of the guard included), so that a server \
             refuses every search: write `n:=[1,2]` for `n:=1 || n:=2`",
        );
    }
    Ok(())
}

/// Whether a token begins a join, which a request's own join can make optional from v27.1 on (read in v27.1 to v30,
/// `merge_join_conditions` in `join.cpp`).
pub(super) fn is_join(token: &str) -> bool {
    token.trim_start_matches('!').starts_with('$')
}

/// Splits a filter as a server does (`tokenize_filter_query`): parentheses, `&&`, `||`, and the comparisons between
/// them. Those parentheses that hold a point belong to its comparison.
pub(super) fn tokens(filter: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = filter.trim();
    while !rest.is_empty() {
        let operator = ["(", ")", "&&", "||"].into_iter().find(|operator| rest.starts_with(operator));
        let (token, after) = rest.split_at(operator.map_or_else(|| comparison_length(rest), str::len));
        tokens.push(token.trim_end());
        rest = after.trim_start();
    }
    tokens
}

/// The length of the comparison at the start of `text`, at least that of its first character.
fn comparison_length(text: &str) -> usize {
    let (mut is_quoted, mut is_after_colon, mut is_point) = (false, false, false);
    for (at, character) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        match character {
            '`' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' if is_after_colon => is_point = true,
            ')' if is_point => is_point = false,
            _ if is_point => {}
            '(' | ')' if at > 0 => return at,
            '&' | '|' if at > 0 && (rest.starts_with("&&") || rest.starts_with("||")) => return at,
            _ => {}
        }
        is_after_colon = character == ':' || (is_after_colon && character == ' ');
    }
    text.len()
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
    fn filter_is_split_as_a_server_does() {
        for (filter, expected) in [
            ("a:=1", &["a:=1"][..]),
            (" a:=1&&( b:=`x && (y` ||c:=2 ) ", &["a:=1", "&&", "(", "b:=`x && (y`", "||", "c:=2", ")"]),
            ("p: (1, 2, 3 km) || p:(1,2,3,4)", &["p: (1, 2, 3 km)", "||", "p:(1,2,3,4)"]),
            ("$o(n:=1)", &["$o", "(", "n:=1", ")"]),
            ("t:=a&b", &["t:=a&b"]),
            ("&", &["&"]),
            ("", &[]),
        ] {
            assert_eq!(tokens(filter), expected, "{filter}");
        }
    }

    #[test]
    fn join_is_refused_wherever_it_is() {
        for filter in ["$orders(n:=1)", "a:=1 && $orders(n:=1)", "(a:=1 || !$orders(n:=1))", "$ orders (n:=1)"] {
            assert!(check_embedded(filter).is_err(), "{filter}");
        }
        for filter in ["a:=$5", "a:=`$b(c)`", "price$:=1"] {
            assert_eq!(check_embedded(filter), Ok(()), "{filter}");
        }
    }

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
