//! No key is shown over https either: directly, with certificates that are not trusted, and through a proxy.

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use super::life::{builder, create, live};
use super::watch::{Watch, secret};
use crate::child;
use crate::support::capture::Log;
use crate::support::faulty::{self, CLOSED_PORT, Pieces};
use crate::support::harness::or_ignore;
use crate::support::random_text;
use crate::support::{Server, TestCa};

pub(super) fn encrypted(_: &Server) {
    let ca = TestCa::new();
    let mut watch = Watch::begin();
    let server = or_ignore(Server::start_tls(&ca.issue(&["localhost", "127.0.0.1"])));
    watch.secret("admin key", server.api_key());
    live(&mut watch, &server.url(), server.api_key(), |builder| builder.ca_certificates(ca.pem()));
    watch.end();
}

pub(super) fn failures(real: &Server) {
    let (ca, other) = (TestCa::new(), TestCa::new());
    let mut watch = Watch::begin();
    let server = or_ignore(Server::start_tls(&ca.issue(&["elsewhere.test"])));
    watch.secret("admin key", server.api_key());
    let echo = faulty::echo("HTTP/1.1 400 {key} {value}\r\n\r\n{key} {value} {body}", Pieces::Whole);
    let own = watch.draw("provided value", 32);
    let https = |port: u16| format!("https://127.0.0.1:{port}");
    for (url, ca) in [
        (server.url(), &ca),
        (server.url(), &other),
        (https(real.port()), &ca),
        (https(echo.port()), &ca),
        (https(CLOSED_PORT), &ca),
        (format!("http://127.0.0.1:{}", server.port()), &ca),
    ] {
        let client = builder(&url, server.api_key()).ca_certificates(ca.pem()).retries(false);
        let client = client.connect_timeout(Duration::from_millis(500)).build().unwrap();
        watch.debug(&client);
        watch.error(create(&client).value(secret(&own)).send().unwrap_err());
        watch.error(client.list().send().unwrap_err());
    }
    // The private key of a client certificate is also a secret.
    let identity = ca.issue(&["client.test"]);
    let pem = std::fs::read_to_string(&identity.key).unwrap();
    pem.lines().filter(|line| !line.starts_with('-')).for_each(|line| watch.secret("private key", line));
    let chain = std::fs::read(&identity.certificate).unwrap();
    for key in [pem.clone(), pem.replace("PRIVATE", "PUBLIC"), format!("{pem}{}", random_text(9))] {
        let own = std::fs::read_to_string(&ca.issue(&["127.0.0.1"]).key).unwrap();
        for key in [key, own] {
            let builder = builder(&server.url(), server.api_key()).ca_certificates(ca.pem());
            let builder = builder.client_certificate(chain.clone(), secret(&key));
            watch.debug(&builder);
            match builder.build() {
                Ok(client) => {
                    watch.debug(&client);
                    watch.error(client.list().send().unwrap_err());
                }
                Err(error) => watch.error(error),
            }
        }
    }
    watch.end();
}

/// A process of its own, because the environment names the proxy.
pub(super) fn through_a_proxy(_: &Server) {
    // Holds the log, so that this test writes no records into that of another test.
    let _log = Log::begin();
    let ca = TestCa::new();
    let server = or_ignore(Server::start_tls(&ca.issue(&["search.test"])));
    let proxy = faulty::tunnel();
    let password = random_text(32);
    let url = format!("https://search.test:{}", server.port());
    let mut child = child::command("tls")
        .env("HTTPS_PROXY", format!("http://user:{password}@127.0.0.1:{}", proxy.port()))
        .env_remove("https_proxy")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let settings = [&url, server.api_key(), &password, &ca.pem()].join("\n");
    child.stdin.take().unwrap().write_all(settings.as_bytes()).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "the child failed: see above");

    let received = proxy.received();
    assert!(!received.is_empty(), "the proxy received no request");
    for request in received {
        let request = request.head;
        let target = ["search", "another"].map(|host| format!("CONNECT {host}.test:{} HTTP/1.1\r\n", server.port()));
        assert!(target.iter().any(|line| request.starts_with(line)), "{request}");
        assert!(request.contains("Proxy-Authorization: Basic "), "{request}");
        assert!(!request.to_lowercase().contains("typesense-api-key"), "{request}");
    }
}

/// The code of the child.
pub(crate) fn behind_a_proxy() {
    let mut settings = String::new();
    std::io::stdin().read_to_string(&mut settings).unwrap();
    let [url, admin, password, ca] = settings.splitn(4, '\n').collect::<Vec<_>>().try_into().unwrap();
    let mut watch = Watch::begin();
    watch.secret("admin key", admin);
    watch.secret("proxy password", password);
    live(&mut watch, url, admin, |builder| builder.ca_certificates(ca));
    // The server has no certificate for this name: the call fails behind the proxy.
    let other = url.replace("search.test", "another.test");
    let client = builder(&other, admin).ca_certificates(ca).build().unwrap();
    watch.error(create(&client).send().unwrap_err());
    watch.end();
    super::watch::print_totals();
}
