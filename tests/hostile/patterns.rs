//! A hostile pattern in a listed key costs little memory and little stack, and its matching ends.

use std::thread;

use serde_json::json;
use typesense_keys::{Action, CollectionPattern, KeyInfo};

use crate::HEAP;

const MEBIBYTE: usize = 1 << 20;

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![("a hostile pattern is matched within a small stack and heap", hostile_pattern_is_matched_in_little_memory)]
}

fn hostile_pattern_is_matched_in_little_memory() {
    // A backtracking search, or an automaton of unlimited size, would not end.
    let test = thread::Builder::new().stack_size(MEBIBYTE / 2).spawn(|| {
        let name = "a".repeat(200);
        for pattern in hostile() {
            let key = listed(&pattern);
            HEAP.reset_peak_usage();
            let before = HEAP.current_usage();
            let allows = key.allows(&Action::DOCUMENTS_GET, &name);
            let findings = key.audit();
            let is_accepted = CollectionPattern::pattern(pattern.as_str()).is_ok();
            let used = HEAP.peak_usage() - before;
            assert!(
                allows || !findings.is_empty() || is_accepted,
                "{pattern:.40}: denied although the answer is unknown"
            );
            // An error about the pattern contains it.
            assert!(used < 4 * MEBIBYTE + 20 * pattern.len(), "{pattern:.40}: {used} bytes");
            assert!(!is_accepted || pattern.len() <= 4096, "{pattern:.40}");
        }
    });
    test.unwrap().join().unwrap();
}

fn hostile() -> Vec<String> {
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + "a" + &close.repeat(depth) + "b";
    let mut patterns = vec![
        "(((((a{9}){9}){9}){9}){9}){9}b".to_owned(),
        "(?:a{4999}){4999}b".to_owned(),
        "((a{0}){4999}){4999}b".to_owned(),
        "(a{1000}|a{1000}|a{1000})*b".to_owned(),
        "a{99999999999999999999999}".to_owned(),
        format!("[{}]{{4000}}b", (' '..'Z').step_by(2).map(String::from).collect::<String>()),
        format!("(?:{})*b", "a?".repeat(1_000)),
        format!("(?:[{}]{{60}}){{60}}b", "ace".repeat(1_000)),
    ];
    for count in [40, 2_000, MEBIBYTE] {
        patterns.extend([("(", ")*"), ("(", ""), ("(a?", ")?"), ("(?:a*", ")*")].map(|(o, c)| nested(o, c, count)));
        for part in
            ["()", "(a)", "a*", "*", "?", "a?", "{1}", "{0,1}", "(a|b|ab)*", "a|", "|", "[", "[a]", "\\", "a{9999}"]
        {
            patterns.push(format!("a{}b", part.repeat(count)));
        }
    }
    patterns
}

/// A listed key.
fn listed(pattern: &str) -> KeyInfo {
    let key = json!({
        "id": 1, "description": "", "actions": ["documents:get"], "collections": [pattern],
        "expires_at": 4_000_000_000_u64, "value_prefix": "abcd"
    });
    serde_json::from_value(key).unwrap()
}
