//! What one test needs of the shared server: a client with the bootstrap key, collections and keys that are deleted
//! afterwards, and a check of what a key allows.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use typesense_keys::error::InvalidInput;
use typesense_keys::{ClientBuilder, CollectionPattern, CreateKey, CreatedKey, KeyId, KeysClient};

use crate::support::{Server, raw};

const TIMEOUT: Duration = Duration::from_secs(10);

/// One test's use of the server that all share.
pub(crate) struct Stage<'a> {
    server: &'a Server,
    client: KeysClient,
    keys: RefCell<Vec<KeyId>>,
    collections: RefCell<Vec<String>>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        let client = admin(server).build().unwrap();
        Self { server, client, keys: RefCell::default(), collections: RefCell::default() }
    }

    /// A client with the bootstrap key, which allows everything.
    pub(crate) fn client(&self) -> &KeysClient {
        &self.client
    }

    /// A client with another key.
    pub(crate) fn client_with(&self, key: &SecretString) -> KeysClient {
        admin(self.server).api_key(key.clone()).build().unwrap()
    }

    /// Creates the key; it is deleted with the stage.
    pub(crate) fn create(&self, request: CreateKey) -> CreatedKey {
        let key = request.send().unwrap();
        self.keys.borrow_mut().push(key.id);
        key
    }

    /// A key that allows only this.
    pub(crate) fn key<C>(&self, action: &str, collections: C) -> CreatedKey
    where
        C: TryInto<CollectionPattern, Error: Into<InvalidInput>>,
    {
        self.create(self.client.create().description("live test").actions([action]).collections([collections]))
    }

    /// Creates a key without the checks of this crate. Returns its value.
    pub(crate) fn raw_key(&self, fields: Value) -> String {
        self.raw_key_with_id(fields).1
    }

    pub(crate) fn raw_key_with_id(&self, fields: Value) -> (KeyId, String) {
        let mut body = json!({"description": "live test", "actions": ["*"], "collections": ["*"]});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let response = self.send("POST", "/keys", self.server.api_key(), &body.to_string());
        assert_eq!(response.status, 201, "{body}: {}", response.text());
        let key = response.json().unwrap();
        let id = serde_json::from_value(key["id"].clone()).unwrap();
        self.keys.borrow_mut().push(id);
        (id, key["value"].as_str().unwrap().to_owned())
    }

    /// Creates a collection with one document, `{"id": "1", "title": "hello"}`; it is deleted with the stage.
    pub(crate) fn collection(&self, name: &str) {
        let fields = json!([{"name": "title", "type": "string"}]);
        self.collection_of(name, &fields, &[json!({"id": "1", "title": "hello"})]);
    }

    /// Creates a collection with these fields and documents; it is deleted with the stage.
    pub(crate) fn collection_of(&self, name: &str, fields: &Value, documents: &[Value]) {
        self.collection_with(name, &json!({"fields": fields}), documents);
    }

    /// Creates a collection with this schema, apart from its name; it is deleted with the stage.
    pub(crate) fn collection_with(&self, name: &str, schema: &Value, documents: &[Value]) {
        let mut schema = schema.clone();
        schema["name"] = name.into();
        let bootstrap = self.server.api_key();
        let made = self.send("POST", "/collections", bootstrap, &schema.to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        self.collections.borrow_mut().push(name.to_owned());
        let path = format!("/collections/{}/documents/import", percent(name));
        let lines: Vec<_> = documents.iter().map(Value::to_string).collect();
        let imported = self.send("POST", &path, bootstrap, &lines.join("\n"));
        assert_eq!(imported.status, 200);
        assert!(imported.text().lines().all(|line| line == r#"{"success":true}"#), "{}", imported.text());
    }

    /// Sends a request with any key. Returns the status of the response.
    pub(crate) fn status(&self, method: &str, path: &str, key: &SecretString, body: &str) -> u16 {
        self.send(method, path, key.expose_secret(), body).status
    }

    /// Whether a key with the action `collections:get` may act in a collection, which need not exist.
    pub(crate) fn allows(&self, key: &str, collection: &str) -> bool {
        let path = format!("/collections/{}", percent(collection));
        match self.send("GET", &path, key, "").status {
            200 | 404 => true,
            401 => false,
            other => panic!("GET {path}: {other}"),
        }
    }

    pub(crate) fn send(&self, method: &str, path: &str, key: &str, body: &str) -> raw::Response {
        let request = raw::Request::new(method, path).api_key(key).body(body);
        self.server.send(&request, TIMEOUT).unwrap()
    }
}

impl Drop for Stage<'_> {
    /// Ignores errors: a failed test must show its own reason, and a test may have deleted its keys itself.
    fn drop(&mut self) {
        for id in self.keys.take() {
            let _ = self.client.delete(id).send();
        }
        for name in self.collections.take() {
            let request = raw::Request::new("DELETE", &format!("/collections/{}", percent(&name)));
            let _ = self.server.send(&request.api_key(self.server.api_key()), TIMEOUT);
        }
    }
}

/// The settings of a client with the bootstrap key.
pub(crate) fn admin(server: &Server) -> ClientBuilder {
    // `TYPESENSE_TEST_URL` may name another host, with plain http.
    KeysClient::builder().node(server.url()).api_key(server.api_key()).allow_plaintext(true)
}

/// A name that neither another test nor an earlier run has used.
pub(crate) fn unique(start: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut random = [0; 4];
    getrandom::fill(&mut random).unwrap();
    format!("{start}{count}x{:08x}", u32::from_le_bytes(random))
}

/// As one segment of a path.
pub(crate) fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}
