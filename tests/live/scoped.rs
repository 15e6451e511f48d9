//! Scoped search keys on a real server: what they find, what they cannot be made to find, and when they die.

use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use typesense_keys::{Action, CreatedKey, ScopedKeyBuilder, ScopedKeyInfo};

use crate::stage::{Stage, percent, unique};
use crate::support::Server;

live_tests![
    a_scoped_key_finds_its_own_tenants_documents_and_no_others,
    a_search_cannot_take_an_embedded_parameter_away,
    a_scoped_key_opens_nothing_but_searches,
    a_scoped_key_dies_at_its_expiry_and_at_its_parents,
    a_scoped_key_dies_with_its_parent,
    what_is_refused_here_would_be_refused_or_ignored_there,
    a_parent_may_begin_with_any_four_bytes_that_are_characters,
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

fn parent(stage: &Stage<'_>) -> CreatedKey {
    stage.key("documents:search", "*".into())
}

/// The status of a search with `key`, and the documents that it finds, by tenant.
fn search(stage: &Stage<'_>, collection: &str, key: &SecretString, query: &[(&str, &str)]) -> (u16, Vec<Value>) {
    let query: String = query.iter().map(|(name, value)| format!("&{name}={}", percent(value))).collect();
    let path = format!("/collections/{collection}/documents/search?q=*&query_by=tenant{query}");
    let reply = stage.send("GET", &path, key.expose_secret(), "");
    let found = reply.json().and_then(|found| found["hits"].as_array().cloned()).unwrap_or_default();
    (reply.status, found.into_iter().map(|hit| hit["document"].clone()).collect())
}

fn found_tenants(stage: &Stage<'_>, collection: &str, key: &SecretString, query: &[(&str, &str)]) -> String {
    let (status, documents) = search(stage, collection, key, query);
    assert_eq!(status, 200, "{query:?}");
    let mut tenants: Vec<_> = documents.iter().map(|document| document["tenant"].as_str().unwrap()).collect();
    tenants.sort_unstable();
    tenants.concat()
}

fn a_scoped_key_finds_its_own_tenants_documents_and_no_others(server: &Server) {
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
        // Whatever the request filters by, both must hold.
        for wider in ["tenant:=b", "tenant:=[a,b,c]", "number:>=0 || tenant:=b", "number:>=0) || (tenant:=b"] {
            let found = found_tenants(&stage, &collection, &scoped, &[("filter_by", wider)]);
            assert!(found.chars().all(|tenant| own.contains(tenant)), "{filter} and {wider}: {found}");
        }
        let narrower = found_tenants(&stage, &collection, &scoped, &[("filter_by", "number:>=1")]);
        assert!(narrower.len() < own.len() || own.is_empty() || !own.contains('a'), "{filter}: {narrower}");
    }
}

fn a_search_cannot_take_an_embedded_parameter_away(server: &Server) {
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
    let scoped = parent.scoped().limit_hits(2).sign().unwrap();
    for (query, expected) in [
        (&[("per_page", "2")][..], (200, 2)),
        (&[], (422, 0)),
        (&[("limit_hits", "100")], (422, 0)),
        (&[("per_page", "2"), ("page", "2")], (422, 0)),
    ] {
        let (status, documents) = search(&stage, &collection, &scoped, query);
        assert_eq!((status, documents.len()), expected, "{query:?}");
    }
    for (value, hits) in [(Value::from(1), 1), (Value::from("2"), 2)] {
        let scoped = parent.scoped().param("per_page", value).param("use_cache", true).sign().unwrap();
        let (status, documents) = search(&stage, &collection, &scoped, &[("per_page", "5")]);
        assert_eq!((status, documents.len()), (200, hits));
    }
}

fn a_scoped_key_opens_nothing_but_searches(server: &Server) {
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
    let reply = stage.send("POST", "/multi_search", scoped.expose_secret(), &searches("tenant:=b").to_string());
    let results = reply.json().unwrap();
    let found: Vec<_> = results["results"].as_array().unwrap().iter().map(|result| result["found"].clone()).collect();
    assert_eq!(found, [0, 2]);
}

/// How long until a search is refused.
fn dies(stage: &Stage<'_>, collection: &str, key: &SecretString) -> Duration {
    let started = Instant::now();
    loop {
        match search(stage, collection, key, &[]).0 {
            401 => return started.elapsed(),
            status => assert_eq!(status, 200),
        }
        assert!(started.elapsed() < Duration::from_secs(15), "it does not die");
        thread::sleep(Duration::from_millis(100));
    }
}

fn a_scoped_key_dies_at_its_expiry_and_at_its_parents(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (tenants(&stage), parent(&stage));
    let scoped = parent.scoped().filter_by("tenant:=a").expires_in(Duration::from_secs(2)).sign().unwrap();
    assert!(dies(&stage, &collection, &scoped) > Duration::from_secs(1));
    assert_eq!(ScopedKeyInfo::parse(&scoped).unwrap().remaining(), Some(Duration::ZERO));
    assert_eq!(search(&stage, &collection, &parent.value, &[]).0, 200, "its parent lives on");

    let request = stage.client().create().description("live test").actions([Action::DOCUMENTS_SEARCH]);
    let parent = stage.create(request.collections(["*"]).expires_in(Duration::from_secs(2)));
    let longer = |key: ScopedKeyBuilder<'_>| key.filter_by("tenant:=a").expires_in(Duration::from_secs(600)).sign();
    assert!(longer(parent.scoped()).is_err(), "where the parent's expiry is known, a later one is refused");
    assert!(
        dies(&stage, &collection, &longer(ScopedKeyBuilder::from_parent(&parent.value)).unwrap())
            > Duration::from_secs(1)
    );
}

fn a_scoped_key_dies_with_its_parent(server: &Server) {
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

/// Signs whatever it is told to, as this crate does not.
fn sign_anyway(parent: &SecretString, params: &str) -> SecretString {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(parent.expose_secret().as_bytes()).unwrap();
    mac.update(params.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let parts = [signature.as_bytes(), &parent.expose_secret().as_bytes()[..4], params.as_bytes()].concat();
    SecretString::from(STANDARD.encode(parts))
}

fn what_is_refused_here_would_be_refused_or_ignored_there(server: &Server) {
    let stage = Stage::new(server);
    let (collection, searcher) = (tenants(&stage), parent(&stage));
    let by_hand = |params: &str| sign_anyway(&searcher.value, params);
    assert_eq!(found_tenants(&stage, &collection, &by_hand(r#"{"filter_by":"tenant:=a"}"#), &[]), "aa");
    // Ignored in silence, so that everything is found, or shown.
    for ignored in [r#"{"filter_by":""}"#, r#"{"filter_by":"  "}"#, r#"{"filter_by":["tenant:=a"]}"#, "{}"] {
        assert_eq!(found_tenants(&stage, &collection, &by_hand(ignored), &[]), "aabbc", "{ignored}");
    }
    for ignored in [r#"{"exclude_fields":["secret"]}"#, r#"{"exclude_fields":null}"#, r#"{"exclude_fields":{}}"#] {
        let (_, documents) = search(&stage, &collection, &by_hand(ignored), &[]);
        assert!(documents.iter().all(|document| document["secret"] == "s3cr3t"), "{ignored}");
    }
    // Of two filters, the first is lost.
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

fn a_parent_may_begin_with_any_four_bytes_that_are_characters(server: &Server) {
    let stage = Stage::new(server);
    let collection = tenants(&stage);
    for start in ["Zz09", "é€"[..2].repeat(2).as_str(), "🔑", "a{\"b"] {
        let request = stage.client().create().description("live test").actions([Action::DOCUMENTS_SEARCH]);
        let parent = stage.create(request.collections(["*"]).value(unique(start)));
        let scoped = parent.scoped().filter_by("tenant:=a").sign().unwrap();
        assert_eq!(found_tenants(&stage, &collection, &scoped, &[]), "aa", "{start}");
    }
}
