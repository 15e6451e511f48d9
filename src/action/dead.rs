//! Likely actions that allow nothing on any server, with the actions to grant instead.
//!
//! Most are from the public documentation (its pages on API keys for 0.23.1 to 30.2 were compared with the route
//! tables). The cause: the server computes an action from a request's method and path, not from the name of the
//! operation. `PUT` is `upsert`, so a route with `PUT` has no action `create`. `GET` on the items of a set is `get`, so
//! there is no action `list` for them.

use super::Action;

/// What to grant instead of an unknown action that allows nothing, as the end of a sentence.
pub(super) fn advice(action: &str) -> Option<String> {
    if let Some((_, advice)) = DOCUMENTED.iter().chain(LIKELY).find(|(dead, _)| *dead == action) {
        return Some((*advice).to_owned());
    }
    let meant = |dead: &str, verb: &str| Some(action.strip_suffix(dead)?.to_owned() + verb);
    let meant = meant(":create", ":upsert").or_else(|| meant(":list", ":get"))?;
    Action::known().iter().any(|known| known.as_str() == meant).then(|| format!("grant `{meant}`"))
}

/// What the public documentation lists beyond these two rules. A test compares it with the guide.
#[rustfmt::skip] // one row, one line: it is a table
const DOCUMENTED: &[(&str, &str)] = &[
    ("analytics:*", "grant `analytics/rules:*` and `analytics/events:create`"),
    ("analytics:create", "grant `analytics/rules:create` and `analytics/events:create`"),
    ("analytics:delete", "grant `analytics/rules:delete`"),
    ("analytics:get", "grant `analytics/rules:get`"),
    ("analytics:list", "grant `analytics/rules:list`"),
    ("documents:upsert", "grant `documents:create` (or `documents:import`), which upserts too"),
    ("stemming/dictionaries:create", "grant `stemming/dictionaries/import:create`"),
];

/// What the documentation does not list, but people are likely to guess.
#[rustfmt::skip]
const LIKELY: &[(&str, &str)] = &[
    ("analytics:upsert", "grant `analytics/rules:upsert`"),
    ("documents:list", "grant `documents:search` or `documents:export`"),
    ("multi_search:*", "grant `documents:search`"),
    ("multi_search:create", "grant `documents:search`"),
    // The route exists from v26 on, but no action allows it.
    ("health_with_rusage:*", HEALTH_WITH_RUSAGE),
    ("health_with_rusage:list", HEALTH_WITH_RUSAGE),
];

const HEALTH_WITH_RUSAGE: &str = "only the bootstrap key and the key of `--health-rusage-api-key` allow that route";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::action::Action;

    #[test]
    fn advice_names_only_actions_that_exist() {
        for (dead, advice) in DOCUMENTED.iter().chain(LIKELY) {
            let named: Vec<_> = advice.split('`').skip(1).step_by(2).filter(|text| text.contains(':')).collect();
            assert_eq!(named.is_empty(), dead.starts_with("health_with_rusage"), "{dead}");
            for action in named {
                assert!(Action::custom(action).routes().next().is_some(), "{dead}: {action}");
            }
        }
    }

    #[test]
    fn create_is_upsert_and_the_list_of_items_is_get() {
        for (dead, advised) in [
            ("presets:create", Some("grant `presets:upsert`")),
            ("synonym_sets/items:list", Some("grant `synonym_sets/items:get`")),
            ("documents:list", Some("grant `documents:search` or `documents:export`")),
            ("teleports:create", None),
            ("teleports:list", None),
        ] {
            assert_eq!(advice(dead).as_deref(), advised, "{dead}");
        }
    }

    #[test]
    fn known_action_is_never_dead() {
        for (dead, _) in DOCUMENTED.iter().chain(LIKELY) {
            assert_eq!(Action::custom(*dead).routes().next(), None, "{dead}");
        }
    }

    #[test]
    fn guide_lists_the_documented_actions_and_the_same_advice() {
        let guide = include_str!("../guide/server_versions.rs");
        let (_, section) = guide.split_once("# Documented actions that allow nothing").unwrap();
        let (section, _) = section.split_once("\n//! # ").unwrap();
        let mut listed = BTreeSet::new();
        for row in section.lines().filter(|line| line.starts_with("//! | `")) {
            let [dead, granted] = row.trim_start_matches("//! | ").split('|').collect::<Vec<_>>()[..2] else {
                panic!("not two cells: {row}");
            };
            let (dead, granted) = (actions(dead), actions(granted));
            let advised: String =
                dead.iter().map(|action| advice(action).unwrap_or_else(|| panic!("{action}"))).collect();
            assert!(granted.iter().all(|action| advised.contains(&format!("`{action}`"))), "{row}: {advised}");
            listed.extend(dead);
        }
        assert!(DOCUMENTED.iter().all(|(dead, _)| listed.contains(*dead)), "{listed:?}");
    }

    /// The actions in a cell, where `:get` after `analytics:list` is short for `analytics:get`.
    fn actions(cell: &str) -> Vec<String> {
        let mut resource = "";
        let texts = cell.split('`').skip(1).step_by(2);
        texts
            .map(|text| {
                let (named, verb) = text.split_once(':').unwrap();
                if !named.is_empty() {
                    resource = named;
                }
                format!("{resource}:{verb}")
            })
            .collect()
    }
}
