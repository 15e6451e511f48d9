//! Every operation through faulty proxies in front of a real server, beside similar keys. After each run, the keys on
//! the server are those that the result of the call allows: no other key was deleted, `Ok` names the key of the call,
//! every created key is reported, and an error that says "unchanged" is true.
//!
//! `SEED=7` repeats one run; it is printed when a run fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use typesense_keys::{CreateKey, Error, ErrorKind, KeyId, KeyInfo, KeysClient};

use crate::support::harness::{cases, or_ignore};
use crate::support::proxy::{self, FAULTS, Fault, Plan};
use crate::support::{Random, Scripted, Server, raw};

live_tests![no_key_is_lost_or_created_twice_or_deleted_by_mistake];

const RUNS: usize = 1_200;
const THREADS: u64 = 8;
const TIMEOUT: Duration = Duration::from_millis(900);
const ATTEMPT: Duration = Duration::from_millis(150);
const SLOW: Duration = Duration::from_millis(250);

fn no_key_is_lost_or_created_twice_or_deleted_by_mistake(_: &Server) {
    // A server of its own, because the test counts keys.
    let server = &or_ignore(Server::start());
    let seeds = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap()..=seed.parse().unwrap(),
        Err(_) => 1..=cases(RUNS) as u64,
    };
    let (next, totals) = (AtomicU64::new(*seeds.start()), Mutex::new(Totals::default()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > *seeds.end() {
                        break;
                    }
                    let mut run = Run::new(seed, server);
                    let result = run.go();
                    totals.lock().unwrap().add(&run, result);
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap();
    println!("{totals:#?}");
    assert!(totals.failures.is_empty(), "{:#?}", totals.failures);
    if totals.runs > 100 {
        let has_ended_well = |operation: &&str| {
            totals.results.keys().any(|result| result.starts_with(*operation) && result.ends_with(": Ok"))
        };
        let never: Vec<_> = OPERATIONS.iter().filter(|operation| !has_ended_well(operation)).collect();
        assert!(never.is_empty(), "these never succeeded, so the test would prove nothing: {never:?}");
    }
}

/// The results of all runs.
#[derive(Debug, Default)]
struct Totals {
    runs: u32,
    faults: BTreeMap<Fault, u32>,
    results: BTreeMap<String, u32>,
    largest_overshoot: Duration,
    failures: Vec<String>,
}

impl Totals {
    fn add(&mut self, run: &Run<'_>, result: Result<String, String>) {
        self.runs += 1;
        for fault in run.faults.lock().unwrap().iter() {
            *self.faults.entry(*fault).or_default() += 1;
        }
        self.largest_overshoot = self.largest_overshoot.max(run.took.saturating_sub(TIMEOUT));
        match result {
            Ok(result) => *self.results.entry(result).or_default() += 1,
            Err(why) => self.failures.push(format!("SEED={}: {why}; {:?}", run.seed, run.faults.lock().unwrap())),
        }
    }
}

/// One call, over one to three faulty nodes.
struct Run<'a> {
    seed: u64,
    random: Random,
    server: &'a Server,
    direct: KeysClient,
    /// The fault of each request, in order.
    faults: Arc<Mutex<Vec<Fault>>>,
    took: Duration,
}

impl<'a> Run<'a> {
    fn new(seed: u64, server: &'a Server) -> Run<'a> {
        let direct = KeysClient::builder().node(server.url()).api_key(server.api_key()).build().unwrap();
        Run { seed, random: Random::new(seed), server, direct, faults: Arc::default(), took: Duration::ZERO }
    }

    /// Up to four faults and then none, or the same fault for all requests. The faults begin with the first request or
    /// after some requests, so that they also hit the writes of a call that reads first.
    fn plan(&mut self) -> Plan {
        let faults = Arc::clone(&self.faults);
        let (seed, count) = (self.random.next(), self.random.below(5));
        let spared = if self.random.below(3) == 0 { 0 } else { self.random.below(8) };
        let always = (self.random.below(6) == 0).then(|| self.random.pick(&FAULTS));
        let mut random = Random::new(seed);
        let mut asked = 0;
        Arc::new(Mutex::new(move || {
            asked += 1;
            let fault = match always {
                _ if asked <= spared => Fault::None,
                Some(fault) => fault,
                None if asked > spared + count => Fault::None,
                None => random.pick(&FAULTS),
            };
            faults.lock().unwrap().push(fault);
            fault
        }))
    }

    /// The kind of the result, or how the result and the server's keys contradict each other.
    fn go(&mut self) -> Result<String, String> {
        let plan = self.plan();
        let nodes = 1 + self.random.below(3);
        let proxies: Vec<_> = (0..nodes).map(|_| proxy::start(self.server.port(), SLOW, Arc::clone(&plan))).collect();
        let client = KeysClient::builder()
            .nodes(proxies.iter().map(Scripted::url))
            .api_key(self.server.api_key())
            .timeout(TIMEOUT)
            .attempt_timeout(ATTEMPT)
            .build()
            .unwrap();
        // Every second client has open connections, which may be cut when they are used again.
        if self.random.below(2) == 0 {
            _ = client.list().send();
        }
        let call = Call { client, proxies, before: self.keys_that_exist() };
        match self.random.below(16) {
            0..4 => self.create(call),
            4..7 => self.delete(call),
            7..12 => self.ensure(call),
            _ => self.rotate(call),
        }
    }

    /// Up to three keys with this run's description, with the same scope or another. Their values have the common
    /// prefix of these tests, or are unknown.
    fn keys_that_exist(&mut self) -> Vec<Existing> {
        let count = self.random.below(4);
        (0..count)
            .map(|_| {
                let has_drifted = self.random.below(3) == 0;
                let value = (self.random.below(3) > 0).then(|| self.own_value());
                let request = self.direct.create().description(self.name()).collections(["*"]);
                let request =
                    request.actions(if has_drifted { &OTHER_SCOPE[..] } else { &SCOPE[..] }.iter().copied());
                let key = value.clone().into_iter().fold(request, CreateKey::value).send().unwrap();
                Existing { info: key.info(), value: key.value, has_drifted }
            })
            .collect()
    }

    /// A value of the run. All of them have the same prefix.
    fn own_value(&mut self) -> SecretString {
        format!("same-prefix-{}-{}", self.seed, self.random.next()).into()
    }

    /// A new value, or the value of a key that exists.
    fn provided(&mut self, before: &[Existing]) -> SecretString {
        match self.random.below(2) {
            0 if !before.is_empty() => before[self.random.below(before.len())].value.clone(),
            _ => self.own_value(),
        }
    }

    fn create(&mut self, call: Call) -> Result<String, String> {
        let provided = self.provided(&call.before);
        let request = call.client.create().description(self.name()).actions(SCOPE).collections(["*"]);
        let (request, name) = match self.random.below(4) {
            0 | 1 => (request, "create"),
            2 => (request.value(provided.clone()), "create, provided"),
            _ => (request.server_generated(), "create, by the server"),
        };
        let result = self.time(|| request.send());
        let can_conflict = name == "create, provided" && call.has_value(&provided);
        let allowed = Allowed { has_value: name != "create, by the server", can_conflict, ..Allowed::default() };
        let told = result.map(|key| Told { id: key.id, value: Some(key.value), deleted: BTreeSet::new() });
        self.check(name, call, &allowed, told)
    }

    fn delete(&mut self, mut call: Call) -> Result<String, String> {
        let request = self.direct.create().description(self.name()).actions(SCOPE).collections(["*"]);
        let key = request.send().unwrap();
        let id = key.id;
        call.before.push(Existing { info: key.info(), value: key.value, has_drifted: false });
        let result = self.time(|| call.client.delete(id).send());
        let allowed = Allowed { deletions: BTreeSet::from([id]), ..Allowed::default() };
        match result {
            Ok(deleted) if deleted != id => Err(format!("deleted {deleted} instead of {id}")),
            Err(error) if error.may_have_acted() && error.key_id() != Some(id) => Err(format!("no id: {error}")),
            result => {
                let told = result.map(|id| Told { id, value: None, deleted: BTreeSet::from([id]) });
                self.check("delete", call, &allowed, told)
            }
        }
    }

    fn ensure(&mut self, call: Call) -> Result<String, String> {
        // Not the value of a drifted key: a wanted key with the same prefix could not be distinguished from it.
        let of_scope: Vec<_> = call.before.iter().filter(|key| !key.has_drifted).collect();
        let provided = match of_scope.as_slice() {
            [] => self.own_value(),
            keys if self.random.below(2) == 0 => self.random.pick(keys).value.clone(),
            _ => self.own_value(),
        };
        let request = call.client.ensure(self.name()).actions(SCOPE).collections(["*"]);
        let (request, name) = match self.random.below(4) {
            0 => (request, "ensure"),
            1 => (request.value(provided.clone()), "ensure, provided"),
            _ => (request.replace_on_drift(true), "ensure, replacing"),
        };
        let result = self.time(|| request.send());
        let drifted = call.ids(|key| key.has_drifted);
        let is_provided = name == "ensure, provided";
        let allowed = Allowed {
            // Perhaps a key of the same scope exists with another value.
            can_conflict: is_provided && call.has_value(&provided),
            can_drift: !drifted.is_empty() || is_provided && !call.before.is_empty(),
            deletions: if name == "ensure, replacing" { drifted } else { BTreeSet::new() },
            has_value: true,
            deletes_after_creating: call.ids(|key| !key.has_drifted).is_empty(),
        };
        let told = result.map(|ensured| {
            let deleted = ensured.replaced.iter().copied().collect();
            let others: BTreeSet<_> =
                call.ids(|key| key.info.id != ensured.key.id).difference(&deleted).copied().collect();
            let duplicates = ensured.duplicates.iter().copied().collect::<BTreeSet<_>>();
            let are_told = duplicates == others;
            (Told { id: ensured.key.id, value: ensured.value, deleted }, are_told, ensured.created)
        });
        match told {
            Ok((_, false, _)) => Err(format!("{name}: duplicates are not told, of {:?}", call.ids(|_| true))),
            Ok((told, _, true)) if call.ids(|_| true).contains(&told.id) => {
                Err(format!("{name}: found, not created"))
            }
            Ok((told, ..)) => self.check(name, call, &allowed, Ok(told)),
            Err(error) => self.check(name, call, &allowed, Err(error)),
        }
    }

    fn rotate(&mut self, mut call: Call) -> Result<String, String> {
        if call.before.is_empty() {
            let request = self.direct.create().description(self.name()).actions(SCOPE).collections(["*"]);
            let key = request.value(self.own_value()).send().unwrap();
            call.before.push(Existing { info: key.info(), value: key.value, has_drifted: false });
        }
        let old = call.before[self.random.below(call.before.len())].info.id;
        let provided = self.provided(&call.before);
        let keep_old = self.random.below(3) == 0;
        let request = call.client.rotate(old).keep_old(keep_old).accept_majority(self.random.below(2) == 0);
        let (request, name) = match self.random.below(2) {
            0 => (request, "rotate"),
            _ => (request.value(provided.clone()), "rotate, provided"),
        };
        let result = self.time(|| request.send());
        let deletions = if keep_old { BTreeSet::new() } else { BTreeSet::from([old]) };
        let allowed = Allowed {
            can_conflict: name == "rotate, provided" && call.has_value(&provided),
            deletions: deletions.clone(),
            has_value: true,
            deletes_after_creating: true,
            ..Allowed::default()
        };
        match result {
            Ok(key) if call.ids(|_| true).contains(&key.id) => Err(format!("{name}: key {} is not new", key.id)),
            Ok(key) => {
                let told = Told { id: key.id, value: Some(key.value), deleted: deletions };
                self.check(name, call, &allowed, Ok(told))
            }
            Err(error) => self.check(name, call, &allowed, Err(error)),
        }
    }

    fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = call();
        self.took = started.elapsed();
        result
    }

    /// The contract of all operations. Returns the kind of the result, or how the result and the server's keys
    /// contradict each other.
    fn check(
        &self,
        name: &str,
        call: Call,
        allowed: &Allowed,
        result: Result<Told, Error>,
    ) -> Result<String, String> {
        let before = call.ids(|_| true);
        // Requests that are still under way arrive now.
        drop(call.proxies);
        let after: BTreeSet<KeyId> = self.keys().iter().map(|key| key.id).collect();
        let (deleted, created) = (&before - &after, &after - &before);
        let wrong = |why: &str| Err(format!("{name}: {why}; before {before:?}, after {after:?}: {result:?}"));
        if !deleted.is_subset(&allowed.deletions) {
            return wrong("a key was deleted that may not be");
        }
        if created.len() > 1 {
            return wrong("created more than one key");
        }
        let kind = match &result {
            Ok(told) if told.deleted != deleted => return wrong("what was deleted is not what is told"),
            Ok(told) if !after.contains(&told.id) && !deleted.contains(&told.id) => return wrong("no such key"),
            Ok(told) if created.iter().any(|id| *id != told.id) => return wrong("another key was created"),
            Ok(Told { id, value: Some(value), .. }) if !self.is_of(value, *id) => return wrong("not its value"),
            Ok(_) => "Ok".to_owned(),
            Err(error) if !error.may_have_acted() && before != after => return wrong("changed something"),
            Err(error) if !allowed.permits(error.kind()) => return wrong("no fault here can cause this"),
            Err(error) => {
                for id in &created {
                    match error.value() {
                        Some(value) if !self.is_of(value, *id) => return wrong("the value is not the new key's"),
                        None if allowed.has_value => return wrong("a lost value"),
                        _ => {}
                    }
                }
                if allowed.deletes_after_creating && created.is_empty() && !deleted.is_empty() {
                    return wrong("the old key is gone, and there is no new one");
                }
                error.kind().to_string()
            }
        };
        for id in self.keys().iter().map(|key| key.id) {
            self.direct.delete(id).send().unwrap();
        }
        Ok(format!("{name}: {kind}"))
    }

    fn name(&self) -> String {
        format!("run {}", self.seed)
    }

    /// This run's keys on the server.
    fn keys(&self) -> Vec<KeyInfo> {
        self.direct.list().description(self.name()).send().unwrap()
    }

    /// Whether key `id` has this value. Deletes the key: its value works before, and not after.
    fn is_of(&self, value: &SecretString, id: KeyId) -> bool {
        let status = || {
            let request = raw::Request::new("GET", &format!("/keys/{id}")).api_key(value.expose_secret());
            request.send(("127.0.0.1", self.server.port()), Duration::from_secs(10)).unwrap().status
        };
        status() == 200 && {
            self.direct.delete(id).send().unwrap();
            status() == 401
        }
    }
}

const OPERATIONS: [&str; 9] = [
    "create",
    "create, provided",
    "create, by the server",
    "delete",
    "ensure",
    "ensure, provided",
    "ensure, replacing",
    "rotate",
    "rotate, provided",
];

/// Both scopes allow `keys:get`, which shows whether a value works.
const SCOPE: [&str; 1] = ["keys:get"];
const OTHER_SCOPE: [&str; 2] = ["keys:get", "keys:list"];

/// A client behind faulty proxies, and the keys that exist before it is used.
struct Call {
    client: KeysClient,
    proxies: Vec<Scripted>,
    before: Vec<Existing>,
}

struct Existing {
    info: KeyInfo,
    value: SecretString,
    has_drifted: bool,
}

impl Call {
    fn ids(&self, which: impl Fn(&Existing) -> bool) -> BTreeSet<KeyId> {
        self.before.iter().filter(|key| which(key)).map(|key| key.info.id).collect()
    }

    fn has_value(&self, value: &SecretString) -> bool {
        self.before.iter().any(|key| key.value.expose_secret() == value.expose_secret())
    }
}

/// What a successful call reports.
#[derive(Debug)]
struct Told {
    /// The key that exists or was deleted.
    id: KeyId,
    value: Option<SecretString>,
    deleted: BTreeSet<KeyId>,
}

/// What a call may do and report.
#[derive(Default)]
struct Allowed {
    deletions: BTreeSet<KeyId>,
    /// Whether the client knows the value of the key that the call creates.
    has_value: bool,
    can_conflict: bool,
    can_drift: bool,
    /// Whether the call may delete a key only if a new one exists.
    deletes_after_creating: bool,
}

impl Allowed {
    fn permits(&self, kind: ErrorKind) -> bool {
        match kind {
            ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Unavailable => true,
            ErrorKind::NodesUnavailable | ErrorKind::OutcomeUnknown | ErrorKind::Incomplete => true,
            ErrorKind::Conflict => self.can_conflict,
            ErrorKind::Drift => self.can_drift,
            // Not every node has confirmed the wanted key that exists already, so the drifted one stays.
            ErrorKind::NotReplicated => self.can_drift && !self.deletions.is_empty(),
            _ => false,
        }
    }
}
