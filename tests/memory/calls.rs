//! What a child does with its keys before it looks for what is left of them.

use std::error::Error as _;
use std::thread;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use typesense_keys::{ClientBuilder, CreateKey, Error, KeysClient, ScopedKeyInfo};

use crate::search::{Masked, copies};

/// What the parent has set up for this child.
pub(super) struct Scene {
    pub(super) url: String,
    pub(super) admin: Masked,
    pub(super) ca: String,
}

impl Scene {
    pub(super) fn builder(&self) -> ClientBuilder {
        let builder = KeysClient::builder().node(&*self.url).api_key(self.admin.reveal());
        #[cfg(feature = "tls")]
        if !self.ca.is_empty() {
            return builder.ca_certificates(&*self.ca);
        }
        builder
    }
}

/// Everything that a key goes through where nothing goes wrong.
pub(super) fn life(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let client = scene.builder().build().unwrap();
    let own = Masked::draw("own value", 32);
    let long = Masked::draw("long value", 4096);
    for create in [
        create(&client),
        create(&client).server_generated(),
        create(&client).value(own.reveal()),
        create(&client).value(long.reveal()),
    ] {
        let key = create.send().unwrap();
        let value = Masked::of("value", &key.value);
        if scene.ca.is_empty() {
            assert_eq!(copies(std::slice::from_ref(&value)).len(), 1, "copies of a value that is in use");
        }
        secrets.push(value);
        drop(format!("{key:?}"));
        client.get(key.id).send().unwrap();
        client.list().send().unwrap();
        client.delete(key.id).send().unwrap();
    }
    client
}

/// A create, and nothing after it that might happen to write over what it leaves.
pub(super) fn drawn(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let client = scene.builder().build().unwrap();
    let key = create(&client).send().unwrap();
    secrets.push(Masked::of("drawn value", &key.value));
    client
}

/// The same, with the other ways to a value.
pub(super) fn own(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let client = scene.builder().build().unwrap();
    secrets.push(Masked::draw("own value", 32));
    create(&client).value(secrets[1].reveal()).send().unwrap();
    client
}

/// The same, with the other ways to a value.
pub(super) fn drawn_by_the_server(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let client = scene.builder().build().unwrap();
    let key = create(&client).server_generated().send().unwrap();
    secrets.push(Masked::of("value drawn by the server", &key.value));
    client
}

/// What is built on the four calls.
pub(super) fn lifecycle(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let client = scene.builder().build().unwrap();
    let own = Masked::draw("own value", 32);
    let ensure = || client.ensure("memory, ensured").actions(["documents:search"]).collections(["*"]);
    let with_value = || client.ensure("memory, with a value").actions(["*"]).collections(["*"]).value(own.reveal());
    let mut ids = Vec::new();
    for (request, replaced) in
        [(ensure().actions(["keys:get"]), 0), (ensure().replace_on_drift(true), 1), (with_value(), 0)]
    {
        let ensured = request.send().unwrap();
        assert_eq!((ensured.created, ensured.replaced.len()), (true, replaced));
        secrets.push(Masked::of("ensured value", ensured.value.as_ref().unwrap()));
        ids.push(ensured.key.id);
    }
    shown(with_value().actions(["keys:get"]).send().unwrap_err());
    shown(ensure().value(own.reveal()).send().unwrap_err());
    assert_eq!(with_value().send().unwrap().key.id, ids[2]);
    client.delete(ids[2]).send().unwrap();
    let old = ids[1];
    secrets.push(own);
    let new = client.rotate(old).send().unwrap();
    let scoped = new.scoped().filter_by("tenant:=1").sign().unwrap();
    let read = ScopedKeyInfo::parse(&scoped).unwrap();
    assert!(read.is_signed_by(&new.value));
    drop(format!("{read:?}"));
    shown(ScopedKeyInfo::parse(&new.value).unwrap_err());
    secrets.push(Masked::of("parent", &new.value));
    // What comes after it is known to everybody.
    let signature = SecretString::new(Box::from(&scoped.expose_secret()[..56]));
    secrets.push(Masked::of("signature", &signature));
    client.delete(new.id).send().unwrap();
    let batch = client.create_many((0..20).map(|_| create(&client))).send().unwrap();
    for key in batch.into_keys().unwrap() {
        secrets.push(Masked::of("one of many", &key.value));
        client.delete(key.id).send().unwrap();
    }
    client.list().stream().unwrap().for_each(|key| drop(format!("{:?}", key.unwrap())));
    client
}

/// What a server refuses.
pub(super) fn refusals(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let client = scene.builder().build().unwrap();
    let own = Masked::draw("own value", 32);
    let key = create(&client).value(own.reveal()).send().unwrap();
    shown(create(&client).value(own.reveal()).send().unwrap_err());
    client.delete(key.id).send().unwrap();
    drop(key);
    // A key that the server does not know, or no longer.
    let stranger = Scene { url: scene.url.clone(), admin: own.clone(), ca: String::new() }.builder().build().unwrap();
    shown(create(&stranger).send().unwrap_err());
    shown(stranger.list().send().unwrap_err());
    shown(client.get(key_id()).send().unwrap_err());
    shown(create(&client).value(own.reveal()).actions(["nonsense"]).send().unwrap_err());
    let bad = Masked::draw("key with a line break", 32);
    shown(KeysClient::builder().node("http://127.0.0.1:1").api_key(bad.reveal()).node("?").build().unwrap_err());
    secrets.extend([own, bad]);
    client
}

/// The first response does not come, or not all of it; then all is well.
pub(super) fn lost_response(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let client = scene.builder().attempt_timeout(Duration::from_millis(500)).build().unwrap();
    let key = create(&client).send().unwrap();
    secrets.push(Masked::of("drawn value", &key.value));
    client.delete(key.id).send().unwrap();
    client
}

/// No response comes, or none that can be used.
pub(super) fn no_response(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let own = Masked::draw("own value", 32);
    let client = scene.builder().attempt_timeout(Duration::from_millis(500)).retries(false).build().unwrap();
    shown(create(&client).value(own.reveal()).send().unwrap_err());
    if let Error::OutcomeUnknown(unknown) = create(&client).send().unwrap_err() {
        secrets.extend(unknown.value().map(|value| Masked::of("drawn value", value)));
        drop(unknown.into_value());
    }
    shown(create(&client).server_generated().send().unwrap_err());
    shown(client.delete(key_id()).send().unwrap_err());
    shown(client.list().send().unwrap_err());
    secrets.push(own);
    client
}

pub(super) fn threads(scene: &Scene, secrets: &mut Vec<Masked>) -> KeysClient {
    let client = scene.builder().build().unwrap();
    let own: Vec<_> = (0..8).map(|_| Masked::draw("own value", 32)).collect();
    thread::scope(|scope| {
        let threads: Vec<_> = own
            .iter()
            .map(|own| {
                let client = client.clone();
                scope.spawn(move || {
                    let mut drawn = Vec::new();
                    for _ in 0..4 {
                        let one = create(&client).value(own.reveal()).send().unwrap();
                        let other = create(&client).send().unwrap();
                        drawn.push(Masked::of("drawn value", &other.value));
                        client.delete(one.id).send().unwrap();
                        client.delete(other.id).send().unwrap();
                    }
                    drawn
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| secrets.extend(thread.join().unwrap()));
    });
    secrets.extend(own);
    client
}

fn create(client: &KeysClient) -> CreateKey {
    client.create().description("memory").actions(["*"]).collections(["*"])
}

/// An id that no key has.
fn key_id() -> u32 {
    u32::MAX
}

/// Errors are printed, as callers do.
fn shown(error: Error) {
    drop(format!("{error} {error:?} {:?}", error.source()));
}
