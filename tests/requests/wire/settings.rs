//! Invalid settings: `build()` refuses each of them, names it, and gives a reason without a secret.

use typesense_keys::{ClientBuilder, CollectionPattern, Error, KeysClient};

const NO_URL: &str = "an address is not a URL such as `https://search.example.net` or `http://127.0.0.1:8108`";
const USER_INFO: &str = "an address contains user info (`user:password@`), which Typesense does not use: remove it";
const QUERY: &str =
    "an address contains a query or a fragment: a node is `https://host:port`, and the key goes into `api_key`";
const SCHEME: &str = "an address needs a scheme: `https://` or `http://`";
const PORT: &str = "an address has a port that is not a number from 1 to 65535";
const ROUTE: &str = "an address ends in a path of Typesense, such as `/keys`, which this crate adds: remove it";
const HOST: &str =
    "an address names a host with another character than letters, digits, `-`, `_` and `.`: name one host";
const ASCII: &str =
    "an address has a character that is not ASCII: percent-encode the path, and write the host as `xn--…`";
const BRACKETS: &str = "an address has an IPv6 address without brackets: write it as `http://[::1]:8108`";
const SERVERS: &str = "an address has the form `host:peering port:API port` of the server's own list of nodes: write \
                       `http://host:API port`";

/// A part of every secret in this file; no error may show it.
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
        ("admin-pa55\n", "ends with a line break (U+000A): remove it"),
        ("admin-pa55\r\nx: y", "has a line break (U+000D) as character 11: remove it"),
        ("admin\0pa55", "has a control character (U+0000) as character 6: remove it"),
        ("admin-pa55\u{7f}", "ends with a control character (U+007F): remove it"),
        ("\tadmin-pa55", "begins with a tab (U+0009): remove it"),
        (" admin-pa55", "begins with a space (U+0020): remove it"),
        ("admin-pa55 ", "ends with a space (U+0020): remove it"),
        (
            "\"pa55\n\"",
            "has a line break (U+000A) as character 6: remove it; it begins and ends with a quotation mark",
        ),
        ("/run/secrets/pa55\n", "ends with a line break (U+000A): remove it; it looks like the path of a file"),
        (&long, "is longer than 4096 bytes"),
    ] {
        refused(KeysClient::builder().node("http://127.0.0.1:8108").api_key(key), "api_key", reason);
    }
}

#[test]
fn key_file_contains_the_key_and_a_line_break() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let from = |content: &[u8]| {
        std::fs::write(file.path(), content).unwrap();
        KeysClient::builder().node("http://127.0.0.1:8108").api_key("replaced").api_key_file(file.path())
    };
    let long = "pa55".repeat(1_025);
    for (content, reason) in [
        (&b""[..], "is empty: every request needs a key"),
        (b"\r\n", "is empty: every request needs a key"),
        (b"pa55\n\n", "ends with a line break (U+000A): remove it"),
        (b"\xef\xbb\xbfpa55\n", "begins with a byte order mark (U+FEFF): remove it"),
        (
            b"TYPESENSE_API_KEY=pa55\nX=y",
            "has a line break (U+000A) as character 23: remove it; it begins with the name of \
                                         a variable or header",
        ),
        (b"\xff\xfep\x00a\x00", "names a file that is not UTF-8 text"),
        (long.as_bytes(), "is longer than 4096 bytes"),
    ] {
        refused(from(content), "api_key_file", reason);
    }
    for content in [&b"pa55"[..], b"pa55\n", b"pa55\r\n"] {
        assert!(from(content).build().is_ok(), "{content:?}");
    }
    // A key in place of a path.
    let with = |path: &str| KeysClient::builder().node("http://127.0.0.1:8108").api_key_file(path);
    refused(with("key-pa55"), "api_key_file", "names a file that cannot be read: entity not found");
    refused(with(""), "api_key_file", "names a file that cannot be read: entity not found");
}

#[test]
fn limit_of_zero_is_refused() {
    use std::time::Duration;
    let node = || with_key().node("http://127.0.0.1:8108");
    let zero = "is zero, which leaves no call a chance: leave it out for the default";
    refused(node().timeout(Duration::ZERO), "timeout", zero);
    refused(node().attempt_timeout(Duration::ZERO), "attempt_timeout", zero);
    refused(node().connect_timeout(Duration::ZERO), "connect_timeout", zero);
    refused(node().max_list_size(0), "max_list_size", zero);

    let client = node().build().unwrap();
    let create = || client.create().actions(["documents:search"]).collections(["docs"]);
    let ensure = || client.ensure("site").actions(["documents:search"]).collections(["docs"]);
    let plan = || {
        client.plan([typesense_keys::plan::KeySpec::new("site").actions(["documents:search"]).collections(["docs"])])
    };
    let none = Duration::ZERO;
    for (call, result) in [
        ("create", create().timeout(none).send().map(drop)),
        ("get", client.get(7).timeout(none).send().map(drop)),
        ("list", client.list().timeout(none).send().map(drop)),
        ("stream", client.list().timeout(none).stream().map(drop)),
        ("delete", client.delete(7).timeout(none).send().map(drop)),
        ("rotate", client.rotate(7).timeout(none).send().map(drop)),
        ("ensure", ensure().timeout(none).send().map(drop)),
        ("plan", plan().timeout(none).send().map(drop)),
        ("wait_until_ready", client.wait_until_ready(none)),
    ] {
        let zero = "invalid request: `timeout`: is zero, which leaves the call no chance: leave it out";
        assert_eq!(result.unwrap_err().to_string(), zero, "{call}");
    }
    for (call, result) in [
        ("create", create().wait_for_replication(none).send().map(drop)),
        ("delete", client.delete(7).wait_for_replication(none).send().map(drop)),
        ("rotate", client.rotate(7).wait_for_replication(none).send().map(drop)),
        ("ensure", ensure().wait_for_replication(none).send().map(drop)),
    ] {
        let zero = "invalid request: `wait_for_replication`: is zero, which leaves the call no chance: leave it out";
        assert_eq!(result.unwrap_err().to_string(), zero, "{call}");
    }
}

#[test]
fn empty_restriction_is_refused() {
    let client = with_key().node("http://127.0.0.1:8108").build().unwrap();
    let create = || client.create().actions(["documents:search"]);
    let empty = "invalid request: `collections`: an empty name or prefix means no collection (`*` means all)";
    for entry in ["", "exact:", "prefix:", "pattern:", "custom:"] {
        assert_eq!(create().collections([entry]).prepare().unwrap_err().to_string(), empty, "{entry}");
    }
    for entry in [CollectionPattern::exact(""), CollectionPattern::prefix(""), CollectionPattern::custom("")] {
        assert_eq!(create().collections([&entry]).prepare().unwrap_err().to_string(), empty, "{entry}");
    }
    assert_eq!(
        create().collections([""; 0]).prepare().unwrap_err().to_string(),
        "invalid request: `collections`: none is given: name at least one, or `\"*\"` for all"
    );
    assert_eq!(
        client.list().prefix("").send().unwrap_err().to_string(),
        "invalid request: `prefix`: is empty, so every key has it: leave it out to list all keys"
    );
}

#[test]
fn address_must_be_the_url_of_a_host_without_a_secret() {
    for (address, reason) in [
        ("", NO_URL),
        ("http://", NO_URL),
        ("http://a pa55", "an address has a space (U+0020) as character 9: remove it"),
        ("http://x/\npa55", "an address has a line break (U+000A) as character 10: remove it"),
        ("http://user:pa55%40x", NO_URL),
        ("localhost", SCHEME),
        ("localhost:8108", SCHEME),
        ("pa55.example.net", SCHEME),
        ("/keys/pa55", &format!("{SCHEME}; it looks like the path of a file")),
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
        ("https://https://pa55", PORT),
        ("https://example.net/keys", ROUTE),
        ("https://example.net/pa55/keys/", ROUTE),
        ("https://example.net/collections", ROUTE),
        ("https://example.net/health", ROUTE),
        ("https://example.net/pa55:8108", "an address has a port after the path: write `https://host:port/path`"),
        ("https://pa55.example.net,", HOST),
        ("https://a.example.net,pa55", HOST),
        ("https://*.example.net", HOST),
        ("https://example.net/p\u{e4}55", ASCII),
        ("https://b\u{fc}cher.example.net", ASCII),
        (
            "http://a.test:8108,http://b.test:8108",
            "an address is a list of addresses: add each with its own call of `node`",
        ),
        ("http://::1:8108", BRACKETS),
        ("::1:8108", BRACKETS),
        ("http://fe80::a", BRACKETS),
        ("10.0.0.1:8107:8108", SERVERS),
        ("http://typesense-1:8107:8108", SERVERS),
        ("\"https://pa55.example.net\"", &format!("{NO_URL}; it begins and ends with a quotation mark")),
        ("'https://pa55.example.net", &format!("{NO_URL}; it begins or ends with a quotation mark")),
        ("${TYPESENSE_URL}", &format!("{NO_URL}; it looks like a variable whose value was not filled in")),
        ("undefined", &format!("{SCHEME}; it is a word that stands for a missing value")),
        ("/etc/typesense/nodes", &format!("{SCHEME}; it looks like the path of a file")),
    ] {
        refused(with_key().node(address), "node", reason);
        let second = reason.replacen("an address", "address 2", 1);
        refused(with_key().nodes(["http://127.0.0.1:8108", address]), "node", &second);
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
fn proxy_must_be_the_url_of_an_http_proxy() {
    let not_a_url = "is not the URL of an http proxy, such as `http://proxy.example.net:3128` (in its user and \
                     password, percent-encode every character that is not a letter or a digit)";
    let socks = "names a SOCKS proxy, which is not supported: use an http proxy";
    for (url, reason) in [
        ("", not_a_url),
        ("pa55 is not a proxy", "has a space (U+0020) as character 5: remove it, or percent-encode it"),
        ("'http://pa55'", &format!("{not_a_url}; it begins and ends with a quotation mark")),
        ("http://proxy:99999/pa55", not_a_url),
        ("http://user:pa55/@proxy:3128", not_a_url),
        ("http://user:1#pa55@proxy:3128", not_a_url),
        ("ftp://user:pa55@proxy:3128", not_a_url),
        ("socks5://user:pa55@proxy:3128", socks),
    ] {
        // Even if no node would use it.
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
fn https_needs_the_feature_tls() {
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
        let empty = "is empty: leave it out, or name a certificate";
        refused(https().ca_certificates(""), "ca_certificates", empty);
        refused(https().client_certificate("", "pa55"), "client_certificate", empty);
        let not_text = "is not text (DER or UTF-16?): convert it to PEM";
        refused(https().ca_certificates(b"-\0-\0pa55"), "ca_certificates", not_text);
        assert!(https().ca_certificates(format!("\u{feff}{}", TestCa::new().pem())).build().is_ok());
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
