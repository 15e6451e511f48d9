//! Likely actions that allow nothing on any server, with the actions to grant instead.
//!
//! Most are from the public documentation (its pages on API keys for 0.23.1 to 30.2 were compared with the route
//! tables). The cause: the server computes an action from a request's method and path, not from the name of the
//! operation. `PUT` is `upsert`, so a route with `PUT` has no action `create`.

/// What to grant instead of an action that allows nothing, as the end of a sentence.
pub(super) fn advice(action: &str) -> Option<&'static str> {
    DEAD.iter().find_map(|(dead, advice)| (*dead == action).then_some(*advice))
}

#[rustfmt::skip] // one row, one line: it is a table
const DEAD: &[(&str, &str)] = &[
    // Documented.
    ("aliases:create", "grant `aliases:upsert`"),
    ("analytics:*", "grant `analytics/rules:*` and `analytics/events:create`"),
    ("analytics:create", "grant `analytics/rules:create` and `analytics/events:create`"),
    ("analytics:delete", "grant `analytics/rules:delete`"),
    ("analytics:get", "grant `analytics/rules:get`"),
    ("analytics:list", "grant `analytics/rules:list`"),
    ("curation_sets/items:create", "grant `curation_sets/items:upsert`"),
    ("curation_sets/items:list", "grant `curation_sets/items:get`"),
    ("documents:upsert", "grant `documents:create` (or `documents:import`), which upserts too"),
    ("overrides:create", "grant `overrides:upsert`"),
    ("stemming/dictionaries:create", "grant `stemming/dictionaries/import:create`"),
    ("stopwords:create", "grant `stopwords:upsert`"),
    ("synonym_sets/items:create", "grant `synonym_sets/items:upsert`"),
    ("synonym_sets/items:list", "grant `synonym_sets/items:get`"),
    ("synonym_sets:create", "grant `synonym_sets:upsert`"),
    ("synonyms:create", "grant `synonyms:upsert`"),
    // Not documented, but likely guesses.
    ("analytics:upsert", "grant `analytics/rules:upsert`"),
    ("curation_sets:create", "grant `curation_sets:upsert`"),
    ("documents:list", "grant `documents:search` or `documents:export`"),
    ("multi_search:*", "grant `documents:search`"),
    ("multi_search:create", "grant `documents:search`"),
    ("presets:create", "grant `presets:upsert`"),
    // The route exists from v26 on, but no action allows it.
    ("health_with_rusage:*", HEALTH_WITH_RUSAGE),
    ("health_with_rusage:list", HEALTH_WITH_RUSAGE),
];

const HEALTH_WITH_RUSAGE: &str = "only the bootstrap key and the key of `--health-rusage-api-key` allow that route";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;

    #[test]
    fn advice_names_only_actions_that_exist() {
        for (dead, advice) in DEAD {
            let named: Vec<_> = advice.split('`').skip(1).step_by(2).filter(|text| text.contains(':')).collect();
            assert_eq!(named.is_empty(), dead.starts_with("health_with_rusage"), "{dead}");
            for action in named {
                assert!(Action::custom(action).routes().next().is_some(), "{dead}: {action}");
            }
        }
    }

    #[test]
    fn known_action_is_never_dead() {
        for (dead, _) in DEAD {
            assert_eq!(Action::custom(*dead).routes().next(), None, "{dead}");
        }
    }
}
