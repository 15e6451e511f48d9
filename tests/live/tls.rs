//! Encryption: the servers that the client trusts, and its error for the others.

use typesense_keys::{ClientBuilder, Error, KeysClient};

use crate::support::harness::or_ignore;
use crate::support::{Server, TestCa};

live_tests![
    private_authority_is_trusted_only_if_named,
    certificate_for_another_host_is_refused,
    expired_certificate_is_refused,
    error_names_https_if_the_server_does_not_speak_http,
    error_names_http_if_the_server_does_not_speak_https,
];

/// The settings of a client that trusts this authority.
fn trusting(ca: &TestCa, server: &Server) -> ClientBuilder {
    KeysClient::builder().node(server.url()).api_key(server.api_key()).ca_certificates(ca.pem())
}

#[track_caller]
fn assert_tls_error(builder: ClientBuilder, says: &str) {
    match builder.build().unwrap().list().send() {
        Err(error @ Error::Tls { .. }) => {
            assert!(error.to_string().contains(says), "{error}");
            assert!(!error.is_retryable() && error.status().is_none());
            assert_eq!(error.report().unwrap().attempts().len(), 1, "a repeated attempt cannot succeed");
            assert!(std::error::Error::source(&error).is_some());
        }
        other => panic!("{other:?}"),
    }
}

fn private_authority_is_trusted_only_if_named(_: &Server) {
    let ca = TestCa::new();
    let server = or_ignore(Server::start_tls(&ca.issue(&["localhost", "127.0.0.1"])));
    let by_name = server.url().replace("127.0.0.1", "localhost");

    for url in [server.url(), by_name] {
        let client = KeysClient::builder().node(url).api_key(server.api_key()).ca_certificates(ca.pem());
        let client = client.build().unwrap();
        let key = client.create().actions(["documents:search"]).collections(["docs"]).send().unwrap();
        assert_eq!(client.list().send().unwrap().len(), 1);
        assert_eq!(client.delete(key.id).send().unwrap(), key.id);
    }
    // Several certificates in one file.
    let bundle = TestCa::new().pem() + &ca.pem();
    assert!(trusting(&ca, &server).ca_certificates(bundle).build().unwrap().list().send().is_ok());

    let untrusted = "its certificate is from an authority that is not trusted (name yours with `ca_certificates`";
    assert_tls_error(KeysClient::builder().node(server.url()).api_key(server.api_key()), untrusted);
    let namesake = "its certificate was not signed by the authority of that name that is trusted here";
    assert_tls_error(trusting(&TestCa::new(), &server), namesake);
    #[cfg(feature = "native-roots")]
    {
        let native = KeysClient::builder().node(server.url()).api_key(server.api_key()).native_roots(true);
        assert_tls_error(native, untrusted);
    }
}

fn certificate_for_another_host_is_refused(_: &Server) {
    let ca = TestCa::new();
    let server = or_ignore(Server::start_tls(&ca.issue(&["elsewhere.test"])));
    assert_tls_error(trusting(&ca, &server), "its certificate is for another host name");
}

fn expired_certificate_is_refused(_: &Server) {
    let ca = TestCa::new();
    let server = or_ignore(Server::start_tls(&ca.issue_expired(&["127.0.0.1"])));
    assert_tls_error(trusting(&ca, &server), "its certificate expired at 2020-12-31T00:00:00Z");
}

fn error_names_https_if_the_server_does_not_speak_http(_: &Server) {
    let ca = TestCa::new();
    let server = or_ignore(Server::start_tls(&ca.issue(&["127.0.0.1"])));
    let http = server.url().replace("https://", "http://");
    let client = KeysClient::builder().node(http).api_key(server.api_key()).retries(false);
    let client = client.build().unwrap();
    let error = client.list().send().unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error:?}");
    assert!(
        error.to_string().contains("closed the connection without a response; is the address right (http or https?)"),
        "{error}"
    );
}

fn error_names_http_if_the_server_does_not_speak_https(server: &Server) {
    let https = server.url().replace("http://", "https://");
    let client = KeysClient::builder().node(https).api_key(server.api_key());
    assert_tls_error(client, "its response is not encrypted (is it an http server?)");
}
