//! Every search parameter that a server reads, from 0.24.1 to v30, and what a scoped key does about it.
//!
//! The table itself is `parameters.md`, which is also a page of the guide. Its names are taken from the server's source
//! (`do_search` in `collection_manager.cpp`, `collection_search_args_t` in `collection.h`, `get_search` and
//! `post_multi_search` in `core_api.cpp`); `tests/search_parameters` has the lists. The rule: a parameter is embedded
//! unless it is known to be harmless.
//!
//! Imports nothing of this crate, so that a test can include this file.

use std::sync::LazyLock;

/// A parameter, and what a key does about it.
///
/// A key does nothing about a parameter that is harmless (an empty cell), that has an effect only together with another
/// one, which is off (`with …`), or that no key can close (`**open**`). For any other, it embeds the value that
/// [switches it off](off).
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// In a key that restricts documents (`only`, `filter_by`).
    pub(super) documents: &'static str,
    /// In a key that hides fields (`show_fields`, `hide_fields`).
    pub(super) fields: &'static str,
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
    let row = move |name| Row { name, documents, fields, effect, evidence };
    Some(names.split(['`', ' ']).filter(|name| !name.is_empty()).map(row))
}

/// The parameters that a key of this kind switches off, with the values that do so.
pub(super) fn switched_off(
    restricts_documents: bool,
    hides_fields: bool,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().filter_map(move |row| {
        let documents = off(row.documents).filter(|_| restricts_documents);
        // If both have a value, it is the same.
        Some((row.name, documents.or(off(row.fields).filter(|_| hides_fields))?))
    })
}

/// The value of this cell that switches a parameter off: `empty`, or between back-ticks. A server reads it as text.
pub(super) fn off(cell: &'static str) -> Option<&'static str> {
    if cell == "empty" { Some("") } else { cell.strip_prefix('`')?.strip_suffix('`') }
}

/// The row of the parameter with this name.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}
