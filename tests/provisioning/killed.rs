//! The example `tenants`, killed at random moments on a real server and on a cluster.

use std::any::Any;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::FakeServer;
use typesense_keys::{KeyInfo, KeysClient};

use super::support::example::printed;
use super::support::{Cluster, Random, Server, Unavailable, harness, raw};
use super::{Differences, Tenants};

/// A real server or cluster, or a fake one where no real one can be had; with `CI=true`, it must be real.
struct Target {
    nodes: Vec<String>,
    api_key: String,
    _server: Box<dyn Any>,
}

impl Target {
    fn server() -> Self {
        let server = Server::start().map(|server| (vec![server.url()], server.api_key().to_owned(), server));
        Self::real_or_fake(server, || {
            let server = FakeServer::start().unwrap();
            (vec![server.url()], server.api_key().expose_secret().to_owned(), server)
        })
    }

    fn cluster() -> Self {
        let cluster = Cluster::start().map(|cluster| (cluster.urls(), cluster.api_key().to_owned(), cluster));
        Self::real_or_fake(cluster, || {
            let nodes = FakeServer::cluster::<3>().unwrap();
            (nodes.iter().map(FakeServer::url).collect(), nodes[0].api_key().expose_secret().to_owned(), nodes)
        })
    }

    fn real_or_fake<R: 'static, F: 'static>(
        real: Result<(Vec<String>, String, R), Unavailable>,
        fake: impl FnOnce() -> (Vec<String>, String, F),
    ) -> Self {
        match real {
            Ok((nodes, api_key, server)) => Self { nodes, api_key, _server: Box::new(server) },
            Err(unavailable) => {
                assert!(!harness::server_is_required(), "CI=true requires a real server: {unavailable}");
                println!("no real server, so a fake one: {unavailable}");
                let (nodes, api_key, server) = fake();
                Self { nodes, api_key, _server: Box::new(server) }
            }
        }
    }

    /// The keys, once all nodes list the same: a node may lag.
    fn keys(&self) -> Vec<KeyInfo> {
        let list = |node: &String| {
            let client = KeysClient::builder().node(node).api_key(self.api_key.as_str()).build().unwrap();
            client.list().send().unwrap()
        };
        for _ in 0..100 {
            let lists: Vec<_> = self.nodes.iter().map(list).collect();
            if lists.iter().all(|keys| *keys == lists[0]) {
                return lists.into_iter().next().unwrap();
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("the nodes do not agree");
    }
}

/// What the kills met, so that a test that never interrupts anything is seen to prove nothing.
#[derive(Debug, Default)]
struct Kills {
    /// Processes that were alive when they were killed.
    kills: usize,
    /// Processes that had ended before.
    too_late: usize,
    /// Kills after which the store had a value that was not marked as done.
    with_unfinished: usize,
}

/// Kills runs of `tenants` at random moments, each with some more tenants to provide, then runs it to the end.
fn kill(tenants: &Tenants, seed: u64, kills: usize) -> (Kills, Vec<String>) {
    const MORE_TENANTS: usize = 25;
    /// So many bytes, roughly: a name and a value, and the name again with an id.
    const LINES_OF_A_TENANT: usize = 70;
    let mut random = Random::new(seed);
    let mut names: Vec<String> = (0..MORE_TENANTS).map(|number| format!("s{seed}t{number}")).collect();
    let to_the_end = |names: &[String]| {
        let output = tenants.command(names, &[]).env("RUST_LOG", "warn").output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
    };
    to_the_end(&names);
    let mut met = Kills::default();
    while met.kills < kills {
        // More work after each run that had ended before this thread came to kill it, as on a busy machine.
        let more = 1 + random.below(2 * MORE_TENANTS * (1 + met.too_late));
        names.extend((names.len()..names.len() + more).map(|number| format!("s{seed}t{number}")));
        // Killed at a moment of its work, and not of its time, which is another on each machine: when its store has grown so far.
        let length = tenants.store().metadata().unwrap().len() + random.below(LINES_OF_A_TENANT * more) as u64;
        let mut command = tenants.command(&names, &[]);
        let mut run = command.env("RUST_LOG", "off").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while tenants.store().metadata().unwrap().len() < length && run.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(500));
        }
        thread::sleep(Duration::from_millis(random.below(10) as u64));
        if run.try_wait().unwrap().is_some() {
            let output = run.wait_with_output().unwrap();
            assert!(output.status.success(), "{met:?}: {}", printed(&output));
            met.too_late += 1;
            assert!(met.too_late <= 10 + kills, "the runs end too soon: {met:?}");
            continue;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        met.kills += 1;
        met.with_unfinished += usize::from(tenants.stored().values().any(|stored| stored.id.is_none()));
    }
    to_the_end(&names);
    (met, names)
}

/// Kills `stores` series of runs, and checks what the server has in the end.
fn check_kills(target: &Target, stores: u64, kills_each: usize) {
    let all: Vec<Tenants> = (0..stores).map(|_| Tenants::on(target.nodes.clone(), &target.api_key)).collect();
    let met: Vec<(Kills, Vec<String>)> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..).zip(&all).map(|(seed, tenants)| scope.spawn(move || kill(tenants, seed, kills_each))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let keys = target.keys();
    let mut values = 0;
    for (tenants, (met, names)) in all.iter().zip(&met) {
        println!("{met:?}, {} tenants", names.len());
        assert_eq!(tenants.differences(&keys), Differences::none(names.len()));
        let stored = tenants.stored();
        assert!(stored.keys().collect::<BTreeSet<_>>() == names.iter().collect(), "a tenant without a key");
        for (name, stored) in &stored {
            assert_eq!(
                status_of_search(target, name, &stored.value),
                404,
                "the stored value of {name} opens nothing"
            );
        }
        values += stored.len();
    }
    assert_eq!(keys.len(), values, "a key that is in no store");
    let unfinished: usize = met.iter().map(|(met, _)| met.with_unfinished).sum();
    assert!(unfinished > 0, "no run was interrupted between storing and creating");
}

/// 404 where the key may search the tenant's collection, which does not exist; 401 where it may not.
fn status_of_search(target: &Target, name: &str, value: &str) -> u16 {
    let path = format!("/collections/{name}_docs/documents/search?q=a&query_by=b");
    let (_, port) = target.nodes[0].rsplit_once(':').unwrap();
    let request = raw::Request::new("GET", &path).api_key(value);
    request.send(("127.0.0.1", port.parse::<u16>().unwrap()), Duration::from_secs(10)).unwrap().status
}

#[test]
fn tenants_killed_200_times_have_one_key_each_and_it_is_stored() {
    check_kills(&Target::server(), 4, 50);
}

#[test]
fn tenants_killed_on_a_cluster_have_one_key_each_and_it_is_stored() {
    check_kills(&Target::cluster(), 4, 10);
}
