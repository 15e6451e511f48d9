//! Rotations. One that is interrupted at any step leaves a key that works, and reports which keys exist.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};
use typesense_keys::{CreatedKey, Error, KeyId, KeysClient};

use crate::support::Scripted;
use crate::support::time::{wait_until, with_enough_time};
use crate::{PASS, hasty, start_hasty};

fn old_key(client: &KeysClient) -> CreatedKey {
    let request = client.create().description("docs site").actions(["documents:search", "documents:get"]);
    request.collections(["docs", "blog"]).expires_in(Duration::from_secs(3_600)).send().unwrap()
}

fn ids(client: &KeysClient) -> Vec<KeyId> {
    client.list().send().unwrap().iter().map(|key| key.id).collect()
}

/// Another key may have the value, and the new key may be that of another rotation.
#[test]
fn interrupted_rotation_to_a_provided_value_takes_no_key_with_its_prefix_for_the_new_one() {
    let (server, client) = start_hasty();
    let request = || client.create().description("docs").actions(["documents:search"]).collections(["docs"]);
    let old = request().send().unwrap().id;
    let admin = client.create().description("admin").actions(["*"]).collections(["*"]).value("prod-a");
    let admin = admin.send().unwrap().id;
    server.fail(Operation::Create).nth(1).with(Fault::DropConnection);
    let rotation = client.rotate(old).value("prod-a").prepare().unwrap();
    assert!(matches!(rotation.send(), Err(Error::Incomplete(_))));
    let other = client.rotate(old).keep_old(true).value("prod-b").send().unwrap().id;
    let error = rotation.send().unwrap_err();
    assert!(error.to_string().contains("it cannot be told which listed key has the value"), "{error}");
    assert_eq!(server.keys().iter().map(|key| key.id).collect::<Vec<_>>(), [old, admin, other]);
}

#[test]
fn replacement_has_the_same_scope_and_another_value() {
    let (_server, client) = start_hasty();
    let old = old_key(&client);
    let before = client.get(old.id).send().unwrap();
    let new = client.rotate(old.id).send().unwrap();
    assert_ne!(new.value.expose_secret(), old.value.expose_secret());
    let after = client.get(new.id).send().unwrap();
    assert_eq!(
        (&after.description, &after.actions, &after.collections, after.expires_at),
        (&before.description, &before.actions, &before.collections, before.expires_at)
    );
    assert_eq!(after, new.info());
    assert_eq!(ids(&client), [new.id]);
}

#[test]
fn old_key_stays_with_keep_old() {
    let (_server, client) = start_hasty();
    let old = old_key(&client);
    let new = client.rotate(old.id).keep_old(true).send().unwrap();
    assert_eq!(ids(&client), [old.id, new.id]);
}

#[test]
fn provided_value_and_expiry_are_used() {
    let (_server, client) = start_hasty();
    let old = old_key(&client);
    let expiry = SystemTime::now() + Duration::from_secs(7_200);
    let new = client.rotate(old.id).value("a-value-of-my-own").expires_at(expiry).send().unwrap();
    assert_eq!(new.value.expose_secret(), "a-value-of-my-own");
    assert!(new.expires_at > old.expires_at);
}

#[test]
fn scope_that_allows_nothing_is_copied_unchanged() {
    let (server, client) = start_hasty();
    let key = r#"{"description": "", "actions": ["documents:serach", "a, b"], "collections": ["a.b", "("]}"#;
    ureq::post(format!("{}/keys", server.url()))
        .header("x-typesense-api-key", server.api_key().expose_secret())
        .send(key)
        .unwrap();
    let new = client.rotate(0).send().unwrap();
    let actions: Vec<_> = new.actions.iter().map(|action| action.as_str()).collect();
    let collections: Vec<_> = new.collections.iter().map(|entry| entry.as_str()).collect();
    assert_eq!((actions.as_slice(), collections.as_slice()), (&["documents:serach", "a, b"][..], &["a.b", "("][..]));
}

#[test]
fn expired_key_needs_a_new_expiry() {
    let (server, client) = start_hasty();
    let key = r#"{"description": "", "actions": ["*"], "collections": ["*"], "expires_at": 1}"#;
    ureq::post(format!("{}/keys", server.url()))
        .header("x-typesense-api-key", server.api_key().expose_secret())
        .send(key)
        .unwrap();
    let error = client.rotate(0).send().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid request: `expires_at`: key 0 has expired, and its replacement would have the same expiry: set a new one"
    );
    assert_eq!(ids(&client), [KeyId::from(0)]);
    assert!(!client.rotate(0).expires_in(Duration::from_secs(60)).send().unwrap().info().is_expired());
}

#[test]
fn rotation_of_a_missing_key_creates_nothing() {
    let (server, client) = start_hasty();
    assert!(matches!(client.rotate(7).send(), Err(Error::NotFound { .. })));
    let old = old_key(&client);
    client.delete(&old).send().unwrap();
    let before = server.request_count();
    assert!(matches!(client.rotate(&old).send(), Err(Error::NotFound { .. })));
    assert_eq!(server.request_count() - before, 1, "only the old key is asked for");
    assert_eq!(server.key_count(), 0);
}

#[test]
fn old_key_stays_if_the_new_one_expires_while_a_node_is_asked_for_it() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    // The steps before: get, check the nodes, create. The response about the new key arrives after it has expired.
    (0..3).for_each(|_| server.inject(PASS));
    server.inject(Fault::Delay(Duration::from_millis(4_100)));
    let rotation = client.rotate(old.id).expires_in(Duration::from_secs(3)).prepare().unwrap();
    let error = rotation.send().unwrap_err();
    let Error::Incomplete(incomplete) = error else { panic!("{error}") };
    let new = incomplete.key.as_ref().unwrap().id;
    assert_eq!(
        incomplete.to_string(),
        format!(
            "key {new} is created, key {} is not deleted: invalid request: `expires_at`: has passed, so key {new} replaces \
             no key: delete it, and set a later expiry",
            old.id
        )
    );
    assert_eq!((ids(&client), incomplete.left_over.as_ref()), (vec![old.id, new], None));
    assert!(matches!(rotation.send(), Err(Error::Incomplete(_))), "it is still expired");
    assert_eq!(ids(&client), [old.id, new]);
}

#[test]
fn repeated_rotation_creates_no_key_that_has_expired_since() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    (0..2).for_each(|_| server.inject(PASS));
    server.inject(Fault::DropConnection); // the create
    let rotation = client.rotate(old.id).expires_in(Duration::from_secs(3)).prepare().unwrap();
    assert!(matches!(rotation.send(), Err(Error::Incomplete(_))));
    server.advance(Duration::from_secs(4));
    let error = rotation.send().unwrap_err();
    assert!(error.to_string().contains("none may be created now (its expiry has passed"), "{error}");
    assert!(error.value().is_some(), "an earlier attempt may have created the key, and the local clock may be wrong");
    assert_eq!(ids(&client), [old.id]);
}

/// The keys in an error: the ids of keys that certainly exist, and the value of one that may exist.
fn told(error: &Error, old: KeyId) -> (Vec<KeyId>, Option<&str>) {
    let Error::Incomplete(incomplete) = error else {
        // Nothing was changed.
        return (vec![old], None);
    };
    let is_unsure = matches!(&incomplete.cause, cause @ Error::OutcomeUnknown(_) if cause.key_id().is_some());
    let text = incomplete.to_string();
    let is_there = ["as it was", "to be deleted", "not deleted"]
        .iter()
        .any(|state| !is_unsure && text.contains(&format!("key {old} is {state}")));
    let left_over =
        incomplete.left_over.as_ref().map(|key| key.id).filter(|_| !is_unsure).or(is_there.then_some(old));
    let ids = left_over.into_iter().chain(incomplete.key.as_ref().map(|key| key.id)).collect();
    (ids, incomplete.cause.value().map(ExposeSecret::expose_secret))
}

#[test]
fn interruption_at_any_step_leaves_a_key_that_works_and_reports_which_keys_exist() {
    // The steps: get, check the nodes (repeated after any failure), create, wait for replication (repeated, too),
    // delete.
    for step in 0..5 {
        for fault in
            [Fault::LoseResponse, Fault::ErrorBefore, Fault::ErrorAfter, Fault::NotReady { retry_after: None }]
        {
            let case = format!("step {step}: {fault:?}");
            let (server, client) = start_hasty();
            let old = old_key(&client);
            (0..step).for_each(|_| server.inject(PASS));
            server.inject(fault);
            let result = client.rotate(old.id).send();
            let there = ids(&client);
            assert!(!there.is_empty(), "{case}");
            match (step, result) {
                (1 | 3, Ok(new)) => assert_eq!(there, [new.id], "{case}"),
                (0 | 2 | 4, Err(error)) => {
                    let (known, value) = told(&error, old.id);
                    assert!(known.iter().all(|id| there.contains(id)), "{case}: {error}: {there:?}");
                    // Every other key was reported as one that may exist.
                    let others: Vec<_> = there.iter().filter(|id| !known.contains(id)).collect();
                    for id in others {
                        let prefix = client.get(*id).send().unwrap().prefix;
                        let is_old_in_doubt = *id == old.id && step == 4;
                        assert!(is_old_in_doubt || value.is_some_and(|value| value.starts_with(&prefix)), "{case}");
                    }
                    assert!(!format!("{error} {error:?}").contains(old.value.expose_secret()), "{case}");
                }
                (_, result) => panic!("{case}: {result:?}"),
            }
        }
    }
}

#[test]
fn error_text_names_the_keys() {
    let (server, client) = start_hasty();
    let text = |error: Error| error.to_string();
    old_key(&client);
    [PASS, PASS, Fault::LoseResponse].into_iter().for_each(|fault| server.inject(fault));
    let in_doubt = text(client.rotate(0).send().unwrap_err());
    assert!(
        in_doubt.starts_with("key 0 is as it was, and a key to replace it may exist: create a key: "),
        "{in_doubt}"
    );
    [PASS, PASS, PASS, PASS, Fault::NotReady { retry_after: None }]
        .into_iter()
        .for_each(|fault| server.inject(fault));
    let left_over = text(client.rotate(0).send().unwrap_err());
    assert!(left_over.starts_with("key 2 is created, key 0 is to be deleted: get key 0: "), "{left_over}");
    [PASS, PASS, PASS, PASS, PASS, PASS, Fault::LoseResponse].into_iter().for_each(|fault| server.inject(fault));
    let in_doubt = text(client.rotate(0).send().unwrap_err());
    assert!(in_doubt.starts_with("key 3 is created, key 0 is to be deleted: delete key 0: "), "{in_doubt}");
}

#[test]
fn old_key_that_another_caller_deletes_meanwhile_is_not_an_error() {
    let [leader, follower] = FakeServer::cluster().unwrap();
    let old = old_key(&hasty(&leader));
    let both = KeysClient::builder().nearest_node(leader.url()).node(follower.url()).api_key(leader.api_key());
    let client = both.build().unwrap();
    // While the rotation waits for the new key.
    follower.set_lagging(true);
    let rotation = std::thread::spawn(move || client.rotate(old.id).send());
    wait_until("the new key exists", || leader.key_count() == 2);
    assert!(leader.remove(old.id));
    follower.set_lagging(false);
    let new = rotation.join().unwrap().unwrap();
    assert_eq!((new.id, leader.key_count()), (KeyId::from(1), 1));
}

/// A node that responds to every `get` that it has no such key.
fn lagging() -> Scripted {
    Scripted::start(|peer| {
        loop {
            peer.request()?;
            peer.send(NOT_FOUND)?;
        }
    })
}

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 24\r\n\r\n{\"message\":\"Not found.\"}";

#[test]
fn old_key_is_not_deleted_while_a_node_does_not_know_the_new_one() {
    let (server, other) = (FakeServer::start().unwrap(), lagging());
    let builder = KeysClient::builder().nearest_node(server.url()).node(other.url()).api_key(server.api_key());
    let client = builder.timeout(Duration::from_secs(5)).build().unwrap();
    let old = old_key(&client);
    let rotation = client.rotate(old.id).prepare().unwrap();
    let Err(Error::Incomplete(incomplete)) = rotation.send() else {
        panic!("the rotation succeeded although a node does not know the new key")
    };
    let new = incomplete.key.as_ref().unwrap().id;
    assert!(matches!(incomplete.cause, Error::NotReplicated(_)), "{incomplete}");
    assert!(incomplete.to_string().contains(&other.url()), "{incomplete}");
    // The old key must not be deleted yet: one node would then accept neither key.
    assert_eq!((incomplete.left_over.as_ref(), ids(&client)), (None, vec![old.id, new]));
    // Another process has a client without this node.
    let finished = hasty(&server).rotate(&old).stored_value(rotation.value().clone()).send().unwrap();
    assert_eq!((finished.id, ids(&client)), (new, vec![new]));
}

#[test]
fn rotation_with_a_node_down_changes_nothing_unless_a_majority_is_enough() {
    let server = FakeServer::start().unwrap();
    let old = old_key(&hasty(&server));
    let down = "http://127.0.0.1:1";
    let nodes = [server.url(), server.url().replace("127.0.0.1", "localhost"), down.to_owned()];
    let builder = KeysClient::builder().nodes(nodes).api_key(server.api_key());
    let client = builder.connect_timeout(Duration::from_millis(500)).build().unwrap();
    let error = client.rotate(old.id).send().unwrap_err();
    let Error::NodesUnavailable { nodes, .. } = &error else { panic!("{error}") };
    assert_eq!(nodes.iter().map(|node| &*node.node).collect::<Vec<_>>(), [down]);
    assert!(
        error.to_string().starts_with("nothing was changed: a replacement needs 3 of 3 nodes to confirm"),
        "{error}"
    );
    assert_eq!(ids(&hasty(&server)), [old.id]);

    let new = client.rotate(old.id).accept_majority(true).send().unwrap();
    assert_eq!(ids(&hasty(&server)), [new.id]);

    // One of three nodes is not a majority.
    let nodes = [server.url(), down.to_owned(), "http://127.0.0.1:2".to_owned()];
    let builder = KeysClient::builder().nodes(nodes).api_key(server.api_key());
    let client = builder.connect_timeout(Duration::from_millis(500)).build().unwrap();
    let error = client.rotate(new.id).accept_majority(true).send().unwrap_err();
    assert!(error.to_string().contains("a replacement needs 2 of 3 nodes to confirm"), "{error}");
    assert_eq!(ids(&hasty(&server)), [new.id]);
}

#[test]
fn completed_rotation_needs_a_majority_of_the_nodes_of_the_client_that_completes_it() {
    let nodes: [FakeServer; 3] = FakeServer::cluster().unwrap();
    let three = KeysClient::builder().nodes(nodes.each_ref().map(FakeServer::url)).api_key(nodes[0].api_key());
    let three = three.retries(false).timeout(Duration::from_secs(1)).build().unwrap();
    let one = hasty(&nodes[0]);
    // One of three nodes is not a majority, and one of one is.
    for (first, second, is_enough) in [(&one, &three, false), (&three, &one, true)] {
        let old = old_key(&one);
        for node in &nodes {
            node.fail(Operation::Create).with(Fault::ErrorBefore);
        }
        let rotation = first.rotate(old.id).accept_majority(true).prepare().unwrap();
        assert!(matches!(rotation.send(), Err(Error::Incomplete(_))));
        nodes.iter().for_each(FakeServer::clear_faults);
        nodes[1..].iter().for_each(|node| node.set_lagging(true));
        let later = second.rotate(old.id).accept_majority(true).stored_value(rotation.value().clone());
        let result = later.send();
        nodes[1..].iter().for_each(|node| node.set_lagging(false));
        assert_eq!((result.is_ok(), nodes[0].value_of(old.id).is_none()), (is_enough, is_enough), "{result:?}");
    }
}

#[test]
fn old_key_stays_if_a_node_has_another_key_with_the_id_of_the_new_one() {
    with_enough_time(Duration::from_secs(1), |timeout| {
        let (server, stray) = (FakeServer::start().unwrap(), FakeServer::start().unwrap());
        let old = old_key(&hasty(&server));
        let admin = "aDmn-of-both-servers";
        for server in [&server, &stray] {
            server.seed(TestKey::new("admin", ["*"], ["*"]).value(admin)).unwrap();
        }
        (0..2).for_each(|_| _ = stray.seed(TestKey::new("precious", ["*"], ["*"])).unwrap());
        let both = KeysClient::builder().nearest_node(server.url()).node(stray.url()).api_key(admin);
        let result = both.build().unwrap().rotate(old.id).timeout(timeout).send();
        assert!(server.value_of(old.id).is_some());
        match result {
            Err(Error::Incomplete(incomplete)) => {
                let text = incomplete.to_string();
                text.contains("has another key with this id").then_some(()).ok_or(text)
            }
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn rotation_that_is_interrupted_at_any_step_is_finished_with_the_same_value() {
    // The create (its response or its request is lost), and the delete.
    for (step, fault) in
        [(2, Fault::LoseResponse), (2, Fault::ErrorBefore), (4, Fault::LoseResponse), (4, Fault::ErrorBefore)]
    {
        let (server, client) = start_hasty();
        let old = old_key(&client);
        (0..step).for_each(|_| server.inject(PASS));
        server.inject(fault);
        let rotation = client.rotate(old.id).prepare().unwrap();
        let error = rotation.send().unwrap_err();
        assert!(matches!(error, Error::Incomplete(_)), "{error}");
        assert_eq!(error.value().unwrap().expose_secret(), rotation.value().expose_secret());
        let new = rotation.send().unwrap();
        let value = rotation.value().expose_secret();
        assert_eq!((new.value.expose_secret(), ids(&client)), (value, vec![new.id]), "{step}: {fault:?}");
    }
}

#[test]
fn rotation_to_the_value_that_the_key_has_deletes_nothing_even_after_a_lost_response() {
    let server = FakeServer::start().unwrap();
    let builder = KeysClient::builder().node(server.url()).api_key(server.api_key());
    let client = builder.timeout(Duration::from_secs(5)).build().unwrap();
    let old = old_key(&client);
    // The list of the keys that have this prefix comes before the create.
    (0..3).for_each(|_| server.inject(PASS));
    server.inject(Fault::LoseResponse);
    let rotation = client.rotate(old.id).value(old.value.clone()).prepare().unwrap();
    let error = rotation.send().unwrap_err();
    let Error::Incomplete(incomplete) = error else { panic!("{error}") };
    let Error::OutcomeUnknown(unknown) = &incomplete.cause else { panic!("{incomplete}") };
    assert_eq!(unknown.candidates, [], "the old key is reported as the new one");
    // The outcome stays unknown; the error says why.
    let error = rotation.send().unwrap_err();
    assert!(error.to_string().contains(" or rotate to another value;"), "{error}");
    assert_eq!(ids(&client), [old.id]);
    let error = client.rotate(old.id).value(old.value.clone()).send().unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    assert_eq!(ids(&client), [old.id]);
}

#[test]
fn old_key_stays_if_a_node_responds_with_anything_but_the_new_key() {
    for response in [
        "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n<h1>log in</h1>",
        // Another key's.
        "HTTP/1.1 200 OK\r\ncontent-length: 97\r\n\r\n{\"id\":999,\"description\":\"\",\"actions\":[\"*\"],\
         \"collections\":[\"*\"],\"expires_at\":9,\"value_prefix\":\"abcd\"}",
    ] {
        let server = FakeServer::start().unwrap();
        let asked = AtomicBool::new(false);
        let portal = Scripted::start(move |peer| {
            peer.request()?;
            // The first request checks whether the node is available.
            peer.send(if asked.swap(true, Ordering::SeqCst) { response } else { NOT_FOUND })
        });
        let old = old_key(&hasty(&server));
        let both = KeysClient::builder().nearest_node(server.url()).node(portal.url()).api_key(server.api_key());
        let error = both.build().unwrap().rotate(old.id).timeout(Duration::from_secs(4)).send().unwrap_err();
        let Error::Incomplete(incomplete) = &error else { panic!("{error}") };
        assert_eq!(ids(&hasty(&server)), [old.id, incomplete.key.as_ref().unwrap().id]);
        assert!(error.to_string().contains(&portal.url()), "{error}");
    }
}

#[test]
fn hanging_node_leaves_time_to_ask_a_lagging_node_again() {
    let [leader, follower, hanging] = FakeServer::cluster::<3>().unwrap();
    let builder = KeysClient::builder().nearest_node(leader.url()).nodes([follower.url(), hanging.url()]);
    let client = builder.api_key(leader.api_key()).connect_timeout(Duration::from_secs(1)).build().unwrap();
    let old = old_key(&client);
    hanging.fail(Operation::Get).times(usize::MAX).with(Fault::Hang);
    follower.set_lagging(true);
    let asked = follower.request_count() + 2; // the check whether it is available, and the get of the new key
    let new = thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the lagging node was asked for the new key", || follower.request_count() >= asked);
            follower.set_lagging(false);
        });
        client.rotate(old.id).accept_majority(true).timeout(Duration::from_secs(8)).send().unwrap()
    });
    assert_eq!(leader.keys(), [new.info()]);
}

#[test]
fn node_that_refuses_the_key_leaves_the_majority_to_the_others() {
    let [leader, follower, refusing] = FakeServer::cluster::<3>().unwrap();
    let builder = KeysClient::builder().nearest_node(leader.url()).nodes([follower.url(), refusing.url()]);
    let client = builder.api_key(leader.api_key()).build().unwrap();
    let old = old_key(&client);
    refusing.fail(Operation::Get).times(usize::MAX).with(Fault::Unauthorized);
    follower.set_lagging(true);
    let asked = follower.request_count() + 2; // the check whether it is available, and the get of the new key
    let new = thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the lagging node was asked for the new key", || follower.request_count() >= asked);
            follower.set_lagging(false);
        });
        client.rotate(old.id).accept_majority(true).send().unwrap()
    });
    assert_eq!(leader.keys(), [new.info()]);
}
