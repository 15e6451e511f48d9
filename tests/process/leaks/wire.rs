//! Every byte that the server receives.

use super::life::{builder, create};
use super::watch::{Watch, secret};
use crate::support::Server;
use crate::support::faulty::{self, Pieces};

pub(super) fn requests(_: &Server) {
    let mut watch = Watch::begin();
    let (key, own) = (watch.draw("admin key", 32), watch.draw("provided value", 32));
    let server = faulty::echo("HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n", Pieces::Whole);
    let client = builder(&format!("{}/search", server.url()), &key).retries(false).build().unwrap();
    for error in [
        create(&client).value(secret(&own)).send().unwrap_err(),
        create(&client).server_generated().send().unwrap_err(),
        client.get(7).send().unwrap_err(),
        client.list().send().unwrap_err(),
        client.delete(7).send().unwrap_err(),
    ] {
        watch.error(error);
    }
    let (host, version) = (format!("127.0.0.1:{}", server.port()), env!("CARGO_PKG_VERSION"));
    let common = format!("user-agent: typesense-keys/{version}\r\naccept: application/json\r\n");
    let with_body = |body: &str| {
        let length = body.len();
        format!(
            "POST /search/keys HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{{common}}\
             x-typesense-api-key: {key}\r\n\r\n{body}"
        )
    };
    let scope = r#""description":"leaks","actions":["*"],"collections":["*"]"#;
    let expected = [
        with_body(&format!(r#"{{{scope},"value":"{own}"}}"#)),
        with_body(&format!("{{{scope}}}")),
        format!(
            "GET /search/keys/7 HTTP/1.1\r\n{{common}}cache-control: no-cache\r\nx-typesense-api-key: {key}\r\n\r\n"
        ),
        format!(
            "GET /search/keys HTTP/1.1\r\n{{common}}cache-control: no-cache\r\nx-typesense-api-key: {key}\r\n\r\n"
        ),
        format!("DELETE /search/keys/7 HTTP/1.1\r\n{{common}}x-typesense-api-key: {key}\r\n\r\n"),
    ];
    let received = server.received();
    assert_eq!(received.len(), expected.len());
    for (received, expected) in received.iter().zip(expected) {
        let expected = expected.replace("{common}", &format!("host: {host}\r\n{common}"));
        assert_eq!(sorted(&format!("{}{}", received.head, received.body)), sorted(&expected));
    }
    watch.end();
}

/// The order of headers does not matter.
fn sorted(request: &str) -> Vec<String> {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
    lines[1..].sort();
    lines.push(body.to_owned());
    lines
}
