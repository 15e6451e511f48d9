//! Compares the table of search parameters that scoped keys close with the names that each version of the server reads.

use std::collections::BTreeMap;

use self::table::{Row, TABLE, TEXT};

#[path = "../../src/scoped/table.rs"]
#[allow(dead_code, unreachable_pub)] // The crate uses more of it.
mod table;

/// Taken from the server's source by `tests/search_parameters/take`.
const READ: [((u16, u16), &str); 8] = [
    ((0, 24), include_str!("../search_parameters/0.24.1.txt")),
    ((0, 25), include_str!("../search_parameters/0.25.2.txt")),
    ((26, 0), include_str!("../search_parameters/26.0.txt")),
    ((27, 0), include_str!("../search_parameters/27.0.txt")),
    ((27, 1), include_str!("../search_parameters/27.1.txt")),
    ((28, 0), include_str!("../search_parameters/28.0.txt")),
    ((29, 0), include_str!("../search_parameters/29.0.txt")),
    ((30, 0), include_str!("../search_parameters/30.txt")),
];

fn rows() -> BTreeMap<&'static str, &'static Row> {
    let mut rows = BTreeMap::new();
    for row in TABLE.iter() {
        assert!(rows.insert(row.name, row).is_none(), "`{}` is in two rows", row.name);
    }
    rows
}

#[test]
fn every_parameter_that_a_version_reads_is_in_the_table() {
    let rows = rows();
    for (version, names) in READ {
        for name in names.lines() {
            assert!(rows.contains_key(name), "{version:?} reads `{name}`: what can a request do with it?");
        }
    }
}

/// Major and minor, such as of `27.1` and `28`.
fn version(text: &str) -> (u16, u16) {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    (major.parse().unwrap(), minor.parse().unwrap())
}

#[test]
fn versions_in_the_table_are_those_that_read_the_parameter() {
    let mut count = 0;
    for line in TEXT.lines().skip(2) {
        let versions = line.split('|').nth(2).and_then(|cell| cell.trim().strip_prefix("from "));
        let versions = versions.unwrap_or_else(|| panic!("{line}"));
        let (since, until) = versions.split_once(", gone in ").unwrap_or((versions, "99"));
        for row in table::rows(line).unwrap() {
            count += 1;
            for (version_read, names) in READ {
                let is_read = names.lines().any(|read| read == row.name);
                let says_so = (version(since)..version(until)).contains(&version_read);
                assert_eq!(says_so, is_read, "`{}` in {version_read:?}, which reads it: {is_read}", row.name);
            }
        }
    }
    assert_eq!(count, rows().len());
}

#[test]
fn each_row_has_an_effect_and_its_evidence() {
    for (name, row) in rows() {
        assert!(!row.effect.is_empty() && !row.evidence.is_empty(), "`{name}`");
    }
}
