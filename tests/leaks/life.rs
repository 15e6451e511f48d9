//! The life of a key on a real server: everything that can be asked, and everything that can go wrong on the way.

use std::thread;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::{ClientBuilder, CreateKey, Error, ErrorKind, KeyId, KeysClient};

use crate::support::Server;
use crate::support::faulty::{self, Loss, closed_port};
use crate::support::random_text;
use crate::watch::{Watch, secret};

pub(super) fn client(url: &str, key: &str) -> KeysClient {
    builder(url, key).build().unwrap()
}

pub(super) fn builder(url: &str, key: &str) -> ClientBuilder {
    KeysClient::builder().node(url).api_key(key).attempt_timeout(Duration::from_secs(5))
}

pub(super) fn create(client: &KeysClient) -> CreateKey {
    client.create().description("leaks").actions(["*"]).collections(["*"])
}

/// A value with everything in it that is written differently in JSON, in a `Debug` and in a URL, so often that no
/// window is left without.
pub(super) fn awkward() -> String {
    let part = || format!("{}\"{}\\{}/é🔑{}<&%41'", random_text(4), random_text(3), random_text(4), random_text(4));
    part() + &part()
}

pub(super) fn whole_life(server: &Server) {
    let mut watch = Watch::begin();
    watch.secret("admin key", server.api_key());
    live(&mut watch, &server.url(), server.api_key(), |builder| builder);
    watch.end();
}

/// Creates, conflicts, gets, lists, deletes and is refused.
pub(super) fn live(watch: &mut Watch, url: &str, admin: &str, settings: impl Fn(ClientBuilder) -> ClientBuilder) {
    let unbuilt = settings(builder(url, admin));
    watch.debug(&unbuilt);
    let client = unbuilt.build().unwrap();
    watch.debug(&client);
    let mut ids: Vec<KeyId> = Vec::new();

    let drawn = create(&client).send().unwrap();
    ids.push(watch.created("drawn value", drawn).id);
    let drawn = create(&client).server_generated().send().unwrap();
    ids.push(watch.created("value drawn by the server", drawn).id);
    for value in [random_text(32), awkward(), format!("{}{}", random_text(4), "é".repeat(40))] {
        watch.secret("own value", &value);
        let request = create(&client).value(secret(&value));
        watch.debug(&request);
        let created = request.send().unwrap();
        assert_eq!(created.value.expose_secret(), value);
        ids.push(watch.created("own value", created).id);

        let conflict = create(&client).value(secret(&value)).send().unwrap_err();
        assert!(matches!(conflict, Error::Conflict(_)), "{conflict:?}");
        watch.error(conflict);
        // A new key is a client's key, too.
        let holder = settings(builder(url, &value)).build().unwrap();
        let info = holder.get(ids[0]).send().unwrap();
        watch.debug(&holder);
        watch.debug(&info);
    }
    let listed = client.list().send().unwrap();
    watch.debug(&listed);
    for request in [client.get(ids[0]), client.get(ids[1])] {
        watch.debug(&request);
        let info = request.send().unwrap();
        watch.debug(&info);
    }
    let wrong = watch.draw("wrong key", 32);
    refused(watch, &client, &settings(builder(url, &wrong)).build().unwrap());
    for id in ids {
        let request = client.delete(id);
        watch.debug(&request);
        assert_eq!(request.send().unwrap(), id);
        let gone = client.get(id).send().unwrap_err();
        assert!(matches!(gone, Error::NotFound { .. }), "{gone:?}");
        watch.error(gone);
        watch.error(client.delete(id).send().unwrap_err());
    }
}

/// Rotates, ensures, signs, streams, and creates many.
pub(super) fn lifecycle(server: &Server) {
    let mut watch = Watch::begin();
    watch.secret("admin key", server.api_key());
    let client = client(&server.url(), server.api_key());
    let description = format!("leaks {}", random_text(8));
    let own = awkward();
    watch.secret("own value", &own);
    let ensure = || client.ensure(&description).actions(["documents:search"]).collections(["*"]);
    let with_value = client.ensure(format!("{description}, with a value")).actions(["*"]).collections(["*"]);
    let mut ids = Vec::new();
    for (request, replaced) in [
        (ensure().actions(["keys:get"]), 0),
        (ensure().replace_on_drift(true), 1),
        (with_value.clone().value(secret(&own)), 0),
    ] {
        watch.debug(&request);
        let ensured = request.send().unwrap();
        assert_eq!((ensured.created, ensured.replaced.len()), (true, replaced));
        watch.secret("ensured value", ensured.value.as_ref().unwrap().expose_secret());
        watch.debug(&ensured);
        ids.push(ensured.key.id);
    }
    for (request, expected) in [
        (ensure().actions(["keys:get"]), ErrorKind::Drift),
        (ensure().value(secret(&own)), ErrorKind::Drift),
        (with_value.value(secret(&own)).actions(["keys:get"]), ErrorKind::Drift),
        (ensure().value(secret(&own)).replace_on_drift(true), ErrorKind::InvalidRequest),
    ] {
        let error = request.send().unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
        watch.error(error);
    }
    let request = client.rotate(ids[1]);
    watch.debug(&request);
    let new = request.send().unwrap();
    let new = watch.created("rotated value", new);
    ids = vec![new.id, ids[2]];

    let builder = new.scoped().filter_by("tenant:=1");
    watch.debug(&builder);
    let scoped = builder.sign().unwrap();
    watch.secret("scoped key's signature", &scoped.expose_secret()[..56]);
    watch.debug(&typesense_keys::ScopedKeyInfo::parse(&scoped).unwrap());
    watch.error(new.scoped().filter_by("").sign().unwrap_err());
    watch.error(typesense_keys::ScopedKeyInfo::parse(&new.value).unwrap_err());

    let batch = client.create_many((0..20).map(|_| create(&client))).send().unwrap();
    watch.debug(&batch);
    for key in batch.into_keys().unwrap() {
        ids.push(watch.created("one of many", key).id);
    }
    let stream = client.list().prefix(new.value.expose_secret()).stream().unwrap();
    watch.debug(&stream);
    stream.for_each(|key| watch.debug(&key.unwrap()));
    ids.into_iter().for_each(|id| _ = client.delete(id).send().unwrap());
    watch.end();
}

/// What is refused here, and what is refused by the server.
fn refused(watch: &mut Watch, client: &KeysClient, stranger: &KeysClient) {
    let bad = format!("{}\r\n{}", watch.draw("bad value", 20), watch.draw("bad value", 20));
    watch.error(create(client).value(secret(&bad)).send().unwrap_err());
    watch.error(create(client).actions(["documents:serach"]).send().unwrap_err());
    watch.error(KeysClient::builder().node("http://127.0.0.1:1").api_key(secret(&bad)).build().unwrap_err());
    let key = watch.draw("key in a URL", 20);
    for url in [format!("http://u:{key}@127.0.0.1:1"), format!("http://127.0.0.1:1/?x-typesense-api-key={key}")] {
        watch.debug(&builder(&url, &key));
        watch.error(builder(&url, &key).build().unwrap_err());
    }
    let own = watch.draw("refused value", 32);
    for error in [
        create(stranger).value(secret(&own)).send().unwrap_err(),
        stranger.list().send().unwrap_err(),
        stranger.get(0).send().unwrap_err(),
        stranger.delete(0).send().unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");
        watch.error(error);
    }
}

/// Of keys shorter than a window, this only shows that they work; see `twins.rs`.
pub(super) fn lengths(server: &Server) {
    let mut watch = Watch::begin();
    watch.secret("admin key", server.api_key());
    let admin = client(&server.url(), server.api_key());
    for length in [1, 3, 6, 7, 16, 17, 31, 32, 33, 1024, 4096] {
        let value = random_text(length);
        if length >= 6 {
            watch.secret(&format!("{length} bytes"), &value);
        }
        let key = create(&admin).value(secret(&value)).send().unwrap();
        let key = watch.created(&format!("{length} bytes"), key);
        assert_eq!(key.value.expose_secret(), value);
        // And the same secret in the other place, the header.
        let holder = client(&server.url(), &value);
        let drawn = create(&holder).send().unwrap();
        let drawn = watch.created("drawn value", drawn);
        watch.error(create(&holder).value(secret(&value)).send().unwrap_err());
        holder.delete(drawn.id).send().unwrap();
        holder.delete(key.id).send().unwrap();
        watch.error(holder.list().send().unwrap_err());
    }
    watch.end();
}

pub(super) fn threads(server: &Server) {
    const THREADS: usize = 8;
    const ROUNDS: usize = 4;
    let mut watch = Watch::begin();
    watch.secret("admin key", server.api_key());
    let client = client(&server.url(), server.api_key());
    let keys: Vec<_> = thread::scope(|scope| {
        let work = |own: String| {
            let client = client.clone();
            move || {
                (0..ROUNDS).for_each(|_| {
                    let key = create(&client).value(secret(&own)).send().unwrap();
                    assert_eq!(key.value.expose_secret(), own, "a value that is another thread's");
                    assert_eq!(client.get(key.id).send().unwrap().prefix, own[..4]);
                    assert_eq!(client.delete(key.id).send().unwrap(), key.id);
                });
                let key = create(&client).send().unwrap();
                client.delete(key.id).send().unwrap();
                key
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work(watch.draw("own value", 32)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for key in keys {
        watch.created("drawn value", key);
    }
    watch.end();
}

/// Each way in which a response can get lost, for each way to create a key, and for a delete.
pub(super) fn lost_responses(server: &Server) {
    let mut watch = Watch::begin();
    watch.secret("admin key", server.api_key());
    let real = client(&server.url(), server.api_key());
    for loss in [Loss::Closed, Loss::Silence, Loss::CutAfter(1), Loss::CutAfter(60), Loss::CutAfter(250)] {
        let lossy = |loss, retries| {
            let proxy = faulty::lossy(server.port(), [loss]);
            let short = Duration::from_millis(500);
            let client = builder(&proxy.url(), server.api_key()).attempt_timeout(short).retries(retries).build();
            (proxy, client.unwrap())
        };
        let (_proxy, repeating) = lossy(loss, true);
        let key = create(&repeating).send().unwrap();
        let key = watch.created("drawn value", key);
        assert_eq!(real.get(key.id).send().unwrap().prefix, key.value.expose_secret()[..4]);

        let (_proxy, repeating) = lossy(loss, true);
        assert_eq!(repeating.delete(key.id).send().unwrap(), key.id);

        let own = watch.draw("own value", 32);
        let (_proxy, once) = lossy(loss, false);
        let unknown = create(&once).value(secret(&own)).send().unwrap_err();
        assert!(matches!(&unknown, Error::OutcomeUnknown(it) if it.value().unwrap().expose_secret() == own));
        watch.error(unknown);
        // The value is taken by then: a conflict after a doubt, and the key is found.
        let (_proxy, repeating) = lossy(Loss::Closed, true);
        let found = create(&repeating).value(secret(&own)).send().unwrap();
        let found = watch.created("own value", found);

        let (_proxy, once) = lossy(loss, true);
        let unknown = create(&once).server_generated().send().unwrap_err();
        assert!(matches!(unknown, Error::OutcomeUnknown(_)), "{unknown:?}");
        watch.error(unknown);
        let (_proxy, once) = lossy(loss, false);
        watch.error(once.list().send().unwrap_err());
        real.delete(found.id).send().unwrap();
    }
    watch.end();
}

pub(super) fn unreachable(_: &Server) {
    let mut watch = Watch::begin();
    let (key, own) = (watch.draw("admin key", 32), watch.draw("own value", 32));
    let silent = faulty::silent();
    for url in [format!("http://127.0.0.1:{}", closed_port()), silent.url(), "http://localhost:1".to_owned()] {
        let limit = Duration::from_millis(600);
        let client = builder(&url, &key).timeout(limit).attempt_timeout(limit / 3).build().unwrap();
        watch.error(create(&client).value(secret(&own)).send().unwrap_err());
        watch.error(create(&client).server_generated().send().unwrap_err());
        watch.error(client.get(0).send().unwrap_err());
        watch.error(client.delete(0).send().unwrap_err());
    }
    watch.end();
}
