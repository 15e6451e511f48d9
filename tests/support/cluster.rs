//! A cluster of three real servers.

use std::fs;
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::binary::{self, Unavailable};
use super::process::{Process, Setup, free_ports, fresh_directory};
use super::random::random_text;
use super::raw;
use super::time::HANG;
use super::typesense::is_healthy;

const TRIES: usize = 5;

/// A cluster of three nodes. Dropping it ends all of them, even those that are stopped.
#[derive(Debug)]
pub struct Cluster {
    // Before the directory, so that no process writes into it while it is removed.
    nodes: Vec<Node>,
    api_key: String,
    _directory: TempDir,
}

/// One node, which may be running or not.
#[derive(Debug)]
pub struct Node {
    process: Option<Process>,
    setup: Setup,
}

impl Cluster {
    /// Starts three nodes and waits until they are one healthy cluster: about 15 seconds.
    pub fn start() -> Result<Cluster, Unavailable> {
        let binary = binary::find()?;
        for _ in 0..TRIES {
            let directory = fresh_directory();
            let [a, b, c, d, e, f] = free_ports().expect("six free loopback ports");
            let ports = [(a, b), (c, d), (e, f)];
            let members = directory.path().join("nodes");
            fs::write(&members, member_list(&ports)).expect("a file of nodes");

            let api_key = random_text(32);
            let nodes = ports.iter().map(|&(peering_port, api_port)| {
                let setup = Setup {
                    binary: binary.clone(),
                    directory: directory.path().join(api_port.to_string()),
                    api_key: api_key.clone(),
                    api_port,
                    peering_port,
                    more: vec![format!("--nodes={}", members.display())],
                };
                Node::start(setup)
            });
            let mut cluster = Cluster { nodes: nodes.collect(), api_key, _directory: directory };
            if cluster.becomes_healthy() {
                return Ok(cluster);
            }
        }
        panic!("a node ended by itself in each of {TRIES} clusters");
    }

    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    /// Kills a node, which has no time to shut down.
    pub fn kill(&mut self, index: usize) {
        self.nodes[index].process = None;
    }

    /// Stops a node: it accepts connections and never responds.
    pub fn stop(&self, index: usize) {
        self.nodes[index].signal("STOP");
    }

    /// Lets a stopped node run again.
    pub fn cont(&self, index: usize) {
        self.nodes[index].signal("CONT");
    }

    /// Starts a killed node again, with its old data, address and log.
    pub fn restart(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.process = None;
        *node = Node::start(node.setup.clone());
    }

    /// Lets every node run again, and waits until they are one healthy cluster.
    pub fn mend(&mut self) {
        for index in 0..self.nodes.len() {
            match &self.nodes[index].process {
                Some(process) => process.signal("CONT"),
                None => self.restart(index),
            }
        }
        self.wait_healthy();
    }

    /// Waits until a node reports that it is the leader, and returns it.
    pub fn leader(&self) -> usize {
        let started = Instant::now();
        loop {
            if let Some(leader) = self.current_leader() {
                return leader;
            }
            assert!(started.elapsed() < HANG, "no node leads; the logs:\n{}", self.logs());
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn current_leader(&self) -> Option<usize> {
        self.nodes.iter().position(|node| {
            // A stopped node does not respond.
            let request = raw::Request::new("GET", "/debug").api_key(&self.api_key);
            let address = (Ipv4Addr::LOCALHOST, node.setup.api_port);
            let response = request.send(address, Duration::from_secs(1));
            response.is_ok_and(|response| {
                response.json().is_some_and(|debug| debug.get("state").is_some_and(|state| state == 1))
            })
        })
    }

    /// Waits until every node that was not killed is healthy and one of them leads.
    pub fn wait_healthy(&mut self) {
        assert!(self.becomes_healthy(), "a node ended by itself");
    }

    fn becomes_healthy(&mut self) -> bool {
        let all_healthy = self.nodes.iter_mut().all(Node::becomes_healthy);
        all_healthy && {
            self.leader();
            true
        }
    }

    fn logs(&self) -> String {
        self.nodes.iter().map(Node::log).collect()
    }
}

impl Node {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.setup.api_port)
    }

    pub fn port(&self) -> u16 {
        self.setup.api_port
    }

    pub fn log(&self) -> String {
        self.setup.log()
    }

    fn start(setup: Setup) -> Node {
        let process = Process::spawn(&setup).expect("a server that runs");
        Node { process: Some(process), setup }
    }

    fn signal(&self, name: &str) {
        let process = self.process.as_ref().expect("a node that was not killed");
        process.signal(name);
    }

    fn becomes_healthy(&mut self) -> bool {
        let port = self.setup.api_port;
        let Some(process) = &mut self.process else {
            return true;
        };
        process
            .becomes_healthy(|| is_healthy(port, None))
            .unwrap_or_else(|error| panic!("a node is not healthy: {error}\n{}", self.log()))
    }
}

/// The file that tells every node its peers, as one line.
fn member_list(ports: &[(u16, u16)]) -> String {
    let members: Vec<String> = ports.iter().map(|(peering, api)| format!("127.0.0.1:{peering}:{api}")).collect();
    members.join(",")
}
