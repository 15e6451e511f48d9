//! Keys as code. A plan shows differences and changes nothing. Applying it leads to exactly the described keys, each
//! created once, whatever fails.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use typesense_keys::plan::{Applied, ApplyEvent, Change, KeySpec, Plan};
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};
use typesense_keys::{Action, CollectionPattern, Error, ErrorKind, Expiry, KeyId, KeyInfo, KeysClient};

use crate::support::time::{wait_until, with_enough_time};
use crate::{hasty, start_hasty};

fn spec(description: &str) -> KeySpec {
    KeySpec::new(description).actions(["documents:search"]).collections(["docs"])
}

fn specs(count: usize) -> Vec<KeySpec> {
    (0..count).map(|index| spec(&format!("key {index}"))).collect()
}

/// A key as [`spec`] describes it.
fn wanted(description: &str) -> TestKey {
    TestKey::new(description, ["documents:search"], ["docs"])
}

fn drifted(description: &str) -> TestKey {
    TestKey::new(description, ["documents:*"], ["docs"])
}

fn descriptions(server: &FakeServer) -> Vec<String> {
    server.keys().into_iter().map(|key| key.description).collect()
}

fn changes(plan: &Plan) -> Vec<Change> {
    plan.keys().iter().map(|key| key.change).collect()
}

fn deletes(plan: &Plan) -> Vec<KeyId> {
    plan.keys().iter().flat_map(|planned| &planned.deletes).map(|key| key.id).collect()
}

fn errors(applied: &Applied) -> Vec<(&str, String)> {
    applied.failed().map(|(description, error)| (description, error.to_string())).collect()
}

#[test]
fn plan_lists_once_and_changes_nothing() {
    let server = FakeServer::start().unwrap();
    server.seed(drifted("key 1")).unwrap();
    let before = server.keys();
    let plan = hasty(&server).plan(specs(3)).replace_on_drift(true).prune(|_| true).send().unwrap();
    assert_eq!(changes(&plan), [Change::Create, Change::Replace, Change::Create]);
    assert_eq!((server.keys(), server.request_count()), (before, 1));
}

#[test]
fn applied_plan_leads_to_the_described_keys_and_then_nothing_is_left_to_do() {
    let (server, client) = start_hasty();
    let mut values = BTreeMap::new();
    let applied = client.plan(specs(20)).send().unwrap().apply_with(|progress| {
        if let ApplyEvent::Created(key) = progress.event {
            assert_eq!(key.description, progress.description);
            values.insert(key.id, key.value.expose_secret().to_owned());
        }
        ControlFlow::Continue(())
    });
    let applied = applied.unwrap();
    assert!(applied.is_complete() && applied.failed().count() == 0 && applied.not_started().count() == 0);
    let mut described = descriptions(&server);
    described.sort();
    let mut expected: Vec<_> = (0..20).map(|index| format!("key {index}")).collect();
    expected.sort();
    assert_eq!(described, expected);
    for (index, ensured) in applied.ensured().enumerate() {
        assert_eq!(ensured.key.description, format!("key {index}"), "not in the order of the specs");
        let value = ensured.value.as_ref().unwrap().expose_secret();
        assert_eq!(server.value_of(ensured.key.id).unwrap().expose_secret(), value);
        assert_eq!(values[&ensured.key.id], value);
        assert!(ensured.created && ensured.replaced.is_empty() && ensured.duplicates.is_empty());
    }

    let sent = server.request_count();
    let plan = client.plan(specs(20)).send().unwrap();
    assert!(!plan.has_changes() && plan.values().count() == 0);
    let applied = plan.apply().unwrap();
    assert!(applied.is_complete() && applied.ensured().all(|key| !key.created && key.value.is_none()));
    assert_eq!(server.request_count(), sent + 1, "more than one list for the plan and its application");
}

#[test]
fn values_are_known_before_their_keys_exist() {
    let server = FakeServer::start().unwrap();
    server.seed(wanted("key 0")).unwrap();
    server.seed(drifted("key 1")).unwrap();
    let plan = hasty(&server).plan(specs(3)).replace_on_drift(true).send().unwrap();
    let stored: BTreeMap<String, SecretString> =
        plan.values().map(|(description, value)| (description.to_owned(), value.clone())).collect();
    assert_eq!(stored.keys().collect::<Vec<_>>(), ["key 1", "key 2"]);
    assert!(plan.apply().unwrap().is_complete());
    for key in server.keys().iter().filter(|key| key.description != "key 0") {
        let value = server.value_of(key.id).unwrap();
        assert_eq!(stored[&key.description].expose_secret(), value.expose_secret());
    }
}

#[test]
fn drifted_key_is_reported_and_nothing_is_changed_unless_it_may_be_replaced() {
    let server = FakeServer::start().unwrap();
    server.seed(drifted("key 1")).unwrap();
    let before = server.keys();
    let plan = hasty(&server).plan(specs(3)).send().unwrap();
    assert_eq!(changes(&plan), [Change::Create, Change::Drift, Change::Create]);
    assert!(plan.has_changes());
    let differences = &plan.keys()[1].differences;
    assert_eq!((differences.len(), differences[0].field), (1, "actions"));
    let applied = plan.apply().unwrap();
    assert!(matches!(applied.failed().next(), Some(("key 1", Error::Drift { .. }))));
    assert_eq!(applied.not_started().collect::<Vec<_>>(), ["key 0", "key 2"]);
    assert_eq!(server.keys(), before);

    let applied = hasty(&server).plan(specs(3)).keep_going(true).send().unwrap().apply().unwrap();
    assert_eq!((applied.failed().count(), applied.ensured().count()), (1, 2));
    assert!(before.iter().all(|key| server.keys().contains(key)));
}

#[test]
fn replaced_key_is_deleted_after_its_replacement_is_known() {
    let server = FakeServer::start().unwrap();
    let old = server.seed(drifted("key 0")).unwrap();
    let plan = hasty(&server).plan(specs(1)).replace_on_drift(true).send().unwrap();
    assert_eq!((plan.keys()[0].change, deletes(&plan)), (Change::Replace, vec![old]));
    let applied = plan.apply().unwrap();
    let new = applied.ensured().next().unwrap();
    assert_eq!(new.replaced, [old]);
    assert_eq!(server.keys().iter().map(|key| key.id).collect::<Vec<_>>(), [new.key.id]);

    // If a node cannot confirm the new key, the old one stays.
    with_enough_time(Duration::from_millis(300), |timeout| {
        let server = FakeServer::start().unwrap();
        let old = server.seed(drifted("key 0")).unwrap();
        let request = hasty(&server).plan(specs(1)).replace_on_drift(true).timeout(timeout);
        let plan = request.send().map_err(|error| error.to_string())?;
        // The first `get` is for the old key, the second checks whether each node is available.
        for nth in 3..60 {
            server.fail(Operation::Get).nth(nth).with(Fault::ErrorBefore);
        }
        let applied = plan.apply().map_err(|error| error.to_string())?;
        assert!(server.value_of(old).is_some());
        match applied.failed().next().unwrap().1 {
            error @ Error::Incomplete(_) if error.value().is_some() => Ok(()),
            error => Err(error.to_string()),
        }
    });
}

#[test]
fn duplicates_are_reported_and_not_deleted() {
    let server = FakeServer::start().unwrap();
    let ids = [wanted("key 0"), wanted("key 0")].map(|key| server.seed(key).unwrap());
    let plan = hasty(&server).plan(specs(1)).send().unwrap();
    assert_eq!((plan.keys()[0].change, plan.keys()[0].duplicates.as_slice()), (Change::Keep, &ids[1..]));
    let applied = plan.apply().unwrap();
    assert_eq!(applied.ensured().next().unwrap().duplicates, ids[1..]);
    assert_eq!(server.key_count(), 2);
}

#[test]
fn key_with_the_same_description_that_allows_more_is_a_drift_unless_prune_covers_it() {
    let server = FakeServer::start().unwrap();
    let [kept, wider] = [wanted("key 0"), TestKey::new("key 0", ["*"], ["*"])].map(|key| server.seed(key).unwrap());
    let client = hasty(&server);
    for replace_on_drift in [false, true] {
        let plan = client.plan(specs(1)).replace_on_drift(replace_on_drift).send().unwrap();
        assert!(plan.has_changes(), "{plan}");
        assert_eq!((plan.keys()[0].change, plan.keys()[0].key.as_ref().unwrap().id), (Change::Drift, wider));
        assert!(plan.to_string().ends_with("0 to delete, 1 drifted, 0 to keep"), "{plan}");
        let applied = plan.apply().unwrap();
        assert!(!applied.is_complete());
        assert!(errors(&applied)[0].1.contains("delete it, or let `prune` cover it"), "{:?}", errors(&applied));
        assert_eq!(server.key_count(), 2);
    }
    let plan = client.plan(specs(1)).prune(|key| key.description.starts_with("key ")).send().unwrap();
    assert_eq!((plan.keys()[0].change, deletes(&plan)), (Change::Keep, vec![wider]));
    assert!(plan.to_string().ends_with("1 to delete, 0 drifted, 1 to keep"), "{plan}");
    assert!(plan.apply().unwrap().is_complete());
    assert_eq!(server.keys().iter().map(|key| key.id).collect::<Vec<_>>(), [kept]);
}

#[test]
fn key_that_expired_long_ago_is_deleted_when_its_successor_exists() {
    let hours_ago = |hours: u64| Expiry::from(SystemTime::now() - Duration::from_secs(hours * 3_600));
    let server = FakeServer::start().unwrap();
    let long_ago = server.seed(wanted("key 0").expires_at(hours_ago(48))).unwrap();
    let just_now = server.seed(wanted("key 0").expires_at(hours_ago(1))).unwrap();
    let applied = hasty(&server).plan(specs(1)).send().unwrap().apply().unwrap();
    let ensured = applied.ensured().next().unwrap();
    assert_eq!(
        (ensured.created, &ensured.replaced[..], &ensured.duplicates[..]),
        (true, &[long_ago][..], &[just_now][..])
    );

    // Also beside a key that is kept.
    let long_ago = server.seed(wanted("key 0").expires_at(hours_ago(72))).unwrap();
    let plan = hasty(&server).plan(specs(1)).send().unwrap();
    assert!(plan.has_changes() && plan.keys()[0].change == Change::Keep && deletes(&plan) == [long_ago]);
    assert!(plan.apply().unwrap().is_complete());
    assert!(server.value_of(long_ago).is_none());
}

#[test]
fn only_keys_that_the_rule_matches_are_pruned() {
    let server = FakeServer::start().unwrap();
    let ids = ["app: old", "key 0", "other"].map(|description| server.seed(wanted(description)).unwrap());
    let client = hasty(&server);
    assert!(!client.plan(specs(1)).send().unwrap().has_changes(), "changes without `prune`");
    // A described key is never pruned.
    let prune = |client: &KeysClient| client.plan(specs(1)).prune(|key| key.description != "other").send().unwrap();
    let plan = prune(&client);
    assert_eq!(changes(&plan), [Change::Keep, Change::Delete]);
    let mut deleted = Vec::new();
    let applied = plan.apply_with(|progress| {
        if let ApplyEvent::Deleted(id) = progress.event {
            deleted.push((id, progress.description.to_owned(), progress.done, progress.total));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(applied.unwrap().deleted().collect::<Vec<_>>(), [ids[0]]);
    assert_eq!(deleted, [(ids[0], "app: old".to_owned(), 1, 1)]);
    assert_eq!(descriptions(&server), ["key 0", "other"]);
    assert!(!prune(&client).has_changes());
}

#[test]
fn key_that_may_be_the_clients_own_is_never_pruned() {
    let server = FakeServer::start().unwrap();
    let admin =
        hasty(&server).create().description("deploy").actions([Action::ALL]).collections(["*"]).send().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(admin.value.clone()).build().unwrap();
    let plan = client.plan(Vec::new()).prune(|_| true).send().unwrap();
    assert!(!plan.has_changes(), "{plan}");

    // The client's own key has listed the keys, so a key that may not list keys is another one.
    let other = TestKey::new("docs", ["documents:search"], ["docs"]);
    let other = server.seed(other.value(format!("{}-another", &admin.value.expose_secret()[..4]))).unwrap();
    let applied = client.plan(Vec::new()).prune(|_| true).send().unwrap().apply().unwrap();
    assert_eq!(applied.deleted().collect::<Vec<_>>(), [other]);
}

#[test]
fn key_that_may_be_the_clients_own_is_never_replaced() {
    let server = FakeServer::start().unwrap();
    let create = |description| hasty(&server).create().description(description).actions(["keys:*"]);
    let admin = create("deploy").collections(["*"]).send().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(admin.value.clone()).build().unwrap();
    let before = server.keys();
    let specs = || [spec("deploy"), spec("docs")];
    let plan = client.plan(specs()).replace_on_drift(true).send().unwrap();
    assert_eq!(changes(&plan), [Change::Drift, Change::Create]);
    assert!(
        plan.to_string()
            .contains("\n    client's own key: perhaps the client's own key, which has the same prefix -> another"),
        "{plan}"
    );
    let applied = plan.apply().unwrap();
    let (_, error) = applied.failed().next().unwrap();
    assert!(matches!(error, Error::Drift { .. }), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("; it may be the client's own key, which is never replaced: use a client with another key"),
        "{error}"
    );
    assert_eq!(server.keys(), before);

    let ensure = |client: &KeysClient| client.ensure("deploy").actions(["documents:search"]).collections(["docs"]);
    let error = ensure(&client).replace_on_drift(true).send().unwrap_err();
    assert!(matches!(error, Error::Drift { .. }), "{error}");
    assert_eq!(server.keys(), before);
    // A client with another key can replace it.
    let ensured = ensure(&hasty(&server)).replace_on_drift(true).send().unwrap();
    assert_eq!(ensured.replaced, [admin.id]);
}

#[test]
fn key_that_may_be_the_clients_own_is_not_deleted_although_it_seems_to_have_expired() {
    let server = FakeServer::start().unwrap();
    let days_ago = Expiry::from(SystemTime::now() - Duration::from_secs(2 * 86_400));
    let admin = server.seed(TestKey::new("admin", [Action::ALL], ["*"]).value("dply-admin")).unwrap();
    // The client lists the keys, so its own key allows that.
    let seed =
        |actions, value| server.seed(TestKey::new("key 0", [actions], ["docs"]).value(value).expires_at(days_ago));
    let expired = [seed("keys:*", "dply-expired").unwrap(), seed("of:newer-servers", "dply-newer").unwrap()];
    let cannot_list = seed("documents:*", "dply-another").unwrap();
    let client = KeysClient::builder().node(server.url()).api_key("dply-admin").build().unwrap();
    let applied = client.plan(specs(1)).send().unwrap().apply().unwrap();
    let ensured = applied.ensured().next().unwrap();
    assert_eq!((&ensured.replaced[..], &ensured.duplicates[..]), (&[cannot_list][..], &expired[..]));
    assert!(server.value_of(admin).is_some());
}

#[test]
fn key_that_has_changed_since_the_plan_is_refused() {
    let outdated = |change: fn(&FakeServer, KeyId), spec: KeySpec| {
        let server = FakeServer::start().unwrap();
        let id = server.seed(drifted("key 0")).unwrap();
        let request = hasty(&server).plan([spec]).replace_on_drift(true);
        let plan = request.prune(|key| key.description == "key 0").send().unwrap();
        change(&server, id);
        let before = server.keys();
        let applied = plan.apply().unwrap();
        let error = applied.failed().next().map(|(_, error)| error.to_string());
        assert!(error.is_none() || server.keys() == before, "{error:?}");
        error
    };
    let described = || spec("key 0");
    let gone = |server: &FakeServer, id| assert!(server.remove(id));
    let replaced = |server: &FakeServer, _| assert!(server.seed(wanted("key 0")).is_ok());
    let another = |server: &FakeServer, _| assert!(server.seed(drifted("key 0")).is_ok());
    let error = outdated(gone, described()).unwrap();
    assert!(error.starts_with("the plan for `key 0` is outdated: it says: ~ replace `key 0`: key 0, "), "{error}");
    assert!(error.ends_with("make a new plan") && !error.contains('\n'), "more than one line: {error}");
    assert!(outdated(replaced, described()).is_some());
    assert!(outdated(another, described()).is_some());
    assert_eq!(outdated(|_, _| {}, described()), None);
    // If the key to delete is gone, or has a new key beside it, the plan is not outdated.
    assert_eq!(outdated(gone, spec("key 1")), None);
    assert_eq!(outdated(another, spec("key 1")), None);
}

/// Two servers with the same admin key stand for a server that was set up again, or restored from another backup.
#[test]
fn key_is_not_deleted_if_its_id_now_belongs_to_another_key() {
    let [before, after] = [(); 2].map(|()| FakeServer::start().unwrap());
    let admin = "aDmn-of-both-servers";
    for server in [&before, &after] {
        server.seed(TestKey::new("admin", [Action::ALL], ["*"]).value(admin)).unwrap();
    }
    let ids = ["app: old", "app: older"].map(|description| before.seed(wanted(description)).unwrap());
    assert_eq!(after.seed(wanted("precious")).unwrap(), ids[0]);
    let builder = KeysClient::builder().node(before.url()).node(after.url()).api_key(admin);
    let client = builder.build().unwrap();
    after.inject(Fault::ErrorBefore); // so that the plan lists the keys of the other server
    let request = client.plan([]).prune(|key| key.description.starts_with("app: ")).keep_going(true);
    let plan = request.send().unwrap();
    assert_eq!(changes(&plan), [Change::Delete, Change::Delete]);
    before.stop();
    let applied = plan.apply().unwrap();
    let (description, error) = applied.failed().next().unwrap();
    assert!(description == "app: old" && matches!(error, Error::PlanOutdated { .. }), "{error}");
    assert_eq!(applied.deleted().collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(descriptions(&after), ["admin", "precious"]);
}

#[test]
fn key_whose_expiry_passes_while_others_are_created_is_not_created() {
    with_enough_time(Duration::from_secs(2), |duration| {
        let server = FakeServer::start().unwrap();
        let specs = specs(3).into_iter().map(|spec| spec.expires_in(duration));
        let plan = hasty(&server).plan(specs).connections(1).keep_going(true).send().unwrap();
        let applied = plan.apply_with(|progress| {
            if let ApplyEvent::Created(key) = progress.event {
                wait_until("the expiry has passed", || key.expires_at.is_past());
            }
            ControlFlow::Continue(())
        });
        let applied = applied.unwrap();
        match applied.ensured().next() {
            None => Err(format!("{:?}", errors(&applied))),
            Some(_) => {
                let kinds: Vec<_> = applied.failed().map(|(_, error)| error.kind()).collect();
                assert_eq!((kinds, server.key_count()), (vec![ErrorKind::InvalidRequest; 2], 1));
                Ok(())
            }
        }
    });
}

#[test]
fn key_with_a_lost_response_is_created_once_and_its_value_is_kept() {
    let (server, client) = start_hasty();
    server.fail(Operation::Create).nth(2).with(Fault::LoseResponse);
    let plan = client.plan(specs(4)).connections(1).send().unwrap();
    let stored: BTreeMap<String, SecretString> =
        plan.values().map(|(description, value)| (description.to_owned(), value.clone())).collect();
    let applied = plan.apply().unwrap();
    let (description, error) = applied.failed().next().unwrap();
    assert!(description == "key 1" && matches!(error, Error::OutcomeUnknown(_)), "{error}");
    assert_eq!(error.value().unwrap().expose_secret(), stored["key 1"].expose_secret());
    assert_eq!(applied.ensured().count(), 1, "not exactly the changes in progress were completed");
    assert_eq!(applied.not_started().collect::<Vec<_>>(), ["key 2", "key 3"]);

    let applied = client.plan(specs(4)).send().unwrap().apply().unwrap();
    assert!(applied.is_complete() && server.key_count() == 4, "{:?}", errors(&applied));
    let key = applied.ensured().nth(1).unwrap();
    assert_eq!(server.value_of(key.key.id).unwrap().expose_secret(), stored["key 1"].expose_secret());
}

#[test]
fn stored_value_is_used_again_and_creates_no_second_key_on_a_lagging_node() {
    let [leader, follower] = FakeServer::cluster::<2>().unwrap();
    let client = KeysClient::builder().node(follower.url()).api_key(follower.api_key()).build().unwrap();
    // An earlier run has stored the value and created the key. The follower does not show it yet.
    let stored = "Vf3k0123456789abcdefghijklmnopqr";
    follower.set_lagging(true);
    let id = leader.seed(wanted("key 0").value(stored)).unwrap();
    leader.seed(wanted("another key with this prefix").value("Vf3k-another")).unwrap();
    let mut asked = Vec::new();
    let plan = client.plan(specs(2)).stored_values(|description| {
        asked.push(description.to_owned());
        (description == "key 0").then(|| stored.into())
    });
    let plan = plan.send().unwrap();
    assert_eq!(changes(&plan), [Change::Create, Change::Create]);
    let created = follower.request_count() + 3; // after the list and both creates
    // The next list. The follower catches up before the one after it.
    follower.fail(Operation::List).nth(2).with(Fault::Delay(Duration::from_secs(1)));
    let applied = thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("both creates arrive", || follower.request_count() >= created);
            follower.set_lagging(false);
        });
        plan.apply().unwrap()
    });
    assert_eq!(asked, ["key 0", "key 1"]);
    assert!(applied.is_complete(), "{:?}", errors(&applied));
    let key = applied.ensured().next().unwrap();
    assert_eq!((key.key.id, key.value.as_ref().unwrap().expose_secret()), (id, stored));
    assert!(!key.created, "reported as created by this run");
    assert_eq!(leader.key_count(), 3);
}

#[test]
fn stored_value_is_not_requested_if_the_description_is_listed() {
    let server = FakeServer::start().unwrap();
    server.seed(wanted("key 0")).unwrap();
    server.seed(drifted("key 1")).unwrap();
    let request = hasty(&server).plan(specs(2)).replace_on_drift(true);
    let plan = request.stored_values(|description| panic!("{description}")).send().unwrap();
    assert!(plan.apply().unwrap().is_complete());
}

#[test]
fn invalid_stored_value_is_refused_with_the_description_of_its_key() {
    let server = FakeServer::start().unwrap();
    let request = hasty(&server).plan(specs(2));
    let request = request.stored_values(|description| (description == "key 1").then(|| "abc".into()));
    let error = request.send().unwrap_err().to_string();
    assert!(error.contains("`stored_value`") && error.ends_with("(stored for `key 1`)"), "{error}");
}

#[test]
fn each_created_key_is_reported_at_once_and_after_a_break_no_more_are_started() {
    for connections in [1, 3] {
        let (server, client) = start_hasty();
        let mut told = 0;
        let plan = client.plan(specs(30)).connections(connections).send().unwrap();
        let applied = plan.apply_with(|progress| {
            if let ApplyEvent::Created(_) = progress.event {
                assert!(server.key_count() <= told + connections, "{} keys, told of {told}", server.key_count());
                told += 1;
            }
            if told == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let applied = applied.unwrap();
        assert!(server.key_count() < 10 + connections);
        assert_eq!(applied.ensured().count(), server.key_count(), "not every key that exists is reported");
        assert!(applied.ensured().all(|key| key.value.is_some()));
        assert_eq!(applied.not_started().count(), 30 - server.key_count());
    }
}

#[test]
fn list_that_fails_after_the_creates_loses_no_value() {
    let (server, client) = start_hasty();
    let plan = client.plan(specs(5)).send().unwrap();
    server.fail(Operation::List).nth(2).with(Fault::ErrorBefore);
    let applied = plan.apply().unwrap();
    assert_eq!((applied.failed().count(), server.key_count()), (5, 5));
    for (description, error) in applied.failed() {
        let id = error.key_id().unwrap();
        assert!(matches!(error, Error::Incomplete(_)), "{error}");
        assert_eq!(
            server.value_of(id).unwrap().expose_secret(),
            error.value().unwrap().expose_secret(),
            "{description}"
        );
    }
}

#[test]
fn failed_first_list_changes_nothing() {
    let server = FakeServer::start().unwrap();
    let plan = hasty(&server).plan(specs(2)).send().unwrap();
    server.fail(Operation::List).with(Fault::Unauthorized);
    assert!(matches!(plan.apply(), Err(Error::Unauthorized(_))));
    assert_eq!(server.key_count(), 0);
}

#[test]
fn two_simultaneous_runs_agree_on_one_key_for_each_spec() {
    let (_server, client) = start_hasty();
    for round in 0..10 {
        let described: Vec<_> = (0..8).map(|index| spec(&format!("round {round}, key {index}"))).collect();
        let plans = [(); 2].map(|()| client.plan(described.clone()).keep_going(true).send().unwrap());
        let results = thread::scope(|scope| {
            plans.map(|plan| scope.spawn(|| plan.apply().unwrap())).map(|run| run.join().unwrap())
        });
        for result in &results {
            // A run that lists after the other one has created the key refuses it.
            assert!(
                result.failed().all(|(_, error)| matches!(error, Error::PlanOutdated { .. })),
                "{:?}",
                errors(result)
            );
        }
        let plan = client.plan(described).send().unwrap();
        assert!(!plan.has_changes(), "{plan}");
        assert!(plan.keys().iter().all(|key| key.duplicates.is_empty()), "{plan}");
    }
}

#[test]
fn lagging_node_is_listed_again_until_it_shows_the_created_key_and_an_earlier_one() {
    let [leader, follower] = FakeServer::cluster::<2>().unwrap();
    let client = KeysClient::builder().node(follower.url()).api_key(follower.api_key()).build().unwrap();
    follower.set_lagging(true);
    let earlier = leader.seed(wanted("key 0")).unwrap();
    let applied = thread::scope(|scope| {
        scope.spawn(|| {
            // The list of the plan, the first one of `apply`, and one after the create.
            wait_until("three lists", || follower.requests(Operation::List) >= 3);
            follower.set_lagging(false);
        });
        client.plan(specs(1)).send().unwrap().apply().unwrap()
    });
    let ensured = applied.ensured().next().unwrap();
    assert_eq!((ensured.key.id, ensured.created), (earlier, false), "{:?}", errors(&applied));
    assert_eq!(leader.key_count(), 1);
}

#[test]
fn invalid_spec_is_named_before_anything_is_sent() {
    let (server, client) = start_hasty();
    let refused = |specs: Vec<KeySpec>| client.plan(specs).send().unwrap_err().to_string();
    let text = refused(vec![spec("a"), KeySpec::new("b").actions(["documents:serach"]).collections(["docs"])]);
    assert!(text.contains("`actions`") && text.contains("spec 1, counted from 0"), "{text}");
    let text = refused(vec![spec("a"), spec(" ")]);
    assert!(text.contains("`description`: is empty") && text.contains("spec 1"), "{text}");
    let text = refused(vec![spec("a"), spec("b"), spec("a")]);
    assert!(text.contains("`description`: `a` is that of specs 0 and 2"), "{text}");
    let text = refused(vec![spec("a").expires_at(Expiry::from_unix_seconds(1))]);
    assert!(text.contains("`expires_at`"), "{text}");
    assert_eq!(server.request_count(), 0);
}

#[test]
fn plan_is_shown_without_values_as_text_and_as_json() {
    let server = FakeServer::start().unwrap();
    for key in [drifted("blog"), wanted("shop"), wanted("shop"), wanted("old\n")] {
        server.seed(key).unwrap();
    }
    let specs = ["docs", "blog", "shop"].map(spec);
    let request = hasty(&server).plan(specs).replace_on_drift(true).prune(|key| key.description == "old\n");
    let plan = request.send().unwrap();
    let changes = "\
+ create `docs`: documents:search in docs, expires never
~ replace `blog`: key 0
    actions: [\"documents:*\"] -> [\"documents:search\"]
= keep `shop`: key 1
    key 2 has the same description, and is left unchanged
- delete `old\\n`: key 3
1 to create, 1 to replace, 1 to delete, 0 drifted, 1 to keep";
    assert_eq!(plan.to_string(), changes);
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!((&json["fingerprint"], &json["has_changes"]), (&json!(plan.fingerprint()), &json!(true)));
    let keys = &json["keys"];
    let wanted = json!({"actions": ["documents:search"], "collections": ["docs"], "expires_at": Expiry::NEVER});
    assert_eq!(keys[0], json!({"change": "create", "description": "docs", "wanted": wanted}));
    assert_eq!(
        (&keys[1]["change"], &keys[1]["key"]["id"], &keys[1]["deletes"]),
        (&json!("replace"), &json!(0), &json!([keys[1]["key"]]))
    );
    assert_eq!(keys[1]["differences"][0]["field"], "actions");
    assert_eq!((&keys[2]["change"], &keys[2]["duplicates"]), (&json!("keep"), &json!([2])));
    assert_eq!(keys[3]["change"], "delete");
    let shown = format!("{plan} {plan:#} {plan:?} {keys}");
    assert!(plan.values().count() == 2 && plan.values().all(|(_, value)| !shown.contains(value.expose_secret())));
}

#[test]
fn plan_shows_each_line_break_and_control_character_escaped() {
    let server = FakeServer::start().unwrap();
    server.seed(TestKey::new("docs", ["new:get\u{9b}31m"], ["docs\n= keep `nothing else`"])).unwrap();
    server.seed(TestKey::new("a\rb", ["new:get\u{9b}31m"], ["docs"])).unwrap();
    let plan = hasty(&server).plan([spec("docs")]).replace_on_drift(true).prune(|_| true).send().unwrap();
    let shown = plan.to_string();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(!lines.concat().contains(char::is_control), "{lines:?}");
}

#[test]
fn spec_is_checked_while_it_is_read() {
    let good = json!({"description": "docs", "actions": ["documents:search"], "collections": ["docs"]});
    for (member, value, why) in [
        ("description", json!(" "), "key ` `: `description`: is empty"),
        ("actions", json!([]), "key `docs`: `actions`: none is given"),
        ("actions", json!(["documents:get", "documents:serach"]), "key `docs`: `actions[1]`: `documents:serach`"),
        ("collections", json!([]), "key `docs`: `collections`: none is given"),
        ("collections", json!(["docs", "a.b"]), "key `docs`: `collections[1]`: `a.b` could be a name or a pattern"),
        ("collections", json!(["pattern:("]), "key `docs`: `collections[0]`: the server could not compile"),
        ("expires_at", json!("tomorrow"), "key `docs`: `expires_at`: not an expiry"),
        ("expires_at", json!("2001-01-01T00:00:00Z"), "key `docs`: `expires_at`: is not in the future"),
        ("expires_in", json!("a while"), "key `docs`: `expires_in`: "),
        ("expires_in", json!("0s"), "key `docs`: `expires_in`: is not in the future"),
        ("expire_at", json!("never"), "key `docs`: `expire_at`: is not a member"),
    ] {
        let mut spec = good.clone();
        spec[member] = value;
        let error = serde_json::from_value::<KeySpec>(spec).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}");
    }
    let mut both = good.clone();
    both["expires_at"] = json!("never");
    both["expires_in"] = json!("1h");
    assert!(serde_json::from_value::<KeySpec>(both).unwrap_err().to_string().contains("cannot be combined"));
    for member in ["description", "actions", "collections"] {
        let mut spec = good.clone();
        spec.as_object_mut().unwrap().remove(member);
        assert!(serde_json::from_value::<KeySpec>(spec).unwrap_err().to_string().contains(member));
    }
}

#[test]
fn spec_is_read_back_as_it_was_written() {
    for spec in [
        spec("docs"),
        spec("docs").autodelete(true).expires_in(Duration::from_secs(90 * 86_400)),
        spec("docs").expires_at("2030-01-01T00:00:00Z".parse::<Expiry>().unwrap()),
        spec("docs").expires_at(Expiry::NEVER),
        KeySpec::new("all").actions([Action::ALL, Action::custom("new_things:get")]).collections(["*"]),
        KeySpec::new("patterns").actions(["documents:*"]).collections([
            CollectionPattern::exact("a.b"),
            CollectionPattern::prefix("docs_"),
            CollectionPattern::pattern("(a|b)+").unwrap(),
        ]),
    ] {
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<KeySpec>(&text).unwrap(), spec, "{text}");
    }
}

#[test]
fn spec_that_could_not_be_read_back_is_not_written() {
    let of_key =
        |expires_at: u64| KeySpec::from(&wanted("old").expires_at(Expiry::from_unix_seconds(expires_at)).info(7));
    for (spec, why) in [
        (of_key(1), "key `old`: `expires_at`: is not in the future"),
        (of_key(u64::MAX), "key `old`: `expires_at`: is after the year 9999"),
        (spec("docs").expires_in(Duration::MAX), "key `docs`: `expires_in`: is after the year 9999"),
        (KeySpec::new("none").actions(["*"]), "key `none`: `collections`: none is given"),
        (spec("docs").actions(["documents:serach"]), "key `docs`: `actions`: `documents:serach`"),
    ] {
        let error = serde_json::to_string(&[spec]).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}");
    }
}

#[test]
fn specs_of_listed_keys_describe_these_keys() {
    let server = FakeServer::start().unwrap();
    let year = Expiry::after(Duration::from_secs(365 * 86_400));
    for key in [wanted("a"), drifted("b"), wanted("c").expires_at(year)] {
        server.seed(key).unwrap();
    }
    let client = hasty(&server);
    let specs: Vec<KeySpec> = client.list().send().unwrap().iter().map(KeySpec::from).collect();
    let text = serde_json::to_string(&specs).unwrap();
    let read: Vec<KeySpec> = serde_json::from_str(&text).unwrap();
    assert!(!client.plan(read).prune(|_| true).send().unwrap().has_changes());
}

#[test]
fn prune_may_ask_another_server() {
    let (primary, mirror) = (start_hasty(), start_hasty());
    for (_, client) in [&primary, &mirror] {
        client.create().actions(["documents:search"]).collections(["docs"]).send().unwrap();
    }
    let only_here = mirror.1.create().actions(["documents:search"]).collections(["docs"]).send().unwrap();
    let is_unknown = |key: &KeyInfo| matches!(primary.1.get(key.id).send(), Err(Error::NotFound { .. }));
    let plan = mirror.1.plan([]).prune(is_unknown).send().unwrap();
    assert_eq!(deletes(&plan), [only_here.id]);
}

#[test]
fn nothing_shows_the_clients_key_if_a_listed_key_repeats_it() {
    let server = FakeServer::start().unwrap();
    let secret = server.api_key().expose_secret().to_owned();
    server.seed(TestKey::new(format!("for {secret}"), ["documents:get"], ["docs"])).unwrap();
    server.seed(TestKey::new("key 0", [secret.as_str()], [secret.as_str()])).unwrap();
    let client = hasty(&server);
    let plan = client.plan(specs(1)).replace_on_drift(true).prune(|_| true).send().unwrap();
    let mut shown = format!("{plan} {plan:#} {plan:?} {}", json!(plan));
    for planned in plan.keys() {
        shown += &format!("{planned} {planned:?} {}", json!(planned));
    }
    let error = client.ensure("key 0").actions(["documents:search"]).collections(["docs"]).send().unwrap_err();
    let listed = client.list().send().unwrap();
    shown += &format!("{error} {error:?} {} {listed:?} {:?}", json!(error), client.get(0).send().unwrap());
    assert!(shown.contains("for **[masked key]**") && !shown.contains(&secret[..8]), "{shown}");
    // What it shows is deleted nevertheless.
    assert!(plan.apply().unwrap().is_complete());
    assert_eq!(descriptions(&server), ["key 0"]);
}

/// The text is masked, so it cannot be copied.
#[test]
fn key_that_repeats_the_clients_key_is_not_rotated() {
    let server = FakeServer::start().unwrap();
    let secret = server.api_key().expose_secret().to_owned();
    server.seed(TestKey::new("logs", ["documents:get"], [format!("{secret}-logs")])).unwrap();
    let error = hasty(&server).rotate(0).send().unwrap_err().to_string();
    assert!(
        error.starts_with("invalid request: `rotate`: the texts of key 0 contain a secret that this client hides"),
        "{error}"
    );
    assert_eq!(descriptions(&server), ["logs"]);
}

/// The texts that another client lists are not masked.
#[test]
fn key_that_repeats_the_clients_key_is_deleted_as_another_client_lists_it() {
    let server = FakeServer::start().unwrap();
    let secret = server.api_key().expose_secret().to_owned();
    let client = hasty(&server);
    let other = client.create().description("admin").actions(["*"]).collections(["*"]).send().unwrap();
    server.seed(TestKey::new(format!("for {secret}"), ["documents:get"], ["docs"])).unwrap();
    let others = KeysClient::builder().node(server.url()).api_key(other.value.clone()).build().unwrap();
    let [_, listed] = <[KeyInfo; 2]>::try_from(others.list().send().unwrap()).unwrap();
    client.delete(&listed).send().unwrap();
    assert_eq!(descriptions(&server), ["admin"]);
}

#[test]
fn no_text_of_a_new_key_contains_the_clients_key_or_the_new_value() {
    let server = FakeServer::start().unwrap();
    let secret = server.api_key().expose_secret().to_owned();
    let client = hasty(&server);
    let shown = format!("for {secret}");
    const LONG: &str = "a-value-of-my-own";
    let entry = CollectionPattern::custom(format!("{secret}-logs"));
    let action = Action::custom(format!("documents:{secret}"));
    for (field, description, action, collection, value) in [
        ("description", &*shown, Action::ALL, CollectionPattern::ALL, None),
        ("actions", "docs", action, CollectionPattern::ALL, None),
        ("collections", "docs", Action::ALL, entry, None),
        ("description", "for k3yA-", Action::ALL, CollectionPattern::ALL, Some("k3yA-")),
        ("collections", "docs", Action::ALL, CollectionPattern::exact(LONG), Some(LONG)),
    ] {
        let why = format!(
            "invalid request: `{field}`: contains the client's own key or the new value, which every list of keys would \
             show"
        );
        let create =
            client.create().description(description).actions([action.clone()]).collections([collection.clone()]);
        let ensure = client.ensure(description).actions([action.clone()]).collections([collection.clone()]);
        let errors = match value {
            Some(value) => vec![create.value(value).send().unwrap_err(), ensure.value(value).send().unwrap_err()],
            None => {
                // A plan would be shown before it is applied.
                let spec = KeySpec::new(description).actions([action]).collections([collection]);
                let planned = client.plan([spec]).send().unwrap_err();
                vec![create.send().unwrap_err(), ensure.send().unwrap_err(), planned]
            }
        };
        for error in errors {
            assert_eq!(error.to_string().replace(" (spec 0, counted from 0)", ""), why);
        }
    }
    assert_eq!(server.key_count(), 0);
}
