//! The server of programs that are killed: a real server or cluster, or a fake one.

use std::any::Any;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::FakeServer;
use typesense_keys::{KeyId, KeyInfo, KeysClient};

use crate::support::example::printed;
use crate::support::{Cluster, Random, Server, Unavailable, harness, raw};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A real server or cluster, or a fake one if no real one can run. With `CI=true`, it must be real.
pub(crate) struct Target {
    pub(crate) nodes: Vec<String>,
    pub(crate) api_key: String,
    _server: Box<dyn Any + Send + Sync>,
}

impl Target {
    pub(crate) fn server() -> Self {
        let server = Server::start().map(|server| (vec![server.url()], server.api_key().to_owned(), server));
        Self::real_or_fake(server, || {
            let server = FakeServer::start().unwrap();
            (vec![server.url()], server.api_key().expose_secret().to_owned(), server)
        })
    }

    pub(crate) fn cluster() -> Self {
        let cluster = Cluster::start().map(|cluster| (cluster.urls(), cluster.api_key().to_owned(), cluster));
        Self::real_or_fake(cluster, || {
            let nodes = FakeServer::cluster::<3>().unwrap();
            (nodes.iter().map(FakeServer::url).collect(), nodes[0].api_key().expose_secret().to_owned(), nodes)
        })
    }

    fn real_or_fake<R: Send + Sync + 'static, F: Send + Sync + 'static>(
        real: Result<(Vec<String>, String, R), Unavailable>,
        fake: impl FnOnce() -> (Vec<String>, String, F),
    ) -> Self {
        match real {
            Ok((nodes, api_key, server)) => Self { nodes, api_key, _server: Box::new(server) },
            Err(unavailable) => {
                assert!(!harness::server_is_required(), "CI=true requires a real server: {unavailable}");
                println!("a fake server instead of a real one: {unavailable}");
                let (nodes, api_key, server) = fake();
                Self { nodes, api_key, _server: Box::new(server) }
            }
        }
    }

    /// The keys, once all nodes list the same keys. (A node may lag.)
    pub(crate) fn keys(&self) -> Vec<KeyInfo> {
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

    pub(crate) fn client(&self) -> KeysClient {
        KeysClient::builder().nodes(&self.nodes).api_key(self.api_key.as_str()).build().unwrap()
    }

    /// Waits until every node has carried out the requests of earlier processes, including killed ones. Writes are
    /// carried out in order, so a node that knows a new key knows the earlier ones.
    pub(crate) fn catch_up(&self) {
        // Twice, because one of two nearly simultaneous requests may overtake the other.
        let ids: Vec<_> = self.nodes.iter().chain(&self.nodes).map(|node| self.create_near(node)).collect();
        let client = self.client();
        let key = client.create().description("the last one").actions(["documents:get"]).collections(["docs"]);
        let last = key.wait_for_replication(TIMEOUT).send().unwrap();
        ids.into_iter().chain([last.id]).for_each(|id| assert_eq!(client.delete(id).send().unwrap(), id));
    }

    fn create_near(&self, node: &str) -> KeyId {
        let builder = KeysClient::builder().nearest_node(node).nodes(&self.nodes).api_key(self.api_key.as_str());
        let client = builder.build().unwrap();
        client
            .create()
            .description("one of the last")
            .actions(["documents:get"])
            .collections(["docs"])
            .send()
            .unwrap()
            .id
    }

    /// The number of keys with this prefix of the description, according to the first node. Quick.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        let request = raw::Request::new("GET", "/keys").api_key(&self.api_key);
        let listed = request.send(self.first_node(), TIMEOUT).unwrap();
        assert_eq!(listed.status, 200, "{}", listed.text());
        listed.text().matches(&format!("\"description\":\"{prefix}")).count()
    }

    fn first_node(&self) -> (&'static str, u16) {
        let (_, port) = self.nodes[0].rsplit_once(':').unwrap();
        ("127.0.0.1", port.parse().unwrap())
    }

    /// Whether the key with this value may search the collection, which does not exist.
    pub(crate) fn allows(&self, value: &str, collection: &str) -> bool {
        let path = format!("/collections/{collection}/documents/search?q=a&query_by=b");
        let request = raw::Request::new("GET", &path).api_key(value);
        match request.send(self.first_node(), TIMEOUT).unwrap().status {
            404 => true,
            401 => false,
            other => panic!("GET {path}: {other}"),
        }
    }
}

/// Runs the program until `has_progressed` and for a random moment longer, and kills it. Returns `false` if it had already
/// ended, which it may only with success.
///
/// The moment depends on the progress and not on the time, because each machine has another speed.
pub(crate) fn is_killed(mut command: Command, random: &mut Random, has_progressed: impl Fn() -> bool) -> bool {
    let mut run = command.env("RUST_LOG", "off").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !has_progressed() && run.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_micros(500));
    }
    thread::sleep(Duration::from_millis(random.below(10) as u64));
    if run.try_wait().unwrap().is_some() {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        return false;
    }
    run.kill().unwrap();
    run.wait().unwrap();
    true
}
