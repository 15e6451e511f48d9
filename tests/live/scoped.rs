//! Scoped search keys on a real server: embedded parameters, expiry, parents, collections.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use typesense_keys::scoped::{ScopedKeyBuilder, ScopedKeyInfo};
use typesense_keys::{Action, CollectionPattern, CreatedKey};

use crate::stage::{Stage, percent, unique};
use crate::support::Server;
use crate::support::time::{wait_until, with_enough_time};

live_tests![
    embedded_filter_and_the_filter_of_the_request_must_both_match,
    request_with_an_embedded_parameter_cannot_replace_it,
    scoped_key_outside_of_searches_is_refused,
    scoped_key_after_its_or_its_parents_expiry_is_refused,
    scoped_key_of_a_rotated_parent_is_refused,
    parameters_that_sign_refuses_are_refused_or_ignored_by_the_server,
    parent_with_any_four_byte_prefix_works,
    low_limit_without_a_page_fails_and_limit_hits_embeds_one,
    limit_of_hits_holds_for_searches_that_group,
    embedded_collection_replaces_that_of_the_request,
];

/// Documents of tenants `a` (2), `b` (2) and `c` (1), each with a secret.
fn tenants(stage: &Stage<'_>) -> String {
    let name = unique("tenants");
    stage.collection_of(&name, &json!([
        {"name": "tenant", "type": "string"}, {"name": "number", "type": "int32"}, {"name": "secret", "type": "string"},
    ]), &["a", "a", "b", "b", "c"].iter().enumerate().map(|(number, tenant)| {
        json!({"id": number.to_string(), "tenant": tenant, "number": number, "secret": "s3cr3t"})
    }).collect::<Vec<_>>());
    name
}

pub(crate) fn parent(stage: &Stage<'_>) -> CreatedKey {
    stage.key("documents:search", "*")
}

/// The status of a search with `key`, and the documents that it finds, by tenant.
fn search(stage: &Stage<'_>, collection: &str, key: &SecretString, query: &[(&str, &str)]) -> (u16, Vec<Value>) {
    let query: String = query.iter().map(|(name, value)| format!("&{name}={}", percent(value))).collect();
    let path = format!("/collections/{collection}/documents/search?q=*&query_by=tenant{query}");
    let response = stage.send("GET", &path, key.expose_secret(), "");
    let found = response.json().and_then(|found| found["hits"].as_array().cloned()).unwrap_or_default();
    (response.status, found.into_iter().map(|hit| hit["document"].clone()).collect())
}

fn found_tenants(stage: &Stage<'_>, collection: &str, key: &SecretString, query: &[(&str, &str)]) -> String {
    let (status, documents) = search(stage, collection, key, query);
    assert_eq!(status, 200, "{query:?}");
    let mut tenants: Vec<_> = documents.iter().map(|document| document["tenant"].as_str().unwrap()).collect();
    tenants.sort_unstable();
    tenants.concat()
}

fn embedded_filter_and_the_filter_of_the_request_must_both_match(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (tenants(&stage), parent(&stage));
    assert_eq!(found_tenants(&stage, &collection, &parent.value, &[]), "aabbc");
    for (filter, own) in [
        ("tenant:=a", "aa"),
        ("tenant:=`b`", "bb"),
        ("tenant:=[a,c]", "aac"),
        ("tenant:=a || tenant:=c", "aac"),
        ("tenant:=nobody", ""),
    ] {
        let scoped = parent.scoped().filter_by(filter).sign().unwrap();
        assert_eq!(found_tenants(&stage, &collection, &scoped, &[]), own, "{filter}");
        // Both filters must match, whatever the request filters by.
        for wider in ["tenant:=b", "tenant:=[a,b,c]", "number:>=0 || tenant:=b", "number:>=0) || (tenant:=b"] {
            let found = found_tenants(&stage, &collection, &scoped, &[("filter_by", wider)]);
            assert!(found.chars().all(|tenant| own.contains(tenant)), "{filter} and {wider}: {found}");
        }
        let narrower = found_tenants(&stage, &collection, &scoped, &[("filter_by", "number:>=1")]);
        assert!(narrower.len() < own.len() || own.is_empty() || !own.contains('a'), "{filter}: {narrower}");
    }
}

fn request_with_an_embedded_parameter_cannot_replace_it(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (tenants(&stage), parent(&stage));
    let scoped = parent.scoped().exclude_fields("secret").sign().unwrap();
    for query in [&[][..], &[("exclude_fields", "tenant")], &[("include_fields", "secret,tenant,id")]] {
        let (status, documents) = search(&stage, &collection, &scoped, query);
        assert_eq!((status, documents.len()), (200, 5));
        assert!(documents.iter().all(|document| document["secret"].is_null()), "{query:?}: {documents:?}");
    }
    let scoped = parent.scoped().include_fields("id,tenant").sign().unwrap();
    let (_, documents) = search(&stage, &collection, &scoped, &[("include_fields", "secret")]);
    assert!(documents.len() == 5 && documents.iter().all(|document| document["secret"].is_null()), "{documents:?}");
    for (value, hits) in [(Value::from(1), 1), (Value::from("2"), 2)] {
        let scoped = parent.scoped().param("per_page", value).param("use_cache", true).sign().unwrap();
        let (status, documents) = search(&stage, &collection, &scoped, &[("per_page", "5")]);
        assert_eq!((status, documents.len()), (200, hits));
    }
}

fn scoped_key_outside_of_searches_is_refused(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (tenants(&stage), parent(&stage));
    let scoped = parent.scoped().filter_by("tenant:=a").sign().unwrap();
    for (method, path) in [
        ("GET", format!("/collections/{collection}/documents/0")),
        ("GET", format!("/collections/{collection}/documents/export")),
        ("GET", format!("/collections/{collection}")),
        ("GET", "/keys".to_owned()),
    ] {
        assert_eq!(stage.status(method, &path, &scoped, ""), 401, "{method} {path}");
    }
    let searches = |filter: &str| {
        json!({"searches": [
            {"collection": collection, "q": "*", "query_by": "tenant", "filter_by": filter},
            {"collection": collection, "q": "*", "query_by": "tenant"},
        ]})
    };
    let response = stage.send("POST", "/multi_search", scoped.expose_secret(), &searches("tenant:=b").to_string());
    let results = response.json().unwrap();
    let found: Vec<_> = results["results"].as_array().unwrap().iter().map(|result| result["found"].clone()).collect();
    assert_eq!(found, [0, 2]);
}

/// Makes a key that works at first, and waits until a search with it is refused. `make` receives the lifetime.
fn works_and_expires(stage: &Stage<'_>, collection: &str, make: impl Fn(Duration) -> SecretString) -> SecretString {
    let status = |key: &SecretString| search(stage, collection, key, &[]).0;
    let key = with_enough_time(Duration::from_secs(2), |lifetime| {
        let key = make(lifetime);
        if status(&key) == 200 { Ok(key) } else { Err("the key never works".to_owned()) }
    });
    wait_until("the key has expired", || match status(&key) {
        401 => true,
        status => {
            assert_eq!(status, 200);
            false
        }
    });
    key
}

fn scoped_key_after_its_or_its_parents_expiry_is_refused(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (tenants(&stage), parent(&stage));
    let scoped = works_and_expires(&stage, &collection, |lifetime| {
        parent.scoped().filter_by("tenant:=a").expires_in(lifetime).sign().unwrap()
    });
    assert_eq!(ScopedKeyInfo::parse(&scoped).unwrap().expires_at().remaining(), Some(Duration::ZERO));
    assert_eq!(search(&stage, &collection, &parent.value, &[]).0, 200, "the parent no longer works");

    let longer = |key: ScopedKeyBuilder<'_>| key.filter_by("tenant:=a").expires_in(Duration::from_secs(600)).sign();
    works_and_expires(&stage, &collection, |lifetime| {
        let request = stage.client().create().description("live test").actions([Action::DOCUMENTS_SEARCH]);
        let parent = stage.create(request.collections(["*"]).expires_in(lifetime));
        assert!(longer(parent.scoped()).is_err(), "an expiry after that of a known parent is accepted");
        longer(ScopedKeyBuilder::from_parent(&parent.value)).unwrap()
    });
}

fn scoped_key_of_a_rotated_parent_is_refused(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (tenants(&stage), parent(&stage));
    let scoped = parent.scoped().filter_by("tenant:=a").sign().unwrap();
    assert_eq!(search(&stage, &collection, &scoped, &[]).0, 200);
    let new = stage.client().rotate(parent.id).send().unwrap();
    assert_eq!(search(&stage, &collection, &scoped, &[]).0, 401);
    let scoped = new.scoped().filter_by("tenant:=a").sign().unwrap();
    assert_eq!(found_tenants(&stage, &collection, &scoped, &[]), "aa");
    stage.client().delete(new.id).send().unwrap();
}

/// Signs any text, unlike this crate.
pub(crate) fn sign_anyway(parent: &SecretString, params: &str) -> SecretString {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(parent.expose_secret().as_bytes()).unwrap();
    mac.update(params.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let parts = [signature.as_bytes(), &parent.expose_secret().as_bytes()[..4], params.as_bytes()].concat();
    SecretString::from(STANDARD.encode(parts))
}

fn parameters_that_sign_refuses_are_refused_or_ignored_by_the_server(server: &Server) {
    let stage = Stage::new(server);
    let (collection, searcher) = (tenants(&stage), parent(&stage));
    let by_hand = |params: &str| sign_anyway(&searcher.value, params);
    assert_eq!(found_tenants(&stage, &collection, &by_hand(r#"{"filter_by":"tenant:=a"}"#), &[]), "aa");
    // The server ignores these without an error, so everything is found or shown.
    for ignored in [r#"{"filter_by":""}"#, r#"{"filter_by":"  "}"#, r#"{"filter_by":["tenant:=a"]}"#, "{}"] {
        assert_eq!(found_tenants(&stage, &collection, &by_hand(ignored), &[]), "aabbc", "{ignored}");
    }
    for ignored in [r#"{"exclude_fields":["secret"]}"#, r#"{"exclude_fields":null}"#, r#"{"exclude_fields":{}}"#] {
        let (_, documents) = search(&stage, &collection, &by_hand(ignored), &[]);
        assert!(documents.iter().all(|document| document["secret"] == "s3cr3t"), "{ignored}");
    }
    // The server drops the first of two filters.
    let twice = by_hand(r#"{"filter_by":"tenant:=a","filter_by":"tenant:=b"}"#);
    assert_eq!(found_tenants(&stage, &collection, &twice, &[]), "bb");
    for refused in [r#"{"expires_at":1}"#, r#"{"expires_at":"99999999999"}"#, r#"{"expires_at":9e9}"#, "[1]", "x"] {
        assert_eq!(search(&stage, &collection, &by_hand(refused), &[]).0, 401, "{refused}");
    }
    for refused in [r#"{"filter_by":7}"#, r#"{"filter_by":"tenant:="}"#] {
        assert_eq!(search(&stage, &collection, &by_hand(refused), &[]).0, 400, "{refused}");
    }
    for actions in [&["documents:search", "documents:get"][..], &["*"], &["documents:*"]] {
        let request = stage.client().create().description("live test").actions(actions.iter().copied());
        let parent = stage.create(request.collections(["*"]));
        let params = r#"{"filter_by":"tenant:=a"}"#;
        assert_eq!(search(&stage, &collection, &sign_anyway(&parent.value, params), &[]).0, 401, "{actions:?}");
        let known = stage.client().get(parent.id).send().unwrap();
        assert!(parent.scoped().filter_by("tenant:=a").sign().is_err(), "{actions:?}");
        assert!(ScopedKeyBuilder::from_parent(&parent.value).parent_info(&known).filter_by("a:=b").sign().is_err());
    }
}

fn parent_with_any_four_byte_prefix_works(server: &Server) {
    let stage = Stage::new(server);
    let collection = tenants(&stage);
    for start in ["Zz09", "é€"[..2].repeat(2).as_str(), "🔑", "a{\"b"] {
        let request = stage.client().create().description("live test").actions([Action::DOCUMENTS_SEARCH]);
        let parent = stage.create(request.collections(["*"]).value(unique(start)));
        let scoped = parent.scoped().filter_by("tenant:=a").sign().unwrap();
        assert_eq!(found_tenants(&stage, &collection, &scoped, &[]), "aa", "{start}");
    }
}

fn low_limit_without_a_page_fails_and_limit_hits_embeds_one(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (tenants(&stage), parent(&stage));
    let found = |key: &SecretString, query: &[(&str, &str)]| {
        let (status, documents) = search(&stage, &collection, key, query);
        (status, documents.len())
    };
    let as_it_is = sign_anyway(&parent.value, r#"{"limit_hits":2}"#);
    assert_eq!(found(&as_it_is, &[]), (422, 0));
    assert_eq!(found(&as_it_is, &[("per_page", "2")]), (200, 2));
    for hits in [0, 1, 2, 9, 10, 100] {
        let scoped = parent.scoped().limit_hits(hits).sign().unwrap();
        let expected = usize::try_from(hits).unwrap().min(5);
        assert_eq!(found(&scoped, &[]), (200, expected), "{hits}");
        assert_eq!(found(&scoped, &[("limit_hits", "100")]), (200, expected), "{hits}");
    }
    let scoped = parent.scoped().limit_hits(2).sign().unwrap();
    assert_eq!(found(&scoped, &[("per_page", "5")]), (200, 2));
    assert_eq!(found(&scoped, &[("page", "2")]), (422, 0));
    for name in ["limit_hits", "per_page", "group_limit"] {
        for value in [r#""abc""#, r#""""#, r#""7 ""#, "-1", "7.5", "true", "4294967296"] {
            let no_number = sign_anyway(&parent.value, &format!(r#"{{"{name}":{value}}}"#));
            assert_eq!(found(&no_number, &[]), (400, 0), "{name}: {value}");
        }
    }
    for (name, status) in [("limit_hits", 200), ("per_page", 422)] {
        let largest = parent.scoped().param(name, i32::MAX).sign().unwrap();
        assert_eq!(found(&largest, &[]).0, status, "{name}");
    }
    let one_a_page = parent.scoped().limit_hits(2).param("per_page", 1).sign().unwrap();
    assert_eq!(found(&one_a_page, &[("page", "2")]), (200, 1));
    assert_eq!(found(&one_a_page, &[("page", "3")]), (422, 0));
}

fn limit_of_hits_holds_for_searches_that_group(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (unique("groups"), parent(&stage));
    let fields = json!([{"name": "title", "type": "string"}, {"name": "tenant", "type": "int32", "facet": true}]);
    let documents: Vec<_> = (0..40).map(|number| json!({"title": "alpha", "tenant": number % 4})).collect();
    stage.collection_of(&collection, &fields, &documents);
    let hits = |key: &SecretString, query: &str| {
        let path = format!("/collections/{collection}/documents/search?q=alpha&query_by=title&{query}");
        let response = stage.send("GET", &path, key.expose_secret(), "");
        assert_eq!(response.status, 200, "{query}: {}", response.text());
        let found = response.json().unwrap();
        let groups = found["grouped_hits"].as_array().unwrap().iter();
        groups.map(|group| group["hits"].as_array().unwrap().len()).sum::<usize>()
    };
    let grouped = "group_by=tenant&group_limit=99";
    // The server counts groups.
    for params in [r#"{"limit_hits":3,"per_page":3}"#, r#"{"limit_hits":12}"#] {
        let found = hits(&sign_anyway(&parent.value, params), grouped);
        assert!(found > 12, "{params}: {found}");
    }
    for (limit, expected) in [(3, 3), (5, 4), (12, 4)] {
        let scoped = parent.scoped().limit_hits(limit).sign().unwrap();
        for query in [grouped, "group_by=tenant", "group_by=tenant&group_limit=99&per_page=3"] {
            assert!(hits(&scoped, query) <= expected, "{limit}: {query}");
        }
        assert_eq!(hits(&scoped, grouped), expected);
    }
    let two_a_group = parent.scoped().limit_hits(3).param("group_limit", 2).sign().unwrap();
    assert_eq!(hits(&two_a_group, grouped), 6);
}

fn embedded_collection_replaces_that_of_the_request(server: &Server) {
    let stage = Stage::new(server);
    let (tenants, other) = (tenants(&stage), unique("other"));
    stage.collection(&other);
    let parent = stage.key("documents:search", CollectionPattern::exact(other.as_str()));
    assert_eq!(search(&stage, &tenants, &parent.value, &[]).0, 401);
    // The parent's collections do not limit the searches of its scoped keys on the server. `sign` checks them if it
    // knows them.
    assert!(parent.scoped().collection(tenants.as_str()).sign().is_err());
    let scoped = ScopedKeyBuilder::from_parent(&parent.value).collection(tenants.as_str()).sign().unwrap();
    assert_eq!(found_tenants(&stage, &other, &scoped, &[]), "aabbc");
    assert_eq!(search(&stage, &tenants, &scoped, &[]).0, 401);
    let parent = self::parent(&stage);
    let scoped = parent.scoped().collection(tenants.as_str()).only("tenant", "a").sign().unwrap();
    for named in [&other, &tenants] {
        assert_eq!(found_tenants(&stage, named, &scoped, &[("collection", &other)]), "aa");
    }
}
