//! In every framing, a response may be as large as the limit, and not one byte larger.

use typesense_keys::Error;

use super::check::{LIMIT, client, make, measured};
use super::row::{Call, Good, SERVERS_VALUE};
use super::support::Scripted;

type Frame = fn(&Good, &str) -> String;

const FRAMES: [Frame; 3] = [
    |good, body| good.saying("", body),
    |good, body| format!("{}\r\n{body}", good.head("")),
    |good, body| {
        let (start, end) = body.split_at(body.len() / 3);
        let chunks = format!("{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", start.len(), end.len());
        format!("{}transfer-encoding: chunked\r\n\r\n{chunks}", good.head(""))
    },
];

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("a response of exactly the limit is taken", response_as_large_as_the_limit_is_read),
        ("a response of a byte more is not", response_one_byte_above_the_limit_is_too_large),
        ("an error response is looked at up to 64 KiB", error_response_is_read_up_to_64_kib),
        ("a list may be larger than any other response", list_may_be_larger_than_other_responses),
        ("a list that expands in memory is too large", list_that_expands_in_memory_is_too_large),
        ("a key that expands in memory is refused", key_that_expands_in_memory_is_refused),
        ("a stream of a long list takes at most 256 KiB", stream_of_a_long_list_takes_little_memory),
    ]
}

/// A server whose responses have the good body and spaces up to `size`.
fn response_of(size: usize, frame: Frame) -> Scripted {
    Scripted::start(move |peer| {
        let good = Good::to(&peer.request()?);
        let blanks = " ".repeat(size - good.body.len());
        peer.send(frame(&good, &format!("{}{blanks}", good.body)))
    })
}

fn response_as_large_as_the_limit_is_read() {
    for frame in FRAMES {
        let server = response_of(LIMIT, frame);
        for call in Call::ALL {
            make(&client(&server.url()), call).unwrap_or_else(|error| panic!("{call:?}: {error}"));
        }
    }
}

fn response_one_byte_above_the_limit_is_too_large() {
    for frame in FRAMES {
        let server = response_of(LIMIT + 1, frame);
        // A stream holds one key at a time, so it has no limit.
        for call in Call::ALL.into_iter().filter(|call| *call != Call::Stream) {
            match make(&client(&server.url()), call).unwrap_err() {
                error @ Error::TooLarge(_) if !call.is_write() => {
                    assert!(error.to_string().contains(&format!(" {LIMIT} bytes")), "{error}");
                }
                // According to the status, the key exists or was deleted.
                Error::OutcomeUnknown(unknown) if call.is_write() => {
                    let has_value = matches!(call, Call::CreateProvided | Call::CreateGenerated);
                    assert_eq!(unknown.value.is_some(), has_value, "{call:?}");
                }
                other => panic!("{call:?}: {other}"),
            }
        }
    }
}

fn error_response_is_read_up_to_64_kib() {
    let server = Scripted::start(|peer| {
        peer.request()?;
        peer.send("HTTP/1.1 400 No\r\n\r\n<html>")?;
        peer.send_without_end([b'x'; 1024])
    });
    let ended = measured(|| make(&client(&server.url()), Call::List).unwrap_err());
    assert!(ended.allocated < LIMIT, "allocated {} bytes", ended.allocated);
    let Error::UnexpectedResponse { report, .. } = ended.result else { panic!("{}", ended.result) };
    let message = report.message().unwrap();
    assert!(message.starts_with("<html>xxx") && message.chars().count() == 201, "{message}");
}

fn list_may_be_larger_than_other_responses() {
    let size = 3 * LIMIT;
    let server = response_of(size, FRAMES[0]);
    let builder = typesense_keys::KeysClient::builder().node(server.url()).api_key(SERVERS_VALUE);
    let client = builder.max_list_size(size as u64).build().unwrap();
    assert_eq!(client.list().send().unwrap().len(), 1);
    assert!(matches!(client.get(7).send(), Err(Error::TooLarge { .. })));
}

/// A server that lists as many keys as fit into the limit, each with `count` empty actions.
fn server_of_empty_actions(count: usize) -> Scripted {
    let actions = r#""","#.repeat(count);
    let key = format!(
        r#"{{"id":7,"description":"","actions":[{actions}"*"],"collections":[],"expires_at":1,"value_prefix":""}}"#
    );
    let keys = vec![key.as_str(); (LIMIT / (key.len() + 1) - 1).max(1)].join(",");
    // Allocated here, so that it does not count as memory of the client.
    let list = format!(r#"{{"keys":[{keys}]}}"#);
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{list}", list.len());
    Scripted::start(move |peer| {
        peer.request()?;
        peer.send(&response)
    })
}

fn list_that_expands_in_memory_is_too_large() {
    let server = server_of_empty_actions(1_000);
    let ended = measured(|| make(&client(&server.url()), Call::List));
    assert!(matches!(ended.result, Err(Error::TooLarge { .. })), "{:?}", ended.result);
    assert!(ended.allocated < 6 * LIMIT, "allocated {} bytes", ended.allocated);
    let ended = measured(|| make(&client(&server.url()), Call::Stream));
    assert!(ended.result.is_ok(), "{:?}", ended.result);
    assert!(ended.allocated < LIMIT, "allocated {} bytes", ended.allocated);
}

fn key_that_expands_in_memory_is_refused() {
    let server = server_of_empty_actions(LIMIT / 6);
    for call in [Call::List, Call::Stream] {
        let ended = measured(|| make(&client(&server.url()), call));
        let error = ended.result.unwrap_err();
        assert!(error.to_string().contains("too many elements in one key (after 0 keys)"), "{error}");
        assert!(ended.allocated < 3 * LIMIT, "allocated {} bytes", ended.allocated);
    }
}

/// The memory does not depend on the size of the chunks. The list is much larger than the limit of the client.
fn stream_of_a_long_list_takes_little_memory() {
    const KEYS: usize = 10_000;
    let keys: Vec<_> = (0..KEYS)
        .map(|id| {
            format!(
                r#"{{"actions":["documents:search"],"collections":["tenant_{id}"],"description":"tenant {id}","expires_at":64723363199,"id":{id},"value_prefix":"abcd"}}"#
            )
        })
        .collect();
    let list = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    for chunk in [600, 20_000, 32 * 1024, 50_000, list.len()] {
        // Allocated here, so that it does not count as memory of the client.
        let mut response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        for chunk in list.as_bytes().chunks(chunk) {
            response += &format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap());
        }
        response += "0\r\n\r\n";
        let server = Scripted::start(move |peer| {
            peer.request()?;
            peer.send(&response)
        });
        let client = client(&server.url());
        let ended = measured(|| client.list().stream().unwrap().map(Result::unwrap).count());
        assert_eq!(ended.result, KEYS);
        assert!(ended.allocated <= 256 * 1024, "chunks of {chunk}: allocated {} bytes", ended.allocated);
    }
}
