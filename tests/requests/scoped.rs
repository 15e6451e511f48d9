//! Scoped search keys: equal to those of other implementations, and refused if a server would refuse or ignore a
//! parameter.
//!
//! The vectors in `scoped/vectors.json` were made with Python's `hmac`, `base64` and `json`.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use typesense_keys::scoped::{ExactValue, ScopedKeyBuilder, ScopedKeyInfo, ScopedKeyWarning};
use typesense_keys::{Error, Expiry, KeyInfo};

use crate::support::{Random, capture};

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
            "exclude_fields" => key.exclude_fields(value.as_str().unwrap()),
            "include_fields" => key.include_fields(value.as_str().unwrap()),
            _ => key.param(name, value),
        }
    })
}

#[test]
fn signed_key_equals_that_of_another_implementation() {
    for Vector { parent, params, scoped } in vectors() {
        let signed = builder(&parent.secret(), &params).sign().unwrap_or_else(|error| panic!("{params}: {error}"));
        assert_eq!(signed.expose_secret(), scoped, "{params}");
    }
}

/// From the test suites of the official clients: without an expiry (JavaScript, Go, Ruby) and with an expiry (Rust,
/// Dart).
#[test]
fn signed_key_equals_that_of_the_official_clients() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || ScopedKeyBuilder::from_parent(&parent).param("filter_by", "company_id:124");
    assert_eq!(
        key().sign().unwrap().expose_secret(),
        "SC9sT0hncHFwTHNFc3U3d3psRDZBUGNXQUViQUdDNmRHSmJFQnNnczJ4VT1STjIzeyJmaWx0ZXJfYnkiOiJjb21wYW55X2lkOjEyNCJ9"
    );
    let expiry = UNIX_EPOCH + Duration::from_secs(1_906_054_106);
    assert_eq!(
        key().expires_at(expiry).sign().unwrap().expose_secret(),
        "OW9DYWZGS1Q1RGdSbmo0S1QrOWxhbk9PL2kxbTU1eXA3bCthdmE5eXJKRT1STjIzeyJmaWx0ZXJfYnkiOiJjb21wYW55X2lkOjEyNCIsIm\
         V4cGlyZXNfYXQiOjE5MDYwNTQxMDZ9"
    );
}

#[test]
fn parsed_key_has_the_signed_parameters_and_parent() {
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
            }
            None => assert_eq!(read.expires_at(), Expiry::NEVER),
        }
        assert!(read.is_signed_by(&parent.secret()), "{params}");
        let is_other = other.expose_secret() == parent.0;
        assert_eq!(read.is_signed_by(&other), is_other, "{params}");
    }
}

#[test]
fn changed_key_is_not_signed_by_its_parent() {
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
                // A server ignores the last bits and everything after them.
                let is_same = info.warnings().contains(&ScopedKeyWarning::OtherEncoding);
                assert!(is_same || !info.is_signed_by(&parent), "byte {at}");
            }
        }
    }
    assert!(read > 50, "only {read} changed keys can be read and compared by their signature");
}

#[test]
fn expired_key_has_no_time_remaining() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let scoped =
        ScopedKeyBuilder::from_parent(&parent).filter_by("a:=b").expires_in(Duration::from_secs(60)).sign().unwrap();
    let left = ScopedKeyInfo::parse(&scoped).unwrap().expires_at().remaining().unwrap();
    assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(61), "{left:?}");
    // {"expires_at":1}
    let past = "cWxqZUFaU2hpWXFlRjZLcmFVbzlGWkNYSmdFRklHQnRDVy91b0hFWk84Yz1STjIzeyJleHBpcmVzX2F0IjoxfQ==";
    let read = ScopedKeyInfo::parse(&SecretString::from(past)).unwrap();
    assert_eq!((read.expires_at().remaining(), read.expires_at().is_past()), (Some(Duration::ZERO), true));
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
fn parent_that_a_server_would_refuse_is_refused() {
    for (value, why) in [
        ("abc", "is shorter than 4 bytes"),
        ("ab€x", "has a character across its fourth byte"),
        ("abc🔑", "has a character across its fourth byte"),
        ("", "is empty: every request needs a key"),
        ("abcd\n", "ends with a line break (U+000A): remove it"),
    ] {
        let parent = SecretString::from(value);
        refused(ScopedKeyBuilder::from_parent(&parent).filter_by("a:=b"), &format!("`parent`: {why}"));
    }
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let only_search = "the parent must allow `documents:search` and nothing else";
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
            "begins with `RN23`, but the key in `parent_info` begins with `abcd`".to_owned(),
        ),
    ] {
        let key = ScopedKeyBuilder::from_parent(&parent).filter_by("a:=b").parent_info(&info(fields));
        refused(key, &format!("`parent`: {why}"));
    }
    assert!(ScopedKeyBuilder::from_parent(&parent).filter_by("a:=b").parent_info(&info(json!({}))).sign().is_ok());
}

#[test]
fn parameter_that_a_server_would_refuse_or_ignore_is_refused() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || ScopedKeyBuilder::from_parent(&parent);
    let no_filter = "`filter_by`: is empty: the server would find every document; leave it out if that is intended";
    refused(key().filter_by(""), no_filter);
    refused(key().filter_by(" \t"), no_filter);
    refused(key().param("filter_by", ""), no_filter);
    refused(key().param("filter_by", 7), "`filter_by`: is not text: the server would refuse every search");
    refused(key(), "`params`: are missing: the key would be worth as much as its parent");
    refused(
        key().param("new one", 7),
        "`params`: `new one` is not the name of a parameter: lower-case ASCII letters, digits and `_`",
    );
    for name in ["filter_by ", "Filter_by", "filterby"] {
        refused(key().param(name, "a:=1"), &format!("`params`: `{name}` is not a parameter: write `filter_by`"));
    }
    for value in [json!(null), json!(["secret"]), json!({"a": 1})] {
        let why = "`params`: `exclude_fields` is not text, a number, `true` or `false`: up to v27.0, the server would \
                   ignore it; later, it would refuse every search";
        refused(key().param("exclude_fields", value), why);
    }
    let no_number = |name: &str| {
        format!(
            "`params`: `{name}` is not a whole number below 2^31: the server would refuse every search, or never \
             respond"
        )
    };
    for value in [json!("abc"), json!(""), json!("7 "), json!(-1), json!(7.5), json!(true), json!(1_u64 << 31)] {
        for name in ["limit_hits", "per_page", "group_limit"] {
            refused(key().param(name, value.clone()), &no_number(name));
        }
    }
    refused(key().limit_hits(1 << 31), &no_number("limit_hits"));
    assert!(key().limit_hits((1 << 31) - 1).param("per_page", i32::MAX).sign().is_ok());
    let twice = "`params`: `filter_by` is given twice";
    refused(key().param("filter_by", "a:=1").filter_by("b:=1"), twice);
    refused(key().param("filter_by", "a:=1").only("b", 1), twice);
    refused(key().param("filter_by", "a:=1").param("filter_by", "a:=1"), twice);
    refused(key().limit_hits(1).limit_hits(2), "`params`: `limit_hits` is given twice");
    refused(key().exclude_fields("a").hide_fields(["b"]), "`params`: `exclude_fields` is given twice");
    refused(key().param("facet_by", "a").allow_facets(["b"]), "`params`: `facet_by` is given twice");
    refused(key().param("expires_at", 7), "`params`: `expires_at` is set by the methods of that name");
    let past = "`expires_at`: is not in the future: the key would not work";
    refused(key().filter_by("a:=1").expires_at(UNIX_EPOCH), past);
    refused(key().filter_by("a:=1").expires_in(Duration::ZERO), &past.replace("_at", "_in"));
    let repeated = format!("owner:={}", parent.expose_secret());
    refused(
        key().filter_by(repeated),
        "`params`: contain the parent's value, which whoever has the scoped key could read",
    );
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
fn value_or_field_that_is_not_exact_is_refused_without_being_shown() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || ScopedKeyBuilder::from_parent(&parent);
    for value in ["acme-1", "Acme", "", "a` || n:>0", "straße", "0b5c61f34a524c1e9d3f2e7a8b90c1d4"] {
        let error = key().only("tenant", value).sign().unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { field: "only", .. }), "{error}");
        assert!(value.is_empty() || !error.to_string().contains(value), "{error}");
        let why = ExactValue::from(value).check().unwrap_err().to_string();
        assert_eq!(error.to_string(), format!("{why} (field `tenant`)"));
    }
    refused(key().only("t", u64::MAX), "`only`: the integer is beyond the range of an `int64` field (field `t`)");
    let not_a_field = "is not the name of a field: ASCII letters, digits, `_` and `.`";
    refused(key().only("a:=1 || b", 1), &format!("`only`: `a:=1 || b` {not_a_field}"));
    refused(key().hide_fields(["a,b"]), &format!("`hide_fields`: `a,b` {not_a_field}"));
    refused(key().show_fields(["*"]), &format!("`show_fields`: `*` {not_a_field}"));
    refused(key().allow_facets(["a(b)"]), &format!("`allow_facets`: `a(b)` {not_a_field}"));
    for (hidden, facet) in [("b", "b"), ("b", "b.c"), ("b.c", "b")] {
        let why = format!("`allow_facets`: `facet_by` would show the values of the hidden field `{hidden}`");
        refused(key().hide_fields(["a", hidden]).allow_facets(["d", facet]), &why);
    }
    assert!(key().hide_fields(["b"]).allow_facets(["bc"]).sign().is_ok());
    refused(
        key().only("t", 1).filter_by("a:=1) || (b:=2"),
        "`filter_by`: closes a bracket that it did not open, which may be a quoted one",
    );
    refused(key().filter_by("a:=`1"), "`filter_by`: does not close a back-tick");
}

/// The warnings about a key without an expiry, except the one about the expiry.
fn warnings(info: &ScopedKeyInfo) -> Vec<ScopedKeyWarning> {
    let mut found = info.warnings();
    let at = found.iter().position(|warning| *warning == ScopedKeyWarning::NeverExpires);
    found.remove(at.expect("the key has no expiry"));
    found
}

fn embedded(key: ScopedKeyBuilder<'_>) -> (String, Vec<ScopedKeyWarning>) {
    let info = ScopedKeyInfo::parse(&key.sign().unwrap()).unwrap();
    (serde_json::to_string(info.params()).unwrap(), warnings(&info))
}

/// The parameters that a key with this filter embeds.
fn documents_of(filter: &str) -> Value {
    json!({"cache_ttl": 0, "enable_curations": false, "enable_lazy_filter": false, "enable_overrides": false,
        "exclude_fields": "out_of", "facet_return_parent": "", "facet_strategy": "exhaustive", "filter_by": filter,
        "hidden_hits": "", "max_filter_by_candidates": 4, "personalization_model_id": "", "pinned_hits": "",
        "sort_by": "", "validate_field_names": true, "vector_query": ""})
}

/// The parameters that a key with hidden fields embeds, except for the list of fields.
fn hidden_off() -> Value {
    json!({"cache_ttl": 0, "enable_curations": false, "enable_overrides": false, "facet_by": "",
        "facet_return_parent": "", "group_by": "", "highlight_fields": "none", "personalization_model_id": "",
        "sort_by": "", "vector_query": ""})
}

#[test]
fn restrictions_embed_every_parameter_that_could_undo_them() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || ScopedKeyBuilder::from_parent(&parent);
    for (key, filter) in [
        (key().only("tenant", "acme1"), "(tenant:=[`acme1`])"),
        (key().only("tenant", "007".to_owned()), "(tenant:=[`007`])"),
        (key().only("tenant", 42).only("open", true), "(tenant:=42 && open:=true)"),
        (key().filter_by("a:=1 || b:=2").only("n", -1), "(n:=-1 && n:<0 && (a:=1 || b:=2))"),
        (key().filter_by("first:=1").filter_by("a:=1"), "(a:=1)"),
    ] {
        assert_eq!(embedded(key), (documents_of(&format!("(id:=`(&` && id:=a) || {filter}")).to_string(), vec![]));
    }
    let hidden = |names: &str| {
        let mut all = hidden_off();
        all["exclude_fields"] = names.into();
        all
    };
    assert_eq!(embedded(key().hide_fields(["a"]).hide_fields(["bc"])), (hidden("a,bc").to_string(), vec![]));
    let member = (hidden("b.c").to_string(), vec![ScopedKeyWarning::MembersNotHidden]);
    assert_eq!(embedded(key().hide_fields(["b.c"])), member);
    let mut facets = hidden("a");
    facets["facet_by"] = "b".into();
    assert_eq!(embedded(key().hide_fields(["a"]).allow_facets(["b"])), (facets.to_string(), vec![]));
    let mut shown = hidden_off();
    shown["include_fields"] = "a,b.c".into();
    assert_eq!(embedded(key().show_fields(["a"]).show_fields(["b.c"])), (shown.to_string(), vec![]));
    let mut both = documents_of("(id:=`(&` && id:=a) || (t:=1)");
    both.as_object_mut().unwrap().extend(hidden("a,out_of").as_object().unwrap().clone());
    assert_eq!(embedded(key().only("t", 1).hide_fields(["a"])), (both.to_string(), vec![]));
    let limited = r#"{"group_limit":1,"limit_hits":3,"per_page":3}"#.to_owned();
    assert_eq!(embedded(key().limit_hits(3)), (limited, vec![]));
    let limited_by_text = r#"{"limit_hits":"3","per_page":3}"#.to_owned();
    assert_eq!(embedded(key().param("limit_hits", "3")), (limited_by_text, vec![ScopedKeyWarning::UnlimitedGroups]));
    assert_eq!(embedded(key().limit_hits(10)), (r#"{"group_limit":1,"limit_hits":10}"#.to_owned(), vec![]));
    let two_a_group = r#"{"group_limit":2,"limit_hits":10}"#.to_owned();
    assert_eq!(embedded(key().limit_hits(10).param("group_limit", 2)), (two_a_group, vec![]));
    assert_eq!(embedded(key().collection("docs")), (r#"{"collection":"docs"}"#.to_owned(), vec![]));
}

#[test]
fn parameter_of_the_caller_replaces_a_default() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = ScopedKeyBuilder::from_parent(&parent)
        .only("t", 1)
        .param("enable_overrides", true)
        .param("pinned_hits", "7:1");
    let info = ScopedKeyInfo::parse(&key.sign().unwrap()).unwrap();
    assert_eq!((&info.params()["enable_overrides"], &info.params()["pinned_hits"]), (&json!(true), &json!("7:1")));
    assert_eq!(warnings(&info), [ScopedKeyWarning::OpenParameter("enable_overrides")]);
}

#[test]
fn allowed_parameter_is_left_to_requests_with_a_warning() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || ScopedKeyBuilder::from_parent(&parent).only("t", 1).show_fields(["a"]);
    for name in ["pinned_hits", "sort_by", "vector_query", "facet_by", "exclude_fields"] {
        let info = ScopedKeyInfo::parse(&key().allow_params([name]).sign().unwrap()).unwrap();
        assert!(!info.params().contains_key(name));
        assert_eq!(warnings(&info), [ScopedKeyWarning::OpenParameter(name)]);
        assert!(
            info.warnings()[0].to_string().starts_with(&format!("`{name}` is left to requests: one that sets it "))
        );
    }
    // A harmless parameter is open anyway.
    assert_eq!(embedded(key().allow_params(["page", "num_typos"])), embedded(key()));
    refused(
        key().limit_hits(5).allow_params(["per_page"]),
        "`allow_params`: `per_page` is embedded, so that no request can set it",
    );
    refused(key().allow_params(["sort-by"]), "`allow_params`: `sort-by` is not a parameter: write `sort_by`");
    refused(
        key().allow_params(["anything"]),
        "`allow_params`: `anything` is not a parameter of any server from 0.24.1 to v30",
    );
    refused(
        key().allow_params(["sort_by"]).param("sort_by", "n:asc"),
        "`allow_params`: `sort_by` is embedded, so that no request can set it",
    );
    refused(
        key().hide_fields(["b"]).allow_params(["exclude_fields"]),
        "`allow_params`: `exclude_fields` is embedded, so that no request can set it",
    );
}

#[test]
fn fields_excluded_to_shorten_responses_are_joined_with_the_number_of_documents() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let info = |fields| {
        let key = ScopedKeyBuilder::from_parent(&parent).only("t", 1).exclude_fields(fields);
        ScopedKeyInfo::parse(&key.sign().unwrap()).unwrap()
    };
    for (fields, excluded) in [("a, b", "a, b,out_of"), ("a,out_of", "a,out_of"), ("out_of", "out_of")] {
        assert_eq!(info(fields).params()["exclude_fields"], excluded);
    }
    assert_eq!(warnings(&info("a")), [ScopedKeyWarning::FieldsNotHidden]);
}

#[test]
fn collection_that_the_parent_does_not_allow_is_refused() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || ScopedKeyBuilder::from_parent(&parent);
    let no_name = "`collection`: is not the name of a collection: every search would find none";
    refused(key().collection(""), no_name);
    refused(key().param("collection", 5), no_name);
    refused(key().param("collection", true), no_name);
    let docs = info(json!({"collections": ["docs", "own_.*"]}));
    for name in ["docs", "own_1"] {
        assert!(key().collection(name).parent_info(&docs).sign().is_ok(), "{name}");
    }
    for name in ["secrets", "docs2", "own"] {
        let why = format!("`collection`: is `{name}`, which the parent may not search: create a parent for it");
        refused(key().collection(name).parent_info(&docs), &why);
    }
}

#[test]
fn sign_logs_every_warning_without_a_value() {
    let log = capture::Log::begin();
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = ScopedKeyBuilder::from_parent(&parent).param("filter_by", "tenant:`Acme-77`").exclude_fields("sec77");
    let info = ScopedKeyInfo::parse(&key.sign().unwrap()).unwrap();
    let this_thread = std::thread::current().id();
    let records: Vec<_> = log.drain().into_iter().filter(|record| record.thread == this_thread).collect();
    assert!(records.iter().all(|record| record.level == log::Level::Warn), "{records:?}");
    let logged: Vec<_> = records.into_iter().map(|record| record.text).collect();
    let logged = logged.join("\n");
    assert!(info.warnings().len() > 5, "{:?}", info.warnings());
    for warning in info.warnings() {
        assert!(logged.contains(&warning.to_string()), "{warning}: {logged}");
    }
    assert!(!logged.contains("77") && !logged.contains("RN23"), "{logged}");
}

#[test]
fn text_that_is_not_a_scoped_key_is_refused() {
    use base64::Engine as _;
    let encode = |text: &[u8]| base64::engine::general_purpose::STANDARD.encode(text);
    let signature = "9oCafFKT5DgRnj4KT+9lanOO/i1m55yp7l+ava9yrJE=";
    for (text, why) in [
        (String::new(), "is too short"),
        ("a plain key".to_owned(), "is too short"),
        (";".to_owned(), "is too short"),
        (encode(b"short"), "is too short"),
        (encode(&signature.as_bytes()[..43]), "is too short"),
        (encode(format!("{signature}RN2").as_bytes()), "is too short"),
        (encode(format!("{signature}RN23").as_bytes()), "has parameters that are not a JSON object"),
        (encode(format!("{signature}RN23[1]").as_bytes()), "has parameters that are not a JSON object"),
        (encode(format!("{signature}RN23{{}}x").as_bytes()), "has parameters that are not a JSON object"),
        (encode(format!("{}RN23{{}}", "?".repeat(44)).as_bytes()), "does not begin with a signature"),
        (encode(&[signature.as_bytes(), b"RN2\xff{}"].concat()), "has a prefix of its parent that is not text"),
        (encode(&[signature.as_bytes(), b"RN23{\"a\":\"\xff\"}"].concat()), "has parameters that are not text"),
        (
            encode(format!("{signature}RN23{{\"expires_at\":\"7\"}}").as_bytes()),
            "has an expiry that is not in whole seconds, which a server refuses",
        ),
    ] {
        let error = ScopedKeyInfo::parse(&SecretString::from(text.as_str())).unwrap_err();
        assert_eq!(error.to_string(), format!("invalid request: `scoped_key`: {why}"), "{text}");
    }
}

/// A server's decoder stops at the first byte that is not base64 (seen: such keys are accepted).
#[test]
fn key_in_another_form_that_servers_accept_is_read_with_a_warning() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let mut endings = BTreeSet::new();
    for name in ["docs", "docs1", "docs12"] {
        let key = ScopedKeyBuilder::from_parent(&parent).collection(name).expires_in(Duration::from_secs(60));
        let key = key.sign().unwrap();
        let key = key.expose_secret();
        assert_eq!(ScopedKeyInfo::parse(&SecretString::from(key)).unwrap().warnings(), []);
        let bare = key.trim_end_matches('=');
        endings.insert(key.len() - bare.len());
        let other = |ending: &str| (format!("{bare}{ending}"), format!("{key}{ending}"));
        for ending in ["\n", " ", "\r\n", "&x=y", "=x", "é", "-"] {
            let (unpadded, padded) = other(ending);
            for text in [unpadded, padded] {
                let info = ScopedKeyInfo::parse(&SecretString::from(text.as_str())).unwrap();
                assert!(info.is_signed_by(&parent) && info.params()["collection"] == name, "{text:?}");
                assert_eq!(info.warnings(), [ScopedKeyWarning::OtherEncoding], "{text:?}");
            }
        }
        let info = ScopedKeyInfo::parse(&SecretString::from(bare)).unwrap();
        assert!(info.is_signed_by(&parent));
        let expected: &[_] = if bare == key { &[] } else { &[ScopedKeyWarning::OtherEncoding] };
        assert_eq!(info.warnings(), expected);
    }
    assert_eq!(endings, BTreeSet::from([0, 1, 2]), "not every padding was tested");
}

/// A long key leaves too little room in a URL for the search.
#[test]
fn key_of_a_tenant_is_short_and_has_no_warning() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || {
        let key = ScopedKeyBuilder::from_parent(&parent).collection("orders");
        key.expires_at(UNIX_EPOCH + Duration::from_secs(4_000_000_000))
    };
    for (key, most) in [
        (key().only("tenant", 42), 650),
        (key().only("tenant", "0b5c61f3-4a52-4c1e-9d3f-2e7a8b90c1d4"), 700),
        (key().only("tenant", 42).show_fields(["title", "price", "stock"]), 800),
        (key().only("tenant", "a".repeat(100)).hide_fields(["cost", "margin"]).limit_hits(100), 1_000),
    ] {
        let key = key.sign().unwrap();
        let length = key.expose_secret().len();
        assert!(length < most, "{length}");
        assert_eq!(ScopedKeyInfo::parse(&key).unwrap().warnings(), []);
    }
}

#[test]
fn text_that_the_server_would_read_differently_is_refused() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = || ScopedKeyBuilder::from_parent(&parent);
    let ends = "ends with a line break (U+000A): remove it";
    refused(key().filter_by("n:=1\n"), &format!("`filter_by`: {ends}"));
    refused(key().param("filter_by", "n:=1\n"), &format!("`params`: `filter_by` {ends}"));
    refused(key().exclude_fields("t\n"), &format!("`params`: `exclude_fields` {ends}"));
    refused(key().collection("docs\n"), &format!("`params`: `collection` {ends}"));
    refused(key().collection(" docs"), "`params`: `collection` begins with a space (U+0020): remove it");
    for joined in ["$orders(n:=1)", "t:=1 && (n:=2 || !$orders(n:=1))"] {
        let why = "`filter_by`: joins a collection (`$…`): from v27.1 on, a request can make the joined condition optional; \
                   copy the field that limits the documents into them";
        refused(key().only("tenant", 1).filter_by(joined), why);
        refused(key().param("filter_by", joined), why);
    }
    let many = vec!["n:=1"; 47].join(" || ");
    let why = "`filter_by`: has more than 100 comparisons, operators and parentheses (those of the guard included), so \
               that a server refuses every search: write `n:=[1,2]` for `n:=1 || n:=2`";
    refused(key().filter_by(many), why);
    refused(key().param("filter_by", vec!["n:=1"; 51].join(" || ")), why);
    for empty in [key().show_fields([""; 0]), key().hide_fields([""; 0]), key().allow_facets([""; 0])] {
        let error = empty.only("t", 1).sign().unwrap_err().to_string();
        assert!(error.ends_with("`: is empty: leave it out if that is intended"), "{error}");
    }
}

#[test]
fn parsing_any_bytes_does_not_panic() {
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
fn debug_shows_neither_the_parent_nor_the_signature() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    let key = ScopedKeyBuilder::from_parent(&parent).param("filter_by", "company_id:124");
    let text = format!("{key:?}");
    assert!(text.contains("company_id:124") && !text.contains("GFr1"), "{text}");
    let text = format!("{:?}", ScopedKeyInfo::parse(&key.sign().unwrap()).unwrap());
    assert_eq!(
        text,
        "ScopedKeyInfo { parent_prefix: \"RN23\", params: \"{\\\"filter_by\\\":\\\"company_id:124\\\"}\", \
         expires_at: never, .. }"
    );
}

#[test]
fn parameter_that_would_show_a_hidden_field_is_refused() {
    let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
    for name in ["facet_by", "group_by", "highlight_fields"] {
        for shown in [
            "secret",
            "title, secret",
            "secret.inner",
            "secret(sort_by:_alpha:asc)",
            "title,secr*",
            "*",
            "secret (a:[0,1])",
        ] {
            let key = ScopedKeyBuilder::from_parent(&parent).hide_fields(["secret"]).param(name, shown);
            let error = key.sign().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{name}` would show the values of the hidden field `secret`")),
                "{error}"
            );
        }
        let key = ScopedKeyBuilder::from_parent(&parent).hide_fields(["secret"]).param(name, "title, secrets, t*");
        assert!(key.sign().is_ok(), "{name}");
    }
    let shown = || ScopedKeyBuilder::from_parent(&parent).show_fields(["title", "owner"]);
    for name in ["facet_by", "group_by", "highlight_fields"] {
        for value in ["secret", "title,secret", "titles", "*", "owner, own"] {
            let error = shown().param(name, value).sign().unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}` would show the values of the hidden field")), "{error}");
        }
        assert!(shown().param(name, "title, owner.name").sign().is_ok());
    }
    for name in ["facet_by", "group_by"] {
        let why = format!("`params`: `{name}` would show the values of the hidden field `none`");
        refused(shown().param(name, "none"), &why);
    }
    // `none` turns highlights off, unless a field has this name.
    let key = || ScopedKeyBuilder::from_parent(&parent).hide_fields(["none"]);
    refused(key(), "`params`: `highlight_fields` would show the values of the hidden field `none`");
    assert!(key().param("highlight_fields", "title").sign().is_ok());
}
