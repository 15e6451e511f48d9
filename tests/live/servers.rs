//! What the other tests rely on: servers start, respond, and end.

use std::time::Duration;

use crate::support::harness::or_ignore;
use crate::support::{Cluster, Server, TestCa, raw};

live_tests![
    server_responds,
    dropped_server_has_ended,
    tls_server_responds_to_https_only,
    cluster_elects_another_leader_if_its_leader_is_killed_or_stopped,
];

const TIMEOUT: Duration = Duration::from_secs(5);

fn server_responds(server: &Server) {
    let response = server.send(&raw::Request::new("GET", "/health"), TIMEOUT).unwrap();
    assert_eq!((response.status, response.text().as_str()), (200, "{\"ok\":true}"));
}

fn dropped_server_has_ended(_: &Server) {
    let server = or_ignore(Server::start());
    let address = ("127.0.0.1", server.port());
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
}

fn tls_server_responds_to_https_only(_: &Server) {
    let ca = TestCa::new();
    for names in [["localhost", "127.0.0.1"].as_slice(), &["elsewhere.test"]] {
        let server = or_ignore(Server::start_tls(&ca.issue(names)));
        assert!(server.url().starts_with("https://127.0.0.1:"));
        assert!(!server.version().is_empty());
        let plain = raw::Request::new("GET", "/health");
        assert!(plain.send(("127.0.0.1", server.port()), TIMEOUT).is_err());
    }
}

fn cluster_elects_another_leader_if_its_leader_is_killed_or_stopped(_: &Server) {
    let mut cluster = or_ignore(Cluster::start());
    let first = cluster.leader();
    cluster.kill(first);
    assert_ne!(cluster.leader(), first);
    cluster.restart(first);
    cluster.wait_healthy();

    let frozen = cluster.leader();
    cluster.stop(frozen);
    let health = raw::Request::new("GET", "/health");
    let address = ("127.0.0.1", cluster.node(frozen).port());
    assert!(health.send(address, Duration::from_secs(1)).is_err());
    cluster.cont(frozen);
    cluster.wait_healthy();
    cluster.stop(0); // Dropping the cluster must end this one too.
}
