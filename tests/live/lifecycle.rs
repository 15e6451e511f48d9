//! Operations that consist of several calls: rotation, `ensure`, streamed and filtered lists, and many keys at once.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use secrecy::ExposeSecret;
use typesense_keys::{Action, EnsureKey, Error, Expiry, KeyId, KeyInfo, KeysClient};

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![
    rotated_key_allows_what_the_old_one_did_and_the_old_one_nothing,
    with_an_overlap_both_keys_work,
    key_can_rotate_itself,
    error_names_both_keys_if_the_client_may_not_delete,
    ensure_creates_once_and_replaces_drift,
    ensure_with_a_value_returns_it_every_time,
    ensure_renews_an_expired_key_and_deletes_it_after_a_day,
    eight_simultaneous_runs_of_ensure_end_with_one_key,
    stream_is_the_list_and_filters_find_their_keys,
    leaked_value_is_found_by_its_prefix,
    thousand_tenants_get_their_keys_with_progress,
    batch_that_was_stopped_is_resumed,
];

pub(crate) fn allows(stage: &Stage<'_>, value: &secrecy::SecretString) -> bool {
    stage.client_with(value).list().send().is_ok()
}

fn rotated_key_allows_what_the_old_one_did_and_the_old_one_nothing(server: &Server) {
    let stage = Stage::new(server);
    let client = stage.client();
    let expiry = SystemTime::now() + Duration::from_secs(3600);
    let request = client.create().description(unique("rotate ")).actions([Action::KEYS_LIST, Action::KEYS_GET]);
    let old = stage.create(request.collections(["docs", "blog"]).expires_at(expiry));
    let new = client.rotate(old.id).wait_for_replication(Duration::from_secs(10)).send().unwrap();
    assert!(allows(&stage, &new.value) && !allows(&stage, &old.value));
    assert!(matches!(client.get(old.id).send(), Err(Error::NotFound { .. })));
    let scope = |key: KeyInfo| (key.description, key.actions, key.collections, key.expires_at);
    assert_eq!(scope(client.get(new.id).send().unwrap()), scope(old.info()));
    client.delete(new.id).send().unwrap();
}

fn with_an_overlap_both_keys_work(server: &Server) {
    let stage = Stage::new(server);
    let client = stage.client();
    let old = stage.key("keys:list", "docs");
    let new = client.rotate(old.id).keep_old(true).send().unwrap();
    assert!(allows(&stage, &new.value) && allows(&stage, &old.value));
    client.delete(new.id).send().unwrap();
}

fn key_can_rotate_itself(server: &Server) {
    let stage = Stage::new(server);
    let old = stage.key("keys:*", "*");
    let itself = stage.client_with(&old.value);
    let new = itself.rotate(old.id).send().unwrap();
    assert!(matches!(itself.list().send(), Err(Error::Unauthorized(_))));
    stage.client_with(&new.value).delete(new.id).send().unwrap();
}

fn error_names_both_keys_if_the_client_may_not_delete(server: &Server) {
    let stage = Stage::new(server);
    let request = stage.client().create().description("live test").actions(["keys:get", "keys:create"]);
    let creator = stage.create(request.collections(["*"]));
    let old = stage.key("keys:list", "*");
    let error = stage.client_with(&creator.value).rotate(old.id).send().unwrap_err();
    let Error::Incomplete(incomplete) = error else { panic!("{error}") };
    assert!(matches!(incomplete.cause, Error::Unauthorized(_)), "{incomplete}");
    assert_eq!(incomplete.left_over.as_ref().map(|key| key.id), Some(old.id));
    assert!(incomplete.to_string().contains("is to be deleted: delete key"), "{incomplete}");
    let new = incomplete.key.unwrap();
    assert!(allows(&stage, &new.value) && allows(&stage, &old.value));
    stage.client().delete(new.id).send().unwrap();
}

fn ensure(client: &KeysClient, description: &str) -> EnsureKey {
    client.ensure(description).actions([Action::KEYS_LIST]).collections(["docs"])
}

/// The keys of a description, and no others.
fn known(client: &KeysClient, description: &str) -> Vec<KeyInfo> {
    client.list().description(description).send().unwrap()
}

fn delete(client: &KeysClient, keys: &[KeyInfo]) {
    keys.iter().for_each(|key| assert_eq!(client.delete(key.id).send().unwrap(), key.id));
}

fn ensure_creates_once_and_replaces_drift(server: &Server) {
    let stage = Stage::new(server);
    let (client, description) = (stage.client(), unique("ensure "));
    let first = ensure(client, &description).send().unwrap();
    assert!(first.created && allows(&stage, &first.value.unwrap()));
    let second = ensure(client, &description).send().unwrap();
    assert_eq!((&second.key, second.created, second.value.is_none()), (&first.key, false, true));
    let wider = || ensure(client, &description).actions([Action::KEYS_GET]);
    let Err(Error::Drift { key, differences, .. }) = wider().send() else { panic!("no drift is reported") };
    assert_eq!((&*key, differences[0].field), (&first.key, "actions"));
    let third = wider().replace_on_drift(true).wait_for_replication(Duration::from_secs(10)).send().unwrap();
    assert_eq!(third.replaced, [first.key.id]);
    assert_eq!(known(client, &description), std::slice::from_ref(&third.key));
    delete(client, &[third.key]);
}

fn ensure_with_a_value_returns_it_every_time(server: &Server) {
    let stage = Stage::new(server);
    let (client, description, value) = (stage.client(), unique("ensure "), unique("a-value-of-my-own-"));
    for created in [true, false, false] {
        let ensured = ensure(client, &description).value(value.as_str()).send().unwrap();
        assert_eq!((ensured.created, ensured.value.unwrap().expose_secret()), (created, value.as_str()));
    }
    let error = ensure(client, &unique("another ")).value(value.as_str()).send().unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    let before = known(client, &description);
    let wider = || ensure(client, &description).collections(["more"]).value(value.as_str());
    let error = wider().send().unwrap_err();
    assert!(matches!(error, Error::Drift { .. }), "{error}");
    let error = wider().replace_on_drift(true).send().unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { field: "replace_on_drift", .. }), "{error}");
    assert_eq!(known(client, &description), before);
    delete(client, &before);
}

fn ensure_renews_an_expired_key_and_deletes_it_after_a_day(server: &Server) {
    let stage = Stage::new(server);
    let (client, description) = (stage.client(), unique("ensure "));
    let expired = |expiry: Expiry| {
        stage.raw_key(serde_json::json!({
            "description": description, "actions": ["keys:list"], "collections": ["docs"], "expires_at": expiry,
            "value": unique("expired-"),
        }))
    };
    let long_ago = expired(Expiry::from_unix_seconds(1));
    let hour_ago = expired(Expiry::from(SystemTime::now() - Duration::from_secs(3600)));
    let [first, second] = known(client, &description).try_into().unwrap();
    // No key is deleted to set a value that an expired key has or may have.
    for value in [&long_ago, &hour_ago] {
        let error = ensure(client, &description).value(value.as_str()).send().unwrap_err();
        assert!(matches!(&error, Error::Drift { differences, .. } if differences[0].field == "value"), "{error}");
    }
    let renewed = ensure(client, &description).expires_in(Duration::from_secs(60)).send().unwrap();
    assert!(renewed.created && renewed.key.expires_at > Expiry::after(Duration::ZERO));
    assert_eq!((renewed.replaced, renewed.duplicates), (vec![first.id], vec![second.id]));
    let keys = known(client, &description);
    assert_eq!(keys, [second, renewed.key]);
    delete(client, &keys);
}

fn eight_simultaneous_runs_of_ensure_end_with_one_key(server: &Server) {
    let stage = Stage::new(server);
    let client = stage.client();
    for (has_value, has_drifted) in [(false, false), (false, true), (true, false)] {
        let (description, value) = (unique("ensure "), unique("own-value-"));
        if has_drifted {
            let drifted = client.create().description(&description).actions(["keys:get"]).collections(["docs"]);
            drifted.send().unwrap();
        }
        let run = || {
            let request = ensure(client, &description);
            if has_value { request.value(value.as_str()) } else { request.replace_on_drift(true) }.send()
        };
        let results: Vec<_> = thread::scope(|scope| {
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
            runs.into_iter().map(|run| run.join().unwrap().unwrap()).collect()
        });
        let keys = known(client, &description);
        assert_eq!(keys.len(), 1, "{keys:?}");
        assert!(results.iter().all(|ensured| ensured.key == keys[0]));
        assert_eq!(results.iter().filter(|ensured| ensured.created).count(), 1);
        let creators = results.iter().filter_map(|ensured| ensured.value.as_ref());
        assert!(creators.clone().count() > 0 && creators.into_iter().all(|value| allows(&stage, value)));
        delete(client, &keys);
    }
}

fn stream_is_the_list_and_filters_find_their_keys(server: &Server) {
    let stage = Stage::new(server);
    let (client, description) = (stage.client(), unique("stream "));
    let create = || client.create().description(&description).actions(["keys:get"]).collections(["docs"]);
    let mine: Vec<KeyId> = (0..20).map(|_| stage.create(create()).id).collect();
    stage.raw_key(serde_json::json!({"description": description, "expires_at": 1}));
    let streamed = |expired| {
        let keys = client.list().description(&description).expired(expired).stream().unwrap();
        let mut ids: Vec<_> = keys.map(|key| key.unwrap().id).collect();
        ids.sort();
        ids
    };
    assert_eq!((streamed(false), streamed(true).len()), (mine, 1));
    // Other tests create and delete keys meanwhile, but not these.
    assert_eq!(client.list().description(&description).send().unwrap().len(), 21);
}

fn leaked_value_is_found_by_its_prefix(server: &Server) {
    let stage = Stage::new(server);
    let leaked = stage.key("keys:get", "docs");
    let found = stage.client().list().prefix(leaked.value.expose_secret()).send().unwrap();
    assert!(found.iter().any(|key| key.id == leaked.id));
    assert!(found.iter().all(|key| leaked.value.expose_secret().starts_with(&key.prefix)));
}

fn thousand_tenants_get_their_keys_with_progress(server: &Server) {
    let stage = Stage::new(server);
    let (client, description) = (stage.client(), unique("tenant "));
    let requests = (0..1_000).map(|tenant| {
        let request = client.create().description(format!("{description} {tenant}"));
        request.actions([Action::DOCUMENTS_SEARCH]).collections([format!("tenant_{tenant}")]).prepare().unwrap()
    });
    let mut seen = 0;
    let started = Instant::now();
    let batch = client.create_many(requests).connections(8).send_with(|progress| {
        seen += 1;
        assert_eq!((progress.done, progress.total), (seen, 1_000));
        ControlFlow::Continue(())
    });
    println!("{:.0} keys a second", 1_000.0 / started.elapsed().as_secs_f64());
    let keys = batch.into_outputs().unwrap();
    let listed = client.list().send().unwrap();
    for (tenant, key) in keys.iter().enumerate() {
        let info = listed.iter().find(|info| info.id == key.id).unwrap();
        assert_eq!((&info.description, info), (&format!("{description} {tenant}"), &key.info()));
    }
    let of_ours = listed.iter().filter(|key| key.description.starts_with(&description)).count();
    assert_eq!(of_ours, 1_000);
    thread::scope(|scope| {
        for share in keys.chunks(250) {
            scope.spawn(move || share.iter().for_each(|key| _ = client.delete(key.id).send().unwrap()));
        }
    });
}

fn batch_that_was_stopped_is_resumed(server: &Server) {
    let stage = Stage::new(server);
    let (client, description) = (stage.client(), unique("batch "));
    let request = || client.create().description(&description).actions(["keys:get"]).collections(["docs"]);
    let requests = (0..50).map(|_| request().prepare().unwrap());
    let stop = |_: &typesense_keys::batch::Progress<'_, typesense_keys::CreatedKey>| ControlFlow::Break(());
    let batch = client.create_many(requests).connections(2).send_with(stop);
    assert!(!batch.is_complete() && batch.succeeded().count() < 10);
    let keys = batch.resume().send().into_outputs().unwrap();
    let known = known(client, &description);
    assert_eq!((keys.len(), known.len()), (50, 50));
    delete(client, &known);
}
