//! Tenants of one collection on a real server: the documents that a text filter finds, the requests that escape a
//! filter, and the proof that `ScopedKeyBuilder::only` finds only the documents of its tenant.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use typesense_keys::CreatedKey;
use typesense_keys::scoped::{ExactValue, ScopedKeyBuilder};

use crate::scoped::{parent, sign_anyway};
use crate::stage::{Stage, percent, unique};
use crate::support::{Random, Server};

live_tests![
    text_filter_finds_documents_of_other_tenants,
    open_backtick_escapes_a_plain_filter_and_not_a_guarded_one,
    pinned_hits_and_curation_show_other_documents_only_to_a_plain_filter,
    cached_response_of_a_plain_filter_is_served_to_other_keys,
    request_with_any_filter_finds_only_documents_of_its_tenant,
    multi_search_and_presets_find_only_their_own_documents,
    generated_pairs_of_values_find_only_their_own_documents,
    uuids_with_common_groups_find_only_their_own_documents,
    value_on_another_type_of_field_finds_nothing_else,
];

fn string_field() -> Value {
    json!([{"name": "tenant", "type": "string"}, {"name": "n", "type": "int32"}])
}

/// A collection with one document for each tenant. Its id is the position of the tenant.
fn collection(stage: &Stage<'_>, tenants: &[&str]) -> String {
    let name = unique("tenants");
    let documents: Vec<_> = tenants
        .iter()
        .enumerate()
        .map(|(n, tenant)| json!({"id": n.to_string(), "tenant": tenant, "n": n}))
        .collect();
    stage.collection_of(&name, &string_field(), &documents);
    name
}

fn ids(response: &Value) -> BTreeSet<String> {
    let hits = response["hits"].as_array().cloned().unwrap_or_default();
    hits.iter().map(|hit| hit["document"]["id"].as_str().unwrap().to_owned()).collect()
}

/// The status of a search for all documents, and the ids that it finds.
fn search(
    stage: &Stage<'_>,
    collection: &str,
    key: &SecretString,
    query: &[(&str, &str)],
) -> (u16, BTreeSet<String>) {
    let query: String = query.iter().map(|(name, value)| format!("&{name}={}", percent(value))).collect();
    let path = format!("/collections/{collection}/documents/search?query_by=tenant&per_page=250{query}");
    let path = if query.contains("&q=") { path } else { format!("{path}&q=*") };
    let response = stage.send("GET", &path, key.expose_secret(), "");
    (response.status, response.json().map(|found| ids(&found)).unwrap_or_default())
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// A filter embedded byte for byte, as other clients do.
fn plain(parent: &CreatedKey, filter: &str) -> SecretString {
    sign_anyway(&parent.value, &json!({"filter_by": filter}).to_string())
}

/// The table in the guide `tenants`.
fn text_filter_finds_documents_of_other_tenants(server: &Server) {
    let stage = Stage::new(server);
    let tenants = [
        "acme-1",
        "acme1",
        "Acme-1",
        "acme_1",
        "acme.1",
        "acme 1",
        "acme-1 eu",
        "eu acme-1",
        "a",
        "A",
        "ä",
        "a*",
        " a ",
        "!=a",
        "straße",
        "strasse",
        "a,b",
        "a`b",
        "[a,b]",
        "b",
    ];
    let (collection, parent) = (collection(&stage, &tenants), parent(&stage));
    let symbols = ["acme-1", "acme1", "Acme-1", "acme_1", "acme.1"];
    for (filter, found) in [
        ("tenant:=`acme-1`", symbols.to_vec()),
        ("tenant:`acme-1`", [&symbols[..], &["acme-1 eu", "eu acme-1"]].concat()),
        ("tenant:=`a`", vec!["a", "A", "ä", "a*", " a ", "!=a"]),
        ("tenant:=`straße`", vec!["straße", "strasse"]),
        ("tenant:=`a,b`", vec!["a,b", "a`b", "[a,b]"]),
        ("tenant:=`a` || n:>=0", tenants.to_vec()),
        ("n:=1", vec!["acme1"]),
    ] {
        let expected: BTreeSet<_> = found
            .iter()
            .map(|tenant| tenants.iter().position(|other| other == tenant).unwrap().to_string())
            .collect();
        for key in [plain(&parent, filter), parent.scoped().filter_by(filter).sign().unwrap()] {
            assert_eq!(search(&stage, &collection, &key, &[]), (200, expected.clone()), "{filter}");
        }
    }
}

/// Requests that do not close a back-tick, so that the embedded filter becomes part of a quoted value.
const ESCAPES: &[&str] = &[")tenant:!=`", ") tenant:!=`x", "n:>=0) || tenant:!=`", "n:>=0) || (n:<0) || tenant:!=[`"];

fn open_backtick_escapes_a_plain_filter_and_not_a_guarded_one(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage, &["a", "b", "c"]), parent(&stage));
    for filter in ["tenant:=a", "tenant:=`a`", "n:=0"] {
        assert_eq!(search(&stage, &collection, &plain(&parent, filter), &[]), (200, set(&["0"])));
        let found = search(&stage, &collection, &plain(&parent, filter), &[("filter_by", ESCAPES[0])]);
        assert_eq!(found, (200, set(&["0", "1", "2"])), "{filter}");
    }
    for key in [
        parent.scoped().only("tenant", "a"),
        parent.scoped().only("n", 0),
        parent.scoped().filter_by("tenant:=`a`"),
        parent.scoped().filter_by("tenant:=[`a`,`a b c`] && (n:=0 || n:=`0`)").param("pinned_hits", "0:1"),
    ] {
        let key = key.sign().unwrap();
        for escape in ESCAPES {
            assert_eq!(search(&stage, &collection, &key, &[("filter_by", escape)]), (400, set(&[])), "{escape}");
        }
    }
}

fn pinned_hits_and_curation_show_other_documents_only_to_a_plain_filter(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage, &["a", "b", "c"]), parent(&stage));
    let rule = json!({"rule": {"query": "curated", "match": "exact"}, "includes": [{"id": "2", "position": 1}]});
    let path = format!("/collections/{collection}/overrides/one");
    assert_eq!(stage.send("PUT", &path, server.api_key(), &rule.to_string()).status, 200);
    let (pinned, curated) = (&[("pinned_hits", "1:1")][..], &[("q", "curated")][..]);
    let key = plain(&parent, "tenant:=a");
    assert_eq!(search(&stage, &collection, &key, pinned).1, set(&["0", "1"]));
    assert_eq!(search(&stage, &collection, &key, curated).1, set(&["2"]));
    for key in [parent.scoped().only("tenant", "a"), parent.scoped().filter_by("tenant:=a")] {
        let key = key.sign().unwrap();
        assert_eq!(search(&stage, &collection, &key, pinned).1, set(&["0"]));
        assert_eq!(search(&stage, &collection, &key, curated).1, set(&[]));
        let switch = [("enable_overrides", "true"), ("q", "curated")];
        assert_eq!(search(&stage, &collection, &key, &switch).1, set(&[]));
    }
    // The caller may allow the parameter.
    let key = parent.scoped().only("tenant", "a").param("enable_overrides", true).sign().unwrap();
    assert_eq!(search(&stage, &collection, &key, curated).1, set(&["2"]));
}

fn cached_response_of_a_plain_filter_is_served_to_other_keys(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage, &["a", "b"]), parent(&stage));
    // Each request is new, so that its response is not in the cache yet.
    let both = |one: &SecretString, other: &SecretString| {
        let query = [("use_cache", "true"), ("nothing", &unique("request"))];
        [one, other].map(|key| search(&stage, &collection, key, &query).1)
    };
    let plain = ["tenant:=a", "tenant:=b"].map(|filter| plain(&parent, filter));
    assert_eq!(both(&plain[0], &plain[1]), [set(&["0"]), set(&["0"])]);
    let scoped = ["a", "b"].map(|tenant| parent.scoped().only("tenant", tenant).sign().unwrap());
    assert_eq!(both(&scoped[0], &scoped[1]), [set(&["0"]), set(&["1"])]);
    assert_eq!(both(&scoped[0], &parent.value), [set(&["0"]), set(&["0", "1"])]);
    // A known gap, which the documentation of `filter_by` describes.
    assert_eq!(both(&parent.value, &scoped[0]), [set(&["0", "1"]), set(&["0", "1"])]);
}

/// Pieces of filters. Joined at random, they are sometimes a valid filter.
const PIECES: &[&str] = &[
    "(",
    ")",
    ") || (",
    " || ",
    " && ",
    "tenant:=b",
    "tenant:b",
    "n:>=0",
    "`",
    "\\",
    "[",
    "]",
    "tenant:=`",
    ")tenant:!=`",
    "tenant:=[",
    "tenant:!=[",
    "tenant:!=`",
    "`]",
    ",",
    "!=",
    "$other(",
    "n:(",
    ".{",
    "}",
    "''",
    "\"",
    "tenant:",
    "&",
    "|",
    ":",
    "=",
    "b",
    "*",
    "a",
    "`b`",
    "(`",
    "`&",
    ")(",
    "\n",
    "  ",
    "\0",
];

fn request_with_any_filter_finds_only_documents_of_its_tenant(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage, &["a", "b", "c", "b"]), parent(&stage));
    let own = set(&["0"]);
    let keys = [
        parent.scoped().only("tenant", "a").sign().unwrap(),
        parent.scoped().only("n", 0).filter_by("tenant:=b || n:<=2").sign().unwrap(),
    ];
    let plain = plain(&parent, "tenant:=`a`");
    let mut random = Random::new(20_261_124);
    let (mut found, mut escaped) = (0, 0);
    for round in 0..1_000 {
        let filter: String = match ESCAPES.get(round) {
            Some(escape) => (*escape).to_owned(),
            None => (0..=random.below(7)).map(|_| random.pick(PIECES)).collect(),
        };
        for key in &keys {
            let ids = search(&stage, &collection, key, &[("filter_by", &filter)]).1;
            found += usize::from(!ids.is_empty());
            assert!(ids.is_subset(&own), "{filter:?}: {ids:?}");
        }
        let ids = search(&stage, &collection, &plain, &[("filter_by", &filter)]).1;
        escaped += usize::from(!ids.is_subset(&own));
    }
    assert!(found > 20, "only {found} of the filters are valid");
    assert!(escaped > 0, "none of the filters escapes a plain one");
}

fn multi_search_and_presets_find_only_their_own_documents(server: &Server) {
    let stage = Stage::new(server);
    let (collection, parent) = (collection(&stage, &["a", "b", "c"]), parent(&stage));
    let preset = unique("preset");
    let wide = json!({"value": {"filter_by": "tenant:=b || n:>=0", "pinned_hits": "1:1", "hidden_hits": "0"}});
    assert_eq!(stage.send("PUT", &format!("/presets/{preset}"), server.api_key(), &wide.to_string()).status, 200);
    let key = parent.scoped().only("tenant", "a").sign().unwrap();
    let own = set(&["0"]);
    assert!(search(&stage, &collection, &key, &[("preset", &preset)]).1.is_subset(&own));
    assert!(search(&stage, &collection, &parent.value, &[("preset", &preset)]).1.contains("1"));
    let mut searches = vec![
        json!({}),
        json!({"preset": preset}),
        json!({"filter_by": null}),
        json!({"filter_by": ""}),
        json!({"filter_by": 1}),
        json!({"filter_by": ["tenant:=b"]}),
        json!({"filter_by": {"tenant": "b"}}),
        json!({"pinned_hits": "1:1"}),
        json!({"pinned_hits": "1:1", "filter_curated_hits": 0}),
        json!({"use_cache": true}),
        json!({"facet_by": "tenant"}),
        json!({"q": "b"}),
        json!({"q": "b", "filter_by": "tenant:b"}),
    ];
    for filter in
        ["tenant:=b", "n:>=0 || tenant:=b", "n:>=0) || (n:>=0", "tenant:=a || tenant:=b"].iter().chain(ESCAPES)
    {
        searches.push(json!({"filter_by": filter}));
    }
    for search in &mut searches {
        let fields = search.as_object_mut().unwrap();
        fields.insert("collection".to_owned(), collection.as_str().into());
        fields.insert("query_by".to_owned(), "tenant".into());
        fields.entry("q").or_insert_with(|| "*".into());
    }
    // The key of another tenant, so that a cached response could be that of the other tenant.
    let other = parent.scoped().only("tenant", "b").sign().unwrap();
    let mut found = 0;
    for query in ["", "?pinned_hits=1:1", "?filter_by=n:%3E%3D0", "?use_cache=true", &format!("?preset={preset}")] {
        for search in &searches {
            // One search a request, because the server refuses all searches if one is malformed.
            let body = json!({"searches": [search]}).to_string();
            for (key, own) in [(&key, "0"), (&other, "1"), (&key, "0")] {
                let response = stage.send("POST", &format!("/multi_search{query}"), key.expose_secret(), &body);
                let ids = response.json().map(|all| ids(&all["results"][0])).unwrap_or_default();
                assert!(ids.is_subset(&set(&[own])), "{query} {search}: {}", response.text());
                found += ids.len();
            }
        }
    }
    assert!(found > 50, "{found}");
    stage.send("DELETE", &format!("/presets/{preset}"), server.api_key(), "");
}

/// Accepted texts that are similar to each other: prefixes, digits, words of the filter's syntax, lengths at the limit.
fn close_values() -> Vec<String> {
    let mut values: Vec<String> = [
        "0", "00", "7", "07", "007", "70", "a", "ab", "abc", "b", "true", "false", "null", "nan", "inf", "1e5",
        "0x10", "and", "or", "not", "id", "tenant", "running", "runs", "run", "ran",
    ]
    .map(str::to_owned)
    .to_vec();
    for length in [31, 33, 63, 64, 98, 99, 100] {
        values.extend([
            "a".repeat(length),
            format!("{}b", "a".repeat(length - 1)),
            format!("b{}", "a".repeat(length - 1)),
        ]);
    }
    values
}

fn uuid(random: &mut Random, groups: &[&str]) -> String {
    loop {
        let (first, last) = (random.pick(&["00000000", "1111aaaa"]), random.pick(&["000000000000", "1111aaaa2222"]));
        let [a, b, c] = [random.pick(groups), random.pick(groups), random.pick(groups)];
        let uuid = format!("{first}-{a}-{b}-{c}-{last}");
        if ExactValue::from(uuid.as_str()).check().is_ok() {
            return uuid;
        }
    }
}

/// Schemas that treat symbols differently.
fn schemas() -> Vec<Value> {
    let fields = json!([
        {"name": "tenant", "type": "string"}, {"name": "tenants", "type": "string[]"}, {"name": "owner", "type": "object"},
    ]);
    [
        json!({}),
        json!({"token_separators": ["-"]}),
        json!({"token_separators": ["-", "(", "&", "`", "[", ","]}),
        json!({"symbols_to_index": ["-"]}),
        json!({"symbols_to_index": ["(", "&", "`", "-", "[", "]", ":", "="], "token_separators": ["_"]}),
    ]
    .into_iter()
    .map(|mut schema| {
        schema["fields"] = fields.clone();
        schema["enable_nested_fields"] = true.into();
        schema
    })
    .collect()
}

/// Checks that the key of each value finds its document in each collection and by each kind of field, and no other.
fn assert_apart(stage: &Stage<'_>, values: &[String]) {
    let parent = parent(stage);
    let collections: Vec<String> = schemas()
        .iter()
        .map(|schema| {
            let name = unique("apart");
            let documents: Vec<_> = values
                .iter()
                .enumerate()
                .map(|(n, value)| {
                    // Each array has its own value and one that another document shares.
                    json!({"id": n.to_string(), "tenant": value, "tenants": [format!("shared{}", n / 2), value],
                "owner": {"name": value}})
                })
                .collect();
            stage.collection_with(&name, schema, &documents);
            name
        })
        .collect();
    let searches: Vec<_> =
        collections.iter().map(|name| json!({"collection": name, "q": "*", "per_page": 250})).collect();
    let body = json!({"searches": searches}).to_string();
    for (n, value) in values.iter().enumerate() {
        for field in ["tenant", "tenants", "owner.name"] {
            let key = parent.scoped().only(field, value.as_str()).sign().unwrap();
            let response = stage.send("POST", "/multi_search", key.expose_secret(), &body).json().unwrap();
            let results = response["results"].as_array().unwrap();
            assert_eq!(results.len(), collections.len());
            for result in results {
                assert_eq!(ids(result), set(&[&n.to_string()]), "{field} {value}: {result}");
            }
        }
    }
}

/// Pairs of different but similar values, each pair for two tenants.
fn generated_pairs_of_values_find_only_their_own_documents(server: &Server) {
    let mut random = Random::new(14);
    let close = close_values();
    let mut values: BTreeSet<String> = close.iter().cloned().collect();
    let text = |random: &mut Random, length: usize| -> String {
        (0..length).map(|_| random.pick(&['a', 'b', 'e', 's', 'z', '0', '1', '9'])).collect()
    };
    while values.len() < 1_000 {
        let length = 1 + random.below(99);
        let one = if random.below(3) == 0 {
            uuid(&mut random, &["1111", "2222", "33aa", "b444", "0000"])
        } else {
            text(&mut random, length)
        };
        let at = random.below(one.len());
        let other = match random.below(4) {
            0 => format!("{one}{}", random.pick(&['0', 's'])),
            1 => one[..at].to_owned(),
            2 => format!("{}{}{}", &one[..at], random.pick(&['0', '1', 'a']), &one[at + 1..]),
            _ => one.chars().rev().collect(),
        };
        values.extend([one, other].into_iter().filter(|value| ExactValue::from(value.as_str()).check().is_ok()));
    }
    assert_apart(&Stage::new(server), &values.into_iter().collect::<Vec<_>>());
}

/// If the server splits text at hyphens, it compares the groups one by one.
fn uuids_with_common_groups_find_only_their_own_documents(server: &Server) {
    let mut random = Random::new(15);
    let groups = ["1111", "2222", "33aa", "b444"];
    let mut values: BTreeSet<String> = (0..60).map(|_| uuid(&mut random, &groups)).collect();
    values.extend(groups.map(str::to_owned));
    values.extend(["00000000", "1111aaaa", "000000000000"].map(str::to_owned));
    let stage = Stage::new(server);
    assert_apart(&stage, &values.into_iter().collect::<Vec<_>>());

    // The reason why a UUID that repeats a group is refused: the server cannot tell two of these apart.
    let (one, other) = ("00000000-1111-1111-2222-000000000000", "00000000-1111-1111-1111-000000000000");
    let name = unique("repeated");
    let documents: Vec<_> = [one, other]
        .iter()
        .enumerate()
        .map(|(n, tenant)| json!({"id": n.to_string(), "tenant": tenant, "n": n}))
        .collect();
    stage.collection_with(&name, &json!({"fields": string_field(), "token_separators": ["-"]}), &documents);
    let found = search(&stage, &name, &plain(&parent(&stage), &format!("tenant:=`{other}`")), &[]);
    assert_eq!(found.1, set(&["0", "1"]));
    assert!(ExactValue::from(one).check().is_err() && ExactValue::from(other).check().is_err());
}

fn value_on_another_type_of_field_finds_nothing_else(server: &Server) {
    let stage = Stage::new(server);
    let (name, parent) = (unique("types"), parent(&stage));
    let fields: Vec<_> = ["int32", "int64", "bool", "string", "float", "string[]", "int64[]"]
        .iter()
        .map(|kind| json!({"name": kind.replace("[]", "s"), "type": kind}))
        .collect();
    let document = |id: &str, number: i64, truth: bool, text: &str, float: f64| {
        json!({"id": id, "int32": i32::try_from(number).unwrap_or(i32::MAX), "int64": number, "bool": truth, "string": text,
            "float": float, "strings": [text, "x y"], "int64s": [number, 1_000]})
    };
    stage.collection_of(
        &name,
        &fields.into(),
        &[
            document("0", 7, true, "7", 16_777_216.0),
            document("1", -7, false, "-7", 16_777_217.0),
            document("2", 70, false, "true", 1e5),
            document("3", i64::MAX, true, "007", 0.0),
            document("4", i64::MIN + 1, false, "0", -1.0),
        ],
    );
    let found = |field: &str, value: ExactValue| {
        let only = |key: ScopedKeyBuilder<'_>| key.only(field, value).sign().unwrap();
        let path = format!("/collections/{name}/documents/search?q=*");
        let response = stage.send("GET", &path, only(parent.scoped()).expose_secret(), "");
        (response.status, response.json().map(|found| ids(&found)).unwrap_or_default())
    };
    for field in ["int32", "int64", "int64s"] {
        assert_eq!(found(field, 7.into()), (200, set(&["0"])));
        assert_eq!(found(field, (-7).into()), (200, set(&["1"])));
        assert_eq!(found(field, 70_u64.into()), (200, set(&["2"])));
        assert_eq!(found(field, 8_u32.into()), (200, set(&[])));
        // The server would read digits after zeros as the number.
        for text in ["7", "007", "70"] {
            assert_eq!(found(field, text.into()), (400, set(&[])), "{field}");
        }
        assert_eq!(found(field, true.into()), (400, set(&[])));
    }
    assert_eq!(found("int64", i64::MAX.into()), (200, set(&["3"])));
    assert_eq!(found("int64", (i64::MIN + 1).into()), (200, set(&["4"])));
    assert_eq!(found("int32", i64::MAX.into()), (400, set(&[])));
    assert_eq!(found("bool", true.into()), (200, set(&["0", "3"])));
    assert_eq!(found("bool", false.into()), (200, set(&["1", "2", "4"])));
    assert_eq!(found("bool", "true".into()), (400, set(&[])));
    assert_eq!(found("bool", 1.into()), (400, set(&[])));
    for field in ["string", "strings"] {
        // "-7" is found as 7 because it is not an exact value itself.
        assert_eq!(found(field, 7.into()), (200, set(&["0", "1"])));
        assert_eq!(found(field, "7".into()), (200, set(&["0", "1"])));
        assert_eq!(found(field, (-7).into()), (200, set(&[])));
        assert_eq!(found(field, "007".into()), (200, set(&["3"])));
        assert_eq!(found(field, "true".into()), (200, set(&["2"])));
        assert_eq!(found(field, true.into()), (200, set(&["2"])));
        assert_eq!(found(field, "x".into()), (200, set(&[])));
    }
    assert_eq!(
        found("float", 16_777_217.into()),
        (200, set(&["0", "1"])),
        "a float field distinguishes these numbers, so it could name tenants"
    );
    assert_eq!(found("float", "1e5".into()), (400, set(&[])));
    assert_eq!(found("id", "0".into()), (200, set(&["0"])));
    assert_eq!(found("id", 0.into()), (200, set(&["0"])));
    assert_eq!(found("missing", 0.into()), (404, set(&[])));
}
