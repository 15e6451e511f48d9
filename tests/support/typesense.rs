//! One real server.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::binary::{self, Unavailable};
use super::process::{Process, Setup, free_ports, fresh_directory};
use super::random::random_text;
use super::raw;
use super::tls::Identity;

/// Another process may take a port between the choice and the start of the server.
const TRIES: usize = 5;

const ATTEMPT: Duration = Duration::from_secs(5);

/// A real Typesense server. If it was started here, dropping this ends it and removes its data.
#[derive(Debug)]
pub struct Server {
    url: String,
    api_key: String,
    started: Option<Started>,
}

// Fields are dropped in this order: first the process, then its directory.
#[derive(Debug)]
struct Started {
    _process: Process,
    setup: Setup,
    identity: Option<Identity>,
    _directory: TempDir,
}

impl Server {
    /// The server named by `TYPESENSE_TEST_URL` and `TYPESENSE_TEST_API_KEY`, else a new one.
    pub fn obtain() -> Result<Server, Unavailable> {
        match std::env::var("TYPESENSE_TEST_URL") {
            Ok(url) => Ok(Server::named(&url)),
            Err(_) => Server::start(),
        }
    }

    /// A new server with no data.
    pub fn start() -> Result<Server, Unavailable> {
        Server::start_with(None, random_text(32), |_| {})
    }

    /// A new server with no data and the same bootstrap key, as a standby has it.
    pub fn start_beside(&self) -> Result<Server, Unavailable> {
        Server::start_with(None, self.api_key.clone(), |_| {})
    }

    /// A new server with the same bootstrap key and the data that this one has now: it is restored from a backup.
    pub fn restore(&self) -> Result<Server, Unavailable> {
        let backup = fresh_directory();
        let path = format!("/operations/snapshot?snapshot_path={}", backup.path().display());
        let request = raw::Request::new("POST", &path).api_key(&self.api_key).body("");
        let response = self.send(&request, Duration::from_secs(30)).expect("a response to a snapshot");
        assert_eq!(response.status, 201, "{}", response.text());
        Server::start_with(None, self.api_key.clone(), |data| copy_all(backup.path(), data))
    }

    /// A new server that speaks https only, and shows `identity`.
    pub fn start_tls(identity: &Identity) -> Result<Server, Unavailable> {
        Server::start_with(Some(identity), random_text(32), |_| {})
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn port(&self) -> u16 {
        let (_, port) = self.authority().rsplit_once(':').expect("a URL with port");
        port.parse().expect("a port number")
    }

    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// As the server reports it.
    pub fn version(&self) -> String {
        let request = raw::Request::new("GET", "/debug").api_key(&self.api_key);
        let response = self.send(&request, ATTEMPT).expect("a response to /debug");
        response
            .json()
            .and_then(|debug| Some(debug.get("version")?.as_str()?.to_owned()))
            .unwrap_or_else(|| panic!("no version in {} {}", response.status, response.text()))
    }

    /// What the server has written so far; nothing for a server that was not started here.
    pub fn log(&self) -> String {
        let started = self.started.as_ref();
        started.map(|server| server.setup.log()).unwrap_or_default()
    }

    /// Sends a request, which may be malformed, on a new connection.
    pub fn send(&self, request: &raw::Request, timeout: Duration) -> io::Result<raw::Response> {
        let identity = self.started.as_ref().and_then(|server| server.identity.as_ref());
        match identity {
            Some(identity) => send_tls(self.port(), identity, request, timeout),
            None => request.send(self.authority(), timeout),
        }
    }

    fn authority(&self) -> &str {
        let (_, rest) = self.url.split_once("://").expect("a URL with scheme");
        rest
    }

    fn named(url: &str) -> Server {
        let url = url.trim_end_matches('/');
        let host_and_port = url.strip_prefix("http://");
        assert!(
            host_and_port.is_some_and(|rest| rest.contains(':') && !rest.contains('/')),
            "TYPESENSE_TEST_URL must look like http://HOST:PORT"
        );
        let api_key = std::env::var("TYPESENSE_TEST_API_KEY")
            .expect("TYPESENSE_TEST_URL needs TYPESENSE_TEST_API_KEY beside it");
        Server { url: url.to_owned(), api_key, started: None }
    }

    /// Before the start, `fill` receives the directory of the server's data.
    fn start_with(identity: Option<&Identity>, api_key: String, fill: impl Fn(&Path)) -> Result<Server, Unavailable> {
        let binary = binary::find()?;
        let mut log = String::new();
        for _ in 0..TRIES {
            let directory = fresh_directory();
            let [api_port, peering_port] = free_ports().expect("two free loopback ports");
            let setup = Setup {
                binary: binary.clone(),
                directory: directory.path().to_owned(),
                api_key: api_key.clone(),
                api_port,
                peering_port,
                more: identity.map(Identity::arguments).unwrap_or_default(),
            };
            fill(&setup.data());
            let mut process =
                Process::spawn(&setup).unwrap_or_else(|error| panic!("{} does not run: {error}", binary.display()));
            let healthy = process.becomes_healthy(|| is_healthy(api_port, identity));
            log = setup.log();
            match healthy {
                Ok(true) => {
                    let scheme = if identity.is_some() { "https" } else { "http" };
                    return Ok(Server {
                        url: format!("{scheme}://127.0.0.1:{api_port}"),
                        api_key: setup.api_key.clone(),
                        started: Some(Started {
                            _process: process,
                            setup,
                            identity: identity.cloned(),
                            _directory: directory,
                        }),
                    });
                }
                Ok(false) => {}
                Err(error) => panic!("the server did not become healthy: {error}\n{log}"),
            }
        }
        panic!("the server ended by itself {TRIES} times; the last log:\n{log}");
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy_all(&entry.path(), &target),
            false => _ = fs::copy(entry.path(), target).expect("a copy"),
        }
    }
}

/// Whether the node on this loopback port says that it is ready.
pub fn is_healthy(port: u16, identity: Option<&Identity>) -> bool {
    let request = raw::Request::new("GET", "/health");
    let response = match identity {
        Some(identity) => send_tls(port, identity, &request, ATTEMPT),
        None => request.send((Ipv4Addr::LOCALHOST, port), ATTEMPT),
    };
    response.is_ok_and(|response| response.status == 200)
}

fn send_tls(port: u16, identity: &Identity, request: &raw::Request, timeout: Duration) -> io::Result<raw::Response> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    request.send_on(identity.encrypt(stream)?)
}
