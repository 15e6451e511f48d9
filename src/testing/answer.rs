//! What a Typesense 0.24.1 server answers.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::input::{self, Asked, NewKey};

pub(super) enum Reply {
    Json(usize, Value),
    Empty(usize),
    /// The real server never answers; the stand-in cuts the connection.
    Silence,
}

impl Reply {
    pub(super) fn message(status: usize, text: &str) -> Reply {
        Reply::Json(status, json!({ "message": text }))
    }
}

/// The state of a server, and its answers from it.
pub(super) struct Answers {
    bootstrap_key: String,
    /// By id written in decimal, the order in which the real server lists keys: 10 before 9.
    keys: BTreeMap<String, Key>,
    next_id: u32,
}

struct Key {
    id: u32,
    value: String,
    settings: NewKey,
}

impl Answers {
    pub(super) fn new(bootstrap_key: &str) -> Answers {
        Answers { bootstrap_key: bootstrap_key.to_owned(), keys: BTreeMap::new(), next_id: 0 }
    }

    pub(super) fn key_count(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn answer(&mut self, asked: &Asked<'_>) -> Reply {
        let action = match (asked.method, asked.path.as_slice()) {
            ("GET", ["health"]) => return healthy(),
            ("POST", ["health"]) => "health:create",
            ("GET", ["debug"]) => "debug:list",
            ("GET", ["keys"]) => "keys:list",
            ("POST", ["keys"]) => "keys:create",
            ("GET", ["keys", _]) => "keys:get",
            ("DELETE", ["keys", _]) => "keys:delete",
            _ => return Reply::message(404, "Not Found"),
        };
        if !self.allows(&asked.api_key, action) {
            return Reply::message(401, "Forbidden - a valid `x-typesense-api-key` header must be sent.");
        }
        let id = asked.path.get(1).and_then(|segment| input::id(segment));
        match (action, id) {
            ("keys:list", _) => self.list(),
            ("keys:create", _) => self.create(asked.body).unwrap_or_else(|refusal| refusal),
            ("keys:get", Some(id)) => self.get(id),
            ("keys:get", None) => Reply::Silence,
            ("keys:delete", Some(id)) => self.delete(id),
            ("keys:delete", None) => Reply::message(400, "Bad request."),
            ("debug:list", _) => Reply::Json(200, json!({"state": 1, "version": "0.24.1"})),
            _ => healthy(),
        }
    }

    fn allows(&self, api_key: &str, action: &str) -> bool {
        if api_key == self.bootstrap_key {
            return true;
        }
        // A key with an empty value can be made, but a request without a key does not present it.
        let known = self.keys.values().find(|key| key.value == api_key);
        !api_key.is_empty() && known.is_some_and(|key| !key.has_expired() && key.allows(action))
    }

    fn list(&self) -> Reply {
        let keys: Option<Vec<Value>> = self.keys.values().map(Key::with_prefix).collect();
        match keys {
            Some(keys) => Reply::Json(200, json!({ "keys": keys })),
            None => Reply::Silence,
        }
    }

    fn create(&mut self, body: &[u8]) -> Result<Reply, Reply> {
        let mut settings = input::new_key(body).map_err(|text| Reply::message(400, &text))?;
        let value = match settings.value.take() {
            Some(value) => value,
            None => random_value().map_err(|_| Reply::Empty(500))?,
        };
        let taken = self.keys.values().any(|key| key.value == value);
        if taken || value == self.bootstrap_key {
            return Err(Reply::message(409, "API key generation conflict."));
        }
        let key = Key { id: self.next_id, value, settings };
        self.next_id = self.next_id.wrapping_add(1);
        let reply = key.describe("value", &key.value);
        self.keys.insert(key.id.to_string(), key);
        Ok(Reply::Json(201, reply))
    }

    fn get(&self, id: u32) -> Reply {
        let Some(key) = self.keys.get(&id.to_string()) else {
            return Reply::message(404, "Not found.");
        };
        match key.with_prefix() {
            Some(key) => Reply::Json(200, key),
            None => Reply::Silence,
        }
    }

    fn delete(&mut self, id: u32) -> Reply {
        match self.keys.remove(&id.to_string()) {
            Some(key) => Reply::Json(200, json!({"id": key.id})),
            None => Reply::message(404, "Not found."),
        }
    }
}

impl Key {
    fn allows(&self, action: &str) -> bool {
        let resource = action.split(':').next().unwrap_or_default();
        let granted = self.settings.actions.as_array().into_iter().flatten();
        granted
            .filter_map(Value::as_str)
            .any(|granted| granted == "*" || granted == action || granted.strip_suffix(":*") == Some(resource))
    }

    fn has_expired(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.is_ok_and(|now| now.as_secs() > self.settings.expires_at)
    }

    /// `None` where the prefix, which is cut after four bytes, ends inside a character: a real
    /// server cannot write that as JSON.
    fn with_prefix(&self) -> Option<Value> {
        let prefix = self.value.get(..self.value.len().min(4))?;
        Some(self.describe("value_prefix", prefix))
    }

    fn describe(&self, name: &str, value: &str) -> Value {
        let settings = &self.settings;
        Value::Object(Map::from_iter([
            ("actions".to_owned(), settings.actions.clone()),
            ("collections".to_owned(), settings.collections.clone()),
            ("description".to_owned(), settings.description.clone()),
            ("expires_at".to_owned(), json!(settings.expires_at)),
            ("id".to_owned(), json!(self.id)),
            (name.to_owned(), json!(value)),
        ]))
    }
}

fn healthy() -> Reply {
    Reply::Json(200, json!({"ok": true}))
}

/// 32 characters of `[A-Za-z0-9]`, like the values that a real server draws.
pub(super) fn random_value() -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut value = String::with_capacity(32);
    while value.len() < 32 {
        let mut random = [0; 1];
        getrandom::fill(&mut random)?;
        // Of six bits, the two values past the alphabet draw again: no letter is likelier.
        let [random] = random;
        if let Some(&letter) = ALPHABET.get(usize::from(random & 0b11_1111)) {
            value.push(char::from(letter));
        }
    }
    Ok(value)
}
