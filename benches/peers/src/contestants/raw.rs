//! ureq and serde_json, as in a quick script.

use std::hint::black_box;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use typesense_keys_peers::Keys;
use ureq::http::Response;
use ureq::{Agent, Body};

pub struct Raw {
    agent: Agent,
    url: String,
    key: String,
}

/// Without timeouts.
pub fn connect(url: &str, key: &str) -> Raw {
    Raw { agent: Agent::new_with_defaults(), url: url.to_owned(), key: key.to_owned() }
}

/// With ureq's timeout, for which it starts a thread for every request.
#[allow(dead_code, reason = "not in every program")]
pub fn connect_limited(url: &str, key: &str) -> Raw {
    let agent = Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
    Raw { agent, ..connect(url, key) }
}

#[derive(Serialize)]
struct NewKey {
    description: &'static str,
    actions: [&'static str; 1],
    collections: [&'static str; 1],
}

/// The same members as in our `KeyInfo`.
#[derive(Deserialize)]
#[allow(dead_code, reason = "made, not read")]
struct Key {
    id: u32,
    description: String,
    actions: Vec<String>,
    collections: Vec<String>,
    expires_at: u64,
    #[serde(alias = "value")]
    value_prefix: String,
}

#[derive(Deserialize)]
struct List {
    keys: Vec<Key>,
}

impl Keys for Raw {
    fn create(&self) -> u32 {
        let key = NewKey { description: "docs", actions: ["documents:search"], collections: ["docs"] };
        let request = self.agent.post(format!("{}/keys", self.url)).header("x-typesense-api-key", &self.key);
        let request = request.header("content-type", "application/json");
        let key: Key = decode(request.send(serde_json::to_vec(&key).unwrap()).unwrap());
        black_box(key).id
    }

    fn get(&self, id: u32) {
        let request = self.agent.get(format!("{}/keys/{id}", self.url)).header("x-typesense-api-key", &self.key);
        black_box(decode::<Key>(request.call().unwrap()));
    }

    fn delete(&self, id: u32) {
        let request = self.agent.delete(format!("{}/keys/{id}", self.url)).header("x-typesense-api-key", &self.key);
        black_box(decode::<serde_json::Value>(request.call().unwrap()));
    }

    fn list(&self) -> usize {
        let request = self.agent.get(format!("{}/keys", self.url)).header("x-typesense-api-key", &self.key);
        black_box(decode::<List>(request.call().unwrap()).keys).len()
    }
}

fn decode<T: for<'a> Deserialize<'a>>(mut reply: Response<Body>) -> T {
    let body = reply.body_mut().with_config().limit(u64::MAX).read_to_vec().unwrap();
    serde_json::from_slice(&body).unwrap()
}
