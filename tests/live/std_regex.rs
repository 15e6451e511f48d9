//! Compares `CollectionPattern` with C++ `std::regex`, which the server uses for patterns. Needs a C++ compiler.
//! Without one, the test is ignored (with `CI=true`: it fails).

mod generate;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use typesense_keys::audit::AuditFinding;
use typesense_keys::{CollectionPattern, KeyInfo};

use crate::support::harness::{PlainTest, cases, or_ignore};
use crate::support::{Random, Unavailable};

pub(crate) const TESTS: &[PlainTest] =
    &[("patterns_match_at_least_what_std_regex_matches", patterns_match_at_least_what_std_regex_matches)];

const CASES: usize = 100_000;

/// Patterns that the two libraries, or simple parsers, may read differently, with names.
const TRAPS: &[(&str, &[&str])] = &[
    (")(", &["", "a"]),
    ("a)(b", &["ab"]),
    ("a)|(b", &["a", "b"]),
    ("(?i)a", &["A"]),
    ("(?x: a)", &["a", " a"]),
    ("(?P<n>a)", &["a"]),
    ("[--a]", &["-", ".", "a"]),
    ("[^--a]", &["-", ".", "b"]),
    ("[!--]", &["-", "#"]),
    ("[a&&b]", &["a", "&", "b"]),
    ("[a~~b]", &["a", "~", "b"]),
    ("[a--b]", &["a", "-", "b"]),
    ("[]a]", &["]", "a]", "a"]),
    ("[^]a]", &["]", "xa]", "b"]),
    ("[A-[]", &["A", "Z", "["]),
    ("[A-[:alpha:]]", &["A", "a]", "B]", "["]),
    ("[[:alpha:]-z]", &["a", "-", "z"]),
    ("[[:^alpha:]]", &["1", "a"]),
    ("[[:word:]]", &["a", "_"]),
    ("[[a]]", &["a]", "[]", "a"]),
    (r"[\d-z]", &["1", "-", "z", "a"]),
    (r"[\w-]", &["a", "-"]),
    (r"[\b]", &["\u{8}", "b"]),
    (r"\bdocs\b", &["docs"]),
    (r"\b{start}a", &["a"]),
    (r"\b{1}a", &["a"]),
    (r"a\<", &["a", "a<"]),
    (r"\>a", &["a", ">a"]),
    (r"\Aa\z", &["a", "Aaz"]),
    (r"\a", &["a", "\u{7}"]),
    (r"\x{61}", &["a"]),
    (r"\U00000061", &["a"]),
    (r"\x7f\u007F", &["\u{7f}\u{7f}"]),
    (".", &["\n", "\r", "\u{85}", "\u{2028}", "é", "a"]),
    ("..", &["é", "ab"]),
    ("é+", &["é", "éé", "é\u{a9}"]),
    ("[^a]", &["\n", "é"]),
    (r"\W\W", &["é", "--"]),
    (r"\s", &["\u{b}", "\u{a0}", "\u{85}", " "]),
    ("a$\n", &["a", "a\n"]),
    ("a\n^b", &["a\nb"]),
    ("^*", &["", "^"]),
    ("$+", &["", "$"]),
    ("a{ 2 }", &["aa", "a{ 2 }"]),
    ("a{,2}", &["a"]),
    ("a{2,1}", &["aa"]),
    ("a{99999999999999999999}", &["a"]),
    ("(((a{9}){9}){9}){9}", &["a"]),
    ("a*??", &["", "aa"]),
    ("a{2}{3}", &["aaaaaa"]),
    ("|*", &["", "*"]),
    ("(*)", &["*"]),
    ("(?:*)", &["*"]),
    ("", &[""]),
    ("a\0b", &["a\0b", "a"]),
];

fn patterns_match_at_least_what_std_regex_matches() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let oracle = or_ignore(compile(directory.path()));
    let mut random = Random::new(0x5EED);
    let traps = TRAPS
        .iter()
        .map(|(pattern, names)| (pattern.to_string(), names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()));
    let cases: Vec<_> = traps.chain((0..cases(CASES)).map(|_| generate::case(&mut random))).collect();
    let output = ask(&oracle, directory.path(), &cases);

    let (mut compiled, mut accepted, mut names, mut matched, mut dead, mut denied_by_both) = (0, 0, 0, 0, 0, 0);
    let mut faults = String::new();
    for ((pattern, case_names), expected) in cases.iter().zip(output.lines()) {
        let mut fault = |what: &str, name: &str| writeln!(faults, "{pattern:?} {name:?}: {what}").unwrap();
        let compiles = expected != "!";
        let new = CollectionPattern::pattern(pattern.as_str());
        let key = listed(pattern);
        let findings = key.audit();
        let is_dead = findings.iter().any(|finding| matches!(finding, AuditFinding::DeadCollection(_)));
        let is_every = findings.contains(&AuditFinding::EveryCollection);
        compiled += usize::from(compiles);
        accepted += usize::from(compiles && new.is_ok());
        dead += usize::from(is_dead);
        if new.is_ok() && !compiles {
            fault("accepted, but does not compile", "");
        }
        if is_dead && compiles && !pattern.is_empty() {
            fault("dead, but compiles", "");
        }
        for (name, expected) in case_names.iter().zip(expected.chars()).filter(|_| compiles) {
            let matches = key.collections[0].matches(name);
            let is_own_text = name == pattern;
            names += 1;
            matched += usize::from(expected == '1');
            denied_by_both += usize::from(expected == '0' && !matches);
            if expected == '1' && !matches {
                fault("the server matches, we deny", name);
            }
            if expected == '0' && matches && new.is_ok() && !is_own_text && pattern != "*" {
                fault("the server denies, we match", name);
            }
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if is_every && pattern != "*" && !name.is_empty() && name.chars().all(is_plain) && expected == '0' {
                fault("matches not every name", name);
            }
        }
    }
    let refused = 100.0 * (compiled - accepted) as f64 / compiled as f64;
    println!(
        "{} patterns: {compiled} compile, of which {accepted} are accepted ({refused:.1} % refused); {dead} are dead; \
         {names} names of compiled patterns: {matched} match, {denied_by_both} are denied by both",
        cases.len()
    );
    assert_eq!(output.lines().count(), cases.len());
    assert!(faults.is_empty(), "{} faults:\n{faults}", faults.lines().count());
    // If the crate refused nearly all patterns, or most did not compile, the test would prove nothing.
    assert!(accepted * 2 > compiled && compiled * 3 > cases.len(), "{accepted} {compiled}");
    assert!(
        dead * 20 > cases.len() && matched * 10 > names && denied_by_both * 10 > names,
        "{dead} {matched} {names}"
    );
}

/// A listed key.
fn listed(pattern: &str) -> KeyInfo {
    let key = json!({
        "id": 1, "description": "", "actions": ["documents:get"], "collections": [pattern],
        "expires_at": 4_000_000_000_u64, "value_prefix": "abcd"
    });
    serde_json::from_value(key).unwrap()
}

fn compile(directory: &Path) -> Result<PathBuf, Unavailable> {
    let program = directory.join("oracle");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/std_regex/oracle.cpp");
    for compiler in ["c++", "g++", "clang++"] {
        match Command::new(compiler).args(["-O1", "-std=c++17", "-o"]).arg(&program).arg(source).status() {
            Ok(status) => {
                assert!(status.success(), "{compiler} cannot compile {source}");
                return Ok(program);
            }
            Err(error) => eprintln!("{compiler}: {error}"),
        }
    }
    Err(Unavailable("there is no C++ compiler".to_owned()))
}

/// One line for each case: see `oracle.cpp`.
fn ask(oracle: &Path, directory: &Path, cases: &[(String, Vec<String>)]) -> String {
    let hex = |text: &str| text.bytes().fold("x".to_owned(), |hex, byte| format!("{hex}{byte:02x}"));
    let lines = cases
        .iter()
        .map(|(pattern, names)| names.iter().fold(hex(pattern), |line, name| line + " " + &hex(name)) + "\n");
    let input = directory.join("input");
    fs::write(&input, lines.collect::<String>()).unwrap();
    let output = Command::new(oracle).stdin(File::open(input).unwrap()).output().unwrap();
    assert!(output.status.success(), "{output:.200?}");
    String::from_utf8(output.stdout).unwrap()
}
