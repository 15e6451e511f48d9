//! A list that is decoded while it arrives, in pieces of any length, has the same keys or an error as with serde_json on
//! the whole body.

#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use shared::Edit;
use typesense_keys::{KeyInfo, fuzzing};

const LIST: &[u8] = br#"{"page":-1.5e3,"keys":[
{"id":7,"value_prefix":"Jd5","description":"a \"quoted\" ] }","actions":["*"],"collections":["a","b"],"expires_at":9},
{"id":8,"value_prefix":"","description":"","actions":[],"collections":[],"expires_at":64723363199,"later":{"deep":[1]}}
],"last":null}"#;

#[derive(Arbitrary, Debug)]
struct Response<'a> {
    edits: Vec<Edit<'a>>,
    lengths: &'a [u8],
}

#[derive(Deserialize)]
struct Whole {
    keys: Vec<KeyInfo>,
}

fuzz_target!(|response: Response<'_>| {
    let body = shared::edited(LIST, &response.edits);
    let head = format!("HTTP/1.1 200 \r\ncontent-length: {}\r\n\r\n", body.len());
    let bytes = [head.as_bytes(), &body].concat();
    let client = fuzzing::client("an admin key".into(), shared::cut(&bytes, response.lengths)).expect("a client");

    let whole = serde_json::from_slice::<Whole>(&body).map(|whole| whole.keys);
    let arrived = client.list().stream().and_then(Iterator::collect::<Result<Vec<KeyInfo>, _>>);
    match (whole, arrived) {
        (Ok(whole), Ok(arrived)) => assert_eq!(whole, arrived),
        (Err(_), Err(_)) => {}
        (whole, arrived) => panic!("in memory {whole:?}, as it arrived {arrived:?}"),
    }
});
