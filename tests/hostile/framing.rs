//! Responses with a wrong length, responses that are not HTTP, and valid ones that look like these.

use super::row::{Ending, Good, Row, bad_response, odd_but_good};

const LENGTH: &str = "the head of the response contradicts itself on the body's length";
const CHUNKS: &str = "the response's body is not framed as its head says";
const HEAD: &str = "the head of the response is too large";
const NOT_HTTP: &str = "the response is not HTTP/1";

pub(crate) fn rows() -> Vec<Row> {
    let connection = Ending::Connection;
    let unexpected = Ending::Unexpected;
    vec![
        bad_response(
            "a length that is too long",
            connection,
            "closed the connection while reading the response",
            |good| format!("{}content-length: {}\r\n\r\n{}", good.head(""), good.body.len() + 1, good.body),
        ),
        bad_response("a length that is too short", unexpected, "status 20", |good| {
            format!("{}content-length: {}\r\n\r\n{}", good.head(""), good.body.len() - 1, good.body)
        }),
        bad_response("a length of nothing", unexpected, "status 20", |good| {
            format!("{}content-length: 0\r\n\r\n{}", good.head(""), good.body)
        }),
        bad_response("two lengths", unexpected, LENGTH, |good| good.with("content-length: 1\r\n")),
        bad_response("a list of lengths", unexpected, LENGTH, |good| lengths(good, "5, 5")),
        bad_response("a negative length", unexpected, LENGTH, |good| lengths(good, "-5")),
        bad_response("a length with a sign", unexpected, LENGTH, |good| lengths(good, "+5")),
        bad_response("a length above 64 bits", unexpected, LENGTH, |good| lengths(good, "99999999999999999999")),
        bad_response("a hexadecimal length", unexpected, LENGTH, |good| lengths(good, "0x10")),
        bad_response("no length", unexpected, LENGTH, |good| lengths(good, "")),
        bad_response("a length and chunks", unexpected, LENGTH, |good| good.with("transfer-encoding: chunked\r\n")),
        bad_response("an unknown encoding", unexpected, LENGTH, |good| good.with("transfer-encoding: gzip\r\n")),
        bad_response("chunks in another encoding", unexpected, LENGTH, |good| {
            format!("{}transfer-encoding: gzip, chunked\r\n\r\n{}", good.head(""), good.body)
        }),
        bad_response("chunks of a size that is no number", unexpected, CHUNKS, |good| chunked(good, "xyz\r\n")),
        bad_response("chunks of a negative size", unexpected, CHUNKS, |good| chunked(good, "-1\r\n")),
        bad_response("chunks of no size", unexpected, CHUNKS, |good| chunked(good, "\r\n")),
        bad_response("chunks of a size above 64 bits", unexpected, CHUNKS, |good| {
            chunked(good, "11111111111111111\r\n")
        }),
        bad_response("chunks without a line break after the size", unexpected, CHUNKS, |good| {
            chunked(good, "5 hello")
        }),
        bad_response("chunks without a line break at their end", unexpected, CHUNKS, |good| {
            chunked(good, "1\r\n{0\r\n\r\n")
        }),
        bad_response("chunks that are longer than their size", unexpected, CHUNKS, |good| {
            let length = good.body.len() - 1;
            chunked(good, &format!("{length:x}\r\n{}\r\n0\r\n\r\n", good.body))
        }),
        bad_response("a body that is said to be chunked", unexpected, CHUNKS, |good| chunked(good, &good.body)),
        bad_response("10,000 headers", unexpected, HEAD, |good| good.with(&"a: b\r\n".repeat(10_000))),
        bad_response("101 headers", unexpected, HEAD, |good| good.with(&"a: b\r\n".repeat(101))),
        bad_response("one header of 64 KiB", unexpected, HEAD, |good| {
            good.with(&format!("a: {}\r\n", "b".repeat(65_536)))
        }),
        bad_response("a NUL in a header", unexpected, NOT_HTTP, |good| good.with("a: \0\r\n")),
        bad_response("a NUL in a header's name", unexpected, NOT_HTTP, |good| good.with("a\0b: c\r\n")),
        bad_response("a space in a header's name", unexpected, NOT_HTTP, |good| good.with("content-length : 1\r\n")),
        bad_response("a header that is folded", unexpected, NOT_HTTP, |good| good.with("a: b\r\n c\r\n")),
        bad_response("a header without a colon", unexpected, NOT_HTTP, |good| good.with("hello\r\n")),
        bad_response("a status of two digits", unexpected, NOT_HTTP, |_| status("20")),
        bad_response("a status of four digits", unexpected, NOT_HTTP, |_| status("2000")),
        bad_response("status 0", unexpected, NOT_HTTP, |_| status("000")),
        bad_response("status 999", unexpected, NOT_HTTP, |_| status("999")),
        bad_response("101 Switching Protocols", unexpected, "the response switches to another protocol", |_| {
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n".to_owned()
        }),
        bad_response("204 No Content", unexpected, "status 204, where 20", |_| status("204 No Content")),
        bad_response("204 with a body", unexpected, "status 204, where 20", |good| {
            format!("HTTP/1.1 204 No Content\r\ncontent-length: {}\r\n\r\n{}", good.body.len(), good.body)
        }),
        bad_response("204 with chunks", unexpected, "status 204, where 20", |good| {
            let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", good.body.len(), good.body);
            format!("HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n{chunk}")
        }),
        bad_response("206 Partial Content", unexpected, "status 206, where 20", |good| {
            good.with("").replacen(good.status, "206 Partial Content", 1)
        }),
        bad_response("304 Not Modified", unexpected, "status 304", |_| status("304 Not Modified"))
            .all_end_in(Ending::Unexpected),
        odd_but_good("early hints before the response", |good| {
            format!("HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n{}", good.with(""))
        }),
        odd_but_good("100 Continue before the response", |good| {
            format!("HTTP/1.1 100 Continue\r\n\r\n{}", good.with(""))
        }),
        odd_but_good("five hundred early hints before the response", |good| {
            format!("{}{}", "HTTP/1.1 103\r\n\r\n".repeat(500), good.with(""))
        }),
        odd_but_good("HTTP/1.0", |good| {
            format!("{}\r\n{}", good.head(""), good.body).replace("HTTP/1.1", "HTTP/1.0")
        }),
        odd_but_good("no length and a close", |good| format!("{}\r\n{}", good.head(""), good.body)),
        odd_but_good("the same header twice", |good| good.with("content-type: text/plain\r\nx: 1\r\nx: 2\r\n")),
        odd_but_good("the same length twice", |good| good.with(&format!("content-length: {}\r\n", good.body.len()))),
        odd_but_good("no reason phrase", |good| good.with("").replacen(" OK", "", 1).replacen(" Created", "", 1)),
        odd_but_good("line feeds alone", |good| good.with("").replace("\r\n", "\n")),
        odd_but_good("chunks of a byte each, extended, with trailers", |good| {
            let chunks: String = good.body.chars().map(|c| format!("1;x=\"y\"\r\n{c}\r\n")).collect();
            chunked(good, &format!("{chunks}0\r\nx-sum: 1\r\n\r\n"))
        }),
        odd_but_good("bytes after the response", |good| format!("{}HTTP/1.1 200 OK\r\n\r\nmore", good.with(""))),
        odd_but_good("no content type", |good| good.with("").replacen("content-type", "x-content-type", 1)),
    ]
}

fn lengths(good: &Good, length: &str) -> String {
    format!("{}content-length: {length}\r\n\r\n{}", good.head(""), good.body)
}

fn chunked(good: &Good, chunks: &str) -> String {
    format!("{}transfer-encoding: chunked\r\n\r\n{chunks}", good.head(""))
}

fn status(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\n\r\n")
}
