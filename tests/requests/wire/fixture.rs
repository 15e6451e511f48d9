//! A server that sends one response and records its requests; and the four calls.

use std::sync::{Arc, Mutex};

use mockito::{Matcher, ServerGuard};
use typesense_keys::{Action, ClientBuilder, CreateKey, Error, KeysClient};

/// The key that the client's requests carry.
pub(crate) const ADMIN_KEY: &str = "the-admin-key-Xy12";

/// The value that [`create`] asks for.
pub(crate) const VALUE: &str = "the-new-value-Zw34";

/// One response to all requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: usize,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
}

/// A response as a Typesense server sends it.
pub(crate) fn json(status: usize, body: impl Into<Vec<u8>>) -> Response {
    Response { status, headers: vec![("content-type", "application/json; charset=utf-8")], body: body.into() }
}

/// A response as a proxy may send it.
pub(crate) fn html(status: usize, body: impl Into<Vec<u8>>) -> Response {
    Response { status, headers: vec![("content-type", "text/html")], body: body.into() }
}

impl Response {
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A request as the server received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `GET /keys`
    pub(crate) line: String,
    /// `name: value`, sorted.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

pub(crate) struct Wire {
    server: ServerGuard,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Wire {
    pub(crate) fn responding(response: &Response) -> Self {
        let body = response.body.clone();
        Self::start(response, move |_| body.clone())
    }

    /// A server that creates the requested key with the id 7.
    pub(crate) fn creating() -> Self {
        Self::start(&json(201, ""), |asked| {
            let mut key = serde_json::json!({"expires_at": 64_723_363_199_u64, "value": "v", "id": 7});
            let asked: serde_json::Map<_, _> = serde_json::from_str(&asked.body).unwrap();
            key.as_object_mut().unwrap().extend(asked);
            key.to_string().into_bytes()
        })
    }

    fn start(response: &Response, body: impl Fn(&Asked) -> Vec<u8> + Clone + Send + Sync + 'static) -> Self {
        let mut server = mockito::Server::new();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        for method in ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"] {
            let (asked, body) = (Arc::clone(&asked), body.clone());
            let mut mock = server.mock(method, Matcher::Any).with_status(response.status);
            for (name, value) in &response.headers {
                mock = mock.with_header(*name, value);
            }
            mock.with_body_from_request(move |request| {
                let request = Asked::from(request);
                let body = body(&request);
                asked.lock().unwrap().push(request);
                body
            })
            .create();
        }
        Self { server, asked }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// A client that makes one attempt.
    pub(crate) fn client(&self) -> KeysClient {
        client(&self.url())
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The only request.
    #[track_caller]
    pub(crate) fn asked_once(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }
}

impl From<&mockito::Request> for Asked {
    fn from(request: &mockito::Request) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = request.headers().iter().map(|(name, value)| format!("{name}: {}", text(value.as_bytes())));
        let mut headers: Vec<String> = headers.collect();
        headers.sort();
        Self {
            line: format!("{} {}", request.method(), request.path_and_query()),
            headers,
            body: text(request.body().unwrap()),
        }
    }
}

/// Settings for one attempt at `url`.
pub(crate) fn builder(url: &str) -> ClientBuilder {
    KeysClient::builder().node(url).api_key(ADMIN_KEY).retries(false).proxy_from_env(false)
}

pub(crate) fn client(url: &str) -> KeysClient {
    builder(url).build().unwrap()
}

/// A valid create.
pub(crate) fn create(client: &KeysClient) -> CreateKey {
    client.create().actions([Action::DOCUMENTS_SEARCH]).collections(["docs"]).value(VALUE)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Get,
    List,
    Delete,
}

impl Call {
    /// Makes the call for key 7, and returns only its error.
    pub(crate) fn make(self, client: &KeysClient) -> Result<(), Error> {
        match self {
            Self::Create => create(client).send().map(drop),
            Self::Get => client.get(7).send().map(drop),
            Self::List => client.list().send().map(drop),
            Self::Delete => client.delete(7).send().map(drop),
        }
    }
}
