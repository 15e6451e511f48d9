//! Hidden fields on a real server: every search parameter that can name a field, with `exclude_fields` alone and with
//! `hide_fields`.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use typesense_keys::scoped::{ScopedKeyInfo, ScopedKeyWarning};

use crate::scoped::parent;
use crate::stage::{Stage, percent, unique};
use crate::support::Server;

live_tests![
    excluded_field_in_facets_groups_or_highlights_is_shown,
    hidden_field_in_every_parameter_is_not_shown,
    hidden_field_of_an_object_is_not_shown,
    hidden_field_can_be_guessed_by_filter_and_query,
    allowed_facets_replace_those_of_the_request,
    field_named_none_is_shown_if_highlights_are_turned_off,
];

/// The part of a hidden value that no request contains.
const HIDDEN: &str = "kq7x";

/// Three documents with a title and a hidden value, `zebra 1kq7x` and so on.
fn collection(stage: &Stage<'_>) -> String {
    let name = unique("hidden");
    let fields = json!([
        {"name": "title", "type": "string", "facet": true},
        {"name": "note", "type": "string", "facet": true, "sort": true},
    ]);
    let documents: Vec<_> = (1..4)
        .map(|n| json!({"id": n.to_string(), "title": format!("title {n}"), "note": format!("zebra {n}{HIDDEN}")}))
        .collect();
    stage.collection_of(&name, &fields, &documents);
    name
}

/// The status and the text of a search's response. A query without `query_by` searches the title.
fn search(stage: &Stage<'_>, collection: &str, key: &SecretString, query: &str) -> (u16, String) {
    let title = if query.contains("query_by") { "" } else { "&query_by=title" };
    let query = if query.starts_with("q=") { query.to_owned() } else { format!("q=*&{query}") };
    let path = format!("/collections/{collection}/documents/search?{query}{title}");
    let response = stage.send("GET", &path, key.expose_secret(), "");
    (response.status, response.text())
}

/// Requests that name the hidden field, and whether they show it if the key embeds only `exclude_fields` (seen with
/// 0.24.1).
const REQUESTS: &[(&str, bool)] = &[
    ("facet_by=note", true),
    ("facet_by=title,note", true),
    ("facet_by=note&facet_query=note:zebra", true),
    ("facet_by=title&facet_query=note:zebra", false),
    ("group_by=note", true),
    ("group_by=title,note", true),
    ("q=title&highlight_fields=note", true),
    ("q=title&highlight_full_fields=note", false),
    ("q=zebra&query_by=note", false),
    ("q=zebra&query_by=note&highlight_fields=note", true),
    ("q=zebra&query_by=note&highlight_full_fields=note", false),
    ("q=zebra&query_by=note&highlight_fields=note&highlight_full_fields=note", true),
    ("q=zebra&query_by=title,note&prefix=true&snippet_threshold=0", false),
    ("include_fields=note", false),
    ("include_fields=*", false),
    ("exclude_fields=title", false),
    ("exclude_fields=", false),
    ("sort_by=note:asc", false),
    ("filter_by=note:zebra", false),
    ("pinned_hits=2:1", false),
    ("pinned_hits=2:1&group_by=note", true),
    ("hidden_hits=1", false),
];

fn excluded_field_in_facets_groups_or_highlights_is_shown(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage), parent(&stage));
    let scoped = parent.scoped().exclude_fields("note").sign().unwrap();
    for (query, is_shown) in REQUESTS {
        let (status, text) = search(&stage, &collection, &scoped, query);
        assert_eq!(text.contains(HIDDEN), *is_shown, "{query}: {status} {text}");
    }
    let warnings = ScopedKeyInfo::parse(&scoped).unwrap().warnings();
    assert_eq!(warnings, [ScopedKeyWarning::FieldsNotHidden, ScopedKeyWarning::NeverExpires]);
}

fn hidden_field_in_every_parameter_is_not_shown(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage), parent(&stage));
    let preset = unique("preset");
    let everything = json!({"value": {"facet_by": "note", "group_by": "note", "highlight_fields": "note",
        "highlight_full_fields": "note", "include_fields": "note", "exclude_fields": ""}});
    let admin = server.api_key();
    assert_eq!(stage.send("PUT", &format!("/presets/{preset}"), admin, &everything.to_string()).status, 200);
    let by_preset = format!("preset={preset}");
    for scoped in [
        parent.scoped().hide_fields(["note"]).sign().unwrap(),
        parent.scoped().hide_fields(["note"]).allow_facets(["title"]).sign().unwrap(),
        parent.scoped().hide_fields(["title"]).hide_fields(["note"]).only("title", "title1").sign().unwrap(),
        parent.scoped().show_fields(["title"]).sign().unwrap(),
        parent.scoped().show_fields(["id", "nothing"]).only("title", "title1").sign().unwrap(),
    ] {
        let requests = REQUESTS.iter().map(|(query, _)| *query).chain([by_preset.as_str()]);
        for query in requests {
            let (status, text) = search(&stage, &collection, &scoped, query);
            assert!(!text.contains(HIDDEN), "{query}: {status} {text}");
            let mut one = json!({"collection": collection, "q": "*", "query_by": "title"});
            for pair in query.split('&') {
                let (name, value) = pair.split_once('=').unwrap();
                one[name] = value.into();
            }
            let body = json!({"searches": [one]}).to_string();
            for path in ["/multi_search".to_owned(), format!("/multi_search?{query}")] {
                let response = stage.send("POST", &path, scoped.expose_secret(), &body);
                assert!(!response.text().contains(HIDDEN), "{path} {body}: {}", response.text());
            }
        }
        assert_eq!(ScopedKeyInfo::parse(&scoped).unwrap().warnings(), [ScopedKeyWarning::NeverExpires]);
    }
    // A key that hides nothing gets the field by the preset.
    assert!(search(&stage, &collection, &parent.value, &by_preset).1.contains(HIDDEN));
    stage.send("DELETE", &format!("/presets/{preset}"), admin, "");
}

fn hidden_field_of_an_object_is_not_shown(server: &Server) {
    let stage = Stage::new(server);
    let (name, parent) = (unique("object"), parent(&stage));
    let fields = json!([
        {"name": "title", "type": "string"}, {"name": "owner", "type": "object"},
        {"name": "owner.note", "type": "string", "facet": true},
    ]);
    let document = json!({"id": "1", "title": "title", "owner": {"note": format!("zebra {HIDDEN}"), "name": "x"}});
    stage.collection_with(&name, &json!({"fields": fields, "enable_nested_fields": true}), &[document]);
    let requests = [
        "q=zebra&query_by=owner",
        "q=zebra&query_by=owner.note",
        "q=zebra&query_by=owner&highlight_full_fields=owner.note",
        "q=zebra&query_by=owner.note&highlight_fields=owner",
        "include_fields=owner.note",
        "include_fields=owner",
        "facet_by=owner.note",
        "facet_by=owner",
        "group_by=owner.note",
    ];
    for hidden in ["owner", "owner.note"] {
        let scoped = parent.scoped().hide_fields([hidden]).sign().unwrap();
        for query in requests {
            let (_, text) = search(&stage, &name, &scoped, query);
            assert!(!text.contains(HIDDEN), "{hidden} {query}: {text}");
        }
    }
    // The reason why `highlight_fields` is not empty.
    let key = parent.scoped().hide_fields(["owner.note"]).param("highlight_fields", "").sign().unwrap();
    assert!(search(&stage, &name, &key, requests[0]).1.contains(HIDDEN));
}

fn hidden_field_can_be_guessed_by_filter_and_query(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage), parent(&stage));
    let found = |key: &SecretString, query: &str| {
        let (_, text) = search(&stage, &collection, key, query);
        let response: serde_json::Value = serde_json::from_str(&text).unwrap();
        let hits = response["hits"].as_array().cloned().unwrap_or_default();
        hits.iter().map(|hit| hit["document"]["id"].as_str().unwrap()).collect::<String>()
    };
    let scoped = parent.scoped().hide_fields(["note"]).sign().unwrap();
    let guess = format!("filter_by={}", percent("note:=`zebra 2kq7x`"));
    assert_eq!(found(&scoped, &guess), "2");
    assert_eq!(found(&scoped, "q=2kq7x&query_by=note&num_typos=0"), "2");
    assert_eq!(found(&scoped, "sort_by=note:asc"), "321", "not the default order");
    let open = parent.scoped().hide_fields(["note"]).allow_params(["sort_by"]).sign().unwrap();
    assert_eq!(found(&open, "sort_by=note:asc"), "123");
    let scoped = parent.scoped().hide_fields(["note"]).param("query_by", "title").sign().unwrap();
    assert_eq!(found(&scoped, "q=2kq7x&query_by=note&num_typos=0"), "");
    assert_eq!(found(&scoped, "sort_by=note:asc"), "321");
    assert_eq!(found(&scoped, &guess), "2");
}

fn allowed_facets_replace_those_of_the_request(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage), parent(&stage));
    let scoped = parent.scoped().allow_facets(["title"]).sign().unwrap();
    for query in ["facet_by=note", "facet_by=", "page=1"] {
        let (status, text) = search(&stage, &collection, &scoped, query);
        assert!(status == 200 && text.contains(r#""field_name":"title""#), "{query}: {text}");
        assert!(!text.contains(r#""field_name":"note""#), "{query}: {text}");
    }
}

/// The reason why `hide_fields` refuses this name.
fn field_named_none_is_shown_if_highlights_are_turned_off(server: &Server) {
    let stage = Stage::new(server);
    let (name, parent) = (unique("none"), parent(&stage));
    let fields = json!([{"name": "title", "type": "string"}, {"name": "none", "type": "string"}]);
    stage.collection_of(&name, &fields, &[json!({"id": "1", "title": "title", "none": format!("zebra {HIDDEN}")})]);
    let key = parent.scoped().exclude_fields("none").param("highlight_fields", "none").sign().unwrap();
    assert!(search(&stage, &name, &key, "q=zebra&query_by=none").1.contains(HIDDEN));
    assert!(parent.scoped().hide_fields(["none"]).sign().is_err());
}
