//! The collections: equal in what a key may see, different in what it must not see.

use serde_json::{Value, json};
use typesense_keys::{CreatedKey, KeysClient};

use super::connection::Connection;
use crate::support::{Random, Server, random_text};

/// The tenant of the keys. Its documents are equal in all worlds, except for hidden fields.
pub(crate) const TENANT: i64 = 1;
/// Another tenant, who also searches. The keys must not see its documents.
pub(crate) const OTHER_TENANT: i64 = 2;

/// The fields that keys with `show_fields` hide: of every type, objects and arrays that the schema does not index or
/// only in part.
pub(crate) const HIDDEN: [&str; 10] =
    ["note", "cost", "home", "vec", "grid", "plain", "safe", "owner", "staff", "stock"];
/// The hidden fields that `hide_fields` hides as a whole. Of an object, it leaves members that are not indexed, and
/// empty elements.
pub(crate) const HIDABLE: [&str; 7] = ["note", "cost", "home", "vec", "grid", "plain", "safe"];
/// All other fields.
pub(crate) const SHOWN: [&str; 11] =
    ["id", "tenant", "org", "title", "tags", "n", "price", "ok", "at", "emb", "body"];
/// The text by which a key limits documents.
pub(crate) const ORG: &str = "acme1";
/// The texts of other tenants.
pub(crate) const OTHER_ORGS: [&str; 4] = ["acme2", "acme", "acme1x", "1acme"];

pub(crate) const OWN_IDS: [&str; 8] = ["o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8"];
/// The first documents are in both worlds with different values, the last four only in one of them.
pub(crate) const FOREIGN_IDS: [&str; 12] =
    ["x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "y01", "y02", "z01", "z02"];

/// Words of all worlds.
pub(crate) const WORDS: [&str; 8] = ["harbor", "garden", "silver", "walnut", "copper", "meadow", "lantern", "river"];
/// Words of other tenants: typos, beginnings and ends of common words, and different words.
pub(crate) const FOREIGN_WORDS: [[&str; 6]; 2] = [
    ["harbour", "gardenia", "silve", "quartz", "zephyr", "rivers"],
    ["harbors", "gardener", "silvers", "basalt", "zenith", "rive"],
];
/// Words in hidden fields, each with a digit at its end: the first two in [`HIDABLE`] fields, the others in the rest.
pub(crate) const HIDDEN_WORDS: [[&str; 4]; 2] =
    [["zebra", "falcon", "otter", "badger"], ["hippo", "condor", "weasel", "beaver"]];

/// Foreign documents come in two variants, hidden fields in four. The third variant differs from the first only in
/// [`HIDABLE`] fields, the last only in `bod`: see [`exceptions`](super::exceptions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) foreign: usize,
    pub(crate) hidden: usize,
}

/// The world with which the others are compared.
pub(crate) const FIRST: World = World { foreign: 0, hidden: 0 };
pub(crate) const OTHERS: [World; 6] = [
    World { foreign: 1, hidden: 0 },
    World { foreign: 0, hidden: 1 },
    World { foreign: 1, hidden: 1 },
    World { foreign: 0, hidden: 2 },
    World { foreign: 1, hidden: 2 },
    World { foreign: 0, hidden: 3 },
];

/// The collections on one server, and a key that may search all of them.
pub(crate) struct Stage {
    pub(crate) port: u16,
    /// The names are drawn for each run, and have the same length.
    name: String,
    pub(crate) parent: CreatedKey,
}

impl Stage {
    pub(crate) fn new(server: &Server) -> Self {
        let client = KeysClient::builder().node(server.url()).api_key(server.api_key()).allow_plaintext(true);
        let client = client.build().unwrap();
        let description = "non-interference";
        let request = client.create().description(description).actions(["documents:search"]).collections(["*"]);
        let name = format!("world{}", random_text(8).to_lowercase());
        let stage = Self { port: server.port(), name, parent: request.send().unwrap() };
        let mut admin = Admin { key: server.api_key().to_owned(), connection: Connection::new(server.port()) };
        for world in OTHERS.into_iter().chain([FIRST]) {
            stage.create(&mut admin, world);
        }
        for (name, value) in presets() {
            admin.send("PUT", &format!("/presets/{name}"), &json!({"value": value}));
        }
        stage
    }

    pub(crate) fn collection(&self, world: World) -> String {
        format!("{}{}{}", self.name, world.foreign, world.hidden)
    }

    fn create(&self, admin: &mut Admin, world: World) {
        let name = self.collection(world);
        let mut schema = schema();
        schema["name"] = name.as_str().into();
        admin.send("POST", "/collections", &schema);
        for document in documents(world) {
            admin.send("POST", &format!("/collections/{name}/documents"), &document);
        }
        for (id, rule) in rules() {
            admin.send("PUT", &format!("/collections/{name}/overrides/{id}"), &rule);
        }
        for (id, synonym) in synonyms() {
            admin.send("PUT", &format!("/collections/{name}/synonyms/{id}"), &synonym);
        }
        // A preset for a whole `multi_search` names the collection, so each world has its own.
        let searches = json!({"searches": [
            {"collection": name, "q": "*", "filter_by": "tenant:>1", "facet_by": "note"},
            {"collection": name, "q": "harbor", "query_by": "title,note", "pinned_hits": "x2:1"},
        ]});
        admin.send("PUT", &format!("/presets/all{name}"), &json!({"value": searches}));
    }
}

struct Admin {
    key: String,
    connection: Connection,
}

impl Admin {
    fn send(&mut self, method: &str, path: &str, body: &Value) {
        let response = self.connection.send(method, path, &self.key, &body.to_string()).unwrap();
        assert!(matches!(response.status, 200 | 201), "{method} {path} {body}: {}", response.text());
    }
}

fn schema() -> Value {
    json!({
        "enable_nested_fields": true,
        "default_sorting_field": "n",
        "fields": [
            {"name": "tenant", "type": "int32", "facet": true},
            {"name": "org", "type": "string", "facet": true},
            {"name": "title", "type": "string", "facet": true, "sort": true, "infix": true},
            {"name": "tags", "type": "string[]", "facet": true},
            {"name": "n", "type": "int32", "facet": true},
            {"name": "price", "type": "float", "facet": true},
            {"name": "ok", "type": "bool", "facet": true},
            {"name": "at", "type": "geopoint"},
            {"name": "emb", "type": "float[]", "num_dim": 3},
            {"name": "body", "type": "object"},
            {"name": "note", "type": "string", "facet": true, "sort": true, "infix": true},
            {"name": "cost", "type": "int32", "facet": true},
            {"name": "home", "type": "geopoint"},
            {"name": "vec", "type": "float[]", "num_dim": 3},
            {"name": "owner.name", "type": "string", "facet": true},
            {"name": "staff.name", "type": "string[]", "facet": true},
            {"name": "safe", "type": "object"},
            {"name": "stock", "type": "object"},
        ],
    })
}

/// Whether a response has a document of another tenant.
pub(crate) fn shows_other_tenants(response: &str) -> bool {
    let values = |start| response.split(start).skip(1).filter_map(|rest| rest.chars().next());
    let is_own = |tenant: char| !tenant.is_ascii_digit() || tenant == '1';
    values("\"id\":\"").any(|first| first != 'o') || !values("\"tenant\":").all(is_own)
}

/// Whether a response contains a word of a hidden field that the request does not contain. The field is flat, or also
/// an object.
pub(crate) fn shows_hidden_words(response: &str, request: &str, of_objects: bool) -> bool {
    let response = response.replace("<mark>", "").replace("</mark>", "");
    let count = if of_objects { 4 } else { 2 };
    HIDDEN_WORDS.iter().flat_map(|words| &words[..count]).any(|word| {
        (0..3).map(|digit| format!("{word}{digit}")).any(|word| response.contains(&word) && !request.contains(&word))
    })
}

/// The documents of the tenant are between those of others, in the same places in all worlds. The second variant has
/// three more documents of others at the end.
fn documents(world: World) -> Vec<Value> {
    let mut own = (0..OWN_IDS.len()).map(|at| own(at, world.hidden));
    let foreign = (0..26 + 3 * world.foreign).map(|at| foreign(at, world));
    let mut all = Vec::new();
    for (at, document) in foreign.enumerate() {
        all.push(document);
        if at % 3 == 1 {
            all.extend(own.next());
        }
    }
    assert!(own.next().is_none());
    all
}

fn own(at: usize, hidden: usize) -> Value {
    let (first, second) = (WORDS[at], WORDS[(at * 3 + 1) % WORDS.len()]);
    let mut document = json!({
        "id": OWN_IDS[at], "tenant": TENANT, "org": ORG, "title": format!("{first} {second}"),
        "tags": [second, WORDS[(at + 2) % WORDS.len()]], "n": at % 5, "price": 1.5 * at as f64, "ok": at % 2 == 0,
        "at": [48.0 + at as f64, 2.25], "emb": [0.1 + at as f64, 0.5, 1.25],
        "body": {"text": format!("{second} {first}"), "size": at},
    });
    hide(&mut document, at, hidden);
    document
}

fn foreign(at: usize, world: World) -> Value {
    let mut random = Random::new((at + 1000 * world.foreign) as u64);
    let words = FOREIGN_WORDS[world.foreign];
    let id = match FOREIGN_IDS.get(at) {
        Some(id) if at < 8 => (*id).to_owned(),
        _ if at < 10 => format!("{}0{}", if world.foreign == 0 { 'y' } else { 'z' }, at - 7),
        _ => format!("f{}{at:02}", world.foreign),
    };
    let mut word = || if random.below(3) == 0 { random.pick(&WORDS) } else { random.pick(&words) };
    let (title, tags, text) = (format!("{} {}", word(), word()), [word(), word()], format!("{} {}", word(), word()));
    let org = random.pick(&OTHER_ORGS);
    let mut number = || random.below(1000) as f64 / 10.0;
    let mut document = json!({
        "id": id, "tenant": OTHER_TENANT + at as i64 % 3, "org": org, "title": title, "tags": tags, "n": number() as i64,
        "price": number(), "ok": number() > 50.0, "at": [number() / 2.0, number()],
        "emb": [number(), 0.1 + number(), number()], "body": {"text": text, "size": number() as i64},
    });
    hide(&mut document, at + 100 * (1 + world.foreign), world.hidden);
    document
}

fn hide(document: &mut Value, at: usize, hidden: usize) {
    let is_other = |field: &str| match hidden {
        0 => false,
        1 => field != "bod",
        2 => HIDABLE.contains(&field),
        _ => field == "bod",
    };
    for ((field, first), (_, other)) in hidden_fields(at, 0).into_iter().zip(hidden_fields(at, 1)) {
        document[field] = if is_other(field) { other } else { first };
    }
}

fn hidden_fields(at: usize, variant: usize) -> Vec<(&'static str, Value)> {
    let mut random = Random::new((at + 5000 * (1 + variant)) as u64);
    let [a, b, c, d] = HIDDEN_WORDS[variant];
    let length = 1 + (at + variant) % 3;
    let mut word = |words: [&str; 2]| format!("{}{}", random.pick(&words), random.below(3));
    let [note, plain, more] = std::array::from_fn(|_| word([a, b]));
    let [name, phone, boss, role] = std::array::from_fn(|_| word([c, d]));
    let mut number = || random.below(900) as f64 / 10.0 + 0.05;
    let staff = json!({"name": boss, "salary": number(), "roles": vec![json!({"title": role}); length]});
    vec![
        ("note", json!(format!("{note} {more}"))),
        ("cost", json!(number() as i64)),
        ("home", json!([number(), number()])),
        ("vec", json!([number(), number(), number()])),
        ("grid", json!([vec![number(); length], [plain, [more]], {"more": more}])),
        ("plain", json!(plain)),
        ("safe", json!({"word": note, "deep": {"word": more, "number": number()}})),
        ("owner", json!({"name": name, "phone": phone, "address": {"street": boss, "number": number()}})),
        ("staff", Value::from(vec![staff; length])),
        ("stock", json!({"lots": vec![json!({"items": [{"code": name}, {"code": role}]}); length]})),
        ("bod", json!([{"word": variant}, variant, [variant]])),
    ]
}

/// Curation rules, equal in all worlds, that would show what a key must not see.
fn rules() -> Vec<(&'static str, Value)> {
    vec![
        (
            "pin",
            json!({"rule": {"query": "harbor", "match": "exact"}, "includes": [{"id": "x2", "position": 1}, {"id": "o3", "position": 2}]}),
        ),
        (
            "drop",
            json!({"rule": {"query": "garden", "match": "contains"}, "excludes": [{"id": "o2"}], "filter_by": "tenant:>0"}),
        ),
        ("replace", json!({"rule": {"query": "copper", "match": "contains"}, "replace_query": "quartz basalt"})),
        ("dynamic", json!({"rule": {"query": "{title} sale", "match": "exact"}, "filter_by": "title:={title}"})),
        ("order", json!({"rule": {"query": "meadow", "match": "exact"}, "sort_by": "home(10,10):asc"})),
        ("filtered", json!({"rule": {"filter_by": "n:>1"}, "includes": [{"id": "x3", "position": 1}]})),
    ]
}

fn synonyms() -> Vec<(&'static str, Value)> {
    vec![
        ("both", json!({"synonyms": ["lantern", "zephyr", "zenith"]})),
        ("one", json!({"root": "river", "synonyms": ["harbor", "zebra0"]})),
    ]
}

/// Names of presets, and the parameters that they set.
pub(crate) fn presets() -> Vec<(&'static str, Value)> {
    vec![
        ("wide", json!({"filter_by": "tenant:>0", "facet_by": "note,tenant,cost", "per_page": 100})),
        ("grouped", json!({"group_by": "note", "include_fields": "note,owner,title", "exclude_fields": ""})),
        ("near", json!({"vector_query": "emb:([1,0,0], k:100)", "hidden_hits": OWN_IDS.join(",")})),
        ("placed", json!({"sort_by": "home(1,2):asc", "pinned_hits": "x1:1,y01:2", "enable_overrides": true})),
    ]
}
