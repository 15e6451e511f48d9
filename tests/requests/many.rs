//! Many deletions and rotations in one batch: each key is deleted or replaced once, whatever fails.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation};
use typesense_keys::{CreatedKey, DeleteKey, Error, ErrorKind, Expiry, KeyId, KeysClient, PreparedRotation};

use crate::support::time::{wait_until, with_enough_time};
use crate::{hasty, start_hasty};

fn keys(client: &KeysClient, count: usize) -> Vec<CreatedKey> {
    let request = |index| client.create().description(format!("key {index}")).actions(["documents:search"]);
    let requests = (0..count).map(|index| request(index).collections(["docs"]).prepare().unwrap());
    client.create_many(requests).send().into_outputs().unwrap()
}

fn deletions(client: &KeysClient, keys: &[CreatedKey]) -> Vec<DeleteKey> {
    keys.iter().map(|key| client.delete(key.id)).collect()
}

fn rotations(client: &KeysClient, keys: &[CreatedKey]) -> Vec<PreparedRotation> {
    keys.iter().map(|key| client.rotate(key.id).prepare().unwrap()).collect()
}

#[test]
fn delete_many_deletes_exactly_the_named_keys() {
    let (server, client) = start_hasty();
    let keys = keys(&client, 20);
    let mut deleted = Vec::new();
    let batch = client.delete_many(deletions(&client, &keys[..15])).connections(3).send_with(|progress| {
        assert_eq!(*progress.result.unwrap(), keys[progress.index].id);
        deleted.push(progress.done);
        ControlFlow::Continue(())
    });
    let ids = batch.into_outputs().unwrap();
    assert_eq!(ids, keys[..15].iter().map(|key| key.id).collect::<Vec<_>>());
    assert_eq!(deleted, (1..=15).collect::<Vec<_>>());
    // The ids are in the order in which the server creates the keys, which is not that of the requests.
    let left: BTreeSet<KeyId> = server.keys().iter().map(|key| key.id).collect();
    assert_eq!(left, keys[15..].iter().map(|key| key.id).collect());
}

#[test]
fn delete_many_reports_a_missing_key_unless_its_request_ignores_it() {
    let (_server, client) = start_hasty();
    let requests = [client.delete(7).ignore_missing(true), client.delete(8)];
    let batch = client.delete_many(requests).keep_going(true).send();
    assert_eq!(batch.succeeded().collect::<Vec<_>>(), [(0, &KeyId::from(7))]);
    assert!(matches!(batch.failed().next(), Some((1, Error::NotFound { .. }))));
}

#[test]
fn resumed_delete_many_counts_a_missing_key_as_deleted_after_a_lost_response() {
    let (server, client) = start_hasty();
    let keys = keys(&client, 4);
    server.fail(Operation::Delete).nth(2).with(Fault::LoseResponse);
    let batch = client.delete_many(deletions(&client, &keys)).connections(1).send();
    assert!(matches!(batch.failed().next(), Some((1, Error::OutcomeUnknown(_)))));
    assert_eq!(batch.succeeded().count(), 1);
    let ids = batch.resume().send().into_outputs().unwrap();
    assert_eq!((ids.len(), server.key_count()), (4, 0));
}

#[test]
fn resumed_delete_many_still_reports_a_key_that_never_existed() {
    let (_server, client) = start_hasty();
    let batch = client.delete_many([client.delete(7)]).send();
    let batch = batch.resume().send();
    assert!(matches!(batch.failed().next(), Some((0, Error::NotFound { .. }))));
}

#[test]
fn rotate_many_replaces_each_key_and_returns_each_value() {
    let (server, client) = start_hasty();
    let old = keys(&client, 12);
    let mut values = vec![None; old.len()];
    let batch = client.rotate_many(rotations(&client, &old)).send_with(|progress| {
        values[progress.index] = Some(progress.result.unwrap().value.clone());
        ControlFlow::Continue(())
    });
    let new = batch.into_outputs().unwrap();
    assert_eq!(server.key_count(), old.len());
    for ((old, new), value) in old.iter().zip(&new).zip(values) {
        assert_eq!(old.description, new.description);
        assert!(server.value_of(old.id).is_none());
        assert_eq!(server.value_of(new.id).unwrap().expose_secret(), value.unwrap().expose_secret());
    }
}

#[test]
fn resumed_rotate_many_finishes_the_interrupted_rotation_with_the_key_that_it_created() {
    // A lost create, a lost delete, a refused delete.
    for (operation, fault) in [
        (Operation::Create, Fault::LoseResponse),
        (Operation::Delete, Fault::LoseResponse),
        (Operation::Delete, Fault::Unauthorized),
    ] {
        let (server, client) = start_hasty();
        let old = keys(&client, 3);
        server.fail(operation).nth(2).with(fault);
        let batch = client.rotate_many(rotations(&client, &old)).connections(1).send();
        let (index, error) = batch.failed().next().unwrap();
        assert!(index == 1 && matches!(error, Error::Incomplete(_)), "{error}");
        let value = error.value().cloned().unwrap();
        let new = batch.resume().send().into_outputs().unwrap();
        assert_eq!(new[1].value.expose_secret(), value.expose_secret());
        assert_eq!(server.key_count(), 3, "not one key for each rotation");
    }
}

#[test]
fn delete_with_an_unknown_outcome_keeps_it_over_several_resumes() {
    let (server, client) = start_hasty();
    let keys = keys(&client, 1);
    server.fail(Operation::Delete).with(Fault::LoseResponse);
    let batch = client.delete_many(deletions(&client, &keys)).send();
    server.fail(Operation::Delete).with(Fault::Unauthorized);
    let batch = batch.resume().send();
    assert!(matches!(batch.failed().next(), Some((0, Error::Unauthorized(_)))));
    assert_eq!(batch.resume().send().into_outputs().unwrap(), [keys[0].id]);
}

#[test]
fn resumed_rotate_many_whose_expiry_has_passed_keeps_the_values_of_the_new_keys() {
    let (server, client) = start_hasty();
    with_enough_time(Duration::from_secs(2), |duration| {
        let old = keys(&client, 3);
        let expiry = Expiry::after(duration);
        let requests = old.iter().map(|key| client.rotate(key.id).expires_at(expiry).prepare().unwrap());
        let batch = client.rotate_many(requests).connections(1).send_with(|_| ControlFlow::Break(()));
        if batch.succeeded().count() != 1 {
            return Err(format!("{batch:?}"));
        }
        wait_until("the expiry has passed", || expiry.is_past());
        let batch = batch.resume().keep_going(true).send();
        let (_, new) = batch.succeeded().next().unwrap();
        assert_eq!(server.value_of(new.id).unwrap().expose_secret(), new.value.expose_secret());
        let errors: Vec<_> = batch.failed().map(|(index, error)| (index, error.kind())).collect();
        assert_eq!(errors, [(1, ErrorKind::InvalidRequest), (2, ErrorKind::InvalidRequest)]);
        Ok(())
    });
}

#[test]
fn resumed_rotation_has_the_timeout_of_its_request() {
    let server = FakeServer::start().unwrap();
    let long = hasty(&server);
    let old = keys(&long, 1);
    let builder = KeysClient::builder().node(server.url()).api_key(server.api_key()).retries(false);
    let none = builder.timeout(Duration::from_nanos(1)).build().unwrap();
    server.fail(Operation::Delete).with(Fault::Unauthorized);
    let request = none.rotate(old[0].id).timeout(Duration::from_secs(30)).prepare().unwrap();
    let batch = none.rotate_many([request]).send();
    assert!(matches!(batch.failed().next(), Some((0, Error::Incomplete(_)))), "{batch:?}");
    assert!(batch.resume().send().is_complete());
}
