//! `ensure` leaves one key with its description, even if it runs several times, is interrupted, or runs twice at the
//! same time.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};
use typesense_keys::{EnsureKey, Error, Expiry, KeyId, KeyInfo, KeysClient};

use crate::support::Scripted;
use crate::support::time::{HANG, wait_until};
use crate::{PASS, client, start};

fn ensure(client: &KeysClient) -> EnsureKey {
    client.ensure("docs site").actions(["documents:search", "documents:get"]).collections(["docs", "blog"])
}

fn keys(client: &KeysClient) -> Vec<KeyInfo> {
    client.list().description("docs site").send().unwrap()
}

/// A key with the same description and another scope.
fn drifted(client: &KeysClient) -> KeyId {
    client.create().description("docs site").actions(["documents:get"]).collections(["docs"]).send().unwrap().id
}

#[test]
fn first_run_creates_the_key_and_second_run_leaves_it() {
    let (server, client) = start();
    // Keys with another description or none do not matter.
    client.create().actions(["documents:search"]).collections(["docs"]).send().unwrap();
    let first = ensure(&client).send().unwrap();
    assert!(first.created && first.replaced.is_empty());
    assert_eq!(first.key, client.get(first.key.id).send().unwrap());
    assert_eq!(first.value.unwrap().expose_secret().len(), 32);
    // The order of actions and collections does not matter.
    let second = client.ensure("docs site").actions(["documents:get", "documents:search"]);
    let second = second.collections(["blog", "docs", "blog"]).send().unwrap();
    assert_eq!((second.key, second.created), (first.key, false));
    assert!(second.value.is_none());
    assert_eq!(server.key_count(), 2);
}

#[test]
fn drift_is_an_error_that_shows_the_difference_and_changes_nothing() {
    let (server, client) = start();
    drifted(&client);
    let requests = server.request_count();
    let error = ensure(&client).expires_in(Duration::from_secs(60)).send().unwrap_err();
    let Error::Drift { key, differences, .. } = &error else { panic!("{error}") };
    assert_eq!((key.id, differences.len()), (KeyId::from(0), 3));
    let text = error.to_string();
    assert!(
        text.starts_with(
            "key 0 (`docs site`) differs from the request: `actions` is [\"documents:get\"], not [\"documents:search\", \
             \"documents:get\"], `collections` is [\"docs\"], not [\"docs\", \"blog\"], `expires_at` is never, not 20"
        ),
        "{text}"
    );
    assert!(text.contains("; change the request, or use `replace_on_drift`"), "{text}");
    assert_eq!((server.key_count(), server.request_count()), (1, requests + 1));
}

#[test]
fn drift_with_replace_on_drift_is_replaced() {
    let (_server, client) = start();
    let old = drifted(&client);
    let ensured = ensure(&client).replace_on_drift(true).send().unwrap();
    assert!(ensured.created && ensured.value.is_some());
    assert_eq!(ensured.replaced, [old]);
    assert_eq!(keys(&client), [ensured.key]);
}

#[test]
fn every_run_returns_a_provided_value() {
    let (_server, client) = start();
    for created in [true, false, false] {
        let ensured = ensure(&client).value("a-value-of-my-own").send().unwrap();
        assert_eq!((ensured.value.unwrap().expose_secret(), ensured.created), ("a-value-of-my-own", created));
    }
    // The server accepts another value with the same prefix. The run then deletes the key that it has created.
    let drifted = ensure(&client).value("a-valve").send();
    assert!(
        matches!(&drifted, Err(Error::Drift { differences, .. }) if differences[0].field == "value"),
        "{drifted:?}"
    );
    assert_eq!(keys(&client).len(), 1);
}

/// A later run could not distinguish the two keys.
#[test]
fn value_with_the_prefix_of_an_expired_key_is_refused_by_every_run() {
    let (server, client) = start();
    let hour_ago = Expiry::from(SystemTime::now() - Duration::from_secs(3600));
    let expired = TestKey::new("docs site", ["documents:search"], ["docs"]).value("prod-2024").expires_at(hour_ago);
    let expired = server.seed(expired).unwrap();
    for _ in 0..2 {
        let error = ensure(&client).value("prod-2025").send().unwrap_err();
        assert_eq!(
            error.to_string(),
            "key 0 (`docs site`) differs from the request: `value` is one that begins with `prod`, as the given one \
             does, not one that begins differently; change the request (for example to a value that begins differently), \
             or delete the key if you are sure that its value differs (`replace_on_drift` cannot be combined with `value`)"
        );
        assert_eq!(server.key_count(), 1);
    }
    client.delete(expired).send().unwrap();
    for created in [true, false] {
        assert_eq!(ensure(&client).value("prod-2025").send().unwrap().created, created);
    }
}

/// With a provided value, a run cannot know whether its lost attempt or an earlier run has created the key.
#[test]
fn key_found_after_a_lost_response_is_reported_as_created_only_with_a_generated_value() {
    let (server, client) = start();
    for (request, created) in [(ensure(&client), true), (client.ensure("shop").value("own-value"), false)] {
        let request = request.actions(["documents:search"]).collections(["docs"]);
        server.inject(PASS); // the list
        server.inject(Fault::LoseResponse);
        let ensured = request.send().unwrap();
        assert_eq!((ensured.created, ensured.value.is_some()), (created, true), "{ensured:?}");
    }
}

#[test]
fn lost_response_about_a_value_of_an_earlier_run_advises_another_run() {
    let (server, client) = start();
    let value = "a-value-of-my-own";
    let first = ensure(&client).value(value).send().unwrap();
    server.fail(Operation::Create).nth(1).with(Fault::LoseResponse);
    let error = ensure(&client).value(value).timeout(Duration::from_secs(20)).send().unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)), "{error}");
    assert!(error.to_string().contains("run `ensure` again"), "{error}");
    assert_eq!(ensure(&client).value(value).send().unwrap().key.id, first.key.id);
}

#[test]
fn value_with_replace_on_drift_is_refused_before_anything_is_sent() {
    let server = FakeServer::start().unwrap();
    let error = ensure(&client(&server)).value("a-value-of-my-own").replace_on_drift(true).send().unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { field: "replace_on_drift", .. }), "{error}");
    assert!(error.to_string().contains("leave `value` out"), "{error}");
    assert_eq!(server.request_count(), 0);
}

#[test]
fn value_of_a_key_with_another_scope_is_drift() {
    let (server, client) = start();
    ensure(&client).actions(["keys:get"]).value("a-value-of-my-own").send().unwrap();
    let drifted = ensure(&client).value("a-value-of-my-own").send();
    assert!(matches!(drifted, Err(Error::Drift { .. })), "{drifted:?}");
    assert_eq!(server.key_count(), 1);
}

#[test]
fn value_of_another_key_is_a_conflict() {
    let (server, client) = start();
    client.create().description("another").actions(["*"]).collections(["*"]).value("taken").send().unwrap();
    let error = ensure(&client).value("taken").timeout(Duration::from_secs(20)).send().unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    assert_eq!(server.key_count(), 1);
}

/// Creates the key that `ensure` would create, with an expiry that this crate would not accept.
fn expired(server: &FakeServer, expires_at: SystemTime) -> KeyId {
    let expires_at = expires_at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let key = serde_json::json!({
        "description": "docs site", "actions": ["documents:search", "documents:get"], "collections": ["docs", "blog"],
        "expires_at": expires_at,
    });
    ureq::post(format!("{}/keys", server.url()))
        .header("x-typesense-api-key", server.api_key().expose_secret())
        .send(key.to_string())
        .unwrap();
    keys(&client(server)).last().unwrap().id
}

#[test]
fn expired_key_gets_a_replacement_and_stays_for_a_day() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (server, client) = start();
    let long_ago = expired(&server, SystemTime::now() - 25 * HOUR);
    // The clock of this machine may be ahead, so the expired key stays.
    let just_now = expired(&server, SystemTime::now() - 23 * HOUR);
    let new = ensure(&client).expires_in(HOUR).send().unwrap();
    assert!(new.created);
    assert_eq!((new.replaced, new.duplicates), (vec![long_ago], vec![just_now]));
    // A later run keeps the new key, which expires no later than one that the later run would create.
    let again = ensure(&client).expires_in(HOUR).send().unwrap();
    assert_eq!((again.created, again.key, again.duplicates), (false, new.key, vec![just_now]));
}

#[test]
fn duplicates_of_an_interrupted_run_are_reported_and_left() {
    let (server, client) = start();
    let make = || {
        let request = client.create().description("docs site").actions(["documents:search", "documents:get"]);
        request.collections(["docs", "blog"]).send().unwrap().id
    };
    let (first, second, third) = (make(), make(), make());
    let ensured = ensure(&client).send().unwrap();
    assert_eq!((ensured.created, ensured.key.id, ensured.duplicates), (false, first, vec![second, third]));
    assert_eq!(server.key_count(), 3);
}

#[test]
fn invalid_request_is_refused_before_anything_is_sent() {
    let (server, client) = start();
    for (request, expected) in [
        (client.ensure(" "), "invalid request: `description`: is empty: the key is found by it"),
        (client.ensure("d").actions(["documents:serach"]), "invalid request: `actions`: `documents:serach` is"),
        (ensure(&client).collections(["a.b"]), "invalid request: `collections`: `a.b` could"),
        (ensure(&client).value(""), "invalid request: `value`: is empty"),
        (ensure(&client).expires_in(Duration::ZERO), "invalid request: `expires_in`: is not in the future"),
    ] {
        let text = request.send().unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
    }
    assert_eq!(server.request_count(), 0);
}

#[test]
fn after_an_interruption_at_any_step_another_run_replaces_the_old_key_and_reports_the_rest() {
    let faults = [Fault::LoseResponse, Fault::ErrorBefore, Fault::ErrorAfter, Fault::NotReady { retry_after: None }];
    // The steps: list, check the nodes, create, list, wait for replication, delete.
    for step in 0..6 {
        for fault in faults {
            let case = format!("step {step}: {fault:?}");
            let server = FakeServer::start().unwrap();
            let builder = KeysClient::builder().node(server.url()).api_key(server.api_key());
            let hasty = builder.retries(false).build().unwrap();
            let request = |client: &KeysClient| ensure(client).replace_on_drift(true);
            let old = request(&hasty).actions(["keys:get"]).send().unwrap().key;
            (0..step).for_each(|_| server.inject(PASS));
            server.inject(fault);
            let interrupted = request(&hasty).send();
            let after = keys(&hasty);
            let is_there = |id: KeyId| after.iter().any(|there| there.id == id);
            match &interrupted {
                Ok(ensured) => assert_eq!(after, std::slice::from_ref(&ensured.key), "{case}"),
                Err(Error::Incomplete(incomplete)) => {
                    assert!(incomplete.key.as_ref().is_none_or(|key| is_there(key.id)), "{case}: {incomplete}");
                    assert!(!after.is_empty(), "{case}: {incomplete}");
                }
                Err(error) => assert!(is_there(old.id), "{case}: {error}"),
            }
            let healed = request(&client(&server)).send().unwrap();
            let mut left: Vec<_> = healed.duplicates.iter().copied().chain([healed.key.id]).collect();
            left.sort();
            assert_eq!(keys(&hasty).iter().map(|key| key.id).collect::<Vec<_>>(), left, "{case}: {interrupted:?}");
            assert!(!is_there(old.id) || healed.replaced == [old.id], "{case}: {interrupted:?}");
        }
    }
}

#[test]
fn old_key_is_not_left_over_while_a_node_does_not_know_the_new_one() {
    let [leader, follower] = FakeServer::cluster::<2>().unwrap();
    let builder = KeysClient::builder().nearest_node(leader.url()).node(follower.url()).api_key(leader.api_key());
    let client = builder.build().unwrap();
    let old = drifted(&client);
    follower.set_lagging(true);
    let error = ensure(&client).replace_on_drift(true).timeout(Duration::from_secs(1)).send().unwrap_err();
    let Error::Incomplete(incomplete) = error else { panic!("{error}") };
    assert!(matches!(incomplete.cause, Error::NotReplicated(_)), "{incomplete}");
    assert!(incomplete.to_string().contains(&format!("key {old} is not deleted yet")), "{incomplete}");
    assert_eq!((incomplete.left_over.as_ref(), leader.key_count()), (None, 2), "{incomplete}");
}

#[test]
fn old_key_is_left_over_if_the_client_may_not_delete_it() {
    let (server, admin) = start();
    let old = drifted(&admin);
    let actions = ["keys:list", "keys:get", "keys:create"];
    let creator = admin.create().actions(actions).collections(["*"]).send().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(creator.value).build().unwrap();
    let error = ensure(&client).replace_on_drift(true).send().unwrap_err();
    let Error::Incomplete(incomplete) = error else { panic!("{error}") };
    assert!(matches!(incomplete.cause, Error::Unauthorized(_)), "{incomplete}");
    assert_eq!(incomplete.left_over.as_ref().map(|key| key.id), Some(old), "{incomplete}");
}

#[test]
fn old_key_stays_if_the_new_one_expires_while_a_node_is_asked_for_it() {
    let (server, client) = start();
    let old = drifted(&client);
    // The steps before: list, get, check the nodes, create, list. The response about the new key arrives after it has
    // expired.
    (0..5).for_each(|_| server.inject(PASS));
    server.inject(Fault::Delay(Duration::from_millis(4_100)));
    let error = ensure(&client).replace_on_drift(true).expires_in(Duration::from_secs(3)).send().unwrap_err();
    let Error::Incomplete(incomplete) = error else { panic!("{error}") };
    assert!(matches!(incomplete.cause, Error::InvalidRequest { field: "expires_at", .. }), "{incomplete}");
    let left: Vec<_> = keys(&client).iter().map(|key| key.id).collect();
    assert_eq!(left, [old, incomplete.key.as_ref().unwrap().id]);
}

#[test]
fn second_old_key_stays_if_the_new_one_expires_while_the_first_is_deleted() {
    let (server, client) = start();
    let [first, second] = [drifted(&client), drifted(&client)];
    // The steps before: list, get, check the nodes, create, list, get the new key. The response to the delete is late.
    (0..6).for_each(|_| server.inject(PASS));
    server.inject(Fault::Delay(Duration::from_millis(4_100)));
    let error = ensure(&client).replace_on_drift(true).expires_in(Duration::from_secs(3)).send().unwrap_err();
    let Error::Incomplete(incomplete) = error else { panic!("{error}") };
    assert!(incomplete.to_string().contains(&format!("key {first} is deleted")), "{incomplete}");
    let left: Vec<_> = keys(&client).iter().map(|key| key.id).collect();
    assert_eq!(
        (left, incomplete.left_over.as_ref()),
        (vec![second, incomplete.key.as_ref().unwrap().id], None),
        "{incomplete}"
    );
}

#[test]
fn runs_that_check_the_same_duration_at_different_times_end_with_one_key() {
    let (server, client) = start();
    let request = || ensure(&client).expires_in(Duration::from_secs(3_600)).replace_on_drift(true);
    // The first run lists again after the second run has created the key, which expires later than the first run asks
    // for.
    server.inject(Fault::NotReady { retry_after: Some(Duration::from_secs(4)) });
    let [first, second] = thread::scope(|scope| {
        let first = scope.spawn(|| request().send().unwrap());
        wait_until("the first run has listed", || server.request_count() > 0);
        server.advance(Duration::from_secs(1));
        let second = request().send().unwrap();
        [first.join().unwrap(), second]
    });
    assert_eq!((first.key.id, first.created, &first.replaced[..]), (second.key.id, false, &[][..]));
    assert_eq!(keys(&client), [second.key]);
}

#[test]
fn eight_simultaneous_runs_end_with_one_key() {
    for (own_value, has_drifted) in [(None, false), (None, true), (Some("own-value"), false)] {
        let (_server, client) = start();
        if has_drifted {
            drifted(&client);
        }
        let run = || match own_value {
            None => ensure(&client).replace_on_drift(true).send(),
            Some(value) => ensure(&client).value(value).send(),
        };
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        let there = keys(&client);
        assert_eq!(there.len(), 1, "{own_value:?}, {has_drifted}: {there:?}");
        assert!(results.iter().all(|ensured| ensured.key == there[0]));
        assert_eq!(results.iter().filter(|ensured| ensured.created).count(), 1);
        assert!(results.iter().all(|ensured| ensured.value.is_some() == (ensured.created || own_value.is_some())));
    }
}

#[test]
fn key_that_no_list_shows_does_not_count_as_the_only_one() {
    let server = Scripted::start(|peer| {
        loop {
            let asked = peer.request()?;
            let (status, body) = match serde_json::from_str::<serde_json::Value>(&asked.body) {
                Ok(mut key) => {
                    key["id"] = 7.into();
                    key["expires_at"] = 64_723_363_199_u64.into();
                    ("201 Created", key.to_string())
                }
                Err(_) => ("200 OK", r#"{"keys":[]}"#.to_owned()),
            };
            peer.send(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))?;
        }
    });
    let client = KeysClient::builder().node(server.url()).api_key("key").build().unwrap();
    let started = Instant::now();
    let result = ensure(&client).timeout(Duration::from_secs(2)).send();
    let Err(Error::Incomplete(incomplete)) = result else { panic!("{result:?}") };
    assert!(started.elapsed() < HANG);
    assert!(incomplete.to_string().starts_with("key 7 is created: list keys: "), "{incomplete}");
    assert_eq!(incomplete.key.unwrap().value.expose_secret().len(), 32);
}

#[test]
fn value_is_in_the_error_if_a_node_does_not_know_the_key() {
    let server = FakeServer::start().unwrap();
    let lagging = Scripted::start(|peer| {
        peer.request()?;
        peer.send("HTTP/1.1 404 Not Found\r\ncontent-length: 24\r\n\r\n{\"message\":\"Not found.\"}")
    });
    let both = KeysClient::builder().nearest_node(server.url()).node(lagging.url()).api_key(server.api_key());
    let request = ensure(&both.build().unwrap());
    let error = request.wait_for_replication(Duration::from_millis(300)).send().unwrap_err();
    let Error::NotReplicated(lag) = &error else { panic!("{error}") };
    let [there] = keys(&client(&server)).try_into().unwrap();
    let key = lag.key.as_ref().expect("the key that this run has created");
    assert_eq!((key.id, key.value.expose_secret().len()), (there.id, 32));
    assert!(key.value.expose_secret().starts_with(&there.prefix));
}

#[test]
fn error_does_not_show_the_new_value_that_a_node_repeats() {
    let value = "a-value-that-nobody-shall-see";
    let gossip = Scripted::start(move |peer| {
        peer.request()?;
        peer.send(format!("HTTP/1.1 302 Go\r\nlocation: http://{value}.test/\r\ncontent-length: 0\r\n\r\n"))
    });
    let texts = (0..10).map(|_| {
        let server = FakeServer::start().unwrap();
        let both = KeysClient::builder().nearest_node(server.url()).node(gossip.url()).api_key(server.api_key());
        let request = ensure(&both.build().unwrap()).value(value).wait_for_replication(Duration::from_millis(300));
        let error = request.send().unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("nobody-shall"), "{text}");
        text
    });
    // On a busy machine, the deadline may leave no time for the last response, which the error would show.
    assert!(
        texts.into_iter().any(|text| text.contains("a redirect to")),
        "no run had enough time to send a request to the node"
    );
}

#[test]
fn conflict_with_a_key_that_a_lagging_node_does_not_list_yet_returns_that_key() {
    let [leader, follower] = FakeServer::cluster().unwrap();
    let value = "a-value-of-my-own";
    follower.set_lagging(true);
    let created = ensure(&client(&leader)).value(value).send().unwrap();
    // The first list after the conflict. The node catches up before the next one.
    follower.fail(Operation::List).nth(2).with(Fault::Delay(Duration::from_secs(1)));
    let ensured = thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("a list follows the conflict", || follower.requests(Operation::List) == 2);
            follower.set_lagging(false);
        });
        ensure(&client(&follower)).value(value).send()
    });
    let ensured = ensured.unwrap();
    assert_eq!((ensured.created, ensured.key.id), (false, created.key.id));
    assert!(follower.requests(Operation::List) > 2);
}

#[test]
fn missing_permission_to_get_keys_is_reported_before_a_key_is_replaced() {
    let server = FakeServer::start().unwrap();
    let admin = client(&server);
    drifted(&admin);
    let provisioner =
        admin.create().actions(["keys:list", "keys:create", "keys:delete"]).collections(["*"]).send().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(provisioner.value).build().unwrap();
    let error = ensure(&client).replace_on_drift(true).send().unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    assert_eq!(server.key_count(), 2);
}
