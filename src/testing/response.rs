//! Responses with the bytes of a Typesense server.

use std::time::Duration;

use serde_json::Value;
use ureq::http::StatusCode;

/// How a request ends.
pub(super) enum Delivery {
    Send(Response),
    /// Send the head immediately, and the body after this delay.
    SendLate(Response, Duration),
    /// Send these bytes instead of a response, then close the connection.
    SendBytes(&'static [u8]),
    /// Keep the connection open and send nothing.
    Hang,
    Close,
}

pub(super) struct Response {
    status: u16,
    content_type: &'static str,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

const JSON: &str = "application/json; charset=utf-8";

impl Response {
    pub(super) fn json(status: u16, body: &Value) -> Response {
        Response::new(status, JSON, body.to_string())
    }

    /// A refusal by the server's request handlers. `text` must not need escapes in JSON.
    pub(super) fn message(status: u16, text: &str) -> Response {
        Response::new(status, JSON, format!(r#"{{"message": "{text}"}}"#))
    }

    /// A refusal by the server's router, which writes one more space.
    pub(super) fn router_message(status: u16, text: &str) -> Response {
        Response::new(status, JSON, format!(r#"{{ "message": "{text}"}}"#))
    }

    pub(super) fn unauthorized() -> Response {
        Response::message(401, "Forbidden - a valid `x-typesense-api-key` header must be sent.")
    }

    /// An empty body, and a content type without a value, like a node that could not forward a write to the leader.
    pub(super) fn empty(status: u16) -> Response {
        Response::new(status, "", "")
    }

    /// Any response.
    pub(super) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
        Response { status, content_type, retry_after: None, body: body.into() }
    }

    pub(super) fn retry_after(self, retry_after: Option<Duration>) -> Response {
        Response { retry_after, ..self }
    }

    /// The status line and headers, with the real server's names and order.
    pub(super) fn head(&self, keep_alive: bool) -> Vec<u8> {
        let Self { status, content_type, retry_after, body: _ } = self;
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let reason = reason(*status);
        let mut head = format!(
            "HTTP/1.1 {status} {reason}\r\nConnection: {connection}\r\naccess-control-allow-origin: *\r\n\
             content-type: {content_type}\r\n"
        );
        if let Some(wait) = retry_after {
            let begun = u64::from(wait.subsec_nanos() > 0);
            head.push_str(&format!("retry-after: {}\r\n", wait.as_secs().saturating_add(begun)));
        }
        head.push_str("transfer-encoding: chunked\r\n\r\n");
        head.into_bytes()
    }

    /// The body in the transfer encoding `chunked`.
    pub(super) fn chunks(&self) -> Vec<u8> {
        let last = b"0\r\n\r\n";
        if self.body.is_empty() {
            return last.to_vec();
        }
        let size = format!("{:x}\r\n", self.body.len());
        [size.as_bytes(), &self.body, b"\r\n", last].concat()
    }
}

/// The statuses for which the real server has a reason phrase.
const NAMED: [u16; 10] = [200, 201, 400, 401, 403, 404, 409, 422, 429, 500];

fn reason(status: u16) -> &'static str {
    let named = StatusCode::from_u16(status).ok().filter(|_| NAMED.contains(&status));
    named.and_then(|status| status.canonical_reason()).unwrap_or_default()
}
