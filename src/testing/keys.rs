//! The keys of a server, and its responses.

use std::collections::BTreeMap;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::Operation;
use super::http::Request;
use super::input::{self, NewKey};
use super::response::Response;
use crate::server_version::ServerVersion;
use crate::{key, secret};

/// The state that the nodes of a cluster share.
#[derive(Clone)]
pub(super) struct Keys {
    version: ServerVersion,
    bootstrap_key: SecretString,
    /// By the decimal text of the id, which is the order of the real server's list: 10 before 9.
    keys: BTreeMap<String, Key>,
    next_id: u32,
}

#[derive(Clone)]
struct Key {
    id: u32,
    value: String,
    settings: NewKey,
}

/// The route of a request.
#[derive(Clone, Copy)]
pub(super) enum Route {
    Health,
    Debug,
    Keys(Operation),
}

impl Route {
    /// The route, and the action that the presented key must allow, if the route requires a key.
    pub(super) fn of(request: &Request) -> Option<(Route, Option<&'static str>)> {
        let (route, action) = match (request.method.as_str(), request.path().as_slice()) {
            ("GET", ["health"]) => return Some((Route::Health, None)),
            ("POST", ["health"]) => (Route::Health, "health:create"),
            ("GET", ["debug"]) => (Route::Debug, "debug:list"),
            ("POST", ["keys"]) => (Route::Keys(Operation::Create), "keys:create"),
            ("GET", ["keys", _]) => (Route::Keys(Operation::Get), "keys:get"),
            ("GET", ["keys"]) => (Route::Keys(Operation::List), "keys:list"),
            ("DELETE", ["keys", _]) => (Route::Keys(Operation::Delete), "keys:delete"),
            _ => return None,
        };
        Some((route, Some(action)))
    }
}

impl Keys {
    pub(super) fn new(version: ServerVersion, bootstrap_key: SecretString) -> Keys {
        Keys { version, bootstrap_key, keys: BTreeMap::new(), next_id: 0 }
    }

    /// Carries out the request. `lagging`: the keys that the node knows, if it lags behind. Returns `None` if a real
    /// server would never respond.
    pub(super) fn respond(&mut self, request: &Request, lagging: Option<&Keys>, is_leader: bool) -> Option<Response> {
        let Some((route, action)) = Route::of(request) else {
            return Some(Response::router_message(404, "Not Found"));
        };
        let known = lagging.unwrap_or(self);
        if action.is_some_and(|action| !known.allow(&request.presented_key(), action)) {
            return Some(Response::unauthorized());
        }
        let id = request.path().get(1).and_then(|segment| input::id(segment));
        match route {
            Route::Health => Some(Response::json(200, &json!({"ok": true}))),
            Route::Debug => {
                let state = if is_leader { 1 } else { 4 };
                let version = if self.version == ServerVersion::V30 { "30.0" } else { "0.24.1" };
                Some(Response::json(200, &json!({"state": state, "version": version})))
            }
            Route::Keys(Operation::List) => known.list(),
            Route::Keys(Operation::Get) => known.get(id?),
            Route::Keys(Operation::Create) => Some(self.create(&request.body)),
            Route::Keys(Operation::Delete) => Some(match id {
                None => Response::message(400, "Bad request."),
                Some(id) if self.remove(id) => Response::json(200, &json!({"id": id})),
                Some(_) => Response::message(404, "Not found."),
            }),
        }
    }

    fn allow(&self, presented: &str, action: &str) -> bool {
        if presented == self.bootstrap_key.expose_secret() {
            return true;
        }
        // A key with an empty value can exist, but a request without a key must not match it.
        let key = self.keys.values().find(|key| key.value == presented);
        !presented.is_empty() && key.is_some_and(|key| !key.has_expired() && key.allows(action))
    }

    fn list(&self) -> Option<Response> {
        let keys: Vec<Value> = self.keys.values().map(|key| key.metadata(self.version)).collect::<Option<_>>()?;
        Some(Response::json(200, &json!({ "keys": keys })))
    }

    fn get(&self, id: u32) -> Option<Response> {
        let Some(key) = self.keys.get(&id.to_string()) else {
            return Some(Response::message(404, "Not found."));
        };
        Some(Response::json(200, &key.metadata(self.version)?))
    }

    fn create(&mut self, body: &[u8]) -> Response {
        let version = self.version;
        let new = match input::new_key(body, version) {
            Ok(new) => new,
            Err(text) => return Response::message(400, &text),
        };
        match self.insert(new) {
            Ok(key) => Response::json(201, &key.describe("value", &key.value, version)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Response::message(409, "API key generation conflict.")
            }
            Err(_) => Response::empty(500),
        }
    }

    /// Fails if the value is in use, or if there are no random bytes to generate one.
    fn insert(&mut self, mut settings: NewKey) -> io::Result<Key> {
        let value = match settings.value.take() {
            Some(value) => value,
            None => secret::generate().map_err(io::Error::other)?.expose_secret().to_owned(),
        };
        if value == self.bootstrap_key.expose_secret() || self.keys.values().any(|key| key.value == value) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "another key has this value"));
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let key = Key { id, value, settings };
        self.keys.insert(id.to_string(), key.clone());
        Ok(key)
    }

    /// Returns whether the key existed.
    pub(super) fn remove(&mut self, id: u32) -> bool {
        self.keys.remove(&id.to_string()).is_some()
    }
}

impl Key {
    fn allows(&self, action: &str) -> bool {
        let resource = action.split(':').next().unwrap_or_default();
        let mut granted = self.settings.actions.iter();
        granted.any(|granted| granted == "*" || granted == action || granted.strip_suffix(":*") == Some(resource))
    }

    fn has_expired(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.is_ok_and(|now| now.as_secs() > self.settings.expires_at)
    }

    /// `None` if the prefix of four bytes ends inside a character, which a real server cannot write as JSON.
    fn metadata(&self, version: ServerVersion) -> Option<Value> {
        let prefix = key::prefix(&self.value)?;
        Some(self.describe("value_prefix", prefix, version))
    }

    /// The key as JSON, with its members in alphabetical order.
    fn describe(&self, value_name: &str, value: &str, version: ServerVersion) -> Value {
        let NewKey { value: _, description, actions, collections, expires_at, autodelete } = &self.settings;
        let mut members = Map::new();
        members.insert("actions".to_owned(), json!(actions));
        if input::knows_autodelete(version) {
            members.insert("autodelete".to_owned(), json!(autodelete));
        }
        members.insert("collections".to_owned(), json!(collections));
        members.insert("description".to_owned(), json!(description));
        members.insert("expires_at".to_owned(), json!(expires_at));
        members.insert("id".to_owned(), json!(self.id));
        members.insert(value_name.to_owned(), json!(value));
        Value::Object(members)
    }
}

/// Direct access for tests, without HTTP.
impl Keys {
    pub(super) fn seed(&mut self, mut new: NewKey) -> io::Result<u32> {
        new.autodelete &= input::knows_autodelete(self.version);
        self.insert(new).map(|key| key.id)
    }

    pub(super) fn count(&self) -> usize {
        self.keys.len()
    }

    /// The metadata of all keys, as a list shows it. A prefix that cannot be shown is empty.
    pub(super) fn metadata(&self) -> impl Iterator<Item = Value> + '_ {
        let metadata = |key: &Key| key.metadata(self.version);
        self.keys
            .values()
            .map(move |key| metadata(key).unwrap_or_else(|| key.describe("value_prefix", "", self.version)))
    }

    pub(super) fn value(&self, id: u32) -> Option<SecretString> {
        self.keys.get(&id.to_string()).map(|key| secret::copy(&key.value))
    }

    pub(super) fn purge_expired(&mut self) -> usize {
        let before = self.keys.len();
        self.keys.retain(|_, key| !(key.settings.autodelete && key.has_expired()));
        before - self.keys.len()
    }
}
