//! Search parameters that show more than a scoped key allows, on a real server: a key with the open parameter leaks,
//! and a key as it is signed by default does not.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use typesense_keys::CreatedKey;
use typesense_keys::scoped::ScopedKeyBuilder;

use crate::scoped::{parent, sign_anyway};
use crate::stage::{Stage, percent, unique};
use crate::support::Server;

live_tests![
    vector_query_finds_documents_of_others_only_if_vector_query_and_hidden_hits_are_open,
    distance_to_a_document_of_others_is_shown_only_if_vector_query_is_open,
    number_of_all_documents_is_shown_only_if_exclude_fields_is_open,
    members_that_are_not_indexed_are_hidden_by_show_fields_and_not_by_hide_fields,
    hidden_point_can_be_located_only_if_sort_by_is_open,
    hidden_vector_can_be_computed_only_if_vector_query_is_open,
    filter_with_more_clauses_than_the_server_takes_is_refused,
    text_that_ends_with_a_line_break_is_refused_because_it_hides_and_finds_nothing,
];

/// Documents of tenants 1 (`1`, `2`) and 2 (`3`, `4`), each with a vector and a point.
fn vectors(stage: &Stage<'_>) -> String {
    let name = unique("vectors");
    let fields = json!([
        {"name": "tenant", "type": "int32"}, {"name": "emb", "type": "float[]", "num_dim": 3},
        {"name": "home", "type": "geopoint"},
    ]);
    let document = |id: i32, tenant: i32, emb: [f64; 3]| json!({"id": id.to_string(), "tenant": tenant, "emb": emb, "home": [48.5 + f64::from(id), 2.25]});
    stage.collection_of(
        &name,
        &fields,
        &[
            document(1, 1, [0.1, 0.2, 0.7]),
            document(2, 1, [0.5, 0.5, 0.1]),
            document(3, 2, [0.9, 0.1, 0.2]),
            document(4, 2, [0.3, 0.6, 0.4]),
        ],
    );
    name
}

/// The response to a search by `GET`, which must be the same as by `multi_search`.
fn search(stage: &Stage<'_>, collection: &str, key: &SecretString, query: &[(&str, &str)]) -> Value {
    let text: String = query.iter().map(|(name, value)| format!("&{name}={}", percent(value))).collect();
    let path = format!("/collections/{collection}/documents/search?q=*{text}");
    let response = stage.send("GET", &path, key.expose_secret(), "").json().unwrap();
    let mut one = json!({"q": "*", "collection": collection});
    for (name, value) in query {
        one[name] = (*value).into();
    }
    let body = json!({"searches": [one]}).to_string();
    let all = stage.send("POST", "/multi_search", key.expose_secret(), &body).json().unwrap();
    assert_eq!(all["results"][0]["hits"], response["hits"], "{query:?}");
    response
}

fn ids(response: &Value) -> BTreeSet<&str> {
    response["hits"].as_array().unwrap().iter().map(|hit| hit["document"]["id"].as_str().unwrap()).collect()
}

fn tenant<'a>(parent: &'a CreatedKey, open: &[&str]) -> ScopedKeyBuilder<'a> {
    parent.scoped().only("tenant", 1).allow_params(open.iter().copied())
}

fn vector_query_finds_documents_of_others_only_if_vector_query_and_hidden_hits_are_open(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (vectors(&stage), parent(&stage));
    let attack = [("vector_query", "emb:([1,0,0], k:100)"), ("hidden_hits", "1,2")];
    let found = |open: &[&str]| {
        let key = tenant(&parent, open).sign().unwrap();
        let response = search(&stage, &collection, &key, &attack);
        ids(&response).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(&["vector_query", "hidden_hits"]), ["1", "2", "3", "4"], "even the hidden hits");
    assert_eq!(found(&[]), ["1", "2"]);
    assert_eq!(found(&["vector_query"]), ["1", "2"]);
    assert_eq!(found(&["hidden_hits"]), [] as [&str; 0]);
}

fn distance_to_a_document_of_others_is_shown_only_if_vector_query_is_open(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (vectors(&stage), parent(&stage));
    let to = |id: &str| [("vector_query", format!("emb:([], id: {id})"))];
    let asked = |key: &SecretString, id: &str| {
        let query = to(id);
        let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let response = search(&stage, &collection, key, &query);
        (response["hits"].to_string().contains("vector_distance"), response["message"].is_string())
    };
    let open = tenant(&parent, &["vector_query"]).sign().unwrap();
    assert_eq!(asked(&open, "3"), (true, false), "the distances of own documents to another's");
    assert_eq!(asked(&open, "7"), (false, true), "no document has this id");
    let closed = tenant(&parent, &[]).sign().unwrap();
    assert_eq!((asked(&closed, "3"), asked(&closed, "7")), ((false, false), (false, false)));
}

fn number_of_all_documents_is_shown_only_if_exclude_fields_is_open(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (vectors(&stage), parent(&stage));
    let shown = |key: ScopedKeyBuilder<'_>, query: &[(&str, &str)]| {
        search(&stage, &collection, &key.sign().unwrap(), query)["out_of"].clone()
    };
    assert_eq!(shown(tenant(&parent, &["exclude_fields"]), &[]), 4);
    for query in [&[][..], &[("exclude_fields", "")], &[("include_fields", "out_of")], &[("exclude_fields", "id")]] {
        assert_eq!(shown(tenant(&parent, &[]), query), Value::Null, "{query:?}");
        assert_eq!(shown(tenant(&parent, &[]).exclude_fields("emb"), query), Value::Null, "{query:?}");
        assert_eq!(shown(tenant(&parent, &[]).show_fields(["home"]), query), Value::Null, "{query:?}");
    }
}

fn members_that_are_not_indexed_are_hidden_by_show_fields_and_not_by_hide_fields(server: &Server) {
    let stage = Stage::new(server);
    let (name, parent) = (unique("members"), parent(&stage));
    let fields = json!([
        {"name": "title", "type": "string"}, {"name": "owner.name", "type": "string"},
        {"name": "parts.name", "type": "string[]"},
    ]);
    let document = json!({"id": "1", "title": "a title", "owner": {"name": "Ada", "phone": "kq7x-phone"},
        "parts": [{"name": "b", "price": "kq7x-price"}], "lists": [["kq7x-list"], [{"deep": "kq7x-deep"}]],
        "tags": ["kq7x-tag"], "note": "kq7x-note"});
    stage.collection_with(&name, &json!({"fields": fields, "enable_nested_fields": true}), &[document]);
    let shown = |key: ScopedKeyBuilder<'_>| {
        let key = key.sign().unwrap();
        search(&stage, &name, &key, &[("exclude_fields", "id")])["hits"].to_string()
    };
    let hides = |hidden: &'static [&'static str]| shown(parent.scoped().hide_fields(hidden.iter().copied()));
    let text = hides(&["owner", "parts", "lists", "tags", "note"]);
    for (secret, is_shown) in
        [("phone", true), ("price", true), ("list", false), ("deep", false), ("tag", false), ("note", false)]
    {
        assert_eq!(text.contains(&format!("kq7x-{secret}")), is_shown, "{secret}: {text}");
    }
    // Each member is hidden by its own name.
    let text = hides(&["owner.name", "owner.phone", "parts.name", "parts.price", "lists", "tags", "note"]);
    assert!(!text.contains("kq7x"), "{text}");
    for fields in [&["title"][..], &["title", "owner.name"], &["id", "owner", "parts"], &["parts.name", "nothing"]] {
        let text = shown(parent.scoped().show_fields(fields.iter().copied()));
        assert!(!text.contains("kq7x") && text.contains("\"document\""), "{fields:?}: {text}");
        assert_eq!(text.contains("a title"), fields.contains(&"title"), "{text}");
        assert_eq!(text.contains("Ada"), fields.iter().any(|field| field.starts_with("owner")), "{text}");
    }
}

fn hidden_point_can_be_located_only_if_sort_by_is_open(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (vectors(&stage), parent(&stage));
    for key in [parent.scoped().hide_fields(["home"]), parent.scoped().show_fields(["id"])] {
        let distances = |key: &SecretString| {
            let response = search(&stage, &collection, key, &[("sort_by", "home(49.5, 2.25):asc")]);
            (response["hits"][0]["document"]["id"].clone(), response["hits"].to_string().contains("geo_distance"))
        };
        let (first, is_shown) = distances(&key.sign().unwrap());
        assert!(first == "4" && !is_shown, "not the default order, or distances are shown: {first}");
    }
    let open = parent.scoped().hide_fields(["home"]).allow_params(["sort_by"]).sign().unwrap();
    let response = search(&stage, &collection, &open, &[("sort_by", "home(49.5, 2.25):asc")]);
    assert_eq!(response["hits"][0]["geo_distance_meters"]["home"], 0, "{response}");
}

fn hidden_vector_can_be_computed_only_if_vector_query_is_open(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (vectors(&stage), parent(&stage));
    let shown = |key: ScopedKeyBuilder<'_>| {
        let query = [("vector_query", "emb:([1,0,0], k:100)")];
        search(&stage, &collection, &key.sign().unwrap(), &query)["hits"].to_string().contains("vector_distance")
    };
    assert!(shown(parent.scoped().hide_fields(["emb"]).allow_params(["vector_query"])));
    assert!(!shown(parent.scoped().hide_fields(["emb"])));
    assert!(!shown(parent.scoped().show_fields(["tenant"])));
}

fn filter_with_more_clauses_than_the_server_takes_is_refused(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (vectors(&stage), parent(&stage));
    let status = |key: &SecretString| {
        let path = format!("/collections/{collection}/documents/search?q=*");
        stage.send("GET", &path, key.expose_secret(), "").status
    };
    let clauses = |count: i32| (0..count).map(|n| format!("tenant:={n}")).collect::<Vec<_>>().join(" || ");
    assert_eq!(status(&parent.scoped().filter_by(clauses(46)).sign().unwrap()), 200);
    assert!(parent.scoped().filter_by(clauses(47)).sign().is_err());
    let by_hand = |filter: &str| sign_anyway(&parent.value, &json!({"filter_by": filter}).to_string());
    assert_eq!(status(&by_hand(&format!("(id:=`(&` && id:=a) || ({})", clauses(47)))), 400);
    assert_eq!((status(&by_hand(&clauses(50))), status(&by_hand(&clauses(51)))), (200, 400));
    assert_eq!(status(&parent.scoped().param("filter_by", clauses(50)).sign().unwrap()), 200);
    assert!(parent.scoped().param("filter_by", clauses(51)).sign().is_err());
    // Parentheses count as clauses, except those of a point. The form that the error advises has no such limit.
    let nested = format!("{}{}", "(tenant:=1) || ".repeat(22), "tenant:=2");
    assert_eq!(status(&parent.scoped().filter_by(&*nested).sign().unwrap()), 200);
    assert!(parent.scoped().filter_by(format!("(tenant:=1) || {nested}")).sign().is_err());
    let points = vec!["home:(48.9, 2.3, 5 km)"; 46].join(" || ");
    assert_eq!(status(&parent.scoped().filter_by(points).sign().unwrap()), 200);
    let list: Vec<_> = (0..1_000).map(|n| n.to_string()).collect();
    assert_eq!(status(&parent.scoped().filter_by(format!("tenant:=[{}]", list.join(","))).sign().unwrap()), 200);
}

fn text_that_ends_with_a_line_break_is_refused_because_it_hides_and_finds_nothing(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (vectors(&stage), parent(&stage));
    let by_hand = |params: Value| {
        let key = sign_anyway(&parent.value, &params.to_string());
        let path = format!("/collections/{collection}/documents/search?q=*");
        let response = stage.send("GET", &path, key.expose_secret(), "");
        (response.status, response.text())
    };
    assert_eq!(by_hand(json!({"filter_by": "tenant:=1\n"})).0, 400);
    assert!(by_hand(json!({"exclude_fields": "home\n"})).1.contains("\"home\""));
    assert_eq!(by_hand(json!({"collection": format!("{collection}\n")})).0, 404);
    for end in ["\n", " ", "\u{7f}", "\u{85}"] {
        for text in [format!("tenant{end}"), format!("{end}tenant")] {
            assert!(parent.scoped().filter_by(format!("{text}:=1{end}")).sign().is_err());
            assert!(parent.scoped().exclude_fields(&*text).sign().is_err());
            assert!(parent.scoped().collection(&*text).sign().is_err());
            assert!(parent.scoped().param("q", text).sign().is_err());
        }
    }
}
