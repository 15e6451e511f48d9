//! Several nodes with the same keys.

use secrecy::ExposeSecret;
use typesense_keys::KeysClient;
use typesense_keys::audit::ServerVersion;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};

use super::{create, list, send, send_with};
use crate::support::raw::Request;

fn status(server: &FakeServer, method: &str, path: &str) -> u16 {
    send(server, Request::new(method, path)).unwrap().status
}

#[test]
fn key_created_through_one_node_is_known_to_all() {
    let [one, two, three] = FakeServer::cluster().unwrap();
    create(&one).unwrap();
    assert_eq!([&one, &two, &three].map(|node| status(node, "GET", "/keys/0")), [200; 3]);
    assert_eq!(one.api_key().expose_secret(), three.api_key().expose_secret());
    assert_eq!(three.key_count(), 1);
}

#[test]
fn first_node_is_the_leader() {
    let nodes: [FakeServer; 3] = FakeServer::cluster().unwrap();
    let states = nodes.each_ref().map(|node| {
        let debug = send(node, Request::new("GET", "/debug")).unwrap().json().unwrap();
        debug.get("state").unwrap().as_u64().unwrap()
    });
    assert_eq!(states, [1, 4, 4]);
}

#[test]
fn lagging_node_shows_old_keys_and_passes_writes_on() {
    let [leader, follower] = FakeServer::cluster().unwrap();
    let key = TestKey::new("d", ["*"], ["*"]);
    let old = leader.seed(key.clone().value("old")).unwrap();
    follower.set_lagging(true);
    leader.seed(key.value("new")).unwrap();
    leader.remove(old);
    follower.set_lagging(true); // does not move the moment

    // The follower does not know the new key, and still knows the old one.
    assert_eq!(status(&follower, "GET", "/keys/1"), 404);
    assert_eq!(status(&follower, "GET", "/keys/0"), 200);
    assert_eq!(send_with(&follower, "new", Request::new("GET", "/keys")).unwrap().status, 401);
    assert_eq!(send_with(&follower, "old", Request::new("GET", "/keys")).unwrap().status, 200);
    // The cluster carries out what is written through the follower, and the follower does not show that either.
    assert_eq!(create(&follower).unwrap().status, 201);
    assert_eq!(status(&leader, "GET", "/keys/2"), 200);
    assert_eq!(status(&follower, "GET", "/keys/2"), 404);
    assert_eq!(status(&follower, "DELETE", "/keys/0"), 404);

    follower.set_lagging(false);
    assert_eq!(list(&follower).unwrap().text(), list(&leader).unwrap().text());
    assert_eq!(status(&follower, "GET", "/keys/2"), 200);
}

#[test]
fn lagging_node_keeps_what_the_others_have_purged() {
    let [one, two] = FakeServer::builder().version(ServerVersion::V30).start_cluster().unwrap();
    let key = TestKey::new("d", ["*"], ["*"]).autodelete(true);
    one.seed(key.expires_at(typesense_keys::Expiry::from_unix_seconds(1))).unwrap();
    two.set_lagging(true);
    one.purge_expired();
    assert_eq!([&one, &two].map(|node| status(node, "GET", "/keys/0")), [404, 200]);
}

#[test]
fn each_node_has_its_own_faults_and_counters() {
    let [one, two] = FakeServer::cluster().unwrap();
    one.fail(Operation::List).with(Fault::ErrorBefore);
    assert_eq!(list(&two).unwrap().status, 200);
    assert_eq!(list(&one).unwrap().status, 500);
    list(&one).unwrap();
    assert_eq!((one.request_count(), two.request_count()), (2, 1));
    assert_eq!((one.connection_count(), two.connection_count()), (2, 1));
}

#[test]
fn client_uses_the_nodes_that_still_run() {
    let [one, two] = FakeServer::cluster().unwrap();
    let nodes = [one.url(), two.url()];
    let client = nodes.iter().fold(KeysClient::builder(), |builder, url| builder.node(url.as_str()));
    let client = client.api_key(one.api_key()).build().unwrap();
    for (stopped, left) in [(&one, &two), (&two, &one)] {
        stopped.stop();
        let before = left.requests(Operation::List);
        client.list().send().unwrap();
        assert_eq!(left.requests(Operation::List), before + 1);
        stopped.restart().unwrap();
    }
}
