//! Creates and deletes through faulty proxies in front of a real server: afterwards every key on the server is
//! accounted for.
//!
//! `SEED=7` repeats one run; it is printed when a run fails.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail loudly")]

mod support;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use support::proxy::{FAULTS, Fault, Plan, Proxy};
use support::{Random, Server, harness, raw};
use typesense_keys::{Error, KeyId, KeyInfo, KeysClient};

const RUNS: u64 = 1_200;
const THREADS: u64 = 8;
const TIMEOUT: Duration = Duration::from_millis(900);
const ATTEMPT: Duration = Duration::from_millis(150);
const SLOW: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    // A server of its own: the tests count keys.
    harness::run_on(Server::start, &[("no_key_is_lost_or_made_twice", no_key_is_lost_or_made_twice)])
}

fn no_key_is_lost_or_made_twice(server: &Server) {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap()..=seed.parse().unwrap(),
        Err(_) => 1..=RUNS,
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
}

/// What all runs came to.
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
    /// What was done to each request, in order.
    faults: Arc<Mutex<Vec<Fault>>>,
    took: Duration,
}

impl<'a> Run<'a> {
    fn new(seed: u64, server: &'a Server) -> Run<'a> {
        let direct = KeysClient::builder().node(server.url()).api_key(server.api_key()).build().unwrap();
        Run { seed, random: Random::new(seed), server, direct, faults: Arc::default(), took: Duration::ZERO }
    }

    /// Up to four faults and then none, or the same one for ever.
    fn plan(&mut self) -> Plan {
        let faults = Arc::clone(&self.faults);
        let (seed, count) = (self.random.next(), self.random.below(5));
        let for_ever = (self.random.below(6) == 0).then(|| self.random.pick(&FAULTS));
        let mut random = Random::new(seed);
        let mut asked = 0;
        Arc::new(Mutex::new(move || {
            asked += 1;
            let fault = for_ever.unwrap_or(if asked > count { Fault::None } else { random.pick(&FAULTS) });
            faults.lock().unwrap().push(fault);
            fault
        }))
    }

    /// The kind of result; or what does not add up.
    fn go(&mut self) -> Result<String, String> {
        let plan = self.plan();
        let nodes = 1 + self.random.below(3);
        let proxies: Vec<_> = (0..nodes).map(|_| Proxy::start(self.server.port(), SLOW, Arc::clone(&plan))).collect();
        let client = KeysClient::builder()
            .nodes(proxies.iter().map(Proxy::url))
            .api_key(self.server.api_key())
            .timeout(TIMEOUT)
            .attempt_timeout(ATTEMPT)
            .build()
            .unwrap();
        // Every other client has connections open already, which may be cut when they are used again.
        if self.random.below(2) == 0 {
            _ = client.list().send();
        }
        match self.random.below(8) {
            0..3 => self.create(&client, proxies, Value::Drawn),
            3 => self.create(&client, proxies, Value::Provided),
            4 => self.create(&client, proxies, Value::ByServer),
            _ => self.delete(&client, proxies),
        }
    }

    fn create(&mut self, client: &KeysClient, proxies: Vec<Proxy>, value: Value) -> Result<String, String> {
        let own = SecretString::from(format!("value-of-run-{}-{}", self.seed, self.random.next()));
        let request = client.create().description(self.name()).actions(["keys:get"]).collections(["*"]);
        let request = match value {
            Value::Drawn => request,
            Value::Provided => request.value(own),
            Value::ByServer => request.server_generated(),
        };
        let started = Instant::now();
        let result = request.send();
        self.took = started.elapsed();
        // What is still on its way arrives now.
        drop(proxies);
        let keys = self.keys();
        let kind = match (result, keys.as_slice()) {
            (Ok(key), [only]) if only.id == key.id => {
                self.allows(&key.value, key.id)?;
                "Ok"
            }
            (Ok(key), keys) => return Err(format!("Ok with id {}, but on the server: {keys:?}", key.id)),
            (Err(Error::OutcomeUnknown(unknown)), [] | [_]) => {
                if unknown.value().is_some() != (value != Value::ByServer) {
                    return Err(format!("a lost value: {unknown}"));
                }
                if let (Some(value), [key]) = (unknown.value(), keys.as_slice()) {
                    self.allows(value, key.id)?;
                }
                "OutcomeUnknown"
            }
            (Err(error), []) => kind(&error),
            (Err(error), keys) => return Err(format!("orphans or duplicates after {error}: {keys:?}")),
        };
        for key in keys {
            self.direct.delete(key.id).send().unwrap();
        }
        Ok(format!("create {value:?}: {kind}"))
    }

    fn delete(&mut self, client: &KeysClient, proxies: Vec<Proxy>) -> Result<String, String> {
        let request = self.direct.create().description(self.name()).actions(["keys:get"]).collections(["*"]);
        let id = request.send().unwrap().id;
        let started = Instant::now();
        let result = client.delete(id).send();
        self.took = started.elapsed();
        drop(proxies);
        let keys = self.keys();
        let kind = match (&result, keys.as_slice()) {
            (Ok(deleted), []) if *deleted == id => "Ok",
            (Err(Error::OutcomeUnknown(unknown)), _) if unknown.key_id() == Some(id) => "OutcomeUnknown",
            (Err(error), [_]) => kind(error),
            _ => return Err(format!("{result:?}, but on the server: {keys:?}")),
        };
        for key in keys {
            self.direct.delete(key.id).send().unwrap();
        }
        Ok(format!("delete: {kind}"))
    }

    fn name(&self) -> String {
        format!("run {}", self.seed)
    }

    /// This run's keys, as the server itself tells.
    fn keys(&self) -> Vec<KeyInfo> {
        let all = self.direct.list().send().unwrap();
        all.into_iter().filter(|key| key.description == self.name()).collect()
    }

    fn allows(&self, value: &SecretString, id: KeyId) -> Result<(), String> {
        let request = raw::Request::new("GET", &format!("/keys/{id}")).api_key(value.expose_secret());
        let reply = request.send(("127.0.0.1", self.server.port()), Duration::from_secs(10)).unwrap();
        if reply.status == 200 {
            Ok(())
        } else {
            Err(format!("the value of key {id} opens nothing: {}", reply.status))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Drawn,
    Provided,
    ByServer,
}

/// An error's variant. None of these is for a call that the server may have carried out.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Connection { .. } => "Connection",
        Error::Timeout { .. } => "Timeout",
        Error::Unavailable(_) => "Unavailable",
        other => panic!("an error that no fault here can cause: {other}"),
    }
}
