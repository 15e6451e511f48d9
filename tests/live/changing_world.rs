//! A server that is replaced between two requests. A load balancer passes later requests to a standby, on which the ids
//! belong to other keys, or to a server that was restored from a backup, which gives ids out again. Whichever request
//! is the first after the change, a run deletes only the keys that it is about, and no `Ok` reports a deletion that did
//! not happen.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use typesense_keys::plan::{KeySpec, Plan};
use typesense_keys::{KeyId, KeyInfo, KeysClient};

use crate::stage::{admin, unique};
use crate::support::harness::or_ignore;
use crate::support::{Scripted, Server, proxy};

live_tests![
    rotation_deletes_no_other_key_in_a_world_that_changes,
    ensure_deletes_no_other_key_in_a_world_that_changes,
    plan_deletes_no_other_key_in_a_world_that_changes,
    known_key_is_not_deleted_in_a_world_that_changes,
    plan_is_outdated_after_a_restore_from_a_backup,
];

/// Long enough for everything except waiting for a key that never appears.
const TIMEOUT: Duration = Duration::from_millis(700);
const SCOPE: [&str; 1] = ["documents:search"];
const OTHER_SCOPE: [&str; 2] = ["documents:search", "documents:get"];

fn rotation_deletes_no_other_key_in_a_world_that_changes(_: &Server) {
    let pair = Pair::start();
    pair.take_every_course(&Operation::Rotate { has_value: false });
    pair.take_every_course(&Operation::Rotate { has_value: true });
}

fn ensure_deletes_no_other_key_in_a_world_that_changes(_: &Server) {
    Pair::start().take_every_course(&Operation::Ensure);
}

fn plan_deletes_no_other_key_in_a_world_that_changes(_: &Server) {
    Pair::start().take_every_course(&Operation::Plan);
}

fn known_key_is_not_deleted_in_a_world_that_changes(_: &Server) {
    Pair::start().take_every_course(&Operation::Delete);
}

/// The server that gets the requests after the change.
#[derive(Debug, Clone, Copy)]
enum World {
    /// Another server. Its keys have the same ids, their values have the same prefix, and they allow everything.
    Standby { has_same_descriptions: bool },
    /// Another server without any key.
    Empty,
    /// The same server as it was after this many of the keys were created.
    Restored(usize),
}

/// What an operation has reported to its caller.
#[derive(Debug)]
struct Told {
    /// The keys that it has reported as deleted.
    deleted: Vec<KeyId>,
    errors: Vec<String>,
}

#[derive(Debug)]
enum Operation {
    /// `has_value`: to a value with the prefix of the old one.
    Rotate {
        has_value: bool,
    },
    Ensure,
    Plan,
    Delete,
}

impl Operation {
    /// The keys that exist before the operation, in the order of their ids.
    fn keys(&self) -> Vec<(&'static str, &'static [&'static str])> {
        match self {
            Self::Rotate { .. } | Self::Delete => vec![("docs", &SCOPE)],
            Self::Ensure => vec![("docs", &OTHER_SCOPE), ("docs", &OTHER_SCOPE)],
            Self::Plan => vec![("app: kept", &SCOPE), ("docs", &OTHER_SCOPE), ("app: old", &OTHER_SCOPE)],
        }
    }

    /// Runs the operation on `keys`.
    fn run(&self, client: &KeysClient, keys: &[KeyInfo]) -> Told {
        let deleted = match self {
            Self::Rotate { has_value } => {
                let request = client.rotate(keys[0].id);
                let request = if *has_value { request.value(value()) } else { request };
                request.send().map(|_| vec![keys[0].id])
            }
            Self::Delete => client.delete(&keys[0]).send().map(|id| vec![id]),
            Self::Ensure => {
                let request = client.ensure("docs").actions(SCOPE).collections(["*"]).replace_on_drift(true);
                request.send().map(|ensured| ensured.replaced)
            }
            Self::Plan => {
                let specs = ["docs", "app: kept", "app: new"].map(spec);
                let plan = client.plan(specs).replace_on_drift(true).prune(is_of_app).connections(1);
                match plan.keep_going(true).send().and_then(Plan::apply) {
                    Err(error) => Err(error),
                    Ok(applied) => {
                        let replaced = applied.ensured().flat_map(|ensured| ensured.replaced.iter().copied());
                        let deleted = replaced.chain(applied.deleted()).collect();
                        return Told {
                            deleted,
                            errors: applied.failed().map(|(_, error)| error.to_string()).collect(),
                        };
                    }
                }
            }
        };
        match deleted {
            Ok(deleted) => Told { deleted, errors: Vec::new() },
            Err(error) => Told { deleted: Vec::new(), errors: vec![error.to_string()] },
        }
    }

    /// The first request before which the server can change. A key that is named only by its id, and a plan, are about
    /// the keys of the server that responds first.
    fn first_change(&self) -> usize {
        usize::from(!matches!(self, Self::Delete))
    }

    /// Whether the operation may delete this key.
    fn may_delete(&self, key: &KeyInfo) -> bool {
        !matches!(self, Self::Plan) || key.description != "app: kept"
    }

    /// Whether the operation may delete the key only if another one replaces it.
    fn replaces(&self, key: &KeyInfo) -> bool {
        !matches!(self, Self::Delete) && key.description == "docs"
    }

    fn worlds(&self) -> Vec<World> {
        let standby = [true, false].map(|has_same_descriptions| World::Standby { has_same_descriptions });
        let restored = (0..=self.keys().len()).map(World::Restored);
        standby.into_iter().chain([World::Empty]).chain(restored).collect()
    }
}

fn spec(description: &str) -> KeySpec {
    KeySpec::new(description).actions(SCOPE).collections(["*"])
}

/// A new value. All of them have the same prefix.
fn value() -> SecretString {
    unique("same prefix ").into()
}

fn is_of_app(key: &KeyInfo) -> bool {
    key.description.starts_with("app: ")
}

/// The server before the change, and the server after it.
struct Pair {
    servers: [Server; 2],
    clients: [KeysClient; 2],
}

/// A deletion on one of the servers.
#[derive(Debug)]
struct Deletion {
    /// The key that had the id.
    key: KeyInfo,
    /// The other keys on that server.
    others: Vec<KeyInfo>,
    /// Whether this is the first request after the change. The key was confirmed on the first server.
    is_first: bool,
}

impl Pair {
    fn start() -> Self {
        let first = or_ignore(Server::start());
        let second = or_ignore(first.start_beside());
        let clients = [&first, &second].map(|server| admin(server).build().unwrap());
        Self { servers: [first, second], clients }
    }

    fn take_every_course(&self, operation: &Operation) {
        let requests = self.take(operation, World::Empty, usize::MAX);
        let (mut courses, mut refused) = (0, 0);
        for world in operation.worlds() {
            for at in operation.first_change()..requests.len() {
                courses += 1;
                refused += usize::from(self.take(operation, world, at).is_empty());
            }
        }
        println!("{operation:?}: {requests:?}, {courses} courses, {refused} of them end in an error");
        assert!(requests.iter().any(|request| request.starts_with("DELETE")) && refused > 0);
    }

    /// Changes the server before request `at`, and checks what was deleted. Returns the requests, unless the operation
    /// fails.
    fn take(&self, operation: &Operation, world: World, at: usize) -> Vec<String> {
        let keys = self.prepare(operation, world);
        let log = Arc::<Mutex<(Vec<String>, Vec<Deletion>)>>::default();
        let balancer = self.balancer(at, log.clone());
        let timeout = if at == usize::MAX { TIMEOUT * 20 } else { TIMEOUT };
        let client = KeysClient::builder().node(balancer.url()).api_key(self.servers[0].api_key());
        let client = client.timeout(timeout).build().unwrap();
        let told = operation.run(&client, &keys);
        let (requests, deletions) = std::mem::take(&mut *log.lock().unwrap());
        let context = format!("{operation:?} {world:?} at {at}: {requests:?} {told:?} {deletions:?}");
        let is_named = |key: &KeyInfo| keys.contains(key) && operation.may_delete(key);
        for Deletion { key, others, is_first } in &deletions {
            assert!(*is_first || is_named(key), "another key was deleted: {context}");
            let is_new = |other: &KeyInfo| !keys.contains(other) && other.actions == spec_actions();
            let is_replaced = || others.iter().any(|other| other.description == key.description && is_new(other));
            assert!(*is_first || !operation.replaces(key) || is_replaced(), "nothing replaces the key: {context}");
        }
        let is_restored = matches!(world, World::Restored(_));
        let end = self.clients[usize::from(at < requests.len())].list().send().unwrap();
        for claimed in &told.deleted {
            let key = keys
                .iter()
                .find(|key| key.id == *claimed)
                .unwrap_or_else(|| panic!("the deletion of another key is reported: {context}"));
            let is_deleted = deletions.iter().any(|deletion| deletion.key == *key);
            // Between the confirmation of a key and its deletion, a change cannot be noticed. The contract says so.
            let was_confirmed = requests.get(at).is_some_and(|first| *first == format!("DELETE /keys/{claimed}"));
            // A key that is pruned, or replaced after a restore, may be gone already.
            let is_gone = !end.contains(key) && (is_restored || !operation.replaces(key));
            assert!(is_deleted || was_confirmed || is_gone, "key {claimed} is not deleted: {context}");
        }
        assert!(at < requests.len() || told.errors.is_empty(), "{context}");
        if told.errors.is_empty() { requests } else { Vec::new() }
    }

    /// Creates the keys on both servers. Returns those of the first one.
    fn prepare(&self, operation: &Operation, world: World) -> Vec<KeyInfo> {
        let [first, second] = &self.clients;
        for client in [first, second] {
            for key in client.list().send().unwrap() {
                client.delete(key.id).send().unwrap();
            }
        }
        self.level();
        let create = |client: &KeysClient, description: &str, actions: &[&str], value: SecretString| {
            let request = client.create().description(description).actions(actions.iter().copied());
            request.collections(["*"]).value(value).send().unwrap().info()
        };
        let keys = operation.keys();
        let mut created = Vec::new();
        for (at, (description, actions)) in keys.iter().enumerate() {
            let value_of_both = value();
            created.push(create(first, description, actions, value_of_both.clone()));
            if matches!(world, World::Restored(count) if at < count) {
                create(second, description, actions, value_of_both);
            }
        }
        if let World::Standby { has_same_descriptions } = world {
            // The last keys have the ids of the keys that the run creates.
            for (description, _) in keys.iter().chain([&("docs", &SCOPE[..]), &("app: new", &SCOPE[..])]) {
                create(second, if has_same_descriptions { description } else { "payments" }, &["*"], value());
            }
        }
        created
    }

    /// Brings both servers to the same next id.
    fn level(&self) {
        let next = |client: &KeysClient| {
            let filler = client.create().description("filler").actions(SCOPE).collections(["*"]).send().unwrap();
            client.delete(filler.id).send().unwrap().get()
        };
        let mut ids = self.clients.each_ref().map(next);
        while ids[0] != ids[1] {
            let behind = usize::from(ids[1] < ids[0]);
            ids[behind] = next(&self.clients[behind]);
        }
    }

    /// Passes requests to the second server from number `at` on. Records the requests, and the keys that they delete.
    fn balancer(&self, at: usize, log: Arc<Mutex<(Vec<String>, Vec<Deletion>)>>) -> Scripted {
        let clients = self.clients.clone();
        let ports = self.servers.each_ref().map(Server::port);
        proxy::balance(move |request| {
            let (requests, deletions) = &mut *log.lock().unwrap();
            let number = requests.len();
            requests.push(request.trim_end_matches(" HTTP/1.1").to_owned());
            let server = usize::from(number >= at);
            if let Some(id) = request.strip_prefix("DELETE /keys/").and_then(|rest| rest.split(' ').next()) {
                let mut others = clients[server].list().send().unwrap();
                let id: KeyId = id.parse().unwrap();
                if let Some(position) = others.iter().position(|key| key.id == id) {
                    let key = others.remove(position);
                    deletions.push(Deletion { key, others, is_first: number == at });
                }
            }
            ports[server]
        })
    }
}

fn spec_actions() -> Vec<typesense_keys::Action> {
    SCOPE.map(typesense_keys::Action::custom).to_vec()
}

/// A restored server gives the ids of keys that the backup does not have to new keys. A plan with such an id is
/// outdated.
fn plan_is_outdated_after_a_restore_from_a_backup(_: &Server) {
    let server = or_ignore(Server::start());
    let client = admin(&server).build().unwrap();
    let create = |client: &KeysClient, description: &str| {
        client.create().description(description).actions(SCOPE).collections(["*"]).send().unwrap()
    };
    let kept = create(&client, "app: kept");
    let restored = or_ignore(server.restore());
    let old = create(&client, "app: old");
    let plan = |client: &KeysClient| {
        client.plan(["app: kept", "app: new"].map(spec)).prune(is_of_app).keep_going(true).send().unwrap()
    };
    let log = Arc::new(Mutex::new(server.port()));
    let route = log.clone();
    let balancer = proxy::balance(move |_| *route.lock().unwrap());
    let through = KeysClient::builder().node(balancer.url()).api_key(server.api_key()).build().unwrap();
    let planned = plan(&through);
    assert_eq!(
        planned.to_string().lines().last().unwrap(),
        "1 to create, 0 to replace, 1 to delete, 0 drifted, 1 to keep"
    );
    *log.lock().unwrap() = restored.port();
    let after = admin(&restored).build().unwrap();
    assert_eq!(after.list().send().unwrap(), [kept.info()]);
    let applied = planned.apply().unwrap();
    // The new key has the id of the old one.
    let keys = after.list().send().unwrap();
    let new = keys.iter().find(|key| key.id == old.id).unwrap_or_else(|| panic!("{keys:?} {applied:?}"));
    assert_eq!((new.description.as_str(), keys.len()), ("app: new", 2), "{applied:?}");
    assert!(!applied.is_complete() && applied.deleted().next().is_none(), "{applied:?}");
    // The first server still has its keys.
    assert_eq!(client.list().send().unwrap(), [kept.info(), old.info()]);
}
