//! Whether a name matches a pattern, in time that no pattern can blow up.
//!
//! The server searches by trial and error; the same language is recognised here by an automaton that follows all
//! ways at once: a name costs at most its length times the pattern's size, and once more its length where there are
//! lookaheads.

use std::collections::{HashMap, HashSet};

use super::bytes::{Bytes, is_word};

/// The search for a name that does not match gives up after about so many steps for each byte that a name may have.
const MAX_SEARCH: usize = 20_000;

/// The end of a fragment that nothing follows yet.
const OPEN: usize = usize::MAX;

#[derive(Clone, Copy)]
pub(super) enum Step {
    /// Goes on without a condition.
    Pass,
    /// Goes on past one of these bytes.
    Bytes(Bytes),
    /// Goes on, and also from another node.
    Fork(usize),
    Begin,
    End,
    /// Goes on where a word begins or ends (`true`), or where none does.
    Boundary(bool),
    /// Goes on if what begins at the node `body` matches here, or if it does not.
    Look {
        body: usize,
        negative: bool,
    },
    Accept,
}

#[derive(Clone, Copy)]
struct Node {
    step: Step,
    next: usize,
}

/// A part of an automaton with one way in and one way out: all nodes from the `lowest` to the last when it was made.
#[derive(Clone, Copy)]
pub(super) struct Fragment {
    lowest: usize,
    start: usize,
    end: usize,
}

/// An automaton that is being built. Each method takes the fragment that was made last.
#[derive(Default)]
pub(super) struct Builder {
    nodes: Vec<Node>,
}

impl Builder {
    pub(super) fn step(&mut self, step: Step) -> Fragment {
        let node = self.push(step, OPEN);
        Fragment { lowest: node, start: node, end: node }
    }

    pub(super) fn then(&mut self, first: Fragment, second: Fragment) -> Fragment {
        self.link(first.end, second.start);
        Fragment { end: second.end, ..first }
    }

    pub(super) fn either(&mut self, one: Fragment, other: Fragment) -> Fragment {
        let start = self.push(Step::Fork(one.start), other.start);
        let end = self.push(Step::Pass, OPEN);
        self.link(one.end, end);
        self.link(other.end, end);
        Fragment { lowest: one.lowest, start, end }
    }

    /// Any number of times: at least none, or at least once.
    pub(super) fn repeat(&mut self, what: Fragment, at_least_once: bool) -> Fragment {
        let again = self.push(Step::Fork(what.start), OPEN);
        self.link(what.end, again);
        Fragment { start: if at_least_once { what.start } else { again }, end: again, ..what }
    }

    pub(super) fn optional(&mut self, what: Fragment) -> Fragment {
        let nothing = self.step(Step::Pass);
        self.either(what, nothing)
    }

    /// A counted number of times, up to any if there is no `most`.
    pub(super) fn repeat_counted(&mut self, what: Fragment, least: u64, most: Option<u64>) -> Fragment {
        let copies = most.unwrap_or(least + 1);
        if copies == 0 {
            return self.nothing_for(what);
        }
        let template: Vec<Node> = if copies == 1 { Vec::new() } else { self.nodes.split_at(what.lowest).1.to_vec() };
        let mut original = Some(what);
        let mut copy = |builder: &mut Self| original.take().unwrap_or_else(|| builder.copy(what, &template));
        let mut whole = Fragment { lowest: what.lowest, ..self.step(Step::Pass) };
        let end = self.step(Step::Pass);
        for done in 0..copies {
            if done >= least && most.is_some() {
                let leave = self.step(Step::Fork(end.start));
                whole = self.then(whole, leave);
            }
            let mut next = copy(self);
            if done >= least && most.is_none() {
                next = self.repeat(next, false);
            }
            whole = self.then(whole, next);
        }
        self.then(whole, end)
    }

    /// In place of `what`, which is given up.
    pub(super) fn nothing_for(&mut self, what: Fragment) -> Fragment {
        self.nodes.truncate(what.lowest);
        self.step(Step::Pass)
    }

    pub(super) fn look(&mut self, body: Fragment, negative: bool) -> Fragment {
        let accept = self.push(Step::Accept, OPEN);
        self.link(body.end, accept);
        Fragment { lowest: body.lowest, ..self.step(Step::Look { body: body.start, negative }) }
    }

    pub(super) fn finish(mut self, whole: Fragment) -> Automaton {
        let accept = self.push(Step::Accept, OPEN);
        self.link(whole.end, accept);
        Automaton { nodes: self.nodes, start: whole.start }
    }

    fn push(&mut self, step: Step, next: usize) -> usize {
        self.nodes.push(Node { step, next });
        self.nodes.len() - 1
    }

    fn link(&mut self, from: usize, to: usize) {
        if let Some(node) = self.nodes.get_mut(from) {
            node.next = to;
        }
    }

    /// `template` is what the nodes of `what` were when nothing followed them.
    fn copy(&mut self, what: Fragment, template: &[Node]) -> Fragment {
        let lowest = self.nodes.len();
        let moved = |node: usize| if node == OPEN { OPEN } else { node - what.lowest + lowest };
        self.nodes.extend(template.iter().map(|node| {
            let step = match node.step {
                Step::Fork(other) => Step::Fork(moved(other)),
                Step::Look { body, negative } => Step::Look { body: moved(body), negative },
                other => other,
            };
            Node { step, next: moved(node.next) }
        }));
        Fragment { lowest, start: moved(what.start), end: moved(what.end) }
    }
}

/// A pattern, ready to be matched.
pub(super) struct Automaton {
    nodes: Vec<Node>,
    start: usize,
}

impl Automaton {
    /// Whether the whole of `name` matches.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        self.run(name).accepts(self.start, 0, true)
    }

    /// Whether every name of these bytes matches. `false` also where there is a lookahead, or too much to search.
    pub(super) fn matches_every_name_of(&self, alphabet: Bytes) -> bool {
        if self.nodes.iter().any(|node| matches!(node.step, Step::Look { .. })) {
            return false;
        }
        let mut run = self.run(&[]);
        let mut known = HashSet::new();
        let mut open: Vec<(Vec<usize>, Option<u8>)> = vec![(vec![self.start], None)];
        while let Some((states, before)) = open.pop() {
            let is_name = before.is_some();
            if is_name && !run.advance(&states, 0, before, None).0 {
                return false;
            }
            for byte in (0..=u8::MAX).filter(|&byte| alphabet.contains(byte)) {
                let (_, onwards) = run.advance(&states, 0, before, Some(byte));
                let mut set = vec![false; self.nodes.len()];
                for &state in &onwards {
                    if let Some(is_in) = set.get_mut(state) {
                        *is_in = true;
                    }
                }
                // All that matters of it further on is whether it belongs to a word.
                let before = Some(if is_word(byte) { b'a' } else { b'-' });
                if known.insert((set, before)) {
                    open.push((onwards, before));
                }
            }
            if known.len().saturating_mul(self.nodes.len()) > MAX_SEARCH {
                return false;
            }
        }
        true
    }

    fn run<'a>(&'a self, text: &'a [u8]) -> Run<'a> {
        Run { nodes: &self.nodes, text, entered: vec![0; self.nodes.len()], round: 0, looks: HashMap::new() }
    }
}

struct Run<'a> {
    nodes: &'a [Node],
    text: &'a [u8],
    /// For each node the last round in which it was entered.
    entered: Vec<usize>,
    round: usize,
    /// What came of each lookahead, by its body and place.
    looks: HashMap<(usize, usize), bool>,
}

impl Run<'_> {
    /// Whether what begins at the node `start` matches the text from `begin` up to its end, or, if that need not be
    /// the `whole`, up to anywhere.
    fn accepts(&mut self, start: usize, begin: usize, whole: bool) -> bool {
        let mut states = vec![start];
        for at in begin..=self.text.len() {
            if states.is_empty() {
                break;
            }
            // A lookahead does not see what is before it: `^` matches there (so does GNU's, and not ECMAScript's).
            let before = at.checked_sub(1).filter(|_| at > begin).and_then(|at| self.text.get(at)).copied();
            let next = self.text.get(at).copied();
            let (accepted, onwards) = self.advance(&states, at, before, next);
            if accepted && (next.is_none() || !whole) {
                return true;
            }
            states = onwards;
        }
        false
    }

    /// Whether one of `states` leads to the end of the pattern before the byte `next`, and where they lead past it.
    fn advance(&mut self, states: &[usize], at: usize, before: Option<u8>, next: Option<u8>) -> (bool, Vec<usize>) {
        self.round += 1;
        // Lookaheads that are met on the way begin rounds of their own, but enter only nodes of their own.
        let round = self.round;
        let (mut accepted, mut onwards) = (false, Vec::new());
        let mut open = states.to_vec();
        while let Some(state) = open.pop() {
            let (Some(&node), Some(entered)) = (self.nodes.get(state), self.entered.get_mut(state)) else { continue };
            if std::mem::replace(entered, round) == round {
                continue;
            }
            let goes_on = match node.step {
                Step::Pass => true,
                Step::Fork(other) => {
                    open.push(other);
                    true
                }
                Step::Begin => before.is_none(),
                Step::End => next.is_none(),
                Step::Boundary(wanted) => (before.is_some_and(is_word) != next.is_some_and(is_word)) == wanted,
                Step::Look { body, negative } => self.looks(body, at) != negative,
                Step::Bytes(bytes) => {
                    if next.is_some_and(|next| bytes.contains(next)) {
                        onwards.push(node.next);
                    }
                    false
                }
                Step::Accept => {
                    accepted = true;
                    false
                }
            };
            if goes_on {
                open.push(node.next);
            }
        }
        (accepted, onwards)
    }

    fn looks(&mut self, body: usize, at: usize) -> bool {
        if let Some(&known) = self.looks.get(&(body, at)) {
            return known;
        }
        let matches = self.accepts(body, at, false);
        self.looks.insert((body, at), matches);
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;
    use crate::collection::pattern::{Flaw, read};

    fn matches(pattern: &str, name: &str) -> bool {
        read(pattern).unwrap().matches(name.as_bytes())
    }

    #[test]
    fn a_match_is_of_the_whole_name_and_of_bytes() {
        for (pattern, name, wanted) in [
            ("docs", "docs", true),
            ("docs", "docs1", false),
            ("docs", "xdocs", false),
            ("a|bc", "bc", true),
            ("a||b", "", true),
            ("(a|b)*c", "ababc", true),
            ("a+?", "", false),
            ("a{0}b", "b", true),
            ("a{2,}", "a", false),
            ("a{2,}", "aaaa", true),
            ("(ab?){2,3}", "aababa", false),
            ("(ab?){2,3}", "aaba", true),
            ("(?:a{2}){3}", "aaaaaa", true),
            ("(?:(?=a)a){3}b", "aaab", true),
            ("(?:(?!b).){2}", "ab", false),
            (".", "\n", false),
            ("[^a]", "\n", true),
            (".", "é", false),
            ("é?", "é", true),
            ("é?", "", false), // the first of its two bytes must be there
            ("[é]{2}", "é", true),
            (r"\W{2}", "é", true),
            (r"[^\d_]", "_", false),
            ("[!--]", "-", true),
            ("^a$|b", "a", true),
            ("a^b", "ab", false),
            ("a$b", "ab", false),
            (r"\ba\b-\Bb?", "a-", true),
            (r"a\bb", "ab", false),
            ("(?=.*b)(?!.*c).*", "abd", true),
            ("(?=.*b)(?!.*c).*", "abc", false),
            ("a(?=^b).*", "ab", true), // GNU's `^` knows no more of what is before a lookahead
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern:?} {name:?}");
        }
    }

    #[test]
    fn what_is_refused_but_compiles_is_read_as_the_server_does() {
        for (pattern, name, other) in [
            (r"[\w-.]+", "a-.b", "a b"),
            (r"\Za\e", "Zae", "Za"),
            (r"\cA", "A", "cA"),
            (r"\u0141", "A", "u0141"),
            ("[^]", "x", ""),
            ("[[:w:]]+", "a_1", "-"),
            ("[[:DIGIT:]]", "1", "d"),
            ("[é-a]*", "0Aa", "b"), // from the second byte of `é`, which is below ASCII
        ] {
            assert!(super::super::pattern::check(pattern).is_err(), "{pattern}");
            assert!(matches(pattern, name) && !matches(pattern, other), "{pattern}");
        }
        assert!(!matches("[]", "") && !matches("[]a", "a"));
        assert!(matches!(read("[a-é]"), Err(Flaw::Broken(_))));
    }

    #[test]
    fn what_cannot_be_followed_matches_more_never_less() {
        assert!(matches(r"(a)\1", "aa"));
        assert!(matches(r"(a)\1", "ab"), "a back-reference may match any text");
        assert!(matches(r"(a)(?!\1).*", "ab"), "and not match");
        assert!(matches(r"(a)(?!(?!\1)).*", "aa"));
        for unclear in ["[[.a.]]", "a\0", "a{30000}", &"(".repeat(60), "a{99999999999999999999999}"] {
            assert!(matches!(read(unclear), Err(Flaw::Unclear(_))), "{unclear}");
        }
    }

    /// Who backtracks, or builds without a limit, does not come to the end of this.
    #[test]
    fn no_pattern_takes_long() {
        let name = "a".repeat(200);
        let nested = |open: &str, close: &str| open.repeat(49) + "a" + &close.repeat(49) + "b";
        for pattern in [
            &nested("(", ")*"),
            &nested("(.", "x)*"),
            &nested("(?:a?", ")*"),
            &nested("(?:a?", ")?"),
            &nested("(?=.*", ".)"),
            &nested("(?!.*", ".)"),
            &("a?".repeat(3_000) + "b"),
            &("(?=.*b)".repeat(2_000) + "b"),
            &("(a|b|ab)*".repeat(500) + "b"),
            &("a".to_owned() + &"*".repeat(6_000) + "b"),
            &("a".to_owned() + &"??".repeat(6_000) + "b"),
            &("a".to_owned() + &"{1}".repeat(6_000) + "b"),
            &("a".to_owned() + &"{0,1}".repeat(1_000_000) + "b"),
            &("a{9999}".repeat(100_000) + "b"),
            "(?:(?=.{6000}).)*b",
            "(?:(?=(?:.?){3000}b).)*b",
            "(((a{9}){9}){9}){9}b",
            "((a{0}){20000}){20000}b",
        ] {
            assert!(read(pattern).map_or(true, |automaton| !automaton.matches(name.as_bytes())), "{pattern:.40}");
        }
    }

    #[test]
    fn a_pattern_for_every_name_is_recognised() {
        let letters = Bytes::of(|byte| byte.is_ascii_lowercase());
        for (pattern, wanted) in [
            (".*", true),
            (".+", true),
            ("^.*$", true),
            ("[a-z]*", true),
            ("a.*|[^a].*", true),
            (r"\b\w+\b", true),
            ("(..)*|.(..)*", true),
            ("(..)*", false),
            ("a.*", false),
            ("[a-y]*", false),
            (".{1,63}", false),
            (r"(.)\1", true),
            (r".*\B", false),
            ("(?!secret).*", false),
            ("(?:a|b)*a(?:a|b){14}|.*", false), // too much to search
        ] {
            assert_eq!(read(pattern).unwrap().matches_every_name_of(letters), wanted, "{pattern}");
        }
    }
}
