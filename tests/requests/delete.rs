//! Deletes: the responses that are a success, and those that leave the outcome open.

use std::time::Duration;

use typesense_keys::testing::{FakeServer, Fault, Operation};
use typesense_keys::{Error, KeyId, KeysClient};

use crate::start;
use crate::support::Scripted;

#[test]
fn missing_key_is_an_error_unless_it_is_ignored() {
    let (_server, client) = start();
    assert!(matches!(client.delete(7).send(), Err(Error::NotFound { .. })));
    assert!(matches!(client.delete(7).ignore_missing(false).send(), Err(Error::NotFound { .. })));
    assert_eq!(client.delete(7).ignore_missing(true).send().unwrap(), KeyId::from(7));
}

#[test]
fn listed_key_is_deleted_only_if_its_id_still_belongs_to_it() {
    let (server, client) = start();
    let (other, standby) = start();
    let request =
        |client: &KeysClient, name| client.create().description(name).actions(["*"]).collections(["*"]).send();
    let key = request(&client, "import").unwrap();
    request(&standby, "payments backend").unwrap();
    let listed = client.list().send().unwrap().remove(0);
    for result in [standby.delete(&listed).send(), standby.delete(&key).ignore_missing(true).send()] {
        assert!(matches!(result, Err(Error::AnotherKey { id, .. }) if id == key.id), "{result:?}");
    }
    assert_eq!((other.key_count(), other.requests(Operation::Delete)), (1, 0));
    assert_eq!(client.delete(&listed).send().unwrap(), key.id);
    assert!(matches!(client.delete(&listed).send(), Err(Error::NotFound { .. })));
    assert_eq!(client.delete(&listed).ignore_missing(true).send().unwrap(), key.id);
    assert_eq!(server.key_count(), 0);
}

#[test]
fn ignore_missing_ignores_no_other_error() {
    let (server, client) = start();
    let id = client.create().actions(["documents:get"]).collections(["docs"]).send().unwrap().id;
    server.inject(Fault::Unauthorized);
    assert!(matches!(client.delete(id).ignore_missing(true).send(), Err(Error::Unauthorized(_))));
    assert_eq!(server.key_count(), 1);
}

#[test]
fn response_about_another_key_leaves_the_outcome_open() {
    let server = Scripted::start(|peer| {
        peer.request()?;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":8}")
    });
    let client = KeysClient::builder().node(server.url()).api_key("key").build().unwrap();
    let error = client.delete(7).send().unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)), "{error}");
    assert_eq!(error.key_id(), Some(KeyId::from(7)));
}

#[test]
fn waiting_for_replication_names_a_node_that_still_has_the_key() {
    let [leader, follower] = FakeServer::cluster().unwrap();
    let nodes = [leader.url(), follower.url()];
    let client = KeysClient::builder().nodes(nodes).api_key(leader.api_key()).build().unwrap();
    let id = client.create().actions(["documents:get"]).collections(["docs"]).send().unwrap().id;
    follower.set_lagging(true);
    let error = client.delete(id).wait_for_replication(Duration::from_millis(300)).send().unwrap_err();
    let Error::NotReplicated(lag) = &error else { panic!("{error}") };
    assert_eq!(lag.nodes.iter().map(|node| &*node.node).collect::<Vec<_>>(), [follower.url()]);
    follower.set_lagging(false);
    assert!(matches!(client.get(id).send(), Err(Error::NotFound { .. })));
}
