//! Rotations whose new value is stored before the new key exists: the same process may send them again, and a later
//! process completes them from any state.

use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};
use typesense_keys::{CreatedKey, Error, ErrorKind, Expiry, KeyInfo, KeysClient, PreparedRotation, SecretString};

use crate::{PASS, hasty, start_hasty};

fn old_key(client: &KeysClient) -> KeyInfo {
    client.create().description("docs").actions(["documents:import"]).collections(["docs"]).send().unwrap().info()
}

fn ids(server: &FakeServer) -> Vec<u32> {
    server.keys().iter().map(|key| key.id.get()).collect()
}

/// A later process, which has only the stored value.
fn later(server: &FakeServer, old: &KeyInfo, rotation: &PreparedRotation) -> Result<CreatedKey, Error> {
    let old: KeyInfo = serde_json::from_str(&serde_json::to_string(old).unwrap()).unwrap();
    hasty(server).rotate(&old).stored_value(rotation.value().clone()).send()
}

#[test]
fn prepared_rotation_sends_nothing_before_send() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    let sent = server.request_count();
    let rotation = client.rotate(&old).prepare().unwrap();
    assert_eq!((server.request_count(), rotation.old()), (sent, Some(&old)));
    assert_eq!(client.rotate(old.id).prepare().unwrap().old(), None);
    let new = rotation.send().unwrap();
    assert_eq!(server.value_of(new.id).unwrap().expose_secret(), rotation.value().expose_secret());
}

/// The steps: get, check the node, create, get the new key, get both keys, delete. A process may be killed before or
/// after each step.
#[test]
fn rotation_that_is_interrupted_at_any_step_is_completed_by_the_same_process_or_a_later_one() {
    for is_later in [false, true] {
        for keep_old in [false, true] {
            for step in 0..7 {
                for fault in [Fault::ErrorBefore, Fault::LoseResponse] {
                    let (server, client) = start_hasty();
                    let old = old_key(&client);
                    (0..step).for_each(|_| server.inject(PASS));
                    server.inject(fault);
                    let rotation = client.rotate(&old).keep_old(keep_old).prepare().unwrap();
                    let first = rotation.send();
                    server.clear_faults();
                    let again = || match is_later {
                        false => rotation.send(),
                        true => {
                            let request = hasty(&server).rotate(&old).keep_old(keep_old);
                            request.stored_value(rotation.value().clone()).send()
                        }
                    };
                    let case = format!("step {step}: {fault:?}, later {is_later}, keep {keep_old}: {first:?}");
                    let second = again().unwrap_or_else(|error| panic!("{case}: {error}"));
                    let third = again().unwrap_or_else(|error| panic!("{case}: {error}"));
                    assert_eq!(
                        (second.id, first.map(|key| key.id).unwrap_or(second.id)),
                        (third.id, third.id),
                        "{case}"
                    );
                    let left = if keep_old { vec![0, second.id.get()] } else { vec![second.id.get()] };
                    assert_eq!(ids(&server), left, "{case}");
                    let value = server.value_of(second.id).unwrap();
                    assert_eq!(value.expose_secret(), rotation.value().expose_secret(), "{case}");
                }
            }
        }
    }
}

#[test]
fn new_key_that_was_deleted_since_is_not_created_again() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    let rotation = client.rotate(&old).prepare().unwrap();
    let new = rotation.send().unwrap();
    assert!(server.remove(new.id));
    for result in [rotation.send(), later(&server, &old, &rotation)] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        assert_eq!(error.value().unwrap().expose_secret(), rotation.value().expose_secret());
        assert_eq!(server.key_count(), 0);
    }
}

/// The server has refused the value as in use, so the new key existed.
#[test]
fn new_key_that_is_known_only_by_a_refusal_is_not_created_again() {
    let server = FakeServer::start().unwrap();
    let client = server.client();
    let old = old_key(&client);
    server.fail(Operation::Create).nth(1).with(Fault::LoseResponse);
    server.fail(Operation::List).times(usize::MAX).with(Fault::Unauthorized);
    let rotation = client.rotate(&old).timeout(Duration::from_secs(2)).prepare().unwrap();
    let error = rotation.send().unwrap_err();
    assert_eq!(error.value().unwrap().expose_secret(), rotation.value().expose_secret(), "{error}");
    server.clear_faults();
    let created = server.requests(Operation::Create);
    assert!(server.remove(1));
    assert!(matches!(rotation.send(), Err(Error::Incomplete(_))));
    assert_eq!((server.requests(Operation::Create), ids(&server)), (created, vec![0]));
    assert!(server.remove(0));
    let error = rotation.send().unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert_eq!(error.value().unwrap().expose_secret(), rotation.value().expose_secret());
    assert_eq!((server.requests(Operation::Create), server.key_count()), (created, 0));
}

#[test]
fn completion_of_a_rotation_whose_key_deletes_itself_finds_the_new_key_and_creates_none() {
    let server = FakeServer::builder().version(typesense_keys::audit::ServerVersion::V30).start().unwrap();
    let client = hasty(&server);
    let create = client.create().description("docs").actions(["documents:import"]).collections(["docs"]);
    let hour = Duration::from_secs(3_600);
    let old = create.expires_in(hour).autodelete(true).send().unwrap().info();
    let rotation = client.rotate(&old).prepare().unwrap();
    let error = later(&server, &old, &rotation).unwrap_err();
    assert!(error.to_string().contains("none may be created now") && error.value().is_some(), "{error}");
    server.fail(Operation::Delete).with(Fault::Unauthorized);
    assert!(matches!(rotation.send(), Err(Error::Incomplete(_))));
    let new = later(&server, &old, &rotation).unwrap();
    assert_eq!(ids(&server), [new.id.get()]);
}

#[test]
fn completion_finds_the_new_key_although_the_old_one_has_expired_since() {
    let (server, client) = start_hasty();
    let create = client.create().description("docs").actions(["documents:import"]).collections(["docs"]);
    let old = create.expires_in(Duration::from_secs(3_600)).send().unwrap().info();
    let rotation = client.rotate(&old).prepare().unwrap();
    server.fail(Operation::Create).with(Fault::LoseResponse);
    assert!(matches!(rotation.send(), Err(Error::Incomplete(_))));
    server.advance(Duration::from_secs(4_000));
    let error = later(&server, &old, &rotation).unwrap_err();
    assert!(error.to_string().contains("the key exists, but has expired") && error.value().is_some(), "{error}");
}

#[test]
fn completion_needs_more_than_the_prefix_of_a_key() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    let rotation = client.rotate(&old).prepare().unwrap();
    let value = rotation.value().expose_secret();
    let alike = format!("{}{}", &value[..4], "x".repeat(28));
    let other = server.seed(TestKey::new("admin", ["*"], ["*"]).value(alike.as_str())).unwrap();
    // The old key does not exist, and no new key was ever created.
    assert!(server.remove(old.id));
    let error = later(&server, &old, &rotation).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    // With only the id, the other key cannot be distinguished from the new one.
    let request = client.rotate(old.id).stored_value(rotation.value().clone());
    let Err(Error::OutcomeUnknown(unknown)) = request.send() else { panic!("key {other} counts as the new one") };
    assert_eq!((unknown.candidates.as_slice(), ids(&server)), (&[other][..], vec![other.get()]));
}

#[test]
fn completion_by_the_id_alone_needs_the_old_key() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    let rotation = client.rotate(old.id).prepare().unwrap();
    let later = |server: &FakeServer| hasty(server).rotate(old.id).stored_value(rotation.value().clone()).send();
    server.fail(Operation::Delete).with(Fault::Unauthorized);
    assert!(matches!(rotation.send(), Err(Error::Incomplete(_))));
    let new = later(&server).unwrap();
    assert_eq!(ids(&server), [new.id.get()]);
    let Err(Error::OutcomeUnknown(unknown)) = later(&server) else {
        panic!("the outcome is known although the old key does not exist")
    };
    assert_eq!(unknown.candidates, [new.id]);
    assert_eq!(rotation.send().unwrap().id, new.id, "the same process does not find its new key");
    assert!(server.remove(new.id));
    let error = later(&server).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && error.may_have_acted(), "{error}");
}

#[test]
fn completion_on_another_cluster_changes_nothing_there() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    let rotation = client.rotate(&old).prepare().unwrap();
    server.fail(Operation::Create).with(Fault::ErrorBefore);
    assert!(matches!(rotation.send(), Err(Error::Incomplete(_))));
    server.clear_faults();
    let (empty, stray) = (FakeServer::start().unwrap(), FakeServer::start().unwrap());
    stray.seed(TestKey::new("precious", ["*"], ["*"])).unwrap();
    let before = stray.keys();
    for (other, kind) in [(&empty, ErrorKind::NotFound), (&stray, ErrorKind::AnotherKey)] {
        let error = later(other, &old, &rotation).unwrap_err();
        assert_eq!((error.kind(), error.value().is_some(), error.key_id()), (kind, true, None), "{error}");
    }
    assert_eq!((empty.key_count(), stray.keys()), (0, before));
    let new = later(&server, &old, &rotation).unwrap();
    assert_eq!(ids(&server), [new.id.get()]);
}

#[test]
fn rotation_of_a_key_whose_id_belongs_to_another_key_changes_nothing() {
    let (server, stray) = (FakeServer::start().unwrap(), FakeServer::start().unwrap());
    let old = old_key(&hasty(&server));
    stray.seed(TestKey::new("precious", ["*"], ["*"])).unwrap();
    let error = hasty(&stray).rotate(&old).send().unwrap_err();
    assert!(matches!(error, Error::AnotherKey { .. }) && !error.may_have_acted(), "{error}");
    assert_eq!(stray.key_count(), 1);
}

#[test]
fn error_of_a_completion_keeps_its_kind_and_the_value() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    let rotation = client.rotate(&old).prepare().unwrap();
    for (operation, fault, kind) in [
        (Operation::Get, Fault::Unauthorized, ErrorKind::Unauthorized),
        (Operation::Get, Fault::NotReady { retry_after: None }, ErrorKind::Unavailable),
        (Operation::Create, Fault::Unauthorized, ErrorKind::Incomplete),
    ] {
        server.fail(operation).times(usize::MAX).with(fault);
        let error = later(&server, &old, &rotation).unwrap_err();
        assert_eq!((error.kind(), error.may_have_acted()), (kind, true), "{error}");
        assert_eq!(error.value().unwrap().expose_secret(), rotation.value().expose_secret());
        server.clear_faults();
    }
    assert_eq!(ids(&server), [0]);
}

#[test]
fn completion_with_an_expiry_that_was_given_as_a_duration_finds_the_key_of_the_earlier_process() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    let hour = Duration::from_secs(3_600);
    let rotation = client.rotate(&old).expires_in(hour).prepare().unwrap();
    let new = rotation.send().unwrap();
    server.advance(hour / 2);
    let later = client.rotate(&old).expires_in(hour).stored_value(rotation.value().clone()).send().unwrap();
    assert_eq!((later.id, later.expires_at), (new.id, new.expires_at));
    assert!(new.expires_at < Expiry::after(hour));
}

#[test]
fn value_that_this_crate_has_not_generated_is_refused() {
    let (server, client) = start_hasty();
    let old = old_key(&client);
    let sent = server.request_count();
    for value in ["too-short", "", "line\nbreak"] {
        let error = client.rotate(&old).stored_value(SecretString::from(value)).send().unwrap_err();
        assert!(error.to_string().contains("`stored_value`"), "{error}");
    }
    assert_eq!(server.request_count(), sent);
}
