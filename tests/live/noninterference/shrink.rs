//! Makes a request as small as possible.

use super::request::{Search, Way};

/// The smallest search that still `differs`, without needless parameters, items of lists and clauses.
pub(crate) fn smallest(mut search: Search, mut differs: impl FnMut(&Search) -> bool) -> Search {
    loop {
        let smaller = candidates(&search).into_iter().find(|candidate| differs(candidate));
        match smaller {
            Some(smaller) => search = smaller,
            None => return search,
        }
    }
}

fn candidates(search: &Search) -> Vec<Search> {
    let mut all = Vec::new();
    if search.way != Way::Get {
        all.push(Search { way: Way::Get, ..search.clone() });
    }
    for at in 0..search.params.len() {
        let mut without = search.clone();
        without.params.remove(at);
        all.push(without);
    }
    for (at, (name, value)) in search.params.iter().enumerate() {
        if name == "q" && value != "*" {
            all.push(with(search, at, "*".to_owned()));
        }
        for separator in [",", " && ", " || ", " "] {
            let parts: Vec<_> = value.split(separator).collect();
            if parts.len() > 1 {
                for left_out in 0..parts.len() {
                    let rest = parts.iter().enumerate().filter(|(part, _)| *part != left_out).map(|(_, part)| *part);
                    all.push(with(search, at, rest.collect::<Vec<_>>().join(separator)));
                }
            }
        }
    }
    all
}

fn with(search: &Search, at: usize, value: String) -> Search {
    let mut search = search.clone();
    search.params[at].1 = value;
    search
}
