//! Every action on every route: each action allows exactly the routes of `Action::routes_on`.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use typesense_keys::Action;
use typesense_keys::audit::ServerVersion;

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![
    each_action_allows_exactly_its_routes,
    action_of_another_version_allows_nothing,
    collections_limit_exactly_the_routes_that_name_a_collection,
];

fn version(stage: &Stage<'_>, server: &Server) -> ServerVersion {
    let debug = stage.send("GET", "/debug", server.api_key(), "").json().unwrap();
    debug["version"].as_str().unwrap().parse().unwrap()
}

/// A request to a route. It changes nothing, because its object does not exist or its body is invalid.
struct Route {
    name: &'static str,
    method: &'static str,
    path: String,
    body: String,
}

impl Route {
    fn new(name: &'static str, collection: &str) -> Self {
        let (method, path) = name.split_once(' ').unwrap();
        // The collection must not be deleted. The document does not exist.
        let collection_or_none = if name == "DELETE /collections/:collection" { "absent" } else { collection };
        let path =
            path.replace(":collection", collection_or_none).replace(":alias", "absent").replace(":name", "absent");
        // If an id is a number, the server never responds to a word.
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

/// The routes that this server has, and those of them that need no key.
fn routes(stage: &Stage<'_>, collection: &str, version: ServerVersion) -> (Vec<Route>, BTreeSet<&'static str>) {
    let expected: BTreeSet<_> = Action::ALL.routes_on(version).collect();
    // A server without these routes takes the last part of the path for the id of a limit.
    let may_be_shadowed = ["GET /limits/active", "GET /limits/exceeds"];
    let is_shadowed = |name: &&str| may_be_shadowed.contains(name) && !expected.contains(name);
    let names: BTreeSet<_> = Action::ALL.routes().filter(|name| !is_shadowed(name)).collect();
    let nobody = SecretString::from("nobody's key");
    let mut open = BTreeSet::new();
    let routes: Vec<_> = names
        .into_iter()
        .map(|name| Route::new(name, collection))
        .filter(|route| {
            let status = route.status(stage, &nobody);
            if status == 200 {
                open.insert(route.name);
            }
            // A route that the server does not have needs no key.
            status != 404
        })
        .collect();
    let found: BTreeSet<_> = routes.iter().map(|route| route.name).collect();
    assert_eq!(found, expected, "the routes of {version}");
    (routes, open)
}

fn key(stage: &Stage<'_>, action: &str, collection: &str) -> SecretString {
    stage.raw_key(json!({"actions": [action], "collections": [collection]})).into()
}

fn each_action_allows_exactly_its_routes(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("routes");
    stage.collection(&collection);
    let version = version(&stage, server);
    let (routes, open) = routes(&stage, &collection, version);
    assert_eq!(open, BTreeSet::from(["GET /health"]));
    let on_server: Vec<&Action> =
        Action::known().iter().filter(|action| action.routes_on(version).next().is_some()).collect();
    let resources: BTreeSet<_> = on_server.iter().map(|action| action.as_str().split(':').next().unwrap()).collect();
    let whole_resources = resources.iter().map(|resource| Action::custom(format!("{resource}:*")));
    let granted: Vec<_> = on_server.iter().copied().cloned().chain(whole_resources).chain([Action::ALL]).collect();
    for granted in &granted {
        let key = key(&stage, granted.as_str(), "*");
        let expected: BTreeSet<_> = granted.routes_on(version).collect();
        let mut allowed = 0;
        for route in &routes {
            let is_expected = expected.contains(route.name) || open.contains(route.name);
            let status = route.status(&stage, &key);
            assert_eq!(status != 401, is_expected, "a key for `{granted}` got {status} from {}", route.name);
            allowed += usize::from(is_expected);
        }
        assert!(allowed > 0, "{granted} allows nothing");
    }
    println!("{} actions and {} `*` x {} routes", on_server.len(), granted.len() - on_server.len(), routes.len());
}

fn action_of_another_version_allows_nothing(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("routes");
    stage.collection(&collection);
    let version = version(&stage, server);
    let (routes, open) = routes(&stage, &collection, version);
    for action in Action::known().iter().filter(|action| action.routes_on(version).next().is_none()) {
        let key = key(&stage, action.as_str(), "*");
        for route in routes.iter().filter(|route| !open.contains(route.name)) {
            assert_eq!(route.status(&stage, &key), 401, "a key for `{action}`: {}", route.name);
        }
    }
}

/// The rule of [`CollectionPattern`](typesense_keys::CollectionPattern).
fn collections_limit_exactly_the_routes_that_name_a_collection(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("routes");
    stage.collection(&collection);
    let version = version(&stage, server);
    let (routes, open) = routes(&stage, &collection, version);
    let any = key(&stage, "*", "of-another-name");
    for route in routes.iter().filter(|route| !open.contains(route.name)) {
        let is_limited =
            route.name.contains("/:collection") || ["POST /collections", "POST /multi_search"].contains(&route.name);
        assert_eq!(route.status(&stage, &any) == 401, is_limited, "{}", route.name);
    }
    // Up to v26, the list shows all collections.
    let lister = key(&stage, "collections:list", "of-another-name");
    let listed = stage.send("GET", "/collections", lister.expose_secret(), "");
    let holds_all = version < ServerVersion::V27;
    assert!(listed.status == 200 && listed.text().contains(&collection) == holds_all, "{}", listed.text());
}
