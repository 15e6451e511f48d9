//! Scoped search keys: equal to another implementation's, and refused where a server would refuse or ignore.
//!
//! The vectors in `scoped/vectors.json` were made with Python's `hmac`, `base64` and `json`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use support::Random;
use typesense_keys::{Error, Expiry, KeyInfo, ScopedKeyBuilder, ScopedKeyInfo};

#[derive(Deserialize)]
struct Vector {
    parent: SecretStringText,
    params: String,
    scoped: String,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct SecretStringText(String);

impl SecretStringText {
    fn secret(&self) -> SecretString {
        SecretString::from(self.0.as_str())
    }
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("scoped/vectors.json")).unwrap();
    assert!(vectors.len() >= 40);
    vectors
}

/// The parameters in the order in which the text names them.
fn in_order(text: &str) -> Vec<(String, Value)> {
    let params: Map<String, Value> = serde_json::from_str(text).unwrap();
    let mut params: Vec<_> = params.into_iter().collect();
    params.sort_by_key(|(name, _)| text.find(&format!("\"{name}\":")));
    params
}

fn builder<'a>(parent: &'a SecretString, params: &str) -> ScopedKeyBuilder<'a> {
    in_order(params).into_iter().fold(ScopedKeyBuilder::from_parent(parent), |key, (name, value)| {
        match name.as_str() {
            "expires_at" => key.expires_at(UNIX_EPOCH + Duration::from_secs(value.as_u64().unwrap())),
            "filter_by" => key.filter_by(value.as_str().unwrap()),
            "exclude_fields" => key.exclude_fields(value.as_str().unwrap()),
            "include_fields" => key.include_fields(value.as_str().unwrap()),
            "limit_hits" => key.limit_hits(u32::try_from(value.as_u64().unwrap()).unwrap()),
            _ => key.param(name, value),
        }
    })
}

#[test]
fn keys_are_the_same_as_another_implementations() {
    for Vector { parent, params, scoped } in vectors() {
        let signed = builder(&parent.secret(), &params).sign().unwrap_or_else(|error| panic!("{params}: {error}"));
        assert_eq!(signed.expose_secret(), scoped, "{params}");
    }
}

/// From the test suites of the official clients.
#[test]
fn the_vector_of_the_official_clients_comes_out() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let expiry = UNIX_EPOCH + Duration::from_secs(1_906_054_106);
    let signed =
        ScopedKeyBuilder::from_parent(&parent).filter_by("company_id:124").expires_at(expiry).sign().unwrap();
    assert_eq!(
        signed.expose_secret(),
        "OW9DYWZGS1Q1RGdSbmo0S1QrOWxhbk9PL2kxbTU1eXA3bCthdmE5eXJKRT1STjIzeyJmaWx0ZXJfYnkiOiJjb21wYW55X2lkOjEyNCIsIm\
         V4cGlyZXNfYXQiOjE5MDYwNTQxMDZ9"
    );
}

#[test]
fn what_was_embedded_is_read_back_and_proved() {
    let other = SecretString::from("sn1aXBgGZsXjf56K1Y5G69jSxgOxhn86");
    for Vector { parent, params, scoped } in vectors() {
        let read = ScopedKeyInfo::parse(&SecretString::from(scoped)).unwrap();
        let expected: Map<String, Value> = serde_json::from_str(&params).unwrap();
        assert_eq!(read.params(), &expected);
        assert_eq!(read.filter_by(), expected.get("filter_by").and_then(Value::as_str));
        assert!(parent.0.starts_with(read.parent_prefix()));
        match expected.get("expires_at").and_then(Value::as_u64) {
            Some(seconds) => {
                assert_eq!(read.expires_at().unix_seconds(), seconds);
                assert!(read.remaining().unwrap() > Duration::from_secs(86_400));
            }
            None => assert_eq!((read.expires_at().is_never(), read.remaining()), (true, None)),
        }
        assert!(read.is_signed_by(&parent.secret()), "{params}");
        let is_other = other.expose_secret() == parent.0;
        assert_eq!(read.is_signed_by(&other), is_other, "{params}");
    }
}

#[test]
fn a_key_that_was_changed_anywhere_is_not_proved() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let scoped = ScopedKeyBuilder::from_parent(&parent).filter_by("tenant:=a").limit_hits(7).sign().unwrap();
    let mut read = 0;
    for at in 0..scoped.expose_secret().len() {
        for by in [1, 2, 32] {
            let mut bytes = scoped.expose_secret().as_bytes().to_vec();
            bytes[at] ^= by;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            if let Ok(info) = ScopedKeyInfo::parse(&SecretString::from(text)) {
                read += 1;
                assert!(!info.is_signed_by(&parent), "byte {at}");
            }
        }
    }
    assert!(read > 50, "most changes must still be read, to be found by the signature: {read}");
}

#[test]
fn one_that_is_over_has_no_time_left() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let scoped =
        ScopedKeyBuilder::from_parent(&parent).filter_by("a:=b").expires_in(Duration::from_secs(60)).sign().unwrap();
    let left = ScopedKeyInfo::parse(&scoped).unwrap().remaining().unwrap();
    assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(61), "{left:?}");
    // {"expires_at":1}
    let past = "cWxqZUFaU2hpWXFlRjZLcmFVbzlGWkNYSmdFRklHQnRDVy91b0hFWk84Yz1STjIzeyJleHBpcmVzX2F0IjoxfQ==";
    let read = ScopedKeyInfo::parse(&SecretString::from(past)).unwrap();
    assert_eq!((read.remaining(), read.expires_at().is_past()), (Some(Duration::ZERO), true));
}

fn info(fields: Value) -> KeyInfo {
    let mut info = json!({"id": 7, "description": "", "actions": ["documents:search"], "collections": ["*"],
        "expires_at": 64_723_363_199_u64, "value_prefix": "RN23"});
    info.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(info).unwrap()
}

#[track_caller]
fn refused(key: ScopedKeyBuilder<'_>, expected: &str) {
    let error = key.sign().unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { .. }));
    assert_eq!(error.to_string(), format!("invalid request: {expected}"));
}

#[test]
fn a_parent_that_a_server_would_not_take_is_refused() {
    for (value, why) in [
        ("abc", "is shorter than 4 bytes"),
        ("ab€x", "has a character across its fourth byte"),
        ("abc🔑", "has a character across its fourth byte"),
        ("", "is empty: every request needs a key"),
        ("abcd\n", "holds a control character (a line break at its end?), which no HTTP header can carry"),
    ] {
        let parent = SecretString::from(value);
        refused(ScopedKeyBuilder::from_parent(&parent).filter_by("a:=b"), &format!("`parent`: {why}"));
    }
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let only_search = "a server takes scoped keys only of one that may do `documents:search` and nothing else";
    for (fields, why) in [
        (
            json!({"actions": ["documents:search", "documents:get"]}),
            format!("may do [\"documents:search\", \"documents:get\"]: {only_search}"),
        ),
        (json!({"actions": ["*"]}), format!("may do [\"*\"]: {only_search}")),
        (json!({"actions": ["documents:*"]}), format!("may do [\"documents:*\"]: {only_search}")),
        (json!({"expires_at": 1}), "has expired".to_owned()),
        (
            json!({"value_prefix": "abcd"}),
            "begins with `RN23`, and the key that its info is about with `abcd`".to_owned(),
        ),
    ] {
        let key = ScopedKeyBuilder::from_parent(&parent).filter_by("a:=b").parent_info(&info(fields));
        refused(key, &format!("`parent`: {why}"));
    }
    assert!(ScopedKeyBuilder::from_parent(&parent).filter_by("a:=b").parent_info(&info(json!({}))).sign().is_ok());
}

#[test]
fn what_a_server_would_refuse_or_ignore_is_refused() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || ScopedKeyBuilder::from_parent(&parent);
    let no_filter = "`filter_by`: is no filter, and every document would be found: leave it out if that is meant";
    refused(key().filter_by(""), no_filter);
    refused(key().filter_by(" \t"), no_filter);
    refused(key().param("filter_by", 7), no_filter);
    refused(key(), "`params`: there are none: the key would be worth as much as its parent");
    refused(key().param(" ", 7), "`params`: one has no name");
    for value in [json!(null), json!(["secret"]), json!({"a": 1})] {
        let why = "`params`: `exclude_fields` is not text, a number, `true` or `false`: the server would ignore it";
        refused(key().param("exclude_fields", value), why);
    }
    let twice = "`params`: `filter_by` is given twice (to join two filters, write ` && ` between them)";
    refused(key().filter_by("a:=1").limit_hits(1).filter_by("b:=1"), twice);
    refused(key().param("expires_at", 7), "`params`: `expires_at` is set by the methods of that name");
    let past = "`expires_at`: is not in the future: the key would never have worked";
    refused(key().filter_by("a:=1").expires_at(UNIX_EPOCH), past);
    refused(key().filter_by("a:=1").expires_in(Duration::ZERO), past);
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 60;
    let late = UNIX_EPOCH + Duration::from_secs(soon + 1);
    let known = info(json!({"expires_at": soon}));
    refused(
        key().filter_by("a:=1").parent_info(&known).expires_at(late),
        &format!(
            "`expires_at`: is {}, but the parent expires before, {}",
            Expiry::from_unix_seconds(soon + 1),
            Expiry::from_unix_seconds(soon)
        ),
    );
    let same = UNIX_EPOCH + Duration::from_secs(soon);
    assert!(key().filter_by("a:=1").parent_info(&known).expires_at(same).sign().is_ok());
}

#[test]
fn what_is_no_scoped_key_is_refused() {
    use base64::Engine as _;
    let encode = |text: &[u8]| base64::engine::general_purpose::STANDARD.encode(text);
    let signature = "9oCafFKT5DgRnj4KT+9lanOO/i1m55yp7l+ava9yrJE=";
    for (text, why) in [
        (String::new(), "is too short"),
        ("a plain key".to_owned(), "is not base64"),
        (encode(b"short"), "is too short"),
        (encode(&signature.as_bytes()[..43]), "is too short"),
        (encode(format!("{signature}RN2").as_bytes()), "is too short"),
        (encode(format!("{signature}RN23").as_bytes()), "has parameters that are no JSON object"),
        (encode(format!("{signature}RN23[1]").as_bytes()), "has parameters that are no JSON object"),
        (encode(format!("{signature}RN23{{}}x").as_bytes()), "has parameters that are no JSON object"),
        (encode(format!("{}RN23{{}}", "?".repeat(44)).as_bytes()), "does not begin with a signature"),
        (encode(&[signature.as_bytes(), b"RN2\xff{}"].concat()), "has a prefix of its parent that is not text"),
        (encode(&[signature.as_bytes(), b"RN23{\"a\":\"\xff\"}"].concat()), "has parameters that are not text"),
        (
            encode(format!("{signature}RN23{{\"expires_at\":\"7\"}}").as_bytes()),
            "has an expiry that no server takes: it is not in whole seconds",
        ),
    ] {
        let error = ScopedKeyInfo::parse(&SecretString::from(text.as_str())).unwrap_err();
        assert_eq!(error.to_string(), format!("invalid request: `scoped_key`: {why}"), "{text}");
    }
}

#[test]
fn whatever_is_read_nothing_panics() {
    use base64::Engine as _;
    let mut random = Random::new(20_261_123);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(200)).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let _ = ScopedKeyInfo::parse(&SecretString::from(text));
        let _ = ScopedKeyInfo::parse(&SecretString::from(String::from_utf8_lossy(&bytes).into_owned()));
    }
}

#[test]
fn nothing_shows_the_parent_or_the_signature() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = ScopedKeyBuilder::from_parent(&parent).filter_by("company_id:124");
    let text = format!("{key:?}");
    assert!(text.contains("company_id:124") && !text.contains("GFr1"), "{text}");
    let text = format!("{:?}", ScopedKeyInfo::parse(&key.sign().unwrap()).unwrap());
    assert_eq!(
        text,
        "ScopedKeyInfo { parent_prefix: \"RN23\", params: \"{\\\"filter_by\\\":\\\"company_id:124\\\"}\", \
         expires_at: never, .. }"
    );
}
