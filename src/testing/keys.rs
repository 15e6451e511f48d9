//! The keys of a server, and its responses.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::http::Request;
use super::input;
use super::response::Response;
use super::{Operation, TestKey};
use crate::action::Action;
use crate::key::{KeyInfo, prefix, shown_prefix};
use crate::local_clock::MovedClock;
use crate::secret;
use crate::server_version::ServerVersion;

/// The state that the nodes of a cluster share.
#[derive(Clone)]
pub(super) struct Keys {
    version: ServerVersion,
    pub(super) bootstrap_key: SecretString,
    /// By the decimal text of the id, which is the order of the real server's list: 10 before 9.
    keys: BTreeMap<String, Key>,
    next_id: u32,
    pub(super) clock: Arc<MovedClock>,
}

#[derive(Clone)]
pub(super) struct Key {
    /// Its prefix is empty if a list cannot show it.
    pub(super) info: KeyInfo,
    pub(super) value: SecretString,
}

impl Keys {
    pub(super) fn new(version: ServerVersion, bootstrap_key: SecretString) -> Keys {
        Keys { version, bootstrap_key, keys: BTreeMap::new(), next_id: 0, clock: Arc::default() }
    }

    /// Carries out the request. `lagging`: the keys that the node knows, if it lags behind. Returns `None` if a real
    /// server would never respond.
    pub(super) fn respond(&mut self, request: &Request, lagging: Option<&Keys>, is_leader: bool) -> Option<Response> {
        let Some((operation, action)) = request.route() else {
            return Some(Response::router_message(404, "Not Found"));
        };
        let known = lagging.unwrap_or(self);
        if action.is_some_and(|action| !known.allow(&request.presented_key(), action)) {
            return Some(Response::unauthorized());
        }
        let id = request.id();
        match operation {
            Some(Operation::List) => known.list(),
            Some(Operation::Get) => known.get(id?),
            Some(Operation::Create) => Some(self.create(&request.body)),
            Some(Operation::Delete) => Some(match id {
                None => Response::message(400, "Bad request."),
                Some(id) if self.remove(id) => Response::json(200, &json!({"id": id})),
                Some(_) => Response::message(404, "Not found."),
            }),
            None if action == Some("debug:list") => {
                let state = if is_leader { 1 } else { 4 };
                let version = if self.version == ServerVersion::V30 { "30.0" } else { "0.24.1" };
                Some(Response::json(200, &json!({"state": state, "version": version})))
            }
            None => Some(Response::json(200, &json!({"ok": true}))),
        }
    }

    fn allow(&self, presented: &str, action: &str) -> bool {
        if presented == self.bootstrap_key.expose_secret() {
            return true;
        }
        // A key with an empty value can exist, but a request without a key must not match it.
        let key = self.keys.values().find(|key| key.value.expose_secret() == presented);
        !presented.is_empty() && key.is_some_and(|key| !key.has_expired(self.clock.now()) && key.allows(action))
    }

    fn list(&self) -> Option<Response> {
        let keys: Vec<Value> = self.keys.values().map(Key::metadata).collect::<Option<_>>()?;
        Some(Response::json(200, &json!({ "keys": keys })))
    }

    fn get(&self, id: u32) -> Option<Response> {
        match self.find(id) {
            Some(key) => Some(Response::json(200, &key.metadata()?)),
            None => Some(Response::message(404, "Not found.")),
        }
    }

    fn create(&mut self, body: &[u8]) -> Response {
        let new = match input::new_key(body, self.version) {
            Ok(new) => new,
            Err(text) => return Response::message(400, &text),
        };
        match self.insert(new) {
            Ok(key) => Response::json(201, &key.with_value()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Response::message(409, "API key generation conflict.")
            }
            Err(_) => Response::empty(500),
        }
    }

    /// Fails if the value is in use, or if there are no random bytes to generate one.
    pub(super) fn insert(&mut self, key: TestKey) -> io::Result<&Key> {
        let TestKey { info, value } = key;
        let value = value.map_or_else(secret::generate, Ok).map_err(io::Error::other)?;
        let in_use = self.keys.values().map(|key| &key.value).chain([&self.bootstrap_key]);
        if in_use.map(ExposeSecret::expose_secret).any(|used| used == value.expose_secret()) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "another key has this value"));
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let autodelete = input::knows_autodelete(self.version).then(|| info.autodelete.unwrap_or(false));
        let info = KeyInfo { id: id.into(), prefix: shown_prefix(&value), autodelete, ..info };
        Ok(self.keys.entry(id.to_string()).or_insert(Key { info, value }))
    }

    pub(super) fn find(&self, id: u32) -> Option<&Key> {
        self.keys.get(&id.to_string())
    }

    /// Returns whether the key existed.
    pub(super) fn remove(&mut self, id: u32) -> bool {
        self.keys.remove(&id.to_string()).is_some()
    }
}

impl Key {
    fn allows(&self, action: &str) -> bool {
        let resource = action.split(':').next().unwrap_or_default();
        let mut granted = self.info.actions.iter().map(Action::as_str);
        granted.any(|granted| granted == "*" || granted == action || granted.strip_suffix(":*") == Some(resource))
    }

    fn has_expired(&self, now: SystemTime) -> bool {
        now.duration_since(UNIX_EPOCH).is_ok_and(|now| now.as_secs() > self.info.expires_at.unix_seconds())
    }

    /// `None` if the prefix of four bytes ends inside a character, which a real server cannot write as JSON.
    fn metadata(&self) -> Option<Value> {
        prefix(self.value.expose_secret())?;
        Some(json!(self.info))
    }

    /// The key as a create returns it.
    fn with_value(&self) -> Value {
        let mut key = json!(self.info);
        if let Some(members) = key.as_object_mut() {
            members.remove("value_prefix");
            members.insert("value".to_owned(), json!(self.value.expose_secret()));
        }
        key
    }
}

/// Direct access for tests, without HTTP.
impl Keys {
    pub(super) fn infos(&self) -> impl Iterator<Item = &KeyInfo> {
        self.keys.values().map(|key| &key.info)
    }

    pub(super) fn purge_expired(&mut self) -> usize {
        let (before, now) = (self.keys.len(), self.clock.now());
        self.keys.retain(|_, key| !(key.info.autodelete == Some(true) && key.has_expired(now)));
        before - self.keys.len()
    }
}
