//! Every action against every route: each opens what its documentation says, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use typesense_keys::Action;

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![
    each_action_opens_exactly_its_routes,
    actions_of_newer_servers_open_nothing,
    collections_limit_exactly_what_happens_in_collections,
];

/// The table of actions, in which each row says which servers know it: `Always`, `Newer` or `Older` than v30.
const TABLE: &str = include_str!("../../src/action/table.rs");

/// Routes that an action opens on servers after 0.24.1 only, by the constants' documentation.
const LATER: [(&str, &str); 2] = [
    ("overrides:get", "GET /collections/:collection/overrides"),
    ("synonyms:get", "GET /collections/:collection/synonyms"),
];

/// Which actions the documentation says 0.24.1 to know, by what the row of the table says.
fn documented() -> BTreeMap<&'static str, bool> {
    let row = |line: &'static str| {
        let (_, row) = line.split_once(" = \"")?;
        let (action, rest) = row.split_once("\", ")?;
        Some((action, !rest.starts_with("Newer")))
    };
    let rows: BTreeMap<_, _> = TABLE.lines().filter_map(row).collect();
    assert_eq!(rows.len(), Action::known().len());
    rows
}

/// A request to a route, which changes nothing: what it acts on does not exist, or its body is not what it should be.
struct Route {
    name: &'static str,
    method: &'static str,
    path: String,
    body: String,
}

impl Route {
    fn new(name: &'static str, collection: &str) -> Self {
        let (method, path) = name.split_once(' ').unwrap();
        // The collection itself must not be deleted; a document in it is not there.
        let collection_or_none = if name == "DELETE /collections/:collection" { "absent" } else { collection };
        let path =
            path.replace(":collection", collection_or_none).replace(":alias", "absent").replace(":name", "absent");
        // Where an id is a number, the server never answers to a word.
        let id = if path.starts_with("/keys") || path.starts_with("/limits") { "4294967295" } else { "absent" };
        let path = path.replace(":id", id);
        let body = match name {
            "POST /collections" => json!({"name": collection}).to_string(),
            "POST /multi_search" => json!({"searches": [{"collection": collection, "q": "*"}]}).to_string(),
            _ if matches!(method, "POST" | "PUT" | "PATCH") => "{}".to_owned(),
            _ => String::new(),
        };
        Self { name, method, path, body }
    }

    fn status(&self, stage: &Stage<'_>, key: &SecretString) -> u16 {
        let status = stage.status(self.method, &self.path, key, &self.body);
        assert!(status < 500, "{}: {status}", self.name);
        status
    }
}

/// The routes that this server has, and those of them that are open to everybody.
fn routes(stage: &Stage<'_>, collection: &str) -> (Vec<Route>, BTreeSet<&'static str>) {
    // 0.24.1 takes the last part of these for the id of a limit, which it is not.
    let shadowed = ["GET /limits/active", "GET /limits/exceeds"];
    let names: BTreeSet<_> = Action::ALL.routes().filter(|name| !shadowed.contains(name)).collect();
    let nobody = SecretString::from("nobody's key");
    let mut open = BTreeSet::new();
    let known = names.into_iter().map(|name| Route::new(name, collection)).filter(|route| {
        let status = route.status(stage, &nobody);
        if status == 200 {
            open.insert(route.name);
        }
        // Of a route that it does not have, it does not ask for a key.
        status != 404
    });
    (known.collect(), open)
}

fn key(stage: &Stage<'_>, action: &str, collection: &str) -> SecretString {
    stage.raw_key(json!({"actions": [action], "collections": [collection]})).into()
}

fn each_action_opens_exactly_its_routes(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("routes");
    stage.collection(&collection);
    let (routes, open) = routes(&stage, &collection);
    assert_eq!(open, BTreeSet::from(["GET /health"]));
    let documented = documented();
    let known: Vec<_> = documented.iter().filter_map(|(action, is_known)| is_known.then_some(*action)).collect();
    let resources: BTreeSet<_> = known.iter().map(|action| action.split(':').next().unwrap()).collect();
    let granted: Vec<_> = known.iter().map(|action| (*action).to_owned()).collect();
    let granted = granted.into_iter().chain(resources.iter().map(|resource| format!("{resource}:*")));
    let granted: Vec<_> = granted.chain(["*".to_owned()]).collect();
    for granted in &granted {
        let key = key(&stage, granted, "*");
        let mut expected: BTreeSet<_> = Action::from(granted.as_str()).routes().collect();
        if let Some((_, of_later_servers)) = LATER.iter().find(|(action, _)| action == granted) {
            assert!(expected.remove(of_later_servers));
        }
        let mut opened = 0;
        for route in &routes {
            let is_expected = expected.contains(route.name) || open.contains(route.name);
            let status = route.status(&stage, &key);
            assert_eq!(status != 401, is_expected, "a key for `{granted}` got {status} from {}", route.name);
            opened += usize::from(is_expected);
        }
        assert!(opened > 0, "{granted} opens nothing, and is said to be known");
    }
    println!("{} actions and {} `*` x {} routes", known.len(), granted.len() - known.len(), routes.len());
}

fn actions_of_newer_servers_open_nothing(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("routes");
    stage.collection(&collection);
    let (routes, open) = routes(&stage, &collection);
    for (action, _) in documented().into_iter().filter(|(_, is_known)| !is_known) {
        let key = key(&stage, action, "*");
        for route in routes.iter().filter(|route| !open.contains(route.name)) {
            assert_eq!(route.status(&stage, &key), 401, "a key for `{action}`: {}", route.name);
        }
    }
}

/// The rule of [`CollectionPattern`](typesense_keys::CollectionPattern): what names no collection is not bound by them.
fn collections_limit_exactly_what_happens_in_collections(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("routes");
    stage.collection(&collection);
    let (routes, open) = routes(&stage, &collection);
    let any = key(&stage, "*", "of-another-name");
    for route in routes.iter().filter(|route| !open.contains(route.name)) {
        let is_limited =
            route.name.contains("/:collection") || ["POST /collections", "POST /multi_search"].contains(&route.name);
        assert_eq!(route.status(&stage, &any) == 401, is_limited, "{}", route.name);
    }
    // A list of collections is not bound either: it shows them all.
    let lister = key(&stage, "collections:list", "of-another-name");
    let listed = stage.send("GET", "/collections", lister.expose_secret(), "");
    assert!(listed.status == 200 && listed.text().contains(&collection), "{}", listed.text());
}
