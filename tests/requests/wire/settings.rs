//! Settings that cannot be: each is refused at `build()`, by name, with a reason that repeats no secret.

use typesense_keys::{ClientBuilder, Error, KeysClient};

const NO_URL: &str = "an address is not a URL such as `https://search.example.net` or `http://127.0.0.1:8108`";
const USER_INFO: &str = "an address contains user info (`user:password@`), which Typesense does not use: remove it";
const QUERY: &str =
    "an address contains a query or a fragment: a node is `https://host:port`, and the key goes into `api_key`";
const SCHEME: &str = "an address needs a scheme: `https://` or `http://`";
const PORT: &str = "an address has a port that is not a number from 1 to 65535";
const CONTROL: &str = "contains a control character (a line break at its end?), which no HTTP header can carry";
const BLANK: &str = "begins or ends with a space, which HTTP headers do not keep: trim it";

/// Part of every secret here; no error may repeat it.
const SECRET: &str = "pa55";

#[track_caller]
fn refused(builder: ClientBuilder, setting: &str, reason: &str) -> Error {
    let error = builder.build().expect_err(reason);
    assert_eq!(error.to_string(), format!("invalid configuration: `{setting}`: {reason}"));
    assert!(matches!(&error, Error::Configuration { setting: named, .. } if *named == setting), "{error:?}");
    assert_eq!((error.status(), error.is_retryable()), (None, false));
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(this) = cause {
        assert!(!format!("{this} {this:?} {this:#?}").contains(SECRET), "{this:?}");
        cause = this.source();
    }
    error
}

fn with_key() -> ClientBuilder {
    KeysClient::builder().api_key("admin-pa55").proxy_from_env(false)
}

#[test]
fn node_is_needed() {
    refused(with_key(), "node", "no node is named: add `.node(\"https://…\")`");
}

#[test]
fn key_is_needed() {
    refused(KeysClient::builder().node("http://127.0.0.1:8108"), "api_key", "is not set");
}

#[test]
fn key_must_fit_into_a_header() {
    let long = "pa55".repeat(1_025);
    for (key, reason) in [
        ("", "is empty: every request needs a key"),
        ("admin-pa55\n", CONTROL),
        ("admin-pa55\r\nx: y", CONTROL),
        ("admin\0pa55", CONTROL),
        ("admin-pa55\u{7f}", CONTROL),
        ("\tadmin-pa55", CONTROL),
        (" admin-pa55", BLANK),
        ("admin-pa55 ", BLANK),
        (&long, "is longer than 4096 bytes"),
    ] {
        refused(KeysClient::builder().node("http://127.0.0.1:8108").api_key(key), "api_key", reason);
    }
}

#[test]
fn address_is_a_url_of_a_host_and_nothing_secret() {
    for (address, reason) in [
        ("", NO_URL),
        ("http://", NO_URL),
        ("http://a pa55", NO_URL),
        ("http://x/\npa55", NO_URL),
        ("http://user:pa55%40x", NO_URL),
        ("localhost", SCHEME),
        ("localhost:8108", SCHEME),
        ("pa55.example.net", SCHEME),
        ("/keys/pa55", SCHEME),
        ("ftp://x/pa55", SCHEME),
        ("redis://pa55.example.net", SCHEME),
        ("https://user:pa55@example.net", USER_INFO),
        ("https://pa55@example.net", USER_INFO),
        ("user:pa55@example.net", USER_INFO),
        ("http://127.0.0.1/pa55@", USER_INFO),
        ("https://example.net?x-typesense-api-key=pa55", QUERY),
        ("https://example.net/#pa55", QUERY),
        ("http://127.0.0.1:", PORT),
        ("http://127.0.0.1:0", PORT),
        ("http://127.0.0.1:+80", PORT),
        ("http://127.0.0.1:65536", PORT),
    ] {
        refused(with_key().node(address), "node", reason);
        refused(with_key().nodes(["http://127.0.0.1:8108", address]), "node", reason);
        refused(with_key().node("http://127.0.0.1:8108").nearest_node(address), "nearest_node", reason);
        let debug = format!("{:?}", with_key().node(address).nearest_node(address));
        assert!(!debug.contains(SECRET), "{debug}");
    }
}

#[test]
fn node_in_two_spellings_counts_once() {
    let address = "http://127.0.0.1:8108";
    let builder = with_key().nodes(["http://LOCALHOST:08108", "http://localhost:8108/", address]);
    let client = builder.nearest_node("HTTP://127.0.0.1:08108").build().unwrap();
    let text = format!("{client:?}");
    for node in ["http://127.0.0.1:8108", "http://localhost:8108"] {
        assert_eq!(text.matches(node).count(), 1, "{text}");
    }
    assert_eq!(text.matches("http").count(), 2, "{text}");
}

#[test]
fn proxy_is_the_url_of_an_http_proxy() {
    let not_a_url = "is not the URL of an http proxy, such as `http://proxy.example.net:3128` (in its user and \
                     password, percent-encode every character that is not a letter or a digit)";
    let socks = "names a SOCKS proxy, which is not supported: use an http proxy";
    for (url, reason) in [
        ("", not_a_url),
        ("pa55 is not a proxy", not_a_url),
        ("http://proxy:99999/pa55", not_a_url),
        ("http://user:pa55/@proxy:3128", not_a_url),
        ("http://user:1#pa55@proxy:3128", not_a_url),
        ("ftp://user:pa55@proxy:3128", not_a_url),
        ("socks5://user:pa55@proxy:3128", socks),
    ] {
        // Also where no node would use it.
        refused(with_key().node("http://127.0.0.1:8108").proxy(url), "proxy", reason);
        assert!(!format!("{:?}", with_key().proxy(url)).contains(SECRET), "{url}");
    }
    let client = with_key().node("http://127.0.0.1:8108").proxy("http://user:pa55@proxy:3128").build().unwrap();
    assert!(!format!("{client:?}").contains(SECRET));
}

#[test]
fn plain_text_to_another_host_must_be_allowed() {
    let reason = |origin: &str| {
        format!(
            "{origin} is plain http to another host, where anyone on the network path can read the admin key and every \
             new key: use https, or set `.allow_plaintext(true)` if the network itself is encrypted"
        )
    };
    for (address, origin) in [
        ("http://search.example.net", "http://search.example.net"),
        ("http://10.0.0.1:8108/pa55/", "http://10.0.0.1:8108"),
        ("HTTP://0.0.0.0:1", "http://0.0.0.0:1"),
        ("http://a.localhost:1", "http://a.localhost:1"),
        ("http://localhost.example.net", "http://localhost.example.net"),
        ("http://[fe80::1]:1", "http://[fe80::1]:1"),
    ] {
        refused(with_key().node(address), "node", &reason(origin));
        refused(with_key().node("http://127.0.0.1:1").nearest_node(address), "nearest_node", &reason(origin));
        assert!(with_key().node(address).allow_plaintext(true).build().is_ok(), "{address}");
    }
    for local in ["http://127.0.0.1", "http://127.1.2.3:1", "http://[::1]:1", "http://localhost:1/x"] {
        assert!(with_key().node(local).build().is_ok(), "{local}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_needs_the_feature_for_it() {
    let reason = "https needs this crate's feature `tls`, which is off";
    refused(with_key().node("https://search.example.net"), "node", reason);
    let reason = "needs this crate's feature `tls` for an https proxy, which is off";
    refused(with_key().node("http://127.0.0.1:8108").proxy("https://proxy"), "proxy", reason);
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;
    use crate::support::TestCa;

    fn https() -> ClientBuilder {
        with_key().node("https://search.example.net")
    }

    #[test]
    fn authorities_must_be_certificates() {
        let none = "contains no PEM block `-----BEGIN CERTIFICATE-----`";
        refused(https().ca_certificates("pa55"), "ca_certificates", none);
        refused(https().ca_certificates("-----BEGIN X-----\n-----END X-----\n"), "ca_certificates", none);
        let broken = "-----BEGIN CERTIFICATE-----\npa55!\n-----END CERTIFICATE-----\n";
        refused(https().ca_certificates(broken), "ca_certificates", "is not valid PEM");
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let error = refused(
            https().ca_certificates(empty),
            "ca_certificates",
            "contains a certificate that cannot be used as an authority's",
        );
        assert!(std::error::Error::source(&error).is_some());
        assert!(https().ca_certificates(TestCa::new().pem()).build().is_ok());
    }

    #[test]
    fn client_certificate_and_its_key_must_go_together() {
        let ca = TestCa::new();
        let (one, other) = (ca.issue(&["one.example.net"]), ca.issue(&["other.example.net"]));
        let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
        let (chain, key) = (read(&one.certificate), read(&one.key));
        let certificate = |chain: &str, key: &str| https().client_certificate(chain, key);
        let setting = "client_certificate";
        refused(certificate("pa55", &key), setting, "contains no PEM block `-----BEGIN CERTIFICATE-----`");
        refused(certificate(&chain, "pa55"), setting, "its key is not a PEM block of a private key");
        refused(certificate(&chain, &chain), setting, "its key is not a PEM block of a private key");
        let error = refused(
            certificate(&chain, &read(&other.key)),
            setting,
            "the certificate and the key do not match, or the key is of an unsupported kind",
        );
        assert!(std::error::Error::source(&error).is_some());
        assert!(certificate(&chain, &key).build().is_ok());
    }

    #[cfg(feature = "native-roots")]
    #[test]
    fn native_roots_and_ca_certificates_exclude_each_other() {
        refused(
            https().native_roots(true).ca_certificates(TestCa::new().pem()),
            "ca_certificates",
            "excludes `native_roots`: trust either the operating system's authorities or these",
        );
    }
}
