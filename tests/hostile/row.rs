//! A bad server, and the results of calls to it.

use std::io;
use std::sync::Arc;

use typesense_keys::error::Phase;

use super::support::Peer;
use super::support::scripted::{Received, Script};

/// The key of the client.
pub(crate) const ADMIN_KEY: &str = "aDm1n=7Qx2Lw9Zr4Tb8Gk";

/// The value of a create with a provided value.
pub(crate) const PROVIDED_VALUE: &str = "0wN~vAl5Jk3Pm6Xc1FySd";

/// The value that the server generates.
pub(crate) const SERVERS_VALUE: &str = "sRvGeN8Hd2Nq7WsKe4Uo";

/// The key to get or to delete.
pub(crate) const ID: u32 = 7;

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    Connection,
    NotFound,
    RateLimited,
    Rejected,
    Timeout(Phase),
    Tls,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unexpected,
    /// `OutcomeUnknown`, with the value if there is one.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Get,
    List,
    /// A list that is read key by key to its end.
    Stream,
    CreateProvided,
    CreateGenerated,
    CreateServerGenerated,
    Delete,
}

impl Call {
    pub(crate) const ALL: [Self; 7] = [
        Self::Get,
        Self::List,
        Self::Stream,
        Self::CreateProvided,
        Self::CreateGenerated,
        Self::CreateServerGenerated,
        Self::Delete,
    ];
    pub(crate) const CREATES: [Self; 3] = [Self::CreateProvided, Self::CreateGenerated, Self::CreateServerGenerated];
    pub(crate) const WITH_ID: [Self; 2] = [Self::Get, Self::Delete];
    pub(crate) const WITH_FIELDS: [Self; 6] = [
        Self::Get,
        Self::List,
        Self::Stream,
        Self::CreateProvided,
        Self::CreateGenerated,
        Self::CreateServerGenerated,
    ];

    pub(crate) fn is_create(self) -> bool {
        Self::CREATES.contains(&self)
    }

    pub(crate) fn is_write(self) -> bool {
        self.is_create() || self == Self::Delete
    }
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) script: Arc<Script>,
    pub(crate) calls: Vec<Call>,
    pub(crate) reads: Ending,
    pub(crate) writes: Ending,
    /// The expected beginning of `Attempt::result`. If this begins with a space, the result begins with `status 20x`
    /// and this.
    pub(crate) result: &'static str,
    /// Whether only the timeout ends the calls.
    pub(crate) is_slow: bool,
    pub(crate) https: bool,
}

/// A server with which reads have the result `reads`, and writes have an unknown outcome.
pub(crate) fn bad(
    name: &'static str,
    reads: Ending,
    result: &'static str,
    script: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static,
) -> Row {
    let is_slow = matches!(reads, Ending::Timeout(_));
    let calls = Call::ALL.to_vec();
    Row { name, script: Arc::new(script), calls, reads, writes: Ending::Unknown, result, is_slow, https: false }
}

/// A server that looks bad, although every call to it succeeds.
pub(crate) fn odd_but_good(name: &'static str, response: impl Fn(&Good) -> String + Send + Sync + 'static) -> Row {
    bad(name, Ending::Done, "", responding(response)).all_end_in(Ending::Done)
}

/// A server with a wrong `response`.
pub(crate) fn bad_response(
    name: &'static str,
    reads: Ending,
    result: &'static str,
    response: impl Fn(&Good) -> String + Send + Sync + 'static,
) -> Row {
    bad(name, reads, result, responding(response))
}

fn responding(
    response: impl Fn(&Good) -> String + Send + Sync,
) -> impl Fn(&mut Peer) -> io::Result<()> + Send + Sync {
    move |peer| {
        let good = Good::to(&peer.request()?);
        peer.send(response(&good))
    }
}

impl Row {
    pub(crate) fn all_end_in(self, ending: Ending) -> Self {
        Self { reads: ending, writes: ending, ..self }
    }

    pub(crate) fn only(self, calls: impl Into<Vec<Call>>) -> Self {
        Self { calls: calls.into(), ..self }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn https(self) -> Self {
        Self { https: true, ..self }
    }
}

/// The response of a good server.
pub(crate) struct Good {
    /// `200 OK` or `201 Created`.
    pub(crate) status: &'static str,
    pub(crate) body: String,
}

impl Good {
    pub(crate) fn to(request: &Received) -> Self {
        let scope =
            r#""actions":["documents:search"],"collections":["docs"],"description":"d","expires_at":64723363199"#;
        let info = format!(r#"{{{scope},"id":{ID},"value_prefix":"abcd"}}"#);
        let target = request.head.split("\r\n").next().unwrap_or_default();
        let (status, body) = if target.starts_with("POST") {
            let value = sent_value(request).unwrap_or_else(|| SERVERS_VALUE.to_owned());
            ("201 Created", format!(r#"{{{scope},"id":{ID},"value":"{value}"}}"#))
        } else if target.starts_with("DELETE") {
            ("200 OK", format!(r#"{{"id":{ID}}}"#))
        } else if target.starts_with("GET /keys ") {
            ("200 OK", format!(r#"{{"keys":[{info}]}}"#))
        } else {
            ("200 OK", info)
        };
        Self { status, body }
    }

    /// The whole response, with `headers` (each with its line break) and a length.
    pub(crate) fn with(&self, headers: &str) -> String {
        self.saying(headers, &self.body)
    }

    /// The whole response, with another body.
    pub(crate) fn saying(&self, headers: &str, body: &str) -> String {
        format!("{}content-length: {}\r\n\r\n{body}", self.head(headers), body.len())
    }

    /// The whole response, with `from` in its body replaced.
    pub(crate) fn but(&self, from: &str, to: &str) -> String {
        assert!(self.body.contains(from), "{from} in {}", self.body);
        self.saying("", &self.body.replace(from, to))
    }

    /// The head, without its last empty line.
    pub(crate) fn head(&self, headers: &str) -> String {
        format!("HTTP/1.1 {}\r\ncontent-type: application/json\r\n{headers}", self.status)
    }
}

/// The value that a create asks for.
pub(crate) fn sent_value(request: &Received) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(&request.body).ok()?;
    Some(body.get("value")?.as_str()?.to_owned())
}
