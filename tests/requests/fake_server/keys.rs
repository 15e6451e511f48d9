//! Keys that a test adds, reads and removes.

use std::io;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::audit::ServerVersion;
use typesense_keys::testing::{FakeServer, TestKey};
use typesense_keys::{Action, Error, Expiry, KeyId, KeysClient};

use super::{create, send_with};
use crate::client;
use crate::support::raw::Request;

fn docs() -> TestKey {
    TestKey::new("docs site", [Action::DOCUMENTS_SEARCH], ["docs"])
}

fn long_past() -> Expiry {
    Expiry::from_unix_seconds(1)
}

#[test]
fn seeded_keys_are_listed_as_the_test_described_them() {
    for version in [ServerVersion::V0_24, ServerVersion::V30] {
        let server = FakeServer::builder().version(version).start().unwrap();
        for _ in 0..10 {
            server.seed(docs()).unwrap();
        }
        let odd = TestKey::new("", ["documents:serach", "*"], ["["]);
        let id = server.seed(odd.value("own-value").expires_at(long_past()).autodelete(true)).unwrap();
        assert_eq!(server.keys(), client(&server).list().send().unwrap());
        let odd = client(&server).get(id).send().unwrap();
        assert_eq!((odd.actions.len(), odd.prefix.as_str(), odd.expires_at), (2, "own-", long_past()));
        assert_eq!(odd.autodelete, (version == ServerVersion::V30).then_some(true));
    }
}

#[test]
fn seeded_key_works_until_it_expires() {
    let server = FakeServer::start().unwrap();
    let lister = TestKey::new("lister", ["keys:list"], ["*"]);
    server.seed(lister.clone().value("lister")).unwrap();
    server.seed(lister.value("expired").expires_at(long_past())).unwrap();
    let status = |key, path| send_with(&server, key, Request::new("GET", path)).unwrap().status;
    assert_eq!(status("lister", "/keys"), 200);
    assert_eq!(status("lister", "/keys/0"), 401);
    assert_eq!(status("expired", "/keys"), 401);
}

#[test]
fn seed_with_a_value_in_use_is_refused_and_uses_no_id() {
    let server = FakeServer::start().unwrap();
    let id = server.seed(docs().value("taken")).unwrap();
    for taken in ["taken", server.api_key().expose_secret()] {
        let refused = server.seed(docs().value(taken)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert!(!format!("{refused} {refused:?}").contains(taken));
    }
    assert_eq!(server.seed(docs()).unwrap().get(), id.get() + 1);
}

#[test]
fn value_of_a_key_is_the_one_that_its_creator_got() {
    let server = FakeServer::start().unwrap();
    let created = client(&server).create().description("d").actions(["*"]).collections(["*"]).send().unwrap();
    assert_eq!(server.value_of(created.id).unwrap().expose_secret(), created.value.expose_secret());
    assert!(server.value_of(created.id.get() + 1).is_none());
}

#[test]
fn value_that_the_server_generates_is_32_letters_and_digits() {
    let server = FakeServer::start().unwrap();
    let created = create(&server).unwrap().json().unwrap();
    let value = created.get("value").unwrap().as_str().unwrap();
    assert_eq!(value.len(), 32);
    assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(server.value_of(0).unwrap().expose_secret(), value);
}

#[test]
fn removed_key_does_not_exist_and_its_id_is_not_used_again() {
    let server = FakeServer::start().unwrap();
    let id = server.seed(docs()).unwrap();
    assert!(server.remove(id));
    assert!(!server.remove(id));
    assert!(matches!(client(&server).get(id).send(), Err(Error::NotFound { .. })));
    assert_ne!(server.seed(docs()).unwrap(), id);
}

#[test]
fn purge_removes_expired_autodelete_keys_and_no_others() {
    let server = FakeServer::builder().version(ServerVersion::V30).start().unwrap();
    let doomed = server.seed(docs().autodelete(true).expires_at(long_past())).unwrap();
    server.seed(docs().autodelete(true)).unwrap();
    server.seed(docs().autodelete(false).expires_at(long_past())).unwrap();
    assert_eq!(server.purge_expired(), 1);
    assert_eq!(server.purge_expired(), 0);
    assert_eq!(server.keys().iter().map(|key| key.id).collect::<Vec<_>>(), [KeyId::from(1), KeyId::from(2)]);
    assert!(matches!(client(&server).get(doomed).send(), Err(Error::NotFound { .. })));
}

#[test]
fn server_of_version_0_24_purges_nothing() {
    let server = FakeServer::start().unwrap();
    server.seed(docs().autodelete(true).expires_at(long_past())).unwrap();
    assert_eq!((server.purge_expired(), server.key_count()), (0, 1));
}

/// A mock must return the same values as a server.
#[test]
fn test_key_as_a_value_equals_the_key_from_a_server() {
    let server = FakeServer::builder().version(ServerVersion::V30).start().unwrap();
    let key = docs().value("own-value").autodelete(true).expires_at(Expiry::from_unix_seconds(4_000_000_000));
    let id = server.seed(key.clone()).unwrap();
    let listed = client(&server).get(id).send().unwrap();
    assert_eq!(key.info(id), listed);
    assert_eq!(key.created(id).info(), listed);
    assert_eq!(key.created(id).value.expose_secret(), "own-value");
}

#[test]
fn test_key_shows_no_value() {
    let key = docs().value("s3cr3t-value");
    assert!(!format!("{key:?} {:?}", key.created(1)).contains("s3cr"));
}

#[test]
fn keys_expire_when_a_test_moves_the_clock() {
    let hour = Duration::from_secs(3_600);
    let server = FakeServer::builder().version(ServerVersion::V30).start().unwrap();
    let client = server.client();
    let request = client.create().actions(["keys:list"]).collections(["*"]).expires_in(hour).autodelete(true);
    let key = request.send().unwrap();
    let user = KeysClient::builder().node(server.url()).api_key(key.value).build().unwrap();
    let expired = || client.list().expired(true).send().unwrap().len();
    assert_eq!((expired(), user.list().send().unwrap().len()), (0, 1));

    server.advance(hour);
    // The server refuses a key from the second after its expiry.
    server.advance(Duration::from_millis(1_500));
    assert_eq!((expired(), client.get(key.id).send().unwrap().is_expired()), (1, true));
    assert!(matches!(user.list().send(), Err(Error::Unauthorized(_))));

    let in_another_thread = std::thread::scope(|scope| scope.spawn(|| key.expires_at.is_past()).join().unwrap());
    assert!(!in_another_thread, "the clock of other tests is also moved");
    assert_eq!(server.purge_expired(), 1);
    drop(server);
    assert!(!key.expires_at.is_past(), "the clock of this thread is still moved");
}
