//! A key that expires soon gets a successor beside it. A replaced key can be kept for some time.

use std::time::Duration;

use typesense_keys::plan::{Change, KeySpec, Plan, PlanKeys};
use typesense_keys::testing::{FakeServer, TestKey};
use typesense_keys::{EnsureKey, Error, Expiry, ExposeSecret, KeyId, KeyInfo, KeysClient, ValueRoot};

use crate::{start, start_hasty};

const DAY: Duration = Duration::from_secs(86_400);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

fn ensure(client: &KeysClient) -> EnsureKey {
    let request = client.ensure("docs").actions(["documents:search"]).collections(["docs"]);
    request.expires_in(MONTH).renew_before(7 * DAY)
}

fn spec() -> KeySpec {
    let spec = KeySpec::new("docs").actions(["documents:search"]).collections(["docs"]);
    spec.expires_in(MONTH).renew_before(7 * DAY)
}

fn plan(client: &KeysClient) -> PlanKeys<'static> {
    client.plan([spec()])
}

/// A key with this scope that expires after this many days, or never.
fn seed(server: &FakeServer, days: Option<u32>, action: &str) -> KeyId {
    let expires_at = days.map_or(Expiry::NEVER, |days| Expiry::after(days * DAY));
    server.seed(TestKey::new("docs", [action], ["docs"]).expires_at(expires_at)).unwrap()
}

fn root() -> ValueRoot {
    ValueRoot::new("an example root of over 32 bytes").unwrap()
}

fn seed_derived(server: &FakeServer, generation: u32, days: u32) -> KeyId {
    let key = TestKey::new("docs", ["documents:search"], ["docs"]).value(root().value("docs", generation));
    server.seed(key.expires_at(Expiry::after(days * DAY))).unwrap()
}

fn ids(keys: &[KeyInfo]) -> Vec<KeyId> {
    keys.iter().map(|key| key.id).collect()
}

fn change(plan: &Plan) -> Change {
    plan.keys()[0].change
}

/// Runs `ensure` or a plan.
fn both(run: impl Fn(&FakeServer, &KeysClient, bool)) {
    for by_plan in [false, true] {
        let (server, client) = start_hasty();
        run(&server, &client, by_plan);
    }
}

/// Returns the key that stays, whether it is new, and the other keys.
fn run(client: &KeysClient, by_plan: bool) -> (KeyId, bool, Vec<KeyId>) {
    let applied;
    let ensured = if by_plan {
        applied = plan(client).send().unwrap().apply().unwrap();
        assert!(applied.is_complete());
        applied.ensured().next().unwrap()
    } else {
        &ensure(client).send().unwrap()
    };
    assert!(ensured.replaced.is_empty());
    (ensured.key.id, ensured.created, ensured.duplicates.clone())
}

#[test]
fn key_that_expires_soon_gets_one_successor_and_is_not_deleted() {
    both(|server, client, by_plan| {
        let old = seed(server, Some(6), "documents:search");
        let (new, created, others) = run(client, by_plan);
        assert!(created && new > old);
        assert_eq!(others, [old]);
        assert_eq!(run(client, by_plan), (new, false, vec![old]));
        assert_eq!(ids(&server.keys()), [old, new]);
    });
}

#[test]
fn key_that_does_not_expire_soon_is_kept() {
    both(|server, client, by_plan| {
        let key = seed(server, Some(8), "documents:search");
        assert_eq!(run(client, by_plan), (key, false, vec![]));
    });
}

#[test]
fn plan_shows_a_renewal_and_its_expiries() {
    let (server, client) = start_hasty();
    let old = seed(&server, Some(6), "documents:search");
    let planned = plan(&client).send().unwrap();
    assert_eq!((change(&planned), planned.has_changes()), (Change::Renew, true));
    let found = server.keys()[0].expires_at;
    let text = planned.to_string();
    assert!(text.starts_with(&format!("> renew `docs`: key {old}\n    expires_at: {found} -> ")), "{text}");
    assert!(
        text.contains(&format!("\n    key {old} is kept beside the new one\n1 to renew, 0 to create, ")),
        "{text}"
    );
    assert_eq!(planned.values().count(), 1);
    assert_eq!(serde_json::to_value(&planned).unwrap()["keys"][0]["change"], "renew");
}

/// The old key, which has the lowest id, expires soon.
#[test]
fn ensure_uses_the_new_key_of_a_rotation_that_keeps_the_old_one() {
    both(|server, client, by_plan| {
        let old = seed(server, Some(2), "documents:search");
        let new = client.rotate(old).keep_old(true).expires_in(MONTH).send().unwrap();
        assert_eq!(run(client, by_plan), (new.id, false, vec![old]));
    });
}

#[test]
fn key_of_another_scope_does_not_prevent_a_renewal() {
    both(|server, client, by_plan| {
        let other = seed(server, None, "documents:*");
        let old = seed(server, Some(6), "documents:search");
        let (new, created, others) = run(client, by_plan);
        assert!(created && new > old);
        assert_eq!(others, [other, old]);
    });
}

#[test]
fn error_about_a_derived_value_that_expires_soon_asks_for_a_higher_generation() {
    let (server, client) = start_hasty();
    let old = seed_derived(&server, 1, 6);
    let planned = plan(&client).derived_values(&root()).send().unwrap();
    assert_eq!(change(&planned), Change::Drift);
    assert!(planned.to_string().contains("generation: 1 (it expires soon) -> a higher one"), "{planned}");
    let error = ensure(&client).derived_value(&root(), "docs", 1).send().unwrap_err();
    assert!(matches!(error, Error::Drift { .. }), "{error}");

    // The key of the higher generation is created beside the old one, without `replace_on_drift`.
    let raised = client.plan([spec().generation(2)]).derived_values(&root()).send().unwrap();
    assert_eq!(change(&raised), Change::Renew);
    assert!(raised.to_string().contains("\n    generation: 1 -> 2\n"), "{raised}");
    let applied = raised.apply().unwrap();
    let ensured = applied.ensured().next().unwrap();
    assert_eq!(ensured.value.as_ref().unwrap().expose_secret(), root().value("docs", 2).expose_secret());
    assert_eq!((&*ensured.duplicates, server.key_count()), (&[old][..], 2));
    let again = client.plan([spec().generation(2)]).derived_values(&root()).send().unwrap();
    assert!(!again.has_changes(), "{again:#}");
}

#[test]
fn derived_value_that_does_not_expire_soon_is_replaced_only_if_that_is_permitted() {
    let (server, client) = start_hasty();
    seed_derived(&server, 1, 20);
    let raised = || client.plan([spec().generation(2)]).derived_values(&root());
    assert_eq!(change(&raised().send().unwrap()), Change::Drift);
    assert_eq!(change(&raised().replace_on_drift(true).send().unwrap()), Change::Replace);
}

#[test]
fn replaced_key_that_is_kept_is_deleted_by_the_next_run() {
    let (server, client) = start();
    let request = |keep_old: bool| ensure(&client).replace_on_drift(true).keep_old(keep_old);
    let old = seed(&server, None, "documents:*");
    let first = request(true).send().unwrap();
    assert!(first.created && first.replaced.is_empty());
    assert_eq!(first.duplicates, [old]);
    let second = request(true).send().unwrap();
    assert_eq!((second.key.id, second.created, second.duplicates.as_slice()), (first.key.id, false, &[old][..]));
    let third = request(false).send().unwrap();
    assert_eq!((third.key.id, third.created, third.replaced.as_slice()), (first.key.id, false, &[old][..]));
    assert_eq!(ids(&server.keys()), [first.key.id]);
}

#[test]
fn plan_shows_that_it_keeps_replaced_keys() {
    let (server, client) = start_hasty();
    let old = seed(&server, None, "documents:*");
    let request = |keep_old: bool| plan(&client).replace_on_drift(true).keep_old(keep_old).send().unwrap();
    let planned = request(true);
    assert_eq!(change(&planned), Change::Replace);
    assert!(planned.keys()[0].deletes.is_empty());
    assert!(planned.to_string().contains(&format!("\n    key {old} is kept beside the new one\n")), "{planned}");
    assert!(planned.apply().unwrap().is_complete());
    assert_eq!(server.key_count(), 2);
    assert_eq!(change(&request(true)), Change::Keep);
    assert!(!request(true).has_changes());
    let last = request(false);
    assert!(last.has_changes() && last.apply().unwrap().is_complete());
    assert_eq!(server.keys()[0].actions, ["documents:search"]);
    assert_eq!(server.key_count(), 1);
}

#[test]
fn invalid_renewal_is_refused_before_anything_is_sent() {
    let (server, client) = start_hasty();
    let plain = || client.ensure("docs").actions(["documents:search"]).collections(["docs"]);
    for (request, field) in [
        (plain().renew_before(DAY), "renew_before"),
        (plain().renew_before(DAY).expires_at(Expiry::after(MONTH)), "renew_before"),
        (plain().renew_before(DAY).expires_in(DAY), "renew_before"),
        (plain().renew_before(DAY).expires_in(DAY + Duration::from_secs(300)), "renew_before"),
        (ensure(&client).value("a-value-of-my-own"), "renew_before"),
        (plain().keep_old(true), "keep_old"),
    ] {
        let error = request.send().unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { field: found, .. } if found == field), "{field}: {error}");
    }
    let unexpiring = KeySpec::new("docs").actions(["documents:search"]).collections(["docs"]).renew_before(DAY);
    assert!(unexpiring.validate().is_err());
    for request in [plan(&client), client.plan([])] {
        assert!(request.keep_old(true).send().is_err());
    }
    assert_eq!(server.request_count(), 0);
}

#[test]
fn renewal_is_read_and_written_with_a_spec() {
    let text = concat!(
        r#"{"description":"docs","actions":["documents:search"],"collections":["docs"],"#,
        r#""expires_in":"90days","renew_before":"14days"}"#
    );
    let read: KeySpec = serde_json::from_str(text).unwrap();
    let scope = KeySpec::new("docs").actions(["documents:search"]).collections(["docs"]);
    assert_eq!(read, scope.expires_in(90 * DAY).renew_before(14 * DAY));
    assert_eq!(serde_json::from_str::<KeySpec>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
    for (bad, why) in [("14 dogs", "write a duration such as"), ("90days", "must be shorter than `expires_in`")] {
        let error = serde_json::from_str::<KeySpec>(&text.replace("14days", bad)).unwrap_err().to_string();
        assert!(error.starts_with("key `docs`: `renew_before`: ") && error.contains(why), "{error}");
    }
}

#[test]
fn keys_that_expire_within_a_duration_are_listed() {
    let (server, client) = start_hasty();
    let soon = seed(&server, Some(6), "documents:search");
    seed(&server, Some(8), "documents:search");
    seed(&server, None, "documents:search");
    let expired = TestKey::new("docs", ["documents:search"], ["docs"]).expires_at(Expiry::from_unix_seconds(1));
    server.seed(expired).unwrap();
    assert_eq!(ids(&client.list().expires_within(7 * DAY).send().unwrap()), [soon]);
    assert!(client.list().expires_within(Duration::MAX).send().unwrap().len() == 2);
}

#[test]
fn prepared_create_shows_when_its_key_expires() {
    let (_server, client) = start_hasty();
    let request = client.create().actions(["documents:search"]).collections(["docs"]);
    assert_eq!(request.clone().prepare().unwrap().expires_at(), Expiry::NEVER);
    let prepared = request.expires_in(DAY).prepare().unwrap();
    assert_eq!(prepared.send().unwrap().expires_at, prepared.expires_at());
}
