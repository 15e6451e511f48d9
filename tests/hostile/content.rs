//! Well-formed responses with wrong content, and valid ones with strange content that must be ignored.

use super::row::{Call, Ending, Good, ID, Row, bad, bad_response, odd_but_good};

const SHAPE: &str = " with a response that is JSON of another shape (";
const SYNTAX: &str = " with a response that is not JSON (";
const LISTED: [Call; 3] = [Call::Get, Call::List, Call::Stream];
const CREATED: [Call; 4] = [Call::CreateProvided, Call::CreateGenerated, Call::CreateServerGenerated, Call::Delete];

pub(crate) fn rows() -> Vec<Row> {
    let deep = "[".repeat(200_000);
    let deep_and_closed = "[".repeat(100_000) + &"]".repeat(100_000);
    let long_number = "9".repeat(500_000);
    vec![
        broken("an empty body", |_| String::new()),
        broken("blanks and nothing else", |_| " \n\t".repeat(1_000)),
        broken("an HTML page", |_| "<!doctype html><html><body>It works!</body></html>".to_owned()),
        broken("truncated JSON", |good| good.body[..good.body.len() - 1].to_owned()),
        broken("JSON twice", |good| good.body.repeat(2)),
        broken("JSON with something after it", |good| format!("{} x", good.body)),
        broken("NULs", |_| "\0".repeat(1_000)),
        broken("a NUL after the JSON", |good| format!("{}\0", good.body)),
        broken("a byte order mark", |good| format!("\u{feff}{}", good.body)),
        broken("a compressed body that is not said to be", |_| "\u{1f}\u{8}\0\0\0".to_owned()),
        broken("a number without end", {
            let long_number = format!("{{\"id\":1e{long_number}");
            move |_| long_number.clone()
        }),
        broken("deep nesting", move |_| format!("{{\"x\":{deep}")),
        other_shape("null", "null"),
        other_shape("a text", "\"id\""),
        other_shape("a number", "7"),
        other_shape("a list of nothing", "[]"),
        other_shape("a list of lists, deeply", &deep_and_closed),
        other_shape("an object of nothing", "{}"),
        other_shape("an error with the status of success", r#"{"message":"Forbidden"}"#),
        other_shape("HTML in JSON", r#""<html></html>""#),
        id("a negative id", "-1"),
        id("the id -0", "-0"),
        id("a fractional id", "7.5"),
        id("a whole id with a point", "7.0"),
        id("an id with an exponent", "7e0"),
        id("an id above 32 bits", "4294967303"),
        id("an id above 64 bits", "18446744073709551623"),
        row("an id of 500 digits", SYNTAX, |good| good.but("\"id\":7", &format!("\"id\":{}", "7".repeat(500)))),
        id("an id that is text", "\"7\""),
        id("an id that is null", "null"),
        id("an id that is true", "true"),
        id("an id that is a list", "[7]"),
        id("an id that is an object", r#"{"id":7}"#),
        id("an id that is nested deeply", &"[".repeat(100_000)),
        id("two ids", "7,\"id\":7"),
        changed("actions that are null", r#"["documents:search"]"#, "null", SHAPE),
        changed("actions that are text", r#"["documents:search"]"#, r#""documents:search""#, SHAPE),
        changed("actions that are numbers", r#"["documents:search"]"#, "[1]", SHAPE),
        changed("collections that are missing", r#""collections":["docs"],"#, "", SHAPE),
        changed("an expiry that is negative", "64723363199", "-1", SHAPE),
        changed("an expiry that is fractional", "64723363199", "1.5", SHAPE),
        changed("an expiry above 64 bits", "64723363199", "18446744073709551616", SHAPE),
        changed("an expiry that is text", "64723363199", "\"never\"", SHAPE),
        changed("an autodelete that is text", "\"id\"", r#""autodelete":"yes","id""#, SHAPE),
        changed("a description with a line break", "\"d\"", "\"a\nb\"", " with a response that is not JSON ("),
        changed("a description with a NUL", "\"d\"", "\"a\0b\"", SYNTAX),
        changed("half a surrogate pair", "\"d\"", r#""\ud83d""#, SYNTAX),
        changed("a description nested deeply", "\"d\"", &deep_and_closed, SHAPE),
        changed("a value that is null", "\"value", "\"value\":null,\"old_value", " with a response that")
            .only(Call::CREATES),
        changed("a value that is a number", "\"value", "\"value\":7,\"old_value", " with a response that")
            .only(Call::CREATES),
        changed(
            "a value with half a surrogate pair",
            "\"value",
            "\"value\":\"\\ud83d\",\"x",
            " with a response that",
        )
        .only(Call::CREATES),
        changed("no value", "\"value", "\"old_value", SHAPE).only(Call::CREATES),
        changed("no prefix", "value_prefix", "prefix", SHAPE).only(LISTED),
        row("another key's response", " with a response that is about another key", |good| {
            good.but(&format!("\"id\":{ID}"), "\"id\":8")
        })
        .only(Call::WITH_ID),
        odd("unknown fields", r#""x":null,"y":[{}],"z":{"id":8},"id""#),
        odd("a huge number where nothing looks", &format!("\"x\":{},\"id\"", "9".repeat(300))),
        // An unknown member of a listed key is kept, so it must be valid JSON. An unknown member of a new key is not
        // kept.
        changed("an unknown number beyond all floats", "\"id\"", r#""x":1e400,"id""#, SYNTAX).only(LISTED),
        changed("an unknown member nested deeply", "\"id\"", &format!("\"x\":{deep_and_closed},\"id\""), SYNTAX)
            .only(LISTED),
        odd("a number beyond all floats in a new key", r#""x":1e400,"id""#).only(CREATED),
        odd("deep nesting in a new key", &format!("\"x\":{deep_and_closed},\"id\"")).only(CREATED),
        odd("text with a NUL, escaped", r#""x":"\u0000","id""#),
        odd_but_good("white space", |good| {
            good.saying("", &format!("\r\n\t {}\r\n", good.body.replace("\":", "\" :\n")))
        }),
        odd_but_good("JSON that is called something else", |good| {
            good.with("").replacen("application/json", "text/html", 1)
        }),
        odd_but_good("a response that is not compressed, and says so", |good| {
            good.with("content-encoding: identity\r\n")
        }),
        bad_response("a compressed response", Ending::Unexpected, "the response is compressed, which was", |good| {
            good.with("content-encoding: gzip\r\n")
        }),
        bad_response(
            "a response that is compressed twice",
            Ending::Unexpected,
            "the response is compressed",
            |good| good.with("content-encoding: br, gzip\r\n"),
        ),
        bad_response("a compressed 503", Ending::Unavailable, "status 503", |_| {
            "HTTP/1.1 503 No\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc".to_owned()
        }),
        bad_response("a compressed 401", Ending::Unexpected, "status 401", |_| {
            "HTTP/1.1 401 No\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc".to_owned()
        })
        .all_end_in(Ending::Unexpected),
        bad_response("the other status of success", Ending::Unexpected, "status 20", |good| {
            let other = if good.status == "200 OK" { "201 Created" } else { "200 OK" };
            good.with("").replacen(good.status, other, 1)
        }),
    ]
    .into_iter()
    .chain(invalid_utf8())
    .collect()
}

/// A response with a success status and a wrong body.
fn row(name: &'static str, result: &'static str, response: impl Fn(&Good) -> String + Send + Sync + 'static) -> Row {
    bad_response(name, Ending::Unexpected, result, response)
}

fn broken(name: &'static str, body: impl Fn(&Good) -> String + Send + Sync + 'static) -> Row {
    row(name, " with a response that is not JSON (", move |good| good.saying("", &body(good)))
}

fn other_shape(name: &'static str, body: &str) -> Row {
    let body = body.to_owned();
    row(name, SHAPE, move |good| good.saying("", &body))
}

fn id(name: &'static str, id: &str) -> Row {
    let id = format!("\"id\":{id}");
    row(name, SHAPE, move |good| good.but(&format!("\"id\":{ID}"), &id))
}

fn changed(name: &'static str, from: &'static str, to: &str, result: &'static str) -> Row {
    let to = to.to_owned();
    row(name, result, move |good| good.but(from, &to)).only(Call::WITH_FIELDS)
}

fn odd(name: &'static str, fields: &str) -> Row {
    let fields = fields.to_owned();
    odd_but_good(name, move |good| good.but("\"id\"", &fields))
}

/// Invalid UTF-8 in every part of a response. Each character is sent as one byte.
fn invalid_utf8() -> [Row; 5] {
    let send = move |name, ending, result, response: fn(&Good) -> String| {
        bad(name, ending, result, move |peer| {
            let good = Good::to(&peer.request()?);
            let bytes: Vec<u8> = response(&good).chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
            peer.send(bytes)
        })
    };
    let with_description = |good: &Good| format!("{}\r\n{}", good.head(""), good.body.replace("\"d\"", "\"\u{e9}\""));
    let with_field =
        |good: &Good| format!("{}\r\n{}", good.head(""), good.body.replace("\"id\"", "\"\u{ff}\":1,\"id\""));
    let with_value =
        |good: &Good| format!("{}\r\n{}", good.head(""), good.body.replace("\"value\":\"", "\"value\":\"\u{ff}"));
    let unexpected = Ending::Unexpected;
    [
        send("a body that is not UTF-8", unexpected, " with a response that is not JSON", |good| {
            format!("{}\r\n\u{ff}\u{fe}{{}}", good.head(""))
        }),
        send("a description that is not UTF-8", unexpected, SYNTAX, with_description).only(Call::WITH_FIELDS),
        send("a field's name that is not UTF-8", unexpected, SYNTAX, with_field),
        send("a value that is not UTF-8", unexpected, SYNTAX, with_value).only(Call::CREATES),
        send("an error that is not UTF-8 at all", Ending::Unexpected, "status 400", |_| {
            let head = "HTTP/1.1 400 \u{e9}\r\ncontent-type: \u{ff}\r\nx: \u{fe}\r\ncontent-length: 3";
            format!("{head}\r\n\r\n\u{ff}\u{80}\u{c0}")
        })
        .all_end_in(Ending::Unexpected),
    ]
}
