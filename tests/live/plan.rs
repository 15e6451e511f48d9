//! Plans, and many rotations and deletions in one batch.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use secrecy::SecretString;
use typesense_keys::plan::{ApplyEvent, Change, KeySpec, Plan};
use typesense_keys::{Action, CreatedKey, Error, KeyId, KeyInfo, KeysClient};

use crate::lifecycle::allows;
use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![
    applied_plan_leads_to_the_described_keys_and_then_nothing_is_left_to_do,
    drifted_key_is_replaced_only_if_asked_and_its_value_stops_working,
    clients_own_key_is_never_replaced_and_still_works,
    outdated_plan_is_refused_and_changes_nothing,
    prune_deletes_only_the_keys_that_its_rule_matches,
    rotate_many_replaces_each_key_and_delete_many_deletes_each,
];

/// A key that may list keys, which shows whether its value works.
fn spec(description: &str) -> KeySpec {
    KeySpec::new(description).actions([Action::KEYS_LIST]).collections(["docs"])
}

fn specs(prefix: &str, count: usize) -> Vec<KeySpec> {
    (0..count).map(|index| spec(&format!("{prefix} {index}"))).collect()
}

/// The keys whose description has this prefix.
fn keys_of(client: &KeysClient, prefix: &str) -> Vec<KeyInfo> {
    let mut keys = client.list().send().unwrap();
    keys.retain(|key| key.description.starts_with(prefix));
    keys
}

fn ids(keys: &[KeyInfo]) -> Vec<KeyId> {
    keys.iter().map(|key| key.id).collect()
}

fn changes(plan: &Plan) -> Vec<Change> {
    plan.keys().iter().map(|key| key.change).collect()
}

fn delete_all(client: &KeysClient, prefix: &str) {
    let requests = keys_of(client, prefix).into_iter().map(|key| client.delete(key.id));
    assert!(client.delete_many(requests).send().is_complete());
}

fn applied_plan_leads_to_the_described_keys_and_then_nothing_is_left_to_do(server: &Server) {
    let stage = Stage::new(server);
    let (client, prefix) = (stage.client(), unique("plan "));
    let plan = client.plan(specs(&prefix, 40)).send().unwrap();
    assert_eq!((changes(&plan), keys_of(client, &prefix).len()), (vec![Change::Create; 40], 0));
    let stored: BTreeMap<String, SecretString> =
        plan.values().map(|(description, value)| (description.to_owned(), value.clone())).collect();
    let mut created = Vec::new();
    let applied = plan.apply_with(|progress| {
        if let ApplyEvent::Created(key) = progress.event {
            created.push(key.id);
        }
        ControlFlow::Continue(())
    });
    let applied = applied.unwrap();
    assert!(applied.is_complete() && applied.ensured().all(|key| key.created && key.duplicates.is_empty()));

    let keys = keys_of(client, &prefix);
    created.sort();
    assert_eq!((ids(&keys), stored.len()), (created, 40));
    for key in &keys {
        let scope = (key.actions.as_slice(), key.collections[0].as_str(), key.expires_at.is_never());
        assert_eq!(scope, (&[Action::KEYS_LIST][..], "docs", true), "{key:?}");
        assert!(allows(&stage, &stored[&key.description]), "{key:?}");
    }
    let plan = client.plan(specs(&prefix, 40)).send().unwrap();
    assert!(!plan.has_changes() && plan.values().count() == 0, "{plan}");
    assert!(plan.apply().unwrap().ensured().map(|ensured| &ensured.key).eq(&sorted_by_spec(keys.clone(), &prefix)));
    assert_eq!(keys_of(client, &prefix), keys);
    delete_all(client, &prefix);
}

/// In the order of [`specs`].
fn sorted_by_spec(mut keys: Vec<KeyInfo>, prefix: &str) -> Vec<KeyInfo> {
    keys.sort_by_key(|key| key.description.strip_prefix(prefix).unwrap().trim().parse::<usize>().unwrap());
    keys
}

fn drifted_key_is_replaced_only_if_asked_and_its_value_stops_working(server: &Server) {
    let stage = Stage::new(server);
    let (client, prefix) = (stage.client(), unique("plan "));
    let wider = client.create().description(format!("{prefix} 0")).actions(["keys:*"]).collections(["docs"]);
    let old = stage.create(wider);

    let plan = client.plan(specs(&prefix, 2)).send().unwrap();
    assert_eq!(
        (changes(&plan), plan.keys()[0].differences[0].field),
        (vec![Change::Drift, Change::Create], "actions")
    );
    let applied = plan.apply().unwrap();
    assert!(matches!(applied.failed().next(), Some((_, Error::Drift { .. }))) && applied.ensured().count() == 0);
    assert!(allows(&stage, &old.value) && ids(&keys_of(client, &prefix)) == [old.id]);

    let applied = client.plan(specs(&prefix, 2)).replace_on_drift(true).send().unwrap().apply().unwrap();
    let [replacement, other] = applied.ensured().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((&replacement.replaced[..], &other.replaced[..]), (&[old.id][..], &[][..]));
    assert!(allows(&stage, replacement.value.as_ref().unwrap()) && !allows(&stage, &old.value));
    let mut expected = [replacement.key.id, other.key.id];
    expected.sort();
    assert_eq!(ids(&keys_of(client, &prefix)), expected);
    delete_all(client, &prefix);
}

fn clients_own_key_is_never_replaced_and_still_works(server: &Server) {
    let stage = Stage::new(server);
    let prefix = unique("plan ");
    let create = stage.client().create().description(format!("{prefix} 0")).actions(["keys:*"]);
    let admin = stage.create(create.collections(["*"]));
    let client = stage.client_with(&admin.value);
    let applied = client.plan(specs(&prefix, 2)).replace_on_drift(true).send().unwrap().apply().unwrap();
    let (_, error) = applied.failed().next().unwrap();
    assert!(matches!(error, Error::Drift { .. }) && error.to_string().contains("the client's own key"), "{error}");
    let error = client.ensure(format!("{prefix} 0")).actions([Action::KEYS_LIST]).collections(["docs"]);
    assert!(matches!(error.replace_on_drift(true).send(), Err(Error::Drift { .. })));
    assert_eq!(ids(&keys_of(&client, &prefix)), [admin.id]);
}

fn outdated_plan_is_refused_and_changes_nothing(server: &Server) {
    let stage = Stage::new(server);
    let (client, prefix) = (stage.client(), unique("plan "));
    let plan = client.plan(specs(&prefix, 1)).send().unwrap();
    let first = client.plan(specs(&prefix, 1)).send().unwrap().apply().unwrap();
    let applied = plan.apply().unwrap();
    assert!(matches!(applied.failed().next(), Some((_, Error::PlanOutdated { .. }))), "{applied:?}");
    assert_eq!(ids(&keys_of(client, &prefix)), [first.ensured().next().unwrap().key.id]);
    delete_all(client, &prefix);
}

fn prune_deletes_only_the_keys_that_its_rule_matches(server: &Server) {
    let stage = Stage::new(server);
    let (client, prefix) = (stage.client(), unique("plan "));
    assert!(client.plan(specs(&prefix, 3)).send().unwrap().apply().unwrap().is_complete());
    let other =
        stage.create(client.create().description(format!("other {prefix}")).actions(["keys:get"]).collections(["*"]));
    let keys = keys_of(client, &prefix);

    assert!(!client.plan(specs(&prefix, 1)).send().unwrap().has_changes(), "changes without `prune`");
    // The rule also matches the described key, which stays.
    let prune = || client.plan(specs(&prefix, 1)).prune(|key| key.description.starts_with(&prefix)).send().unwrap();
    let plan = prune();
    assert_eq!(changes(&plan), [Change::Keep, Change::Delete, Change::Delete]);
    let applied = plan.apply().unwrap();
    let (kept, unwanted): (Vec<_>, Vec<_>) =
        keys.into_iter().partition(|key| key.description == format!("{prefix} 0"));
    assert_eq!(applied.deleted().collect::<Vec<_>>(), ids(&unwanted));
    assert_eq!(keys_of(client, &prefix), kept);
    assert_eq!(client.get(other.id).send().unwrap(), other.info());
    assert!(!prune().has_changes());
    delete_all(client, &prefix);
}

fn rotate_many_replaces_each_key_and_delete_many_deletes_each(server: &Server) {
    let stage = Stage::new(server);
    let (client, prefix) = (stage.client(), unique("many "));
    let create = |index| {
        let request = client.create().description(format!("{prefix} {index}")).actions([Action::KEYS_LIST]);
        stage.create(request.collections(["docs"]))
    };
    let old: Vec<CreatedKey> = (0..20).map(create).collect();
    let gone = old[7].id;
    client.delete(gone).send().unwrap();

    let mut seen = Vec::new();
    let requests = old.iter().map(|key| client.rotate(key.id).prepare().unwrap());
    let batch = client.rotate_many(requests).keep_going(true).send_with(|progress| {
        seen.push((progress.index, progress.done, progress.total));
        ControlFlow::Continue(())
    });
    assert!(seen.iter().map(|(_, done, total)| (*done, *total)).eq((1..=20).map(|done| (done, 20))));
    let failed: Vec<_> =
        batch.failed().map(|(index, error)| (index, matches!(error, Error::NotFound { .. }))).collect();
    assert_eq!(failed, [(7, true)]);
    let new: BTreeMap<usize, &CreatedKey> = batch.succeeded().collect();
    for (index, new) in &new {
        let old = &old[*index];
        let scope = |key: &CreatedKey| (key.description.clone(), key.actions.clone(), key.collections.clone());
        assert_eq!(scope(new), scope(old));
        assert!(allows(&stage, &new.value) && !allows(&stage, &old.value), "{new:?}");
    }
    let mut expected: Vec<KeyId> = new.values().map(|key| key.id).collect();
    expected.sort();
    assert_eq!((ids(&keys_of(client, &prefix)), expected.len()), (expected.clone(), 19));

    let (all, some) = (expected.clone(), &expected[..10]);
    let batch = client.delete_many(some.iter().map(|id| client.delete(*id))).send();
    assert_eq!(batch.into_outputs().unwrap(), some);
    assert_eq!(ids(&keys_of(client, &prefix)), expected[10..]);
    // Keys that still exist, and keys that are already deleted.
    let strict = client.delete_many(some[..1].iter().map(|id| client.delete(*id))).send();
    assert!(matches!(strict.failed().next(), Some((0, Error::NotFound { .. }))));
    let batch = client.delete_many(all.iter().map(|id| client.delete(*id).ignore_missing(true))).send();
    assert_eq!((batch.is_complete(), keys_of(client, &prefix).len()), (true, 0));
    assert!(new.values().all(|key| !allows(&stage, &key.value)));
}
