use super::*;
use ServerVersion as V;

#[track_caller]
fn refused(text: &str, why: &str) {
    assert_eq!(text.parse::<Action>().map_err(|error| error.to_string()), Err(why.to_owned()));
}

#[test]
fn text_that_a_server_matches_is_accepted() {
    for good in ["documents:search", "documents:*", "*", "synonym_sets/items:*", "keys:update"] {
        assert_eq!(good.parse(), Ok(Action::custom(good)), "{good}");
    }
    assert!(Action::known().iter().all(|known| known.validate().is_ok()));
}

#[test]
fn misspelled_action_is_refused_with_the_right_spelling() {
    let unknown = "is not an action of any known server (`Action::custom` accepts those of newer servers)";
    for (typo, meant) in [
        ("documents:serach", "documents:search"),
        ("document:*", "documents:*"),
        ("documentsearch:lst", ""),
        ("docments:serch", "documents:search"),
        ("aliases:gett", "aliases:get"),
        ("dócuments:get", "documents:get"),
        ("teleports:create", ""),
    ] {
        match meant {
            "" => refused(typo, &format!("`{typo}` {unknown}")),
            meant => refused(typo, &format!("`{typo}` {unknown}; did you mean `{meant}`?")),
        }
    }
}

#[test]
fn dead_action_is_refused_with_its_replacement() {
    refused(
        "analytics:*",
        "`analytics:*` allows nothing on any server; grant `analytics/rules:*` and `analytics/events:create`",
    );
    refused(
        "health_with_rusage:list",
        "`health_with_rusage:list` allows nothing on any server; only the bootstrap key and the key of \
         `--health-rusage-api-key` allow that route",
    );
}

#[test]
fn malformed_action_is_refused_even_as_custom() {
    for hopeless in ["", "search", "a:b:c", "collections:*, documents:*", ":get", "keys:", "a b:get", "**", "a\n:get"]
    {
        assert!(Action::custom(hopeless).check_form().is_err(), "{hopeless:?}");
        assert!(Action::custom(hopeless).validate().is_err(), "{hopeless:?}");
        assert!(Action::custom(hopeless).is_dead(), "{hopeless:?}");
    }
}

#[test]
fn equal_actions_of_any_origin_behave_alike() {
    for text in ["documents:search", "teleports:create", "documents:serach", "aliases:create", "a:b, c:d", "*"] {
        let custom = Action::custom(text);
        let read: Action = serde_json::from_str(&serde_json::to_string(&custom).unwrap()).unwrap();
        for other in [read, custom.clone(), (&custom).into()] {
            assert_eq!(other, custom);
            assert_eq!(other.check_form(), custom.check_form());
            assert_eq!(other.validate(), custom.validate());
        }
        assert!(custom == text);
    }
    assert!(Action::custom("teleports:create").check_form().is_ok());
}

#[test]
fn wildcard_allows_every_route_of_its_resource() {
    let routes = |action: &str| Action::custom(action).routes().count();
    assert_eq!((routes("keys:list"), routes("keys:*"), routes("keys:lst")), (1, 5, 0));
    assert_eq!(routes("curation_sets:*"), 4, "not those of `curation_sets/items`");
    assert_eq!(routes("limits:*"), 5, "not those of `limits/active`");
    assert_eq!((routes(":*"), routes("key:*"), routes("a:b:*"), routes("k*")), (0, 0, 0, 0));
    for known in Action::known() {
        assert_eq!(Action::known().iter().filter(|other| known.covers(other)).count(), 1, "{known}");
        assert!(Action::ALL.covers(known) && known.whole_resource().is_none());
    }
    assert!(Action::custom("limits:*").covers(&Action::LIMITS_GET));
    assert!(!Action::custom("limits:*").covers(&Action::LIMITS_ACTIVE_LIST));
}

/// Counted in the server's source, without `GET /health_with_rusage` (from v26 on), which no action allows.
#[test]
fn every_server_has_as_many_routes_as_in_its_source() {
    for (version, routes) in
        [(V::V0_24, 50), (V::V0_25, 63), (V::V26, 75), (V::V27, 73), (V::V28, 83), (V::V29, 90), (V::V30, 100)]
    {
        assert_eq!(Action::ALL.routes_on(version).collect::<BTreeSet<_>>().len(), routes, "{version}");
    }
}

#[test]
fn action_of_some_versions_knows_its_versions() {
    let next = V::AFTER_V30_2;
    let versions: &[(&[&str], V, Option<V>)] = &[
        (&["clear", "compact", "snapshot", "vote"], V::V0_24, Some(V::V26)),
        (&["overrides", "synonyms"], V::V0_24, Some(V::V30)),
        (&["proxy"], V::V0_25, None),
        (&["rules", "events", "active", "exceeds", "reset_peers"], V::V0_25, Some(V::V26)),
        (&["analytics/rules", "limits/active", "limits/exceeds", "stopwords"], V::V26, None),
        (&["operations/cache/clear", "operations/db/compact", "operations/reset_peers"], V::V26, None),
        (&["operations/snapshot", "operations/vote", "conversations/models", "analytics/events"], V::V26, None),
        (&["conversations"], V::V26, Some(V::V27)),
        (&["analytics/aggregate_events"], V::V27, None),
        (&["personalization/models", "operations/schema_changes"], V::V28, None),
        (&["stemming/dictionaries", "stemming/dictionaries/import"], V::V28, None),
        (&["nl_search_models", "proxy_sse"], V::V29, None),
        (&["synonym_sets", "synonym_sets/items", "curation_sets", "curation_sets/items"], V::V30, None),
        (&["analytics/flush", "analytics/status"], V::V30, None),
    ];
    let exceptions = [
        ("overrides:list", V::V0_24, Some(V::V26)),
        ("synonyms:list", V::V0_24, Some(V::V26)),
        ("conversations/models:upsert", V::V27, None),
        ("analytics/events:list", V::V28, None),
        ("stemming/dictionaries:delete", V::V29, None),
        ("operations/schema_changes:get", V::V30, None),
        ("keys:update", next, None),
    ];
    for known in Action::known() {
        let resource = known.as_str().split(':').next().unwrap();
        let by_resource = versions.iter().find(|(resources, ..)| resources.contains(&resource));
        let by_resource = by_resource.map_or((V::V0_24, None), |(_, since, until)| (*since, *until));
        let exception = exceptions.iter().find(|(action, ..)| known == action);
        let (since, until) = exception.map_or(by_resource, |(_, since, until)| (*since, *until));
        assert_eq!((known.since(), known.until()), (Some(since), until), "{known}");
    }
    for (resources, since, until) in versions {
        for resource in *resources {
            let whole = Action::custom(format!("{resource}:*"));
            assert_eq!((whole.since(), whole.until()), (Some(*since), *until), "{whole}");
        }
    }
    assert_eq!((Action::ALL.since(), Action::ALL.until()), (Some(V::V0_24), None));
    let unknown = Action::custom("teleports:create");
    assert_eq!((unknown.since(), unknown.until()), (None, None));
}

#[test]
fn routes_change_with_the_version() {
    let routes = |action: &Action, version| action.routes_on(version).count();
    assert_eq!((routes(&Action::DOCUMENTS_UPDATE, V::V0_24), routes(&Action::DOCUMENTS_UPDATE, V::V0_25)), (1, 2));
    let counts = [V::V0_25, V::V26, V::V29, V::V30].map(|version| routes(&Action::OVERRIDES_GET, version));
    assert_eq!(counts, [1, 2, 2, 0]);
    let counts = [V::V30, V::new(30, 2), V::AFTER_V30_2, V::new(31, 0)];
    assert_eq!(counts.map(|version| routes(&Action::KEYS_UPDATE, version)), [0, 0, 1, 1]);
}

#[test]
fn action_that_a_version_lacks_has_replacements() {
    for (action, version, expected) in [
        ("overrides:upsert", V::V30, "curation_sets/items:upsert curation_sets:upsert"),
        ("overrides:list", V::V27, "overrides:get"),
        ("overrides:list", V::V30, "curation_sets/items:get curation_sets:get"),
        ("synonyms:*", V::V30, "synonym_sets/items:* synonym_sets:*"),
        ("synonym_sets:upsert", V::V29, "synonyms:upsert"),
        ("snapshot:create", V::V28, "operations/snapshot:create"),
        ("operations/snapshot:create", V::V0_24, "snapshot:create"),
        ("rules:*", V::V26, "analytics/rules:*"),
        ("operations/schema_changes:get", V::V29, ""),
        ("conversations:get", V::V27, ""),
        ("keys:update", V::V30, ""),
    ] {
        let action = Action::custom(action);
        assert!(action.is_foreign_to(version), "{action} {version}");
        let replacements: Vec<_> = action.replacements_on(version).iter().map(Action::to_string).collect();
        assert_eq!(replacements.join(" "), expected, "{action} {version}");
    }
    assert!(!Action::ALL.is_foreign_to(V::V30));
    assert!(!Action::custom("overrides:*").is_foreign_to(V::V29));
    assert!(!Action::custom("teleports:create").is_foreign_to(V::V29), "it is not known at all");
}

#[test]
fn successors_are_known_actions() {
    for row in TABLE {
        for successor in row.successors {
            assert!(Action::known().iter().any(|known| known == successor), "{successor}");
        }
    }
}

#[test]
fn collections_limit_actions_on_collections() {
    for limited in ["documents:search", "collections:create", "collections:get", "overrides:get", "documents:*"] {
        assert!(Action::custom(limited).is_limited_by_collections(None), "{limited}");
        assert!(Action::custom(limited).not_limited_by_collections(None).is_empty(), "{limited}");
    }
    for partly in ["*", "collections:*"] {
        let partly = Action::custom(partly);
        assert!(!partly.is_limited_by_collections(None) && partly.acts_in_collections(None), "{partly}");
    }
    for unlimited in ["collections:list", "keys:get", "aliases:upsert", "presets:*", "synonym_sets:*"] {
        let unlimited = Action::custom(unlimited);
        assert!(!unlimited.acts_in_collections(None), "{unlimited}");
        assert_eq!(unlimited.not_limited_by_collections(None), [unlimited]);
    }
    assert_eq!(Action::custom("collections:*").not_limited_by_collections(None), [Action::COLLECTIONS_LIST]);
    let unknown = Action::custom("teleports:create");
    assert!(!unknown.is_limited_by_collections(None) && unknown.not_limited_by_collections(None).is_empty());
    assert!(Action::HEALTH_LIST.not_limited_by_collections(None).is_empty(), "it needs no key");
}

#[test]
fn list_of_collections_is_limited_from_v27_on() {
    for (version, is_limited) in [(V::V0_24, false), (V::V26, false), (V::V27, true), (V::V30, true)] {
        for action in ["collections:list", "collections:*"] {
            assert_eq!(
                Action::custom(action).is_limited_by_collections(Some(version)),
                is_limited,
                "{action} {version}"
            );
        }
    }
}

#[test]
fn only_an_action_of_an_unknown_resource_is_not_dead() {
    for dead in
        ["documents:serach", "document:get", "aliases:create", "analytics:*", "health_with_rusage:list", "a:b, c:d"]
    {
        assert!(Action::custom(dead).is_dead(), "{dead}");
    }
    for alive in
        ["teleports:create", "*", "operations/schema_changes:get", "operations/schema_changes:list", "rules:get"]
    {
        assert!(!Action::custom(alive).is_dead(), "{alive}");
    }
}
