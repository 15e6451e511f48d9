//! The table of search parameters against itself.

use std::collections::HashSet;

use super::table::{self, Row, TABLE, TEXT, off};

#[test]
fn every_line_of_the_table_is_read() {
    assert!(TEXT.starts_with("| parameter | versions | with a filter | with hidden fields | "));
    for line in TEXT.lines().skip(2) {
        let mut rows = table::rows(line).unwrap_or_else(|| panic!("{line}"));
        assert!(rows.next().is_some(), "{line}");
    }
    assert_eq!(TEXT.matches('`').count() % 2, 0);
    for wrong in ["", "||", "| `a` | from 24 | | | b |"] {
        assert!(table::rows(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn parameter_has_one_row_and_a_rule_that_can_hold() {
    let mut known = HashSet::new();
    for row in TABLE.iter() {
        assert!(known.insert(row.name), "{} has two rows", row.name);
        assert!(!row.effect.is_empty() && !row.evidence.is_empty(), "{}", row.name);
        if let (Some(documents), Some(fields)) = (off(row.documents), off(row.fields)) {
            assert_eq!(documents, fields, "{}", row.name);
        }
        for cell in [(|row| row.documents) as fn(&Row) -> &'static str, |row| row.fields] {
            match cell(row).strip_prefix("with `").and_then(|cell| cell.strip_suffix('`')) {
                Some(other) => {
                    let is_off = table::find(other).is_some_and(|other| off(cell(other)).is_some());
                    assert!(is_off, "{} is off with {other}, which is not", row.name);
                }
                None => assert!(["", "**open**"].contains(&cell(row)) || off(cell(row)).is_some(), "{row:?}"),
            }
        }
    }
}

/// The rule: what is not known to be harmless is off, so a new row needs a reason to be open.
#[test]
fn few_parameters_are_open() {
    let names = |is_open: fn(&Row) -> bool| -> Vec<_> {
        TABLE.iter().filter(|row| is_open(row)).map(|row| row.name).collect()
    };
    let before_embedding = [
        "use_cache",
        "conversation",
        "conversation_id",
        "conversation_model_id",
        "conversation_stream",
        "nl_query",
        "nl_model_id",
        "nl_query_debug",
        "nl_query_prompt_cache_ttl",
    ];
    let words = ["q", "num_typos", "prefix", "split_join_tokens"];
    let documents = [&["filter_by"][..], &words, &["include_fields"], &before_embedding, &["union"]].concat();
    assert_eq!(names(|row| row.documents == "**open**"), documents);
    assert_eq!(names(|row| row.fields == "**open**"), [&["filter_by", "query_by"][..], &before_embedding].concat());
}
