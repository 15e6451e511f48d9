//! Servers that repeat secrets of the request in the response.
//!
//! Errors are searched for secrets with every bad server. The responses of these are such that errors might quote them.

use super::row::{ADMIN_KEY, Call, Ending, Good, PROVIDED_VALUE, Row, SERVERS_VALUE, bad, bad_response, sent_value};

pub(crate) fn rows() -> Vec<Row> {
    let unexpected = Ending::Unexpected;
    vec![
        error("a 400 that repeats both secrets", "400 Bad Request", Ending::Rejected),
        error("a 401 that repeats both secrets", "401 Unauthorized", Ending::Unauthorized),
        error("a 418 that repeats both secrets", "418 I'm a teapot", Ending::Unexpected),
        error("a 429 that repeats both secrets", "429 Too Many Requests", Ending::RateLimited),
        error("a 500 that repeats both secrets", "500 Oops", Ending::Unavailable).writes(Ending::Unknown),
        error("a 503 that repeats both secrets", "503 Oops", Ending::Unavailable).writes(Ending::Unknown),
        bad("an error page that repeats the request", Ending::Unavailable, "status 502", |peer| {
            let request = peer.request()?;
            let page = format!("<html><pre>{}{}</pre></html>", request.head, request.body);
            peer.send(format!(
                "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{page}",
                page.len()
            ))
        }),
        bad(
            "a 404 whose message is the request",
            Ending::Unexpected,
            "status 404, but not from a Typesense server",
            |peer| {
                let request = peer.request()?;
                let body = serde_json::json!({"message": format!("{}{}", request.head, request.body)}).to_string();
                peer.send(format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
            },
        )
        .all_end_in(Ending::Unexpected),
        bad_response("secrets in every header", Ending::Unexpected, "status 400", |_| {
            format!(
                "HTTP/1.1 400 {ADMIN_KEY}\r\nx: {ADMIN_KEY}\r\ncontent-type: {ADMIN_KEY}/{PROVIDED_VALUE}\r\n\
                 content-encoding: {ADMIN_KEY}\r\nretry-after: {ADMIN_KEY}\r\ncontent-length: 0\r\n\r\n"
            )
        })
        .all_end_in(Ending::Unexpected),
        bad_response(
            "secrets in an encoding that was not asked for",
            unexpected,
            "the response is compressed",
            |good| good.with(&format!("content-encoding: {ADMIN_KEY}\r\n")),
        ),
        redirect("a redirect to a host named like the key", "http://7Qx2Lw9Zr4Tb8Gk.example.net/keys"),
        redirect("a redirect with the key in its path", "https://example.net/keys/aDm1n=7Qx2Lw9Zr4Tb8Gk"),
        redirect("a redirect with the key in its query", "https://example.net/keys?key=aDm1n=7Qx2Lw9Zr4Tb8Gk"),
        redirect("a redirect with the key as user info", "https://aDm1n=7Qx2Lw9Zr4Tb8Gk@example.net/keys"),
        redirect("a redirect to the key", "aDm1n=7Qx2Lw9Zr4Tb8Gk"),
        bad_response(
            "headers that are secrets, with a bad length",
            unexpected,
            "the head of the response contradicts",
            |_| format!("HTTP/1.1 200 {ADMIN_KEY}\r\nx: {ADMIN_KEY}\r\ncontent-length: {ADMIN_KEY}\r\n\r\n"),
        ),
        bad_response("secrets where a head should be", unexpected, "the response is not HTTP/1", |_| {
            format!("{ADMIN_KEY} {PROVIDED_VALUE} {SERVERS_VALUE}\r\n\r\n")
        }),
        bad_response("secrets where a chunk should be", unexpected, "the response's body is not framed", |_| {
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{ADMIN_KEY}\r\n{PROVIDED_VALUE}\r\n")
        }),
        bad_response("secrets where JSON should be", unexpected, "status 20", |good| {
            good.saying("", &format!("{ADMIN_KEY} {PROVIDED_VALUE}"))
        }),
        bad_response("secrets in JSON of another shape", unexpected, "status 20", |good| {
            good.saying("", &format!(r#"{{"id":"{ADMIN_KEY}","expires_at":"{PROVIDED_VALUE}","{ADMIN_KEY}":1}}"#))
        }),
        bad_response("a secret that the end of a quotation cuts off", Ending::Unexpected, "status 400", |_| {
            let body = format!("{}{ADMIN_KEY}", "x".repeat(190));
            format!("HTTP/1.1 400 No\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        })
        .all_end_in(Ending::Unexpected),
        bad_response("six bytes in a row of a secret, again and again", Ending::Unexpected, "status 400", |_| {
            let parts = |secret: &str| (0..=secret.len() - 6).map(|at| secret[at..at + 6].to_owned() + " ").collect();
            let [key, value]: [String; 2] = [ADMIN_KEY, PROVIDED_VALUE].map(parts);
            format!(
                "HTTP/1.1 400 No\r\ncontent-type: {key}{value}\r\ncontent-length: {}\r\n\r\n{key}{value}",
                key.len() + value.len()
            )
        })
        .all_end_in(Ending::Unexpected),
        // An intermediary mixes up the responses to two requests.
        mixed_up("the response to a create", &format!(r#"{{"id":7,"value":"{SERVERS_VALUE}"}}"#)),
        mixed_up("the response to a create, from its middle", &format!(r#"alue":"{SERVERS_VALUE}"}}"#)),
        wrapped("a new key as text in JSON", r#"{"error":"it said {\"value\":\"VALUE\"}"}"#),
        wrapped("a new key as text in a message", r#"{"message":"it said {\"value\":\"VALUE\"}"}"#),
        wrapped("a new key in HTML", "<pre>{&quot;value&quot;:&quot;VALUE&quot;}</pre>"),
        wrapped("a new key with an escaped name", r#"{"id":7,"valu\u0065":"VALUE"}"#),
        wrapped("a new key in YAML", "id: 7\nvalue: VALUE\n"),
        // The next values are generated by the server, so the client cannot know them.
        created("a new key with an id above 32 bits", |good| good.but("\"id\":7", "\"id\":4294967296")),
        created("a new key without an id", |good| good.but("\"id\"", "\"no\"")),
        created("a new key, cut short", |good| good.saying("", &good.body[..good.body.len() - 1])),
        created("a new key with status 200", |good| good.with("").replacen("201 Created", "200 OK", 1)),
        created("a new key with status 202", |good| good.with("").replacen("201 Created", "202 OK", 1)),
        created("a new key in a 500", |good| good.with("").replacen("201 Created", "500 No", 1)),
        created("a new key, compressed", |good| good.with("content-encoding: gzip\r\n")),
        created("a new key under another name", |good| good.but("\"value\"", "\"key\"")),
    ]
}

fn mixed_up(name: &'static str, body: &str) -> Row {
    let body = body.to_owned();
    bad_response(name, Ending::Unexpected, "status 20", move |good| good.saying("", &body))
        .only([Call::Get, Call::List])
}

/// An error response with a value that the server has generated.
fn wrapped(name: &'static str, body: &'static str) -> Row {
    bad_response(name, Ending::Unknown, "status 500", move |_| {
        let body = body.replace("VALUE", SERVERS_VALUE);
        format!("HTTP/1.1 500 Oops\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    })
    .only(Call::CREATES)
}

/// An error response that repeats the whole request in different forms.
fn error(name: &'static str, status: &'static str, ending: Ending) -> Row {
    let result = match ending {
        Ending::Unauthorized => "status 401",
        Ending::RateLimited => "status 429",
        Ending::Unavailable => "status 50",
        _ => "status 4",
    };
    bad(name, ending, result, move |peer| {
        let request = peer.request()?;
        let value = sent_value(&request).unwrap_or_default();
        // The 401 of a Typesense server is recognized by its text.
        let forbidden = "Forbidden - a valid `x-typesense-api-key` header ";
        let start = if ending == Ending::Unauthorized { forbidden } else { "" };
        let body = format!(r#"{{"message":"{start}{ADMIN_KEY}, or {value}? {}{value}"}}"#, &ADMIN_KEY[3..]);
        peer.send(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    })
    .all_end_in(ending)
}

fn redirect(name: &'static str, target: &'static str) -> Row {
    bad_response(name, Ending::Unexpected, "status 307, a redirect to `", move |_| {
        let body = format!("Moved to {ADMIN_KEY}");
        let length = body.len();
        format!("HTTP/1.1 307 Moved\r\nlocation: {target}\r\ncontent-length: {length}\r\n\r\n{body}")
    })
    .all_end_in(Ending::Unexpected)
}

fn created(name: &'static str, response: impl Fn(&Good) -> String + Send + Sync + 'static) -> Row {
    bad_response(name, Ending::Unknown, "", response).only(Call::CREATES)
}

impl Row {
    fn writes(self, writes: Ending) -> Self {
        Self { writes, ..self }
    }
}
