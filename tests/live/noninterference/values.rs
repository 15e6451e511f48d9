//! Values of parameters: typical, odd and hostile ones, which fit the collections of [`world`](super::world).

use std::ops::Range;

use super::request::COLLECTION;
use super::world::{FOREIGN_IDS, FOREIGN_WORDS, HIDDEN_WORDS, OWN_IDS, WORDS, presets};
use crate::support::Random;

/// All fields, names that are no fields, and members of objects that the schema does not know.
const FIELDS: &[&str] = &[
    "id",
    "tenant",
    "title",
    "tags",
    "n",
    "price",
    "ok",
    "at",
    "emb",
    "body",
    "body.text",
    "body.size",
    "note",
    "cost",
    "home",
    "vec",
    "owner",
    "owner.name",
    "owner.phone",
    "owner.address.street",
    "staff",
    "staff.name",
    "staff.salary",
    "staff.roles.title",
    "grid",
    "plain",
    "safe",
    "safe.word",
    "safe.deep.word",
    "stock.lots.items.code",
    "bod",
    "org",
    "nope",
    "*",
    "",
    " note",
    "NOTE",
    "own*",
    "out_of",
    "found",
    "none",
    "owner.",
    ".name",
    "_text_match",
    "title:note",
];
const TEXTS: &[&str] = &[
    "title",
    "tags",
    "body",
    "body.text",
    "org",
    "note",
    "owner.name",
    "owner",
    "staff",
    "staff.name",
    "safe",
    "safe.word",
    "stock",
];
const FACETS: &[&str] =
    &["tenant", "title", "tags", "n", "price", "ok", "note", "cost", "owner.name", "staff.name", "org"];
const POINTS: &[&str] = &["at", "home"];
const VECTORS: &[&str] = &["emb", "vec"];
const SORTABLE: &[&str] = &["n", "price", "title", "tenant", "ok", "note", "cost", "_text_match"];

/// Draws values.
pub(crate) struct Values<'a>(pub(crate) &'a mut Random);

impl Values<'_> {
    /// A value for a parameter: usually of the right kind, sometimes of any kind.
    pub(crate) fn of(&mut self, name: &str) -> String {
        // Any value. The server never responds to an integer that ends in a zero byte.
        if self.one_in(25) {
            return self.odd();
        }
        match name {
            "q" => self.query(),
            "query_by" => self.list(1..4, |values| values.mostly(TEXTS)),
            "filter_by" => self.filter(),
            "sort_by" => self.list(1..4, Self::order),
            "vector_query" => self.vector_query(),
            "facet_by" | "group_by" => self.list(1..3, |values| values.mostly(FACETS)),
            "facet_query" => format!("{}:{}", self.mostly(FACETS), self.query()),
            "include_fields" | "exclude_fields" | "highlight_fields" | "highlight_full_fields" => {
                self.list(1..4, |values| values.pick(FIELDS))
            }
            "pinned_hits" => {
                self.list(1..4, |values| format!("{}:{}", values.id(), values.pick(&["1", "2", "3", "20"])))
            }
            "hidden_hits" => self.ids(),
            "preset" => self.preset(),
            "infix" | "split_join_tokens" => self.list(1..3, |values| values.pick(&["always", "fallback", "off"])),
            "prefix" => self.list(1..3, |values| values.pick(&["true", "false"])),
            "num_typos" | "query_by_weights" => self.list(1..4, |values| values.pick(&["0", "1", "2", "127"])),
            "text_match_type" => self.pick(&["max_score", "max_weight", "sum_score"]),
            "rank_tokens_by" => self.pick(&["default_sorting_field", "frequency"]),
            "highlight_start_tag" | "highlight_end_tag" => self.pick(&["<b>", "", "\"", "\\u0000", "{note}"]),
            "drop_tokens_mode" => self.pick(&["left_to_right", "right_to_left", "both_sides:3"]),
            "stopwords" | "synonym_sets" | "override_tags" | "curation_tags" => {
                self.pick(&["pin", "both", "nope", "*"])
            }
            // With a shorter time, every response depends on the machine.
            "search_cutoff_ms" => self.pick(&["30000", "2147483647"]),
            "collection" => self.pick(&[COLLECTION, COLLECTION, "nope", ""]),
            "x-typesense-api-key" => self.pick(&["", "nope"]),
            name if is_switch(name) => self.pick(&["true", "false", "1", "0", "TRUE", ""]),
            _ => self.number(),
        }
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.0.below(times) == 0
    }

    fn pick(&mut self, from: &[&str]) -> String {
        self.0.pick(from).to_owned()
    }

    fn mostly(&mut self, from: &[&str]) -> String {
        if self.one_in(10) { self.pick(FIELDS) } else { self.pick(from) }
    }

    fn list(&mut self, length: Range<usize>, mut item: impl FnMut(&mut Self) -> String) -> String {
        let length = length.start + self.0.below(length.end - length.start);
        (0..length).map(|_| item(self)).collect::<Vec<_>>().join(",")
    }

    /// The server reads them as `int`. It never responds to larger numbers, because it fails during the search.
    fn number(&mut self) -> String {
        self.pick(&[
            "0",
            "1",
            "2",
            "3",
            "4",
            "5",
            "7",
            "10",
            "50",
            "100",
            "250",
            "1000",
            "2147483647",
            "-1",
            "",
            "1.5",
            "x",
        ])
    }

    fn odd(&mut self) -> String {
        self.pick(&[
            "", " ", "*", "true", "null", "`", "(", ")", "&&", "||", ":", ",", ",,", "\n", "ä", "[1,2]", "{}", "'",
            "\"", "%", "a:b", "..", "-", "note", "x1", "o1", "0", "𝒶", "\t,\t",
        ])
    }

    fn word(&mut self) -> String {
        let variant = self.0.below(2);
        let word = match self.0.below(6) {
            0..=2 => self.pick(&WORDS),
            3 | 4 => self.pick(&FOREIGN_WORDS[variant]),
            _ => format!("{}{}", self.pick(&HIDDEN_WORDS[variant]), self.0.below(3)),
        };
        let (at, length) = (self.0.below(word.len()), word.len());
        match self.0.below(10) {
            // The beginning of a word, its end, the word without a letter, with two letters swapped, and two words as
            // one.
            0 => word[..=at].to_owned(),
            1 => word[at..].to_owned(),
            2 => format!("{}{}", &word[..at], &word[(at + 1).min(length)..]),
            3 => format!("{}e{}", &word[..at], &word[at..]),
            4 => format!("{word}{}", self.pick(&WORDS)),
            5 => format!("{} {}", &word[..at], &word[at..]),
            6 => format!("-{word}"),
            _ => word,
        }
    }

    fn query(&mut self) -> String {
        let length = 1 + self.0.below(3);
        let words = (0..length).map(|_| self.word()).collect::<Vec<_>>().join(" ");
        match self.0.below(12) {
            0 => "*".to_owned(),
            1 => format!("\"{words}\""),
            4..=6 => self.pick(&WORDS),
            2 => format!("{words} sale"),
            3 => format!("* {words}"),
            _ => words,
        }
    }

    fn id(&mut self) -> String {
        match self.0.below(5) {
            0 | 1 => self.pick(&OWN_IDS),
            2 | 3 => self.pick(&FOREIGN_IDS),
            _ => self.pick(&["nope", "", "0", "1", "O1"]),
        }
    }

    fn ids(&mut self) -> String {
        match self.0.below(3) {
            0 => OWN_IDS.join(","),
            1 => FOREIGN_IDS.join(","),
            _ => self.list(1..8, Self::id),
        }
    }

    fn decimal(&mut self) -> String {
        self.pick(&["0", "1", "-1", "0.5", "2.25", "48.0", "50", "89.9", "1.0e1", "x"])
    }

    /// Valid and invalid combinations of clauses, for example with brackets and back-ticks that are not closed.
    fn filter(&mut self) -> String {
        let mut filter = self.clause();
        for _ in 0..self.0.below(4) {
            filter += &self.pick(&[" && ", " || ", " && ", " || ", "&&", " ", ""]);
            filter += &match self.0.below(8) {
                0 => self.pick(&["(", ")", "`", "((", "&", "|", ":", "!", ",", "[", "]", "$", "\\", ""]),
                1 => format!("({})", self.clause()),
                2 => format!(") || ({}", self.clause()),
                _ => self.clause(),
            };
        }
        if self.one_in(4) {
            filter.insert_str(0, &self.pick(&[")", ")", ")", ")", "))", "(", "!"]));
        }
        if self.one_in(4) {
            filter += "`";
        }
        filter
    }

    fn clause(&mut self) -> String {
        let field = self.mostly(&[
            "id",
            "tenant",
            "org",
            "title",
            "tags",
            "n",
            "price",
            "ok",
            "at",
            "body.text",
            "note",
            "cost",
            "home",
        ]);
        let compare = self.pick(&[":", ":=", ":!=", ":!=", ":>", ":<", ":>=", ": "]);
        let value = match field.as_str() {
            "id" => self.id(),
            "at" | "home" => {
                format!("({}, {}, {} km)", self.decimal(), self.decimal(), self.pick(&["1", "100", "9000"]))
            }
            "tenant" | "n" | "cost" | "price" => {
                self.pick(&["1", "2", "3", "0", "50", "[1..3]", "[1,2]", "-1", "1.5"])
            }
            "ok" => self.pick(&["true", "false", "1"]),
            "org" if !self.one_in(4) => self.pick(&["acme1", "acme2", "acme", "acme1x", "1acme", "ACME-1"]),
            _ => self.word(),
        };
        match self.0.below(8) {
            0 => format!("{field}{compare}`{value}`"),
            1 => format!("{field}{compare}[{value},{}]", self.id()),
            2 => format!("{field}{compare}`{}", self.pick(&[&value, "", "("])),
            _ => format!("{field}{compare}{value}"),
        }
    }

    fn order(&mut self) -> String {
        let by = match self.0.below(6) {
            0 => format!("{}({},{})", self.pick(POINTS), self.decimal(), self.decimal()),
            1 => format!(
                "{}({},{}, {}: {} km)",
                self.pick(POINTS),
                self.decimal(),
                self.decimal(),
                self.pick(&["exclude_radius", "precision"]),
                self.pick(&["1", "100", "5000"])
            ),
            2 => format!("_text_match(buckets: {})", self.pick(&["1", "2", "10"])),
            3 => format!("_eval({})", self.clause()),
            _ => self.mostly(SORTABLE),
        };
        format!("{by}:{}", self.pick(&["asc", "desc", "asc", "desc", "ASC", ""]))
    }

    fn vector_query(&mut self) -> String {
        let field = self.mostly(VECTORS);
        let values = self.pick(&["", "1,0,0", "0,1,0", "0,0,1", "0.5,0.25,-1", "1,0", "x"]);
        let mut more = String::new();
        for _ in 0..self.0.below(3) {
            more += &match self.0.below(4) {
                0 => format!(", id: {}", self.id()),
                1 => format!(", flat_search_cutoff: {}", self.pick(&["0", "10", "1000"])),
                2 => ", exact: true".to_owned(),
                _ => format!(", k: {}", self.pick(&["1", "3", "100", "0"])),
            };
        }
        format!("{field}:([{values}]{more})")
    }

    fn preset(&mut self) -> String {
        if self.one_in(4) {
            return self.pick(&["all{COLLECTION}", "nope", ""]);
        }
        let names: Vec<_> = presets().iter().map(|(name, _)| *name).collect();
        self.pick(&names)
    }
}

/// Whether a parameter is `true` or `false`.
fn is_switch(name: &str) -> bool {
    [
        "enable_",
        "prioritize_",
        "exhaustive_",
        "pre_segmented_",
        "use_cache",
        "validate_",
        "filter_curated_",
        "conversation",
        "nl_query",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}
