//! Derived values: they need no store, and a higher generation rotates a key.

use std::time::{Duration, SystemTime};

use typesense_keys::plan::{Change, KeySpec, Plan, PlanKeys};
use typesense_keys::testing::{FakeServer, Fault, TestKey};
use typesense_keys::{CreateKey, EnsureKey, Error, Expiry, ExposeSecret, KeyId, KeysClient, SecretString, ValueRoot};

use crate::{client, start, start_hasty};

const DAY: Duration = Duration::from_secs(86_400);

fn root() -> ValueRoot {
    ValueRoot::new("an example root of over 32 bytes").unwrap()
}

/// The derived value.
fn value(label: &str, generation: u32) -> String {
    root().value(label, generation).expose_secret().to_owned()
}

fn create(client: &KeysClient) -> CreateKey {
    client.create().description("docs").actions(["documents:search"]).collections(["docs"])
}

fn ensure(client: &KeysClient) -> EnsureKey {
    client.ensure("docs").actions(["documents:search"]).collections(["docs"])
}

fn spec(description: &str, generation: u32) -> KeySpec {
    KeySpec::new(description).actions(["documents:search"]).collections(["docs"]).generation(generation)
}

/// A plan for the key `docs`.
fn plan(client: &KeysClient, generation: u32) -> PlanKeys<'static> {
    client.plan([spec("docs", generation)]).derived_values(&root())
}

/// A key as [`spec`] describes it.
fn seed(server: &FakeServer, value: impl Into<SecretString>, expires_at: Expiry) -> KeyId {
    let key = TestKey::new("docs", ["documents:search"], ["docs"]).expires_at(expires_at);
    server.seed(key.value(value)).unwrap()
}

/// The values of the keys, in the order of their ids.
fn values(server: &FakeServer) -> Vec<String> {
    let value = |id| server.value_of(id).unwrap().expose_secret().to_owned();
    server.keys().into_iter().map(|key| value(key.id)).collect()
}

fn changes(plan: &Plan) -> Vec<Change> {
    plan.keys().iter().map(|key| key.change).collect()
}

/// Less than a day ago, so that a run does not delete the key yet.
fn hours_ago() -> Expiry {
    Expiry::from(SystemTime::now() - DAY / 2)
}

#[test]
fn programs_that_share_a_root_agree_on_the_values_of_two_clusters() {
    for server in [FakeServer::start().unwrap(), FakeServer::start().unwrap()] {
        let client = client(&server);
        let created = create(&client).derived_value(&root(), "docs", 1).send().unwrap();
        assert_eq!(created.value.expose_secret(), value("docs", 1));
        // Any operation, run again, finds the key.
        let again = create(&client).derived_value(&root(), "docs", 1).send().unwrap();
        let ensured = ensure(&client).derived_value(&root(), "docs", 1).send().unwrap();
        let applied = plan(&client, 1).send().unwrap().apply().unwrap();
        let planned = applied.ensured().next().unwrap();
        assert_eq!([again.id, ensured.key.id, planned.key.id], [created.id; 3]);
        for kept in [&ensured, planned] {
            assert_eq!(kept.value.as_ref().unwrap().expose_secret(), value("docs", 1));
            assert!(!kept.created);
        }
        assert_eq!(values(&server), [value("docs", 1)]);
    }
}

#[test]
fn lost_response_leads_to_the_same_key() {
    for fault in [Fault::LoseResponse, Fault::ErrorAfter, Fault::ErrorBefore] {
        let (server, client) = start();
        server.fail(typesense_keys::testing::Operation::Create).with(fault);
        let key = create(&client).derived_value(&root(), "docs", 1).send().unwrap();
        assert_eq!((values(&server), key.id), (vec![value("docs", 1)], server.keys()[0].id));
    }
}

#[test]
fn plan_shows_no_derived_value_and_lists_those_of_new_keys_only() {
    let (server, client) = start_hasty();
    seed(&server, value("docs", 1), Expiry::NEVER);
    let plan = client.plan([spec("docs", 1), spec("blog", 1)]).derived_values(&root()).send().unwrap();
    assert_eq!(changes(&plan), [Change::Keep, Change::Create]);
    let planned: Vec<_> = plan.values().map(|(name, value)| (name, value.expose_secret().to_owned())).collect();
    assert_eq!(planned, [("blog", value("blog", 1))]);
    assert!(!format!("{plan:?} {plan:#}").contains(&value("blog", 1)));
}

#[test]
fn higher_generation_replaces_a_key_after_the_new_one_exists() {
    let (server, client) = start_hasty();
    let old = seed(&server, value("docs", 1), Expiry::NEVER);
    let refused = plan(&client, 2).send().unwrap();
    assert_eq!(changes(&refused), [Change::Drift]);
    let error = refused.apply().unwrap().failed().next().unwrap().1.to_string();
    assert!(error.contains("`generation` is 1, not 2; use `replace_on_drift`"), "{error}");
    assert_eq!(values(&server), [value("docs", 1)]);

    let planned = plan(&client, 2).replace_on_drift(true).send().unwrap();
    assert!(planned.to_string().starts_with("~ replace `docs`: key 0\n    generation: 1 -> 2\n"), "{planned}");
    let applied = planned.apply().unwrap();
    let ensured = applied.ensured().next().unwrap();
    assert_eq!((ensured.replaced.as_slice(), ensured.created), (&[old][..], true));
    assert_eq!(values(&server), [value("docs", 2)]);
}

#[test]
fn old_key_that_an_interrupted_rotation_has_left_is_deleted_by_the_next_run() {
    for by_plan in [false, true] {
        let (server, client) = start_hasty();
        let old = seed(&server, value("docs", 1), Expiry::NEVER);
        let new = seed(&server, value("docs", 2), Expiry::NEVER);
        let (kept, replaced) = if by_plan {
            let applied = plan(&client, 2).replace_on_drift(true).send().unwrap().apply().unwrap();
            let ensured = applied.ensured().next().unwrap();
            (ensured.key.id, ensured.replaced.clone())
        } else {
            let request = ensure(&client).derived_value(&root(), "docs", 2).replace_on_drift(true);
            let ensured = request.send().unwrap();
            (ensured.key.id, ensured.replaced)
        };
        assert_eq!((kept, replaced), (new, vec![old]));
        assert_eq!(values(&server), [value("docs", 2)]);
    }
}

#[test]
fn earlier_generation_never_replaces_a_later_one() {
    let (server, client) = start_hasty();
    for expiry in [Expiry::NEVER, hours_ago()] {
        let later = seed(&server, value("docs", 3), expiry);
        let planned = plan(&client, 2).replace_on_drift(true).send().unwrap();
        assert_eq!(changes(&planned), [Change::Drift], "{planned}");
        let error = ensure(&client).derived_value(&root(), "docs", 2).replace_on_drift(true).send().unwrap_err();
        assert!(error.to_string().contains("`generation` is 3, not 2; use"), "{error}");
        assert_eq!(values(&server), [value("docs", 3)]);
        server.remove(later);
    }
}

#[test]
fn key_whose_value_cannot_be_created_again_asks_for_a_higher_generation() {
    for (scope, expiry, why) in [
        ("documents:get", Expiry::NEVER, "the server does not change a key"),
        ("documents:search", hours_ago(), "it has expired"),
    ] {
        let (server, client) = start_hasty();
        let key = TestKey::new("docs", [scope], ["docs"]).value(value("docs", 1)).expires_at(expiry);
        let old = server.seed(key).unwrap();
        for replace in [false, true] {
            let planned = plan(&client, 1).replace_on_drift(replace).send().unwrap();
            let advice = format!("    generation: 1 ({why}) -> a higher one\n");
            assert_eq!(changes(&planned), [Change::Drift]);
            assert!(planned.to_string().contains(&advice), "{planned}");
            let request = ensure(&client).derived_value(&root(), "docs", 1).replace_on_drift(replace);
            let error = request.send().unwrap_err();
            assert!(matches!(error, Error::Drift { .. }) && error.to_string().contains(why), "{error}");
        }
        assert_eq!(values(&server), [value("docs", 1)]);
        let applied = plan(&client, 2).replace_on_drift(true).send().unwrap().apply().unwrap();
        assert!(applied.is_complete());
        // The expired key stays for a day, and is not counted as replaced.
        assert_eq!(server.value_of(old).is_some(), expiry != Expiry::NEVER);
        assert_eq!(values(&server).last(), Some(&value("docs", 2)));
    }
}

#[test]
fn key_of_another_origin_is_replaced_by_one_with_a_derived_value_if_that_is_permitted() {
    let (server, client) = start_hasty();
    seed(&server, "zzzz-generated", Expiry::NEVER);
    let planned = plan(&client, 1).send().unwrap();
    let shown = "! drift `docs`: key 0\n    generation: none: the value begins with `zzzz` -> 1\n";
    assert!(planned.to_string().starts_with(shown), "{planned}");
    let request = ensure(&client).derived_value(&root(), "docs", 1).replace_on_drift(true);
    assert_eq!(request.send().unwrap().replaced.len(), 1);
    assert_eq!(values(&server), [value("docs", 1)]);
}

/// A list shows only the prefix of a value: no key with the same prefix counts as the derived key, and none is deleted.
#[test]
fn keys_with_the_prefix_of_the_value_are_not_confused() {
    let (server, client) = start_hasty();
    let alike = |end: &str| format!("{}-{end}", &value("docs", 1)[..4]);
    let [one, other] = ["one", "other"].map(|end| seed(&server, alike(end), Expiry::NEVER));
    for replace in [false, true] {
        let planned = plan(&client, 1).replace_on_drift(replace).send().unwrap();
        assert_eq!(changes(&planned), [Change::Drift]);
        assert!(planned.to_string().contains("1 (another key begins in the same way) -> a higher one"), "{planned}");
        let request = ensure(&client).derived_value(&root(), "docs", 1).replace_on_drift(replace);
        assert!(matches!(request.send().unwrap_err(), Error::Drift { .. }));
    }
    assert_eq!(server.keys().len(), 2);
    // A higher generation has another prefix, so the next run replaces both keys.
    let request = ensure(&client).derived_value(&root(), "docs", 2).replace_on_drift(true);
    assert_eq!(request.send().unwrap().replaced, [one, other]);
}

/// These two labels were found by a search: both values begin with `HQjz`.
#[test]
fn two_labels_whose_values_have_the_same_prefix_have_a_key_each() {
    let labels = ["tenant 469", "tenant 1686"];
    assert!(labels.iter().all(|label| value(label, 1).starts_with("HQjz")));
    let (server, client) = start_hasty();
    let apply = |generation| {
        let specs = labels.map(|label| spec(label, generation));
        let plan = client.plan(specs).derived_values(&root()).replace_on_drift(true).send().unwrap();
        let changes = changes(&plan);
        assert!(plan.apply().unwrap().is_complete());
        changes
    };
    for generation in [1, 2] {
        assert_ne!(apply(generation), [Change::Keep; 2]);
        assert_eq!(apply(generation), [Change::Keep; 2]);
        let found: std::collections::BTreeSet<_> = values(&server).into_iter().collect();
        assert_eq!(found, labels.map(|label| value(label, generation)).into());
    }
}

#[test]
fn derived_value_that_cannot_be_used_is_refused_before_anything_is_sent() {
    let (server, client) = start_hasty();
    let derived = |label, generation| create(&client).derived_value(&root(), label, generation).send().map(drop);
    let planned = |spec: KeySpec| client.plan([spec]).derived_values(&root()).send().map(drop);
    for (result, field) in [
        (derived("", 1), "label"),
        (derived("docs", 0), "generation"),
        (derived("tenant 42", 20_068), "generation"),
        (create(&client).derived_value(&root(), "docs", 1).autodelete(true).send().map(drop), "autodelete"),
        (planned(spec("docs", 0)), "generation"),
        (planned(spec("docs", 1).autodelete(true)), "autodelete"),
        (client.plan([spec("docs", 1)]).send().map(drop), "generation"),
        (spec("docs", 0).validate(), "generation"),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { field: found, .. } if found == field), "{field}: {error}");
    }
    assert_eq!(server.request_count(), 0);
}

#[test]
fn generation_is_read_and_written_with_a_spec() {
    let text = r#"{"description":"docs","actions":["documents:search"],"collections":["docs"],"generation":2}"#;
    let read: KeySpec = serde_json::from_str(text).unwrap();
    assert_eq!(read, spec("docs", 2));
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    let error = serde_json::from_str::<KeySpec>(&text.replace('2', "0")).unwrap_err().to_string();
    assert!(error.starts_with("key `docs`: `generation`: is 0: the first one is 1"), "{error}");
}

#[test]
fn stored_value_of_ensure_is_used_once_and_found_again() {
    let (server, client) = start_hasty();
    let stored = typesense_keys::generate_value().unwrap();
    for created in [true, false] {
        let ensured = ensure(&client).stored_value(stored.clone()).send().unwrap();
        assert_eq!((ensured.created, server.key_count()), (created, 1));
        assert_eq!(ensured.value.unwrap().expose_secret(), stored.expose_secret());
    }
    // The existing key is kept; it has another value.
    let another = typesense_keys::generate_value().unwrap();
    let ensured = ensure(&client).stored_value(another).send().unwrap();
    assert!(ensured.value.is_none() && !ensured.created);
}

#[test]
fn stored_value_that_an_unwanted_key_may_have_is_not_created_again() {
    let (server, client) = start_hasty();
    let stored = typesense_keys::generate_value().unwrap();
    let key = TestKey::new("docs", ["documents:get"], ["docs"]).value(stored.clone());
    server.seed(key).unwrap();
    let before = server.keys();
    let error = ensure(&client).stored_value(stored).replace_on_drift(true).send().unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, Error::Drift { .. }) && said.contains("), not another; "), "{said}");
    assert_eq!(server.keys(), before);
    let another = typesense_keys::generate_value().unwrap();
    let ensured = ensure(&client).stored_value(another.clone()).replace_on_drift(true).send().unwrap();
    assert_eq!((ensured.replaced.len(), server.key_count()), (1, 1));
    assert_eq!(ensured.value.unwrap().expose_secret(), another.expose_secret());
}

/// A list shows only the prefix of the second key, which may have the value. So the value is created before the old key
/// is deleted: the server refuses the value if a key already has it.
#[test]
fn old_key_is_not_deleted_because_of_a_key_with_the_prefix_of_the_new_value() {
    for by_plan in [false, true] {
        let (server, client) = start_hasty();
        seed(&server, value("docs", 1), Expiry::NEVER);
        seed(&server, format!("{}-alike", &value("docs", 2)[..4]), Expiry::NEVER);
        let before = server.keys();
        let request = ensure(&client).derived_value(&root(), "docs", 2).replace_on_drift(true);
        let error = if by_plan {
            let applied = plan(&client, 2).replace_on_drift(true).send().unwrap().apply().unwrap();
            applied.failed().next().unwrap().1.to_string()
        } else {
            request.send().unwrap_err().to_string()
        };
        assert!(error.contains("`value` is another, which begins with"), "{error}");
        assert_eq!(server.keys(), before);
    }
}
