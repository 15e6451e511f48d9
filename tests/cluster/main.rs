//! A real cluster of three nodes that are killed, stopped and restarted. Afterwards, every key on the cluster is one
//! that a call has reported, and no call has ended later than its deadline.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail loudly")]

mod lifecycle;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use support::harness::{self, Subject, cases, or_ignore};
use support::time::{HANG, wait_until};
use support::{Cluster, raw};
use typesense_keys::{CreateKey, Error, KeyId, KeyInfo, KeysClient};

/// A call may end this long after its deadline. The crate promises 100 ms; the rest is for a machine that is busy with
/// many servers. A call that its deadline does not end takes much longer.
const LATE: Duration = Duration::from_secs(5);

/// Clusters that no test uses now. Each test has a cluster of its own meanwhile, so that several can run at once.
#[derive(Default)]
struct Clusters(Mutex<Vec<Cluster>>);

fn main() -> ExitCode {
    harness::run_on(
        || support::find_server_binary().map(|_| Clusters::default()),
        &[],
        // Those that take longest come first.
        &[
            (
                "plan_applied_while_the_leader_dies_and_again_after_that_leads_to_one_key_for_each_spec",
                lifecycle::plan,
            ),
            (
                "runs_of_ensure_while_the_leader_dies_are_completed_by_the_next_run",
                lifecycle::eight_runs_of_ensure_without_leader,
            ),
            (
                "runs_of_ensure_with_a_value_while_the_leader_dies_are_completed_by_the_next_run",
                lifecycle::eight_runs_of_ensure_with_a_value_without_leader,
            ),
            ("rolling_restart_under_load_loses_no_key", rolling_restart),
            ("rotations_while_the_leader_dies_report_every_key_that_exists", lifecycle::rotations),
            ("stopped_leader_delays_no_call_beyond_its_deadline", stopped_leader),
            ("every_node_knows_a_key_after_waiting_for_replication", every_node_knows),
            ("leader_alone_ends_calls_with_outcome_unknown_at_the_deadline", |clusters| quorum_lost(clusters, true)),
            ("follower_alone_ends_calls_with_outcome_unknown_at_the_deadline", |clusters| {
                quorum_lost(clusters, false)
            }),
            ("calls_succeed_if_the_leader_regains_its_quorum_before_the_deadline", |clusters| {
                quorum_lost_and_regained(clusters, true);
            }),
            ("calls_succeed_if_a_follower_regains_its_quorum_before_the_deadline", |clusters| {
                quorum_lost_and_regained(clusters, false);
            }),
            ("create_just_after_the_leader_died_succeeds", leader_killed),
            ("concurrent_calls_while_the_leader_dies_lose_no_key", storm),
            ("create_many_while_the_leader_dies_creates_each_key_once", lifecycle::many_keys),
            ("eight_simultaneous_runs_of_ensure_end_with_one_key", lifecycle::eight_runs_of_ensure),
            ("killed_or_stopped_node_is_named_in_not_replicated", absent_nodes_are_named),
            ("call_waits_for_a_node_that_restarts", restarted_node),
        ],
    )
}

impl Subject for Clusters {
    const SIDE_BY_SIDE: usize = 7;

    fn describe(&self) -> String {
        format!("up to {} Typesense clusters of three nodes", Self::SIDE_BY_SIDE)
    }
}

/// Runs a test on a cluster that is healthy and has no keys. A cluster whose test has failed is not used again.
fn with(clusters: &Clusters, test: impl FnOnce(&mut Cluster)) {
    let free = clusters.0.lock().unwrap().pop();
    let mut cluster = free.unwrap_or_else(|| or_ignore(Cluster::start()));
    cluster.mend();
    let client = client(&cluster);
    for key in agreed_keys(&cluster) {
        client.delete(key.id).send().unwrap();
    }
    test(&mut cluster);
    clusters.0.lock().unwrap().push(cluster);
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

/// Each request has a description of its own, because a key is looked up by its description and four characters after
/// a lost response.
fn request(client: &KeysClient) -> CreateKey {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let description = format!("cluster {}", COUNT.fetch_add(1, Ordering::Relaxed));
    client.create().description(description).actions(["keys:get"]).collections(["*"])
}

/// The keys of the cluster, once all nodes list the same keys.
fn agreed_keys(cluster: &Cluster) -> Vec<KeyInfo> {
    let started = Instant::now();
    let clients = [0, 1, 2].map(|index| only(cluster, index));
    let mut before = None;
    loop {
        let lists = clients.each_ref().map(|client| client.list().send().unwrap());
        let agreed = (lists[0] == lists[1] && lists[1] == lists[2]).then(|| lists[0].clone());
        // The same list twice: no write is on its way any more.
        if agreed.is_some() && agreed == before {
            return lists[0].clone();
        }
        assert!(started.elapsed() < HANG, "the nodes list different keys: {lists:?}");
        before = agreed;
        thread::sleep(Duration::from_millis(500));
    }
}

/// The results of all calls of one test.
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

    /// Lets every node run, and compares the results with the keys on the cluster. `existed`: keys from before the test.
    fn settle(&self, cluster: &mut Cluster, existed: &[KeyId]) {
        cluster.mend();
        let keys = agreed_keys(cluster);
        let has = |id: KeyId| keys.iter().filter(|key| key.id == id).count();
        for id in &self.deleted {
            assert_eq!(has(*id), 0, "key {id} was deleted, but exists");
        }
        for (id, value) in &self.created {
            if !self.deleted.contains(id) && !self.perhaps_deleted.contains(id) {
                assert_eq!(has(*id), 1, "key {id} was created, but does not exist");
                for node in 0..3 {
                    assert_eq!(
                        status(cluster, node, value, *id),
                        200,
                        "node {node} does not accept the value of key {id}"
                    );
                }
            }
        }
        let known = |id: KeyId| existed.contains(&id) || self.created.iter().any(|(created, _)| *created == id);
        let unreported: Vec<_> = keys.iter().filter(|key| !known(key.id)).collect();
        for key in &unreported {
            let is_perhaps = |value: &SecretString| value.expose_secret().starts_with(&key.prefix);
            assert!(self.perhaps_created.iter().any(is_perhaps), "no call has reported {key:?}");
        }
        assert!(unreported.len() <= self.perhaps_created.len(), "one create made several keys: {unreported:?}");
        assert!(self.overshoot < LATE, "a call ended {:?} after its deadline", self.overshoot);
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

fn every_node_knows(clusters: &Clusters) {
    with(clusters, |cluster| {
        let client = client(cluster);
        for _ in 0..cases(20) {
            let key = request(&client).wait_for_replication(Duration::from_secs(10)).send().unwrap();
            assert_eq!([0, 1, 2].map(|node| status(cluster, node, &key.value, key.id)), [200; 3]);
            client.delete(key.id).wait_for_replication(Duration::from_secs(10)).send().unwrap();
            assert_eq!([0, 1, 2].map(|node| status(cluster, node, &key.value, key.id)), [401; 3]);
        }
    });
}

fn absent_nodes_are_named(clusters: &Clusters) {
    with(clusters, |cluster| {
        let follower = (cluster.leader() + 1) % 3;
        let limit = Duration::from_secs(3);
        for disable in [Cluster::kill as fn(&mut Cluster, usize), |cluster, node| cluster.stop(node)] {
            disable(cluster, follower);
            let client = client(cluster);
            let started = Instant::now();
            let Err(Error::NotReplicated(lag)) = request(&client).wait_for_replication(limit).send() else {
                panic!("the call succeeded although a node cannot know the key");
            };
            // The create itself may first have tried that node.
            assert!(started.elapsed() < limit + Duration::from_secs(3) + LATE, "{:?}", started.elapsed());
            let named: Vec<_> = lag.nodes.iter().map(|node| node.node.clone()).collect();
            assert_eq!(named, [cluster.node(follower).url()], "{lag}");
            let key = lag.key.unwrap();
            assert_eq!(client.get(key.id).send().unwrap().id, key.id);
            cluster.mend();
        }
    });
}

fn leader_killed(clusters: &Clusters) {
    with(clusters, |cluster| {
        let (client, mut ledger) = (client(cluster), Ledger::default());
        cluster.kill(cluster.leader());
        ledger.create(&client, Duration::from_secs(30));
        assert_eq!(ledger.created.len(), 1, "no key within 30 s");
        ledger.settle(cluster, &[]);
    });
}

fn storm(clusters: &Clusters) {
    with(clusters, |cluster| {
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

fn stopped_leader(clusters: &Clusters) {
    with(clusters, |cluster| {
        let (client, mut ledger) = (client(cluster), Ledger::default());
        let leader = cluster.leader();
        cluster.stop(leader);
        for _ in 0..10 {
            ledger.create(&client, Duration::from_secs(40));
        }
        assert_eq!(ledger.created.len(), 10);
        // It returns with writes that it has accepted and that no other node knows.
        cluster.cont(leader);
        ledger.settle(cluster, &[]);
    });
}

/// One node stays: the leader, which accepts writes and cannot respond, or a follower. The others are killed. Returns
/// the killed nodes.
fn kill_the_quorum(cluster: &mut Cluster, leader_stays: bool) -> Vec<usize> {
    let leader = cluster.leader();
    let staying = if leader_stays { leader } else { (leader + 1) % 3 };
    let killed: Vec<_> = (0..3).filter(|node| *node != staying).collect();
    killed.iter().for_each(|node| cluster.kill(*node));
    killed
}

fn quorum_lost_and_regained(clusters: &Clusters, leader_stays: bool) {
    with(clusters, |cluster| {
        let (client, mut ledger) = (client(cluster), Ledger::default());
        let killed = kill_the_quorum(cluster, leader_stays);
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
            killed.iter().for_each(|node| cluster.restart(*node));
            threads.into_iter().for_each(|thread| ledger.merge(thread.join().unwrap()));
        });
        assert_eq!(ledger.created.len(), 4);
        ledger.settle(cluster, &[]);
    });
}

fn quorum_lost(clusters: &Clusters, leader_stays: bool) {
    with(clusters, |cluster| {
        // The attempt timeout is long, so that only the deadline of the call can end an attempt in time.
        let (client, mut ledger) = (client_with(cluster, Duration::from_secs(20)), Ledger::default());
        kill_the_quorum(cluster, leader_stays);
        for timeout in [1_000, 2_500, 5_000] {
            ledger.create(&client, Duration::from_millis(timeout));
        }
        assert_eq!((ledger.created.len(), ledger.perhaps_created.len()), (0, 3));
        ledger.settle(cluster, &[]);
    });
}

fn restarted_node(clusters: &Clusters) {
    with(clusters, |cluster| {
        let key = request(&client(cluster)).wait_for_replication(Duration::from_secs(10)).send().unwrap();
        let follower = (cluster.leader() + 1) % 3;
        cluster.kill(follower);
        cluster.restart(follower);
        // While the node starts, it refuses connections, and then responds that it is not ready. The client must wait,
        // and must not report an empty list.
        let (client, started) = (only(cluster, follower), Instant::now());
        let keys = client.list().send().unwrap();
        println!("read {} key after {:.1?}", keys.len(), started.elapsed());
        // A node that has just become ready may for a moment know only an older state (seen with 0.24.1).
        wait_until("the node knows the key again", || match client.get(key.id).send() {
            Ok(found) => found.id == key.id,
            Err(Error::NotFound { .. }) => false,
            Err(error) => panic!("{error}"),
        });
    });
}

fn rolling_restart(clusters: &Clusters) {
    with(clusters, |cluster| {
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
