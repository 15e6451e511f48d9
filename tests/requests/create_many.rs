//! Many keys in one batch: each is created once, and none is lost, whatever fails.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation};
use typesense_keys::{CreateKey, CreatedKey, Error, KeysClient, PreparedCreate};

use crate::{PASS, hasty, start_hasty};

fn drafts(client: &KeysClient, count: usize) -> impl Iterator<Item = CreateKey> {
    let request = |tenant| client.create().description(format!("tenant {tenant}"));
    (0..count).map(move |tenant| request(tenant).actions(["documents:search"]).collections(["docs"]))
}

fn prepared(draft: CreateKey) -> PreparedCreate {
    draft.prepare().unwrap()
}

fn requests(client: &KeysClient, count: usize) -> Vec<PreparedCreate> {
    drafts(client, count).map(prepared).collect()
}

/// The descriptions of the keys on the server, in order.
fn there(server: &FakeServer) -> Vec<String> {
    let mut texts: Vec<_> = hasty(server).list().send().unwrap().into_iter().map(|key| key.description).collect();
    texts.sort();
    texts
}

#[test]
fn each_request_leads_to_its_key_in_order() {
    let (server, client) = start_hasty();
    let mut seen = Vec::new();
    let batch = client.create_many(requests(&client, 30)).connections(3).send_with(|progress| {
        assert_eq!(progress.total, 30);
        let key = progress.result.unwrap();
        assert_eq!(key.description, format!("tenant {}", progress.index));
        seen.push((progress.done, progress.index));
        ControlFlow::Continue(())
    });
    assert!(batch.is_complete() && batch.failed().count() == 0);
    let keys = batch.into_outputs().unwrap();
    assert_eq!(seen.iter().map(|(done, _)| *done).collect::<Vec<_>>(), (1..=30).collect::<Vec<_>>());
    assert_eq!(seen.iter().map(|(_, index)| *index).collect::<HashSet<_>>().len(), 30);
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(key.description, format!("tenant {index}"));
        assert!(key.value.expose_secret().starts_with(&client.get(key.id).send().unwrap().prefix));
    }
    assert_eq!(server.key_count(), 30);
}

#[test]
fn empty_batch_sends_nothing() {
    let server = FakeServer::start().unwrap();
    let batch = hasty(&server).create_many(Vec::new()).send();
    assert!(batch.is_complete() && batch.into_outputs().unwrap().is_empty());
    assert_eq!(server.request_count(), 0);
}

#[test]
fn batch_after_a_failure_starts_no_more_requests_and_reports_created_keys_with_their_values() {
    let (server, client) = start_hasty();
    (0..2).for_each(|_| server.inject(PASS));
    server.inject(Fault::NotReady { retry_after: None });
    let batch = client.create_many(requests(&client, 10)).connections(1).send();
    assert_eq!(batch.succeeded().map(|(index, _)| index).collect::<Vec<_>>(), [0, 1]);
    assert!(batch.succeeded().all(|(_, key)| key.value.expose_secret().len() == 32));
    let failed: Vec<_> = batch.failed().collect();
    assert!(matches!(failed.as_slice(), [(2, Error::Unavailable(_))]), "{failed:?}");
    let batch = batch.into_outputs().unwrap_err();

    // A second run continues with the rest.
    let mut first = None;
    let batch = batch.resume().send_with(|progress| {
        first.get_or_insert((progress.done, progress.index));
        ControlFlow::Continue(())
    });
    assert_eq!(first, Some((3, 2)));
    assert_eq!(batch.into_outputs().unwrap().len(), 10);
    assert_eq!(server.key_count(), 10);
}

#[test]
fn failed_request_with_keep_going_does_not_stop_the_batch() {
    let (server, client) = start_hasty();
    server.inject(PASS);
    server.inject(Fault::NotReady { retry_after: None });
    let batch = client.create_many(requests(&client, 5)).connections(1).keep_going(true).send();
    assert_eq!(batch.succeeded().map(|(index, _)| index).collect::<Vec<_>>(), [0, 2, 3, 4]);
    assert_eq!(batch.failed().map(|(index, _)| index).collect::<Vec<_>>(), [1]);
}

#[test]
fn batch_that_the_caller_stops_is_resumed() {
    let (server, client) = start_hasty();
    let stop_at = |limit: usize| {
        move |progress: &typesense_keys::batch::Progress<'_, typesense_keys::CreatedKey>| {
            if progress.done < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
    };
    let mut batch = client.create_many(requests(&client, 20)).connections(2).send_with(stop_at(4));
    assert!(!batch.is_complete() && batch.succeeded().count() >= 4);
    for limit in [8, 12, 20] {
        batch = batch.resume().send_with(stop_at(limit));
    }
    assert!(batch.is_complete());
    assert_eq!(server.key_count(), 20);
}

#[test]
fn lost_responses_leave_one_key_for_each_request() {
    let faults =
        [Fault::LoseResponse, Fault::ErrorAfter, Fault::ErrorBefore, Fault::NotReady { retry_after: None }, PASS];
    for turn in 0..faults.len() {
        let (server, client) = start_hasty();
        faults.iter().cycle().skip(turn).take(25).for_each(|fault| server.inject(*fault));
        let mut batch = client.create_many(requests(&client, 12)).connections(3).keep_going(true).send();
        for _ in 0..20 {
            batch = batch.resume().send();
        }
        let keys = batch.into_outputs().unwrap_or_else(|batch| panic!("{batch:?}"));
        let mut made: Vec<_> = keys.iter().map(|key| key.description.clone()).collect();
        made.sort();
        assert_eq!(there(&server), made, "there is an unreported key or a duplicate");
        for key in &keys {
            let info = client.get(key.id).send().unwrap();
            assert!(key.value.expose_secret().starts_with(&info.prefix), "{info:?}");
        }
    }
}

#[test]
fn unreported_keys_are_at_most_as_many_as_connections() {
    let (server, client) = start_hasty();
    for connections in [1, 3, 8] {
        let (before, mut handed_over, mut most) = (server.key_count(), 0, 0);
        let request = client.create_many(requests(&client, 40)).connections(connections);
        let batch = request.send_with(|_| {
            // Time for all keys that can be created meanwhile.
            std::thread::sleep(Duration::from_millis(5));
            handed_over += 1;
            most = most.max(server.key_count() - before - handed_over + 1);
            ControlFlow::Continue(())
        });
        assert!(batch.is_complete());
        assert!(most <= connections, "{connections}: {most}");
    }
}

#[test]
fn break_starts_no_more_requests() {
    let (server, client) = start_hasty();
    let batch = client.create_many(requests(&client, 500)).connections(4).send_with(|progress| {
        std::thread::sleep(Duration::from_millis(2));
        if progress.done < 40 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let created = batch.succeeded().count();
    assert_eq!(server.key_count(), created);
    assert!((40..44).contains(&created), "{created}");
}

#[test]
fn panic_of_the_callback_ends_the_call() {
    let (server, client) = start_hasty();
    let request = client.create_many(requests(&client, 20));
    let result =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| request.send_with(|_| panic!("on purpose"))));
    assert!(result.is_err() && server.key_count() <= 4);
}

#[test]
fn values_with_the_same_prefix_never_get_each_others_ids() {
    let server = FakeServer::start().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(server.api_key()).build().unwrap();
    (0..4).for_each(|_| server.inject(Fault::LoseResponse));
    let values = ["tena-one", "tena-two", "tena-three", "tena-four"];
    let request = || client.create().description("tenant").actions(["documents:search"]).collections(["docs"]);
    let batch = client.create_many(values.map(|value| prepared(request().value(value)))).keep_going(true).send();
    // Only the values are compared, because the ids depend on the order in which the server carries out the requests.
    for (index, key) in batch.succeeded() {
        let others = client.list().send().unwrap().into_iter().filter(|listed| listed.id == key.id).count();
        assert_eq!((others, key.value.expose_secret()), (1, values[index]));
    }
    let ids: std::collections::BTreeSet<_> = batch.succeeded().map(|(_, key)| key.id).collect();
    assert_eq!(ids.len(), batch.succeeded().count(), "two requests have the same id");
    for (index, error) in batch.failed() {
        assert_eq!(error_value(error), Some(values[index]), "{error}");
    }
    assert_eq!(server.key_count(), 4);
}

fn error_value(error: &Error) -> Option<&str> {
    let Error::OutcomeUnknown(unknown) = error else { return None };
    unknown.value.as_ref().map(ExposeSecret::expose_secret)
}

#[test]
fn prepared_requests_have_their_values_before_anything_is_sent() {
    let (server, client) = start_hasty();
    let prepared = requests(&client, 5);
    let stored: Vec<_> = prepared.iter().map(|request| request.value().clone()).collect();
    assert_eq!(server.request_count(), 0);
    let keys = client.create_many(prepared).send().into_outputs().unwrap();
    let is_stored = |(key, stored): (&typesense_keys::CreatedKey, &typesense_keys::SecretString)| {
        key.value.expose_secret() == stored.expose_secret()
    };
    assert!(keys.iter().zip(&stored).all(is_stored));
}

#[test]
fn request_whose_expiry_passes_before_it_is_resumed_creates_no_expired_key() {
    let (server, client) = start_hasty();
    let soon = |draft: CreateKey| prepared(draft.expires_in(Duration::from_secs(3)));
    let mut requests = requests(&client, 2);
    requests.extend(drafts(&client, 2).map(soon));
    server.inject(PASS);
    (0..3).for_each(|_| server.inject(Fault::NotReady { retry_after: None }));
    let batch = client.create_many(requests).connections(1).keep_going(true).send();
    assert_eq!(batch.failed().count(), 3);
    server.advance(Duration::from_secs(4));
    let batch = batch.resume().send();
    assert_eq!(batch.succeeded().map(|(index, _)| index).collect::<Vec<_>>(), [0, 1]);
    for (_, error) in batch.failed() {
        assert!(matches!(error, Error::InvalidRequest { field: "expires_at", .. }), "{error}");
    }
    assert_eq!(server.key_count(), 2);
}

#[test]
fn batch_shows_no_value() {
    let (_server, client) = start_hasty();
    let batch = client.create_many(requests(&client, 2)).send();
    let text = format!("{batch:?}");
    assert!(text.contains("CreatedKey { id: KeyId(0)"), "{text}");
    assert!(batch.succeeded().all(|(_, key)| !text.contains(key.value.expose_secret())));
}

#[test]
fn panic_of_the_callback_continues_after_every_created_key_was_reported() {
    let server = FakeServer::start().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(server.api_key()).build().unwrap();
    let request = |index| client.create().description(format!("{index}")).actions(["*"]).collections(["*"]);
    let mut told = Vec::new();
    let batch = client.create_many((0..40).map(request).map(prepared));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        batch.send_with(|progress| {
            told.push(progress.result.unwrap().id);
            std::panic::resume_unwind(Box::new("the caller's"))
        })
    }));
    assert!(result.is_err());
    told.sort();
    assert_eq!(told, client.list().send().unwrap().iter().map(|key| key.id).collect::<Vec<_>>());
    assert!((1..=4).contains(&told.len()), "not at most one key for each connection: {told:?}");
}

/// Requests with the values that an earlier process has stored.
fn stored(client: &KeysClient, keys: &[CreatedKey]) -> Vec<PreparedCreate> {
    drafts(client, keys.len()).zip(keys).map(|(draft, key)| prepared(draft.stored_value(key.value.clone()))).collect()
}

fn created(client: &KeysClient, count: usize) -> Vec<CreatedKey> {
    // One connection, so that the ids are in the order of the requests.
    client.create_many(requests(client, count)).connections(1).send().into_outputs().unwrap()
}

#[test]
fn requests_whose_keys_exist_share_one_list() {
    let (server, client) = start_hasty();
    let keys = created(&client, 50);
    let batch = client.create_many(stored(&client, &keys)).send();
    let ids = |keys: &[CreatedKey]| keys.iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!(ids(&batch.into_outputs().unwrap()), ids(&keys));
    assert_eq!((server.requests(Operation::List), server.key_count()), (1, 50));
}

/// The keys begin alike: a list that was read before a key was created shows only the others.
#[test]
fn batch_believes_no_other_key_that_begins_alike() {
    let server = FakeServer::start().unwrap();
    let client = server.client();
    for nth in [1, 3, 5] {
        server.fail(Operation::Create).nth(nth).with(Fault::LoseResponse);
    }
    let values = ["tenant-1-value", "tenant-2-value", "tenant-3-value"];
    let request = |value| client.create().description("moved").actions(["documents:search"]).value(value);
    let requests = values.map(|value| prepared(request(value).collections(["docs"])));
    let batch = client.create_many(requests).connections(1).keep_going(true).send();
    let ids: Vec<_> = server.keys().iter().map(|key| key.id).collect();
    assert_eq!(ids.len(), 3);
    for (index, result) in batch.into_results().into_iter().enumerate() {
        let Some(Err(Error::OutcomeUnknown(unknown))) = result else { panic!("{index}: {result:?}") };
        assert_eq!(unknown.candidates, ids);
        assert_eq!(unknown.value.as_ref().unwrap().expose_secret(), values[index]);
    }
}

/// A 409 proves that the key existed, so it is never created again, but found once it can be listed.
#[test]
fn batch_whose_list_fails_creates_nothing_again_when_it_is_resumed() {
    for is_revoked in [false, true] {
        let server = FakeServer::start().unwrap();
        let client = server.client();
        server.fail(Operation::Create).nth(2).with(Fault::LoseResponse);
        server.fail(Operation::List).times(usize::MAX).with(Fault::Unauthorized);
        let batch = client.create_many(requests(&client, 3)).connections(1).keep_going(true).send();
        let failed: Vec<_> = batch.failed().collect();
        let [(1, Error::OutcomeUnknown(unknown))] = failed.as_slice() else { panic!("{failed:?}") };
        // What the server said about the one list is in the error of each request.
        assert!(unknown.report.message().is_some_and(|message| message.contains("x-typesense-api-key")), "{unknown}");
        let value = unknown.value.as_ref().unwrap().expose_secret().to_owned();
        let id = server.keys().into_iter().find(|key| server.value_of(key.id).unwrap().expose_secret() == value);
        let id = id.unwrap().id;
        server.clear_faults();
        assert!(!is_revoked || server.remove(id));
        let created = server.requests(Operation::Create);
        let batch = batch.resume().send();
        assert_eq!((batch.is_complete(), server.requests(Operation::Create)), (!is_revoked, created));
        assert_eq!(server.value_of(id).is_some(), !is_revoked);
    }
}

#[test]
fn panic_of_the_progress_passes_on_after_the_keys_that_are_found_were_reported() {
    let server = FakeServer::start().unwrap();
    let client = server.client();
    server.fail(Operation::Create).nth(1).with(Fault::LoseResponse);
    let mut reported = Vec::new();
    let sent = catch_unwind(AssertUnwindSafe(|| {
        client.create_many(requests(&client, 3)).connections(1).send_with(|progress| {
            reported.push(progress.result.unwrap().value.expose_secret().to_owned());
            resume_unwind(Box::new("the caller's"))
        })
    }));
    assert!(sent.is_err());
    let there = server.keys().into_iter().map(|key| server.value_of(key.id).unwrap().expose_secret().to_owned());
    reported.sort();
    assert_eq!(reported, there.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>());
}
