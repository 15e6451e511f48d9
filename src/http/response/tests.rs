//! However a reply is cut on its way, it is the same reply, and ureq sees none of its body.

use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::error::Phase;
use crate::secret;

const PAYLOAD: &str = r#"{"id": 7, "value": "aVeryS3cretValue\u00e9"}"#;

/// What came of a reply, as far as anybody could tell.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    /// What ureq saw before the body.
    head: String,
    payload: String,
    is_complete: bool,
    content_type: String,
    retry_after: Option<Duration>,
}

/// Hands `pieces` to a reply one by one, as a transport would.
fn take_apart<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Taken, Fault> {
    let now = Instant::now();
    let mut exchange = Exchange {
        api_key: Arc::new(secret::copy("key")),
        outgoing: SecretBuf::default(),
        head: Vec::new(),
        connect_by: now,
        finish_by: now,
        phase: Phase::AwaitResponse,
        tunnelling: false,
        reply: ReplyHead::NONE,
        incoming: SecretBuf::default(),
        fault: None,
    };
    let (mut reply, mut raw) = (Reply::EXPECTED, SecretBuf::default());
    let (mut shown, mut face) = (Vec::new(), [0; 1024]);
    for piece in pieces {
        raw.extend(piece);
        loop {
            let count = reply.advance(&mut raw, &mut face, &mut exchange)?;
            if count == 0 {
                break;
            }
            shown.extend_from_slice(&face[..count]);
        }
    }
    let end_of_head = shown.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, rest) = shown.split_at(end_of_head);
    let payload = String::from_utf8(exchange.incoming.as_slice().to_vec()).unwrap();
    let chunked = head.ends_with(b"chunked\r\n\r\n") || head.ends_with(b"chunked\r\nconnection: close\r\n\r\n");
    assert_eq!(filler_in(rest, chunked, reply.is_idle()), payload.len(), "ureq and the caller read the same length");
    Ok(Taken {
        head: String::from_utf8(head.to_vec()).unwrap(),
        payload,
        is_complete: reply.is_idle(),
        content_type: String::from_utf8(exchange.reply.content_type.clone()).unwrap(),
        retry_after: exchange.reply.retry_after,
    })
}

/// How many bytes of filler there are in `body`, which holds nothing else but the framing of chunks.
fn filler_in(mut body: &[u8], chunked: bool, is_complete: bool) -> usize {
    let mut count = 0;
    while chunked && !body.is_empty() {
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(body) else {
            panic!("no size of a chunk in what ureq sees: {body:?}")
        };
        let (chunk, rest) = body[line..].split_at(usize::try_from(size).unwrap());
        assert!(chunk.iter().all(|&byte| byte == FILLER), "ureq sees something else than filler: {chunk:?}");
        body = rest.strip_prefix(b"\r\n").expect("the end of a chunk");
        count += chunk.len();
        if size == 0 {
            assert!(is_complete && body.is_empty(), "ureq is told of an end that is none");
            return count;
        }
    }
    assert!(!chunked || !is_complete, "ureq is not told of the end");
    assert!(body.iter().all(|&byte| byte == FILLER), "ureq sees something else than filler: {body:?}");
    count + body.len()
}

fn whole(reply: &str) -> Result<Taken, Fault> {
    take_apart([reply.as_bytes()])
}

fn chunk(payload: &str, extension: &str) -> String {
    format!("{:X}{extension}\r\n{payload}\r\n", payload.len())
}

/// Good replies with the same payload, framed in every way that HTTP/1 knows.
fn good_replies() -> Vec<(&'static str, String)> {
    const HEAD: &str = "HTTP/1.1 201 Created\r\nServer: x\r\ncontent-TYPE: application/json\r\nRetry-After: 3\r\n";
    let length = PAYLOAD.len();
    let (start, end) = PAYLOAD.split_at(23);
    let chunks = [chunk(start, ""), chunk(end, "")].concat();
    let one_by_one: String = PAYLOAD.chars().map(|character| chunk(&character.to_string(), "")).collect();
    let extended = [chunk(start, ";name=value;n=\"q\""), chunk(end, " ; x")].concat();
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
    let te = "transfer-encoding: chunked\r\n\r\n";
    vec![
        ("a length", format!("{HEAD}Content-Length: {length}\r\n\r\n{PAYLOAD}")),
        (
            "the same length twice",
            format!("{HEAD}content-length:{length}\r\nContent-Length: {length} \r\n\r\n{PAYLOAD}"),
        ),
        ("two chunks", format!("{HEAD}{te}{chunks}0\r\n\r\n")),
        ("a chunk for each character", format!("{HEAD}{te}{one_by_one}0\r\n\r\n")),
        ("extensions and trailers", format!("{HEAD}{te}{extended}0;last\r\nX-Sum: 1\r\nY:\r\n\r\n")),
        ("until the connection closes", format!("{HEAD}\r\n{PAYLOAD}")),
        ("interim heads, then a length", format!("{early}{HEAD}content-length: {length}\r\n\r\n{PAYLOAD}")),
        ("interim heads, then chunks", format!("{early}{HEAD}{te}{chunks}0\r\n\r\n")),
        ("line feeds alone", format!("{HEAD}content-length: {length}\r\n\r\n{PAYLOAD}").replace("\r\n", "\n")),
        ("HTTP/1.0", format!("{HEAD}\r\n{PAYLOAD}").replace("HTTP/1.1", "HTTP/1.0")),
        ("a wish to close", format!("{HEAD}connection: close\r\n{te}{chunks}0\r\n\r\n")),
        (
            "a wish among others",
            format!("{HEAD}connection: x, Close\r\nconnection: keep-alive\r\n{te}{chunks}0\r\n\r\n"),
        ),
    ]
}

#[test]
fn every_framing_gives_the_same_payload_and_status() {
    for (framing, reply) in good_replies() {
        let taken = whole(&reply).unwrap();
        assert_eq!(taken.payload, PAYLOAD, "{framing}");
        assert!(taken.head.starts_with("HTTP/1.1 201 \r\n"), "{framing}: {}", taken.head);
        assert_eq!(taken.content_type, "application/json", "{framing}");
        assert_eq!(taken.retry_after, Some(Duration::from_secs(3)), "{framing}");
        let has_end = !matches!(framing, "until the connection closes" | "HTTP/1.0");
        assert_eq!(taken.is_complete, has_end, "{framing}");
    }
}

#[test]
fn a_reply_that_is_cut_anywhere_is_the_same_reply() {
    for (framing, reply) in good_replies() {
        let expected = whole(&reply).unwrap();
        for at in 0..=reply.len() {
            let (start, end) = reply.as_bytes().split_at(at);
            assert_eq!(take_apart([start, end]).as_ref(), Ok(&expected), "{framing}, cut at {at}");
        }
        let bytes = reply.as_bytes().chunks(1);
        assert_eq!(take_apart(bytes).as_ref(), Ok(&expected), "{framing}, one byte at a time");
    }
}

#[test]
fn a_reply_that_ends_early_is_never_complete() {
    for (framing, reply) in good_replies() {
        for at in 0..reply.len() {
            let taken = take_apart([&reply.as_bytes()[..at]]).unwrap();
            assert!(!taken.is_complete, "{framing}, ended at {at}");
            assert!(PAYLOAD.starts_with(&taken.payload), "{framing}, ended at {at}");
        }
    }
}

#[test]
fn ureq_sees_the_status_the_framing_and_nothing_else() {
    let head = |reply: &str| whole(reply).unwrap().head;
    assert_eq!(
        head(
            "HTTP/1.1 200 OK s3cret\r\nSet-Cookie: s3cret\r\nLocation: http://s3cret/\r\nContent-Length: 2\r\n\r\nok"
        ),
        "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n"
    );
    assert_eq!(
        head("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"),
        "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n"
    );
    assert_eq!(head("HTTP/1.1 200\r\n\r\n"), "HTTP/1.1 200 \r\nconnection: close\r\n\r\n");
    assert_eq!(
        head("HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n"),
        "HTTP/1.1 200 \r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(
        head("HTTP/1.0 200\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
        "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n"
    );
}

#[test]
fn a_status_without_a_body_ends_with_its_head() {
    for status in [204, 304] {
        for said in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let taken = whole(&format!("HTTP/1.1 {status}\r\n{said}\r\nhello")).unwrap();
            assert!(taken.is_complete, "{status} {said}");
            assert_eq!(taken.payload, "", "{status} {said}");
        }
    }
}

#[test]
fn bad_replies_are_refused_however_they_are_cut() {
    let many_headers = format!("HTTP/1.1 200\r\n{}\r\n", "a: b\r\n".repeat(101));
    let long_head = format!("HTTP/1.1 200\r\na: {}\r\n\r\n", "x".repeat(MAX_HEAD));
    let long_line =
        format!("HTTP/1.1 200\r\ntransfer-encoding: chunked\r\n\r\n1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(MAX_LINE));
    let long_trailers =
        format!("HTTP/1.1 200\r\ntransfer-encoding: chunked\r\n\r\n0\r\n{}\r\n", "a: b\r\n".repeat(MAX_LINE / 6 + 1));
    let one_long_trailer =
        format!("HTTP/1.1 200\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: {}\r\n\r\n", "x".repeat(MAX_LINE));
    let many_hints = "HTTP/1.1 103\r\n\r\n".repeat(MAX_HEAD / 16 + 1);
    let one_more_hint =
        format!("{}HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 103\r\n\r\n".repeat(MAX_HEAD / 16));
    let length = |value: &str| format!("HTTP/1.1 200\r\nContent-Length: {value}\r\n\r\nhello");
    let encoding = |value: &str| format!("HTTP/1.1 200\r\nTransfer-Encoding: {value}\r\n\r\nhello");
    let chunks = |body: &str| format!("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    use Fault::{BadChunk, ConflictingLengths, HeadTooLarge, NotHttp, SwitchingProtocols};
    for (reply, fault) in [
        ("<html>no</html>".to_owned(), NotHttp),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/2 200\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/1.1 099\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/1.1 600\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/1.1 2000\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/1.1 -20\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/1.1 200\r\na b: c\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/1.1 200\r\na: \0\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/1.1 200\r\n: nameless\r\n\r\n".to_owned(), NotHttp),
        ("HTTP/1.1 200\r\nno colon\r\n\r\n".to_owned(), NotHttp),
        (many_headers, HeadTooLarge),
        (long_head, HeadTooLarge),
        (many_hints, HeadTooLarge),
        (one_more_hint, HeadTooLarge),
        ("HTTP/1.1 101\r\nUpgrade: h2c\r\n\r\n".to_owned(), SwitchingProtocols),
        ("HTTP/1.1 103\r\n\r\nHTTP/1.1 101\r\n\r\n".to_owned(), SwitchingProtocols),
        (length("-1"), ConflictingLengths),
        (length("+5"), ConflictingLengths),
        (length(""), ConflictingLengths),
        (length("5, 5"), ConflictingLengths),
        (length("0x5"), ConflictingLengths),
        (length("18446744073709551616"), ConflictingLengths),
        (length("5\r\nContent-Length: 6"), ConflictingLengths),
        (length("5\r\nTransfer-Encoding: chunked"), ConflictingLengths),
        (encoding("gzip"), ConflictingLengths),
        (encoding("gzip, chunked"), ConflictingLengths),
        (encoding("identity"), ConflictingLengths),
        (encoding("chunked\r\nTransfer-Encoding: chunked"), ConflictingLengths),
        (chunks("1\r\nx\r\n0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"), ConflictingLengths),
        (chunks("x\r\n"), BadChunk),
        (chunks("-1\r\n"), BadChunk),
        (chunks("10000000000000000\r\n"), BadChunk),
        (chunks("5\r\nhelloX\r\n"), BadChunk),
        (chunks("5\r\nhello\rX"), BadChunk),
        (chunks("5\nhello\r\n"), BadChunk),
        (chunks("\r\nhello"), BadChunk),
        (long_line, BadChunk),
        (long_trailers, BadChunk),
        (one_long_trailer, BadChunk),
    ] {
        let shown = reply.get(..80).unwrap_or(&reply);
        assert_eq!(whole(&reply), Err(fault), "{shown:?}");
        assert_eq!(take_apart(reply.as_bytes().chunks(1)), Err(fault), "{shown:?}, one byte at a time");
    }
}

#[test]
fn what_follows_a_reply_is_no_part_of_it() {
    for (framing, reply) in good_replies() {
        let expected = whole(&reply).unwrap();
        if expected.is_complete {
            let poisoned = format!("{reply}HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
            assert_eq!(whole(&poisoned), Ok(expected), "{framing}");
        }
    }
}

#[test]
fn the_largest_sizes_are_taken_at_their_word_without_room_for_them() {
    for head in
        ["Content-Length: 18446744073709551615\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n"]
    {
        let taken = whole(&format!("HTTP/1.1 200\r\n{head}hello")).unwrap();
        assert_eq!((taken.payload.as_str(), taken.is_complete), ("hello", false), "{head}");
    }
}

#[test]
fn a_thousand_early_hints_take_no_more_stack_than_one() {
    let reply = format!("{}HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 103\r\n\r\n".repeat(1_000));
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let taken = small.spawn(move || whole(&reply)).unwrap().join().unwrap();
    assert!(taken.unwrap().is_complete);
}
