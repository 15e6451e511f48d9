//! Draws searches with several parameters, from all parameters that any version of the server reads.

use super::request::{Search, Way};
use super::values::Values;
use crate::support::Random;

/// The parameters that this server reads.
pub(crate) const NAMES: &str = include_str!("../../search_parameters/0.24.1.txt");
/// The parameters that only newer servers read.
const NEWER: &str = include_str!("../../search_parameters/30.txt");

/// Parameters that select documents or fields. They are drawn more often than others, such as page sizes.
const STRONG: &[&str] = &[
    "exclude_fields",
    "facet_by",
    "facet_query",
    "filter_by",
    "group_by",
    "hidden_hits",
    "highlight_fields",
    "highlight_full_fields",
    "include_fields",
    "pinned_hits",
    "preset",
    "query_by",
    "sort_by",
    "vector_query",
];

pub(crate) struct Names {
    usual: Vec<&'static str>,
    newer: Vec<&'static str>,
}

impl Names {
    pub(crate) fn read() -> Self {
        // Not parameters of a search, but of a request with several searches, or of a key.
        let is_drawn = |name: &&str| !["searches", "expires_at", "q"].contains(name);
        let known: Vec<_> = NAMES.lines().filter(is_drawn).collect();
        let newer = NEWER.lines().filter(is_drawn).filter(|name| !known.contains(name)).collect();
        let strong = STRONG.iter().flat_map(|name| [*name; 4]);
        Self { usual: known.iter().copied().chain(strong).collect(), newer }
    }

    pub(crate) fn search(&self, random: &mut Random, way: Way) -> Search {
        let mut names = vec!["q"];
        for _ in 0..1 + random.below(7) {
            let name = if random.below(20) == 0 { random.pick(&self.newer) } else { random.pick(&self.usual) };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let is_text = random.below(2) == 0;
        if is_text && !names.contains(&"query_by") {
            names.push("query_by");
        }
        if random.below(6) == 0 && !names.contains(&"filter_by") {
            names.push("filter_by");
        }
        let mut values = Values(random);
        let mut params: Vec<_> = names.into_iter().map(|name| (name.to_owned(), values.of(name))).collect();
        if !is_text {
            params[0].1 = "*".to_owned();
        }
        if random.below(10) == 0 {
            let name = random.pick(&params.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()).to_owned();
            let value = Values(random).of(&name);
            params.push((name, value));
        }
        if random.below(30) == 0 {
            let at = random.below(params.len());
            let name = &mut params[at].0;
            *name = [name.to_uppercase(), format!("{name} "), format!("{name}[]"), format!(" {name}")]
                [random.below(4)]
            .clone();
        }
        // An empty id in back-ticks crashes the server: ``filter_by=(id:``)``, ``sort_by=_eval(id:`):asc``.
        for (_, value) in params.iter_mut().filter(|(_, value)| value.contains("id:")) {
            *value = value.replace('`', "");
        }
        Search { way, params }
    }
}
