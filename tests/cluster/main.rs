//! A real cluster of three at its worst: afterwards every key is accounted for, and no call was late.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail loudly")]

mod lifecycle;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use support::harness::{self, Subject};
use support::time::{HANG, wait_until};
use support::{Cluster, raw};
use typesense_keys::{CreateKey, Error, KeyId, KeyInfo, KeysClient};

/// Beyond its deadline, a call may need this much: the promise is 100 ms, the rest is for a machine that is busy with
/// three servers which start up, and with more. A call that its deadline does not end takes much longer.
const LATE: Duration = Duration::from_secs(5);

type Shared = Mutex<Cluster>;

fn main() -> ExitCode {
    harness::run_on(
        || Cluster::start().map(Mutex::new),
        &[],
        &[
            ("every_node_knows_a_key_after_waiting_for_replication", every_node_knows),
            ("node_that_is_down_or_stopped_is_named_in_not_replicated", absent_nodes_are_named),
            ("create_just_after_the_leader_died_succeeds", leader_killed),
            ("concurrent_calls_while_the_leader_dies_lose_nothing", storm),
            ("stopped_leader_delays_no_call_beyond_its_deadline", stopped_leader),
            ("quorum_that_is_lost_and_regained_within_the_deadline_loses_nothing", quorum_lost_and_regained),
            ("quorum_that_stays_lost_ends_in_outcome_unknown_at_the_deadline", quorum_lost),
            ("node_that_restarts_is_waited_for", restarted_node),
            ("rolling_restart_under_load_loses_nothing", rolling_restart),
            ("eight_runs_of_ensure_at_once_end_with_one_key", lifecycle::eight_runs_of_ensure),
            (
                "interrupted_runs_of_ensure_are_completed_by_the_next_run",
                lifecycle::eight_runs_of_ensure_without_leader,
            ),
            ("rotations_while_the_leader_dies_say_which_keys_exist", lifecycle::rotations),
            ("create_many_while_the_leader_dies_creates_each_key_once", lifecycle::many_keys),
            ("plan_applied_while_the_leader_dies_and_again_leads_to_one_key_each", lifecycle::plan),
        ],
    )
}

impl Subject for Shared {
    const ONE_BY_ONE: bool = true;

    fn describe(&self) -> String {
        let cluster = self.lock().unwrap();
        format!("a Typesense cluster of three, {}", cluster.urls().join(", "))
    }
}

/// One test at a time has the cluster; each finds it healthy and without keys.
fn with(cluster: &Shared, test: impl FnOnce(&mut Cluster)) {
    let mut cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
    cluster.mend();
    let client = client(&cluster);
    for key in agreed_keys(&cluster) {
        client.delete(key.id).send().unwrap();
    }
    test(&mut cluster);
}

fn client(cluster: &Cluster) -> KeysClient {
    client_with(cluster, Duration::from_secs(3))
}

fn client_with(cluster: &Cluster, attempt_timeout: Duration) -> KeysClient {
    let builder = KeysClient::builder().nodes(cluster.urls()).api_key(cluster.api_key());
    builder.timeout(Duration::from_secs(40)).attempt_timeout(attempt_timeout).build().unwrap()
}

fn only(cluster: &Cluster, index: usize) -> KeysClient {
    let builder = KeysClient::builder().node(cluster.node(index).url()).api_key(cluster.api_key());
    builder.timeout(Duration::from_secs(40)).attempt_timeout(Duration::from_secs(3)).build().unwrap()
}

/// Each with a description of its own: after a lost response, a key is looked up by that and four bytes.
fn request(client: &KeysClient) -> CreateKey {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let description = format!("cluster {}", COUNT.fetch_add(1, Ordering::Relaxed));
    client.create().description(description).actions(["keys:get"]).collections(["*"])
}

/// The keys on which all nodes have come to agree.
fn agreed_keys(cluster: &Cluster) -> Vec<KeyInfo> {
    let started = Instant::now();
    let clients = [0, 1, 2].map(|index| only(cluster, index));
    let mut before = None;
    loop {
        let lists = clients.each_ref().map(|client| client.list().send().unwrap());
        let agreed = (lists[0] == lists[1] && lists[1] == lists[2]).then(|| lists[0].clone());
        // Twice the same: nothing is on its way any more.
        if agreed.is_some() && agreed == before {
            return lists[0].clone();
        }
        assert!(started.elapsed() < HANG, "the nodes never agree: {lists:?}");
        before = agreed;
        thread::sleep(Duration::from_millis(500));
    }
}

/// What the calls of one test came to.
#[derive(Default)]
struct Ledger {
    created: Vec<(KeyId, SecretString)>,
    deleted: Vec<KeyId>,
    /// Values of keys that may exist.
    perhaps_created: Vec<SecretString>,
    perhaps_deleted: Vec<KeyId>,
    longest: Duration,
    overshoot: Duration,
}

impl Ledger {
    fn create(&mut self, client: &KeysClient, timeout: Duration) {
        let started = Instant::now();
        let result = request(client).timeout(timeout).send();
        self.time(started.elapsed(), timeout);
        match result {
            Ok(key) => self.created.push((key.id, key.value)),
            Err(Error::OutcomeUnknown(unknown)) => self.perhaps_created.push(unknown.value.unwrap()),
            Err(error) => println!("not created: {error}"),
        }
    }

    fn delete(&mut self, client: &KeysClient, id: KeyId, timeout: Duration) {
        let started = Instant::now();
        let result = client.delete(id).timeout(timeout).send();
        self.time(started.elapsed(), timeout);
        match result {
            Ok(_) => self.deleted.push(id),
            Err(Error::OutcomeUnknown(_)) => self.perhaps_deleted.push(id),
            Err(error) => println!("not deleted: {error}"),
        }
    }

    fn time(&mut self, took: Duration, timeout: Duration) {
        self.longest = self.longest.max(took);
        self.overshoot = self.overshoot.max(took.saturating_sub(timeout));
    }

    fn merge(&mut self, other: Ledger) {
        self.created.extend(other.created);
        self.deleted.extend(other.deleted);
        self.perhaps_created.extend(other.perhaps_created);
        self.perhaps_deleted.extend(other.perhaps_deleted);
        self.longest = self.longest.max(other.longest);
        self.overshoot = self.overshoot.max(other.overshoot);
    }

    /// Compares with what the cluster has. `existed`: keys from before.
    fn settle(&self, cluster: &mut Cluster, existed: &[KeyId]) {
        cluster.mend();
        let keys = agreed_keys(cluster);
        let has = |id: KeyId| keys.iter().filter(|key| key.id == id).count();
        for id in &self.deleted {
            assert_eq!(has(*id), 0, "deleted, but there: {id}");
        }
        for (id, value) in &self.created {
            if !self.deleted.contains(id) && !self.perhaps_deleted.contains(id) {
                assert_eq!(has(*id), 1, "created, but not there: {id}");
                for node in 0..3 {
                    assert_eq!(status(cluster, node, value, *id), 200, "the value of key {id} allows nothing");
                }
            }
        }
        let known = |id: KeyId| existed.contains(&id) || self.created.iter().any(|(created, _)| *created == id);
        let unaccounted: Vec<_> = keys.iter().filter(|key| !known(key.id)).collect();
        for key in &unaccounted {
            let is_perhaps = |value: &SecretString| value.expose_secret().starts_with(&key.prefix);
            assert!(self.perhaps_created.iter().any(is_perhaps), "an orphan: {key:?}");
        }
        assert!(unaccounted.len() <= self.perhaps_created.len(), "duplicates: {unaccounted:?}");
        assert!(self.overshoot < LATE, "a call was late by {:?}", self.overshoot);
        println!(
            "{} created, {} deleted, {} in doubt; longest call {:.1?}, largest overshoot {:.1?}",
            self.created.len(),
            self.deleted.len(),
            self.perhaps_created.len() + self.perhaps_deleted.len(),
            self.longest,
            self.overshoot
        );
    }
}

fn status(cluster: &Cluster, node: usize, value: &SecretString, id: KeyId) -> u16 {
    let request = raw::Request::new("GET", &format!("/keys/{id}")).api_key(value.expose_secret());
    request.send(("127.0.0.1", cluster.node(node).port()), Duration::from_secs(10)).unwrap().status
}

fn every_node_knows(cluster: &Shared) {
    with(cluster, |cluster| {
        let client = client(cluster);
        for _ in 0..20 {
            let key = request(&client).wait_for_replication(Duration::from_secs(10)).send().unwrap();
            assert_eq!([0, 1, 2].map(|node| status(cluster, node, &key.value, key.id)), [200; 3]);
            client.delete(key.id).wait_for_replication(Duration::from_secs(10)).send().unwrap();
            assert_eq!([0, 1, 2].map(|node| status(cluster, node, &key.value, key.id)), [401; 3]);
        }
    });
}

fn absent_nodes_are_named(cluster: &Shared) {
    with(cluster, |cluster| {
        let follower = (cluster.leader() + 1) % 3;
        let limit = Duration::from_secs(3);
        for take_away in [Cluster::kill as fn(&mut Cluster, usize), |cluster, node| cluster.stop(node)] {
            take_away(cluster, follower);
            let client = client(cluster);
            let started = Instant::now();
            let Err(Error::NotReplicated(lag)) = request(&client).wait_for_replication(limit).send() else {
                panic!("a node that is away knows of the key");
            };
            // The create itself may first have tried the node that is away.
            assert!(started.elapsed() < limit + Duration::from_secs(3) + LATE, "{:?}", started.elapsed());
            let named: Vec<_> = lag.nodes.iter().map(|node| node.node().to_owned()).collect();
            assert_eq!(named, [cluster.node(follower).url()], "{lag}");
            let key = lag.key.unwrap();
            assert_eq!(client.get(key.id).send().unwrap().id, key.id);
            cluster.mend();
        }
    });
}

fn leader_killed(cluster: &Shared) {
    with(cluster, |cluster| {
        let (client, mut ledger) = (client(cluster), Ledger::default());
        cluster.kill(cluster.leader());
        ledger.create(&client, Duration::from_secs(30));
        assert_eq!(ledger.created.len(), 1, "no key within 30 s");
        ledger.settle(cluster, &[]);
    });
}

fn storm(cluster: &Shared) {
    with(cluster, |cluster| {
        let client = client(cluster);
        let existing: Vec<_> = (0..200).map(|_| request(&client).send().unwrap().id).collect();
        let (done, leader) = (AtomicUsize::new(0), cluster.leader());
        let mut ledger = Ledger::default();
        thread::scope(|scope| {
            let threads: Vec<_> = existing
                .chunks(50)
                .map(|mine| {
                    let (client, done) = (&client, &done);
                    scope.spawn(move || {
                        let mut ledger = Ledger::default();
                        for id in mine {
                            ledger.create(client, Duration::from_secs(30));
                            ledger.delete(client, *id, Duration::from_secs(30));
                            done.fetch_add(2, Ordering::Relaxed);
                        }
                        ledger
                    })
                })
                .collect();
            while done.load(Ordering::Relaxed) < 150 {
                thread::sleep(Duration::from_millis(1));
            }
            cluster.kill(leader);
            threads.into_iter().for_each(|thread| ledger.merge(thread.join().unwrap()));
        });
        assert_eq!((ledger.created.len(), ledger.deleted.len()), (200, 200));
        ledger.settle(cluster, &existing);
    });
}

fn stopped_leader(cluster: &Shared) {
    with(cluster, |cluster| {
        let (client, mut ledger) = (client(cluster), Ledger::default());
        let leader = cluster.leader();
        cluster.stop(leader);
        for _ in 0..10 {
            ledger.create(&client, Duration::from_secs(40));
        }
        assert_eq!(ledger.created.len(), 10);
        // It comes back with writes that it had accepted and nobody else knows.
        cluster.cont(leader);
        ledger.settle(cluster, &[]);
    });
}

fn quorum_lost_and_regained(cluster: &Shared) {
    with(cluster, |cluster| {
        // Once with the leader left, which accepts writes and cannot respond, and once with a follower.
        for leader_is_left in [true, false] {
            let (client, mut ledger) = (client(cluster), Ledger::default());
            let existing: Vec<_> = agreed_keys(cluster).iter().map(|key| key.id).collect();
            let leader = cluster.leader();
            let left = if leader_is_left { leader } else { (leader + 1) % 3 };
            let others: Vec<_> = (0..3).filter(|node| *node != left).collect();
            others.iter().for_each(|node| cluster.kill(*node));
            thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            let mut ledger = Ledger::default();
                            ledger.create(&client, Duration::from_secs(60));
                            ledger
                        })
                    })
                    .collect();
                thread::sleep(Duration::from_secs(4));
                others.iter().for_each(|node| cluster.restart(*node));
                threads.into_iter().for_each(|thread| ledger.merge(thread.join().unwrap()));
            });
            assert_eq!(ledger.created.len(), 4, "leader left: {leader_is_left}");
            ledger.settle(cluster, &existing);
        }
    });
}

fn quorum_lost(cluster: &Shared) {
    with(cluster, |cluster| {
        for leader_is_left in [true, false] {
            // Attempts that nothing but the deadline of the call ends before it is much too late.
            let (client, mut ledger) = (client_with(cluster, Duration::from_secs(20)), Ledger::default());
            let existing: Vec<_> = agreed_keys(cluster).iter().map(|key| key.id).collect();
            let leader = cluster.leader();
            let left = if leader_is_left { leader } else { (leader + 1) % 3 };
            (0..3).filter(|node| *node != left).for_each(|node| cluster.kill(node));
            for timeout in [1_000, 2_500, 5_000] {
                ledger.create(&client, Duration::from_millis(timeout));
            }
            assert_eq!((ledger.created.len(), ledger.perhaps_created.len()), (0, 3));
            ledger.settle(cluster, &existing);
        }
    });
}

fn restarted_node(cluster: &Shared) {
    with(cluster, |cluster| {
        let key = request(&client(cluster)).wait_for_replication(Duration::from_secs(10)).send().unwrap();
        let follower = (cluster.leader() + 1) % 3;
        cluster.kill(follower);
        cluster.restart(follower);
        // While it starts, it refuses connections and is not ready; it must not be taken for a node without keys.
        let (client, started) = (only(cluster, follower), Instant::now());
        let keys = client.list().send().unwrap();
        println!("read {} key after {:.1?}", keys.len(), started.elapsed());
        // Once it is ready, it may for a moment know only what it knew some time ago (seen with 0.24.1).
        wait_until("the node knows the key again", || match client.get(key.id).send() {
            Ok(found) => found.id == key.id,
            Err(Error::NotFound { .. }) => false,
            Err(error) => panic!("{error}"),
        });
    });
}

fn rolling_restart(cluster: &Shared) {
    with(cluster, |cluster| {
        let (client, is_over) = (client(cluster), AtomicBool::new(false));
        let mut ledger = Ledger::default();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut ledger = Ledger::default();
                        while !is_over.load(Ordering::Relaxed) {
                            ledger.create(&client, Duration::from_secs(40));
                            if let Some((id, _)) = ledger.created.last().filter(|_| ledger.created.len() % 2 == 0) {
                                let id = *id;
                                ledger.delete(&client, id, Duration::from_secs(40));
                            }
                            thread::sleep(Duration::from_millis(20));
                        }
                        ledger
                    })
                })
                .collect();
            for node in 0..3 {
                cluster.kill(node);
                thread::sleep(Duration::from_secs(1));
                cluster.restart(node);
                cluster.wait_healthy();
                thread::sleep(Duration::from_secs(1));
            }
            is_over.store(true, Ordering::Relaxed);
            threads.into_iter().for_each(|thread| ledger.merge(thread.join().unwrap()));
        });
        assert!(ledger.created.len() > 20, "{}", ledger.created.len());
        ledger.settle(cluster, &[]);
    });
}
