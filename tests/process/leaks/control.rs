//! Proof that the other tests can fail.

use super::watch::Watch;
use crate::support::Server;
use crate::support::random_text;
use crate::support::scan::{FIXED_WINDOW, Found, Scanner, WINDOW};

pub(super) fn shapes(_: &Server) {
    let secret = format!("{}\"{}\\{}é🔑{}", random_text(8), random_text(5), random_text(5), random_text(8));
    let mut scanner = Scanner::default();
    scanner.add("secret", &secret);
    finds_in_every_shape(&scanner, &secret);
    // A part of a secret is found if it has at least a window.
    assert!(!scanner.find(&secret.as_bytes()[..WINDOW]).is_empty());
    assert!(scanner.find(&secret.as_bytes()[..WINDOW - 1]).is_empty());
    assert!(scanner.find(random_text(100_000).as_bytes()).is_empty());

    // For a secret that is the same in every run, a shorter part is enough.
    let fixed = "q\"W~3\\é";
    let mut scanner = Scanner::default();
    scanner.add_fixed("fixed secret", fixed);
    finds_in_every_shape(&scanner, fixed);
    assert!(!scanner.find(&fixed.as_bytes()[..FIXED_WINDOW]).is_empty());
    assert!(scanner.find(&fixed.as_bytes()[..FIXED_WINDOW - 1]).is_empty());
}

/// Some logger or `Debug` shows bytes in each of these shapes.
fn finds_in_every_shape(scanner: &Scanner, secret: &str) {
    let bytes = secret.as_bytes();
    let hex = |separator: &str| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator);
    let base64 = |bytes: &[u8]| {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
        let threes =
            bytes.chunks_exact(3).map(|three| three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)));
        threes.flat_map(|bits| [18, 12, 6, 0].map(|shift| digit(bits >> shift))).collect::<String>()
    };
    let in_pairs = hex("").as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four) + " ").collect::<String>();
    for (shape, text) in [
        ("as it is", secret.to_owned()),
        ("Debug", format!("{secret:?}")),
        ("Debug of Debug", format!("{:?}", format!("{secret:?}"))),
        ("JSON", serde_json::to_string(secret).unwrap()),
        ("ASCII", secret.escape_default().to_string()),
        ("ASCII bytes", bytes.escape_ascii().to_string()),
        ("URL", bytes.iter().map(|byte| format!("%{byte:02X}")).collect()),
        ("hexadecimal", hex("")),
        ("capital hexadecimal", hex("").to_uppercase()),
        ("as ureq groups it", in_pairs),
        ("with colons", hex(":")),
        ("with blanks", hex(" ")),
        ("as C writes it", format!("0x{}", hex(", 0x"))),
        ("{:x?}", format!("{bytes:02x?}")),
        ("list of bytes", format!("{bytes:?}")),
        ("list of bytes, one a line", format!("{bytes:#?}")),
        ("base64", base64(bytes)),
        ("base64 after one byte", base64(&[b"-", bytes].concat())),
        ("base64 after two bytes", base64(&[b"--", bytes].concat())),
    ] {
        assert!(
            !scanner.find(format!("a {text} z").as_bytes()).is_empty(),
            "the secret is not found as {shape}: {text}"
        );
    }
}

/// ureq alone sends the same request as this crate: its log contains both secrets, as text and in hexadecimal.
pub(super) fn plain_agent(server: &Server) {
    let mut watch = Watch::begin();
    let value = watch.draw("value", 32);
    watch.secret("admin key", server.api_key());
    let agent = ureq::Agent::new_with_defaults();
    let body = format!(r#"{{"description":"","actions":["keys:get"],"collections":["*"],"value":"{value}"}}"#);
    let request = agent.post(format!("{}/keys", server.url())).header("x-typesense-api-key", server.api_key());
    let mut response = request.send(&body).unwrap();
    assert_eq!(response.status(), 201);
    assert!(response.body_mut().read_to_string().unwrap().contains(&value));

    let (records, found) = watch.search();
    println!("a plain agent: {} records, {} places with a window of a secret", records.len(), found.len());
    for secret in ["admin key", "value"] {
        for shape in ["plain", "hexadecimal"] {
            let leak = Found { secret: secret.to_owned(), shape };
            assert!(
                found.iter().any(|(_, found)| *found == leak),
                "this leak is not found, so the other tests would prove nothing: {leak:?}"
            );
        }
    }
}
