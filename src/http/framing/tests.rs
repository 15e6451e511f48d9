//! Responses in every framing, cut into pieces at any place.

use super::*;

const PAYLOAD: &str = r#"{"id": 7, "value": "aVeryS3cretValue\u00e9"}"#;

/// The parsed parts of a response.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    status: u16,
    closes: bool,
    payload: String,
    is_complete: bool,
    content_type: String,
    retry_after: Option<Duration>,
}

/// Parses a response that arrives in `pieces`. Returns `None` if it ends within the head.
fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Parsed>, ProtocolError> {
    let (mut seen, mut arrived, mut content) = (0, Vec::new(), SecretBuf::default());
    let mut response = None;
    for piece in pieces {
        arrived.extend_from_slice(piece);
        while response.is_none() {
            let Some((size, head)) = Head::parse(&arrived, seen)? else { break };
            arrived.drain(..size);
            seen += size;
            response = head.map(|head| (head.body, head));
        }
        if let Some((body, _)) = &mut response {
            let taken = body.decode(&arrived, &mut content)?;
            arrived.drain(..taken);
        }
    }
    Ok(response.map(|(body, head)| Parsed {
        status: head.status,
        closes: head.closes,
        payload: String::from_utf8(content.as_slice().to_vec()).unwrap(),
        is_complete: body.is_done(),
        content_type: String::from_utf8(head.content_type.to_vec()).unwrap(),
        retry_after: head.retry_after,
    }))
}

fn whole(response: &str) -> Result<Option<Parsed>, ProtocolError> {
    parse([response.as_bytes()])
}

fn chunk(payload: &str, extension: &str) -> String {
    format!("{:X}{extension}\r\n{payload}\r\n", payload.len())
}

/// Valid responses with the same payload, in every framing of HTTP/1.
fn good_responses() -> Vec<(&'static str, String)> {
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
fn response_in_any_framing_has_the_same_payload_and_status() {
    for (framing, response) in good_responses() {
        let parsed = whole(&response).unwrap().unwrap();
        assert_eq!(parsed.payload, PAYLOAD, "{framing}");
        assert_eq!(parsed.status, 201, "{framing}");
        assert_eq!(parsed.content_type, "application/json", "{framing}");
        assert_eq!(parsed.retry_after, Some(Duration::from_secs(3)), "{framing}");
        let has_end = !matches!(framing, "until the connection closes" | "HTTP/1.0");
        assert_eq!(parsed.is_complete, has_end, "{framing}");
        assert_eq!(parsed.closes, !has_end || framing.starts_with("a wish"), "{framing}");
    }
}

#[test]
fn response_cut_anywhere_is_parsed_alike() {
    for (framing, response) in good_responses() {
        let expected = whole(&response);
        for at in 0..=response.len() {
            let (start, end) = response.as_bytes().split_at(at);
            assert_eq!(parse([start, end]), expected, "{framing}, cut at {at}");
        }
        assert_eq!(parse(response.as_bytes().chunks(1)), expected, "{framing}, one byte at a time");
    }
}

#[test]
fn response_that_ends_early_is_never_complete() {
    for (framing, response) in good_responses() {
        for at in 0..response.len() {
            if let Some(parsed) = parse([&response.as_bytes()[..at]]).unwrap() {
                assert!(!parsed.is_complete, "{framing}, ended at {at}");
                assert!(PAYLOAD.starts_with(&parsed.payload), "{framing}, ended at {at}");
            }
        }
    }
}

#[test]
fn connection_stays_open_only_where_the_head_allows_it() {
    for (response, closes) in [
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ("HTTP/1.1 200\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200\r\n\r\n", true),
        ("HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.0 200\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false),
    ] {
        assert_eq!(whole(response).unwrap().unwrap().closes, closes, "{response:?}");
    }
}

#[test]
fn status_without_a_body_ends_with_its_head() {
    for status in [204, 304] {
        for said in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let taken = whole(&format!("HTTP/1.1 {status}\r\n{said}\r\nhello")).unwrap().unwrap();
            assert!(taken.is_complete, "{status} {said}");
            assert_eq!(taken.payload, "", "{status} {said}");
        }
    }
}

#[test]
fn bad_response_cut_anywhere_is_refused() {
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
    use ProtocolError::{BadChunk, ConflictingLengths, HeadTooLarge, NotHttp, SwitchingProtocols};
    for (response, expected) in [
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
        let shown = response.get(..80).unwrap_or(&response);
        assert_eq!(whole(&response), Err(expected), "{shown:?}");
        assert_eq!(parse(response.as_bytes().chunks(1)), Err(expected), "{shown:?}, one byte at a time");
    }
}

#[test]
fn bytes_after_a_response_are_not_part_of_it() {
    for (framing, response) in good_responses() {
        let expected = whole(&response).unwrap().unwrap();
        if expected.is_complete {
            let poisoned = format!("{response}HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
            assert_eq!(whole(&poisoned), Ok(Some(expected)), "{framing}");
        }
    }
}

#[test]
fn largest_declared_sizes_are_accepted_without_allocation() {
    for head in
        ["Content-Length: 18446744073709551615\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n"]
    {
        let taken = whole(&format!("HTTP/1.1 200\r\n{head}hello")).unwrap().unwrap();
        assert_eq!((taken.payload.as_str(), taken.is_complete), ("hello", false), "{head}");
    }
}

#[test]
fn many_interim_heads_use_constant_stack() {
    let response = format!("{}HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 103\r\n\r\n".repeat(1_000));
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let taken = small.spawn(move || whole(&response)).unwrap().join().unwrap();
    assert!(taken.unwrap().unwrap().is_complete);
}
