//! Every search parameter that a server reads, from 0.24.1 to v30, and what a scoped key does about it.
//!
//! The table itself is `parameters.md`, which is also a page of the guide. Its names are taken from the server's source
//! (`do_search` in `collection_manager.cpp`, `collection_search_args_t` in `collection.h`, `get_search` and
//! `post_multi_search` in `core_api.cpp`); `tests/search_parameters` has the lists. The rule: a parameter is embedded
//! unless it is known to be harmless.
//!
//! Imports nothing of this crate, so that a test can include this file.

use std::sync::LazyLock;

/// What a key that restricts documents, or hides fields, does about a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing: it is harmless.
    Harmless,
    /// Embeds this value, which switches the parameter off. A server reads every value as text.
    Off(&'static str),
    /// Nothing: it has an effect only together with this parameter, which is off.
    OffWith(&'static str),
    /// Nothing: it stays open, because no key can close it, or because no search would be left.
    Open,
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// In a key that restricts documents (`only`, `filter_by`).
    pub(super) documents: Rule,
    /// In a key that hides fields (`show_fields`, `hide_fields`).
    pub(super) fields: Rule,
    /// What a request can do with it, or why it is harmless. Continues "a request that sets it".
    pub(super) effect: &'static str,
    pub(super) evidence: &'static str,
}

/// The parameters, in the order in which they are embedded.
pub(super) static TABLE: LazyLock<Vec<Row>> =
    LazyLock::new(|| TEXT.lines().skip(2).filter_map(rows).flatten().collect());

/// A table in Markdown: a header of two lines, then lines with names between back-ticks and these columns. A test
/// compares the versions with the source.
pub(super) const TEXT: &str = include_str!("parameters.md");

/// The rows of a line; `None` if it has another form, which a test excludes.
pub(super) fn rows(line: &'static str) -> Option<impl Iterator<Item = Row>> {
    let cells: Vec<_> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let [names, _, documents, fields, effect, evidence] = cells[..] else { return None };
    let (documents, fields) = (rule(documents)?, rule(fields)?);
    let row = move |name| Row { name, documents, fields, effect, evidence };
    Some(names.split(['`', ' ']).filter(|name| !name.is_empty()).map(row))
}

fn rule(cell: &'static str) -> Option<Rule> {
    let quoted = |text: &'static str| text.strip_prefix('`')?.strip_suffix('`');
    match cell {
        "" => Some(Rule::Harmless),
        "empty" => Some(Rule::Off("")),
        "**open**" => Some(Rule::Open),
        _ => match cell.strip_prefix("with ") {
            Some(other) => quoted(other).map(Rule::OffWith),
            None => quoted(cell).map(Rule::Off),
        },
    }
}

/// The row of the parameter with this name.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}
