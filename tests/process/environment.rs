//! Settings from the environment. Each case is a process of its own, because a process has one environment.

use std::env;
use std::ffi::OsString;
use std::time::Duration;

use typesense_keys::{ClientBuilder, KeysClient};

use crate::child;
use crate::support::Scripted;
#[cfg(feature = "tls")]
use crate::support::faulty::CLOSED_PORT;
use crate::support::faulty::tunnel;
use crate::support::harness::PlainTest;

const NODES: &str = "TYPESENSE_URL";
const API_KEY: &str = "TYPESENSE_API_KEY";
const API_KEY_FILE: &str = "TYPESENSE_API_KEY_FILE";
const PROXIES: [&str; 8] =
    ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"];

/// The proxy that the process sets by `ClientBuilder::proxy`, or "off" for `proxy_from_env(false)`.
const PROXY_SETTING: &str = "TYPESENSE_KEYS_TEST_PROXY";

/// A part of every secret in this file; no error may show it.
const SECRET: &str = "pa55";

pub(crate) const TESTS: &[PlainTest] = &[
    ("nodes_and_key_come_from_the_environment", nodes_and_key_come_from_the_environment),
    ("missing_setting_is_named", missing_setting_is_named),
    ("key_is_read_from_the_named_file", key_is_read_from_the_named_file),
    ("variable_allows_plain_http_to_other_hosts", variable_allows_plain_http_to_other_hosts),
    ("wrong_setting_is_named_by_its_variable", wrong_setting_is_named_by_its_variable),
    ("wrong_setting_is_named_by_its_method", wrong_setting_is_named_by_its_method),
    ("proxy_setting_tunnels_plain_http_to_other_hosts", proxy_setting_tunnels_plain_http_to_other_hosts),
    ("plain_http_to_this_host_uses_no_proxy", plain_http_to_this_host_uses_no_proxy),
    ("environments_proxy_is_not_used_for_plain_http", environments_proxy_is_not_used_for_plain_http),
    #[cfg(feature = "tls")]
    ("proxy_setting_replaces_the_environments_proxy", proxy_setting_replaces_the_environments_proxy),
    #[cfg(feature = "tls")]
    ("environments_proxy_can_be_turned_off", environments_proxy_can_be_turned_off),
    #[cfg(feature = "tls")]
    ("hosts_in_no_proxy_are_connected_directly", hosts_in_no_proxy_are_connected_directly),
    #[cfg(feature = "tls")]
    ("proxy_variables_are_read_only_for_https", proxy_variables_are_read_only_for_https),
    #[cfg(feature = "tls")]
    ("failure_of_a_proxy_names_the_proxy_and_its_setting", failure_of_a_proxy_names_the_proxy_and_its_setting),
    #[cfg(feature = "tls")]
    (
        "address_of_a_proxy_is_trimmed_and_odd_characters_are_reported",
        address_of_a_proxy_is_trimmed_and_odd_characters_are_reported,
    ),
    #[cfg(feature = "tls")]
    (
        "proxy_that_does_not_speak_http_leaves_no_doubt_about_the_outcome",
        proxy_that_does_not_speak_http_leaves_no_doubt_about_the_outcome,
    ),
    #[cfg(feature = "tls")]
    (
        "proxy_that_responds_byte_by_byte_is_limited_by_the_connect_timeout",
        proxy_that_responds_byte_by_byte_is_limited_by_the_connect_timeout,
    ),
];

/// The code of one process.
pub(crate) fn main(case: &str) {
    println!("{}", outcome(case));
}

/// The client or the error that one process gets from its environment, as text.
fn outcome(case: &str) -> String {
    let (case, limit) = case.split_once(' ').unwrap_or((case, "10000"));
    let client = match case {
        "build" | "send" => KeysClient::from_env(),
        "override" => ClientBuilder::from_env()
            .and_then(|builder| builder.api_key(format!("{SECRET}\n")).node("http://127.0.0.1:1").build()),
        _ => ClientBuilder::from_env().and_then(|builder| {
            let limit = Duration::from_millis(limit.parse().unwrap());
            let builder = builder.retries(false).connect_timeout(limit).allow_plaintext(true);
            let builder = match env::var(PROXY_SETTING) {
                Ok(off) if off == "off" => builder.proxy_from_env(false),
                Ok(url) => builder.proxy(url),
                Err(_) => builder,
            };
            builder.build()
        }),
    };
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            let all = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
            return if all.contains(SECRET) { format!("a leak: {all}") } else { error.to_string() };
        }
    };
    match case {
        "create" => {
            let request = client.create().actions(["documents:search"]).collections(["docs"]);
            request.send().unwrap_err().to_string()
        }
        "build" => "a client".to_owned(),
        _ => format!("{:?}", client.list().send().map_err(|error| error.to_string())),
    }
}

/// Starts a process with these variables, and returns its outcome.
#[track_caller]
fn with(case: &str, variables: &[(&str, OsString)]) -> String {
    let mut process = child::command(&format!("environment {case}"));
    for name in PROXIES.iter().chain(&[NODES, API_KEY, API_KEY_FILE, PROXY_SETTING, "TYPESENSE_ALLOW_PLAINTEXT"]) {
        process.env_remove(name);
    }
    child::run(process.envs(variables.iter().cloned())).trim_end().to_owned()
}

fn built(nodes: &str, key: &str) -> String {
    with("build", &[(NODES, nodes.into()), (API_KEY, key.into())])
}

/// A server without keys.
fn empty_server() -> Scripted {
    Scripted::start(|peer| {
        peer.request()?;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}")
    })
}

fn nodes_and_key_come_from_the_environment() {
    let server = empty_server();
    let nodes = format!(" , {} ,,{}/,", server.url(), server.url());
    assert_eq!(with("send", &[(NODES, nodes.into()), (API_KEY, "from the environment".into())]), "Ok([])");
    let received = server.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(received.iter().all(|asked| asked.head.contains("x-typesense-api-key: from the environment\r\n")));
}

fn missing_setting_is_named() {
    let no_nodes = "invalid configuration: `TYPESENSE_URL`: is not set: the nodes, such as \
                    `https://search.example.net`, separated by commas";
    let no_key = "invalid configuration: `TYPESENSE_API_KEY`: is not set: a key with the `keys:…` actions that are \
                  needed (or name its file with `TYPESENSE_API_KEY_FILE`)";
    assert_eq!(with("build", &[]), no_nodes);
    assert_eq!(with("build", &[(API_KEY, "pa55".into())]), no_nodes);
    assert_eq!(with("build", &[(NODES, "http://127.0.0.1:1".into())]), no_key);
    assert_eq!(built(" ", "pa55"), no_nodes);
    assert_eq!(built("http://127.0.0.1:1", " "), no_key);
    assert_eq!(
        with("build", &[("TYPESENSE_NODES", "http://127.0.0.1:1".into()), (API_KEY, "pa55".into())]),
        format!("{no_nodes} (`TYPESENSE_NODES`, which is set, is the server's own and names a file)")
    );
}

fn key_is_read_from_the_named_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from a file\n").unwrap();
    let server = empty_server();
    let path = || file.path().as_os_str().to_owned();
    let variables = [(NODES, server.url().into()), (API_KEY_FILE, path())];
    // The client ignores the server's own list of nodes.
    assert_eq!(with("send", &[&variables[..], &[("TYPESENSE_NODES", "/etc/nodes".into())]].concat()), "Ok([])");
    assert!(server.received()[0].head.contains("x-typesense-api-key: from a file\r\n"));
    let invalid = |reason: &str| format!("invalid configuration: `TYPESENSE_API_KEY_FILE`: {reason}");
    assert_eq!(
        with("build", &[&variables[..], &[(API_KEY, "pa55".into())]].concat()),
        invalid("excludes `TYPESENSE_API_KEY`, which is also set")
    );
    // An empty variable counts as not set.
    assert_eq!(with("build", &[&variables[..], &[(API_KEY, "".into())]].concat()), "a client");
    std::fs::write(file.path(), "pa55\n\n").unwrap();
    assert_eq!(with("build", &variables), invalid("ends with a line break (U+000A): remove it"));
    let misplaced = [(NODES, server.url().into()), (API_KEY_FILE, "pa55".into())];
    assert_eq!(with("build", &misplaced), invalid("names a file that cannot be read: entity not found"));
}

fn variable_allows_plain_http_to_other_hosts() {
    let variables = [(NODES, "http://typesense:8108".into()), (API_KEY, "key".into())];
    let with =
        |allow: &str| with("build", &[&variables[..], &[("TYPESENSE_ALLOW_PLAINTEXT", allow.into())]].concat());
    for allow in ["true", "1", " true\n"] {
        assert_eq!(with(allow), "a client", "{allow:?}");
    }
    for refuse in ["", "false", "0"] {
        assert!(with(refuse).contains("is plain http to another host"), "{refuse:?}");
    }
    for neither in ["yes", "TRUE", "\"true\""] {
        let text = "invalid configuration: `TYPESENSE_ALLOW_PLAINTEXT`: is neither `true` nor `false`";
        assert_eq!(with(neither), text);
    }
}

fn wrong_setting_is_named_by_its_method() {
    let text = with("override", &[(NODES, "http://127.0.0.1:1".into()), (API_KEY, "pa55".into())]);
    assert!(text.starts_with("invalid configuration: `api_key`: "), "{text}");
}

fn wrong_setting_is_named_by_its_variable() {
    for (nodes, reason) in [
        (",,", "is not set: the nodes, such as `https://search.example.net`, separated by commas"),
        ("http://127.0.0.1:1,127.0.0.1:2", "address 2 needs a scheme: `https://` or `http://`"),
        (
            "http://127.0.0.1:1 http://127.0.0.1:2",
            "an address has a space (U+0020) as character 19: remove it, or separate addresses by commas",
        ),
        (
            "http://127.0.0.1:1,http://127.0.0.1:2\nhttp://127.0.0.1:3",
            "address 2 has a line break (U+000A) as character 19: remove it, or separate addresses by commas",
        ),
        (
            "10.0.0.1:8107:8108,10.0.0.2:8107:8108",
            "address 1 has the form `host:peering port:API port` of the server's own list of nodes: write `http://host:API \
             port`",
        ),
        (
            "http://typesense:8108",
            "http://typesense:8108 is plain http to another host, where anyone on the network path can read the admin key \
             and every new key: use https, or set `TYPESENSE_ALLOW_PLAINTEXT=true` if the network itself is encrypted",
        ),
        (
            "https://user:pa55@example.net",
            "an address contains user info (`user:password@`), which Typesense does not use: remove it",
        ),
    ] {
        assert_eq!(built(nodes, "pa55"), format!("invalid configuration: `TYPESENSE_URL`: {reason}"));
    }
    assert_eq!(
        built("http://127.0.0.1:1", "pa55\n"),
        "invalid configuration: `TYPESENSE_API_KEY`: ends with a line break (U+000A): remove it"
    );
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let bytes = OsString::from_vec(b"pa55\xff".to_vec());
        let text = with("build", &[(NODES, "http://127.0.0.1:1".into()), (API_KEY, bytes)]);
        assert!(text.starts_with("invalid configuration: `TYPESENSE_API_KEY`: "), "{text}");
    }
}

fn proxy_setting_tunnels_plain_http_to_other_hosts() {
    let (server, proxy) = (empty_server(), tunnel());
    let node = format!("http://search.test:{}", server.port());
    let setting = format!("http://user:pa55%2F@127.0.0.1:{}", proxy.port());
    let variables = [(NODES, node.into()), (API_KEY, "the-key".into()), (PROXY_SETTING, setting.into())];
    assert_eq!(with("list", &variables), "Ok([])");
    let [asked] = &proxy.received()[..] else { panic!("the proxy did not receive exactly one request") };
    assert!(asked.head.starts_with(&format!("CONNECT search.test:{} HTTP/1.1\r\n", server.port())), "{asked:?}");
    // `user:pa55/`
    assert_eq!(asked.header("proxy-authorization").as_deref(), Some("Basic dXNlcjpwYTU1Lw=="));
    assert!(!asked.head.contains("the-key"), "{asked:?}");
}

fn plain_http_to_this_host_uses_no_proxy() {
    let (server, proxy) = (empty_server(), tunnel());
    for host in ["127.0.0.1", "localhost"] {
        let node = format!("http://{host}:{}", server.port());
        let variables = [(NODES, node.into()), (API_KEY, "key".into()), (PROXY_SETTING, proxy.url().into())];
        assert_eq!(with("list", &variables), "Ok([])");
    }
    assert_eq!((server.connections(), proxy.connections()), (2, 0));
}

fn environments_proxy_is_not_used_for_plain_http() {
    let (server, proxy) = (empty_server(), tunnel());
    // For the client, this is another host; connections to it reach this one.
    let node = format!("http://0.0.0.0:{}", server.port());
    let mut variables = vec![(NODES, node.into()), (API_KEY, "key".into())];
    variables.extend(PROXIES[..6].iter().map(|name| (*name, proxy.url().into())));
    assert_eq!(with("list", &variables), "Ok([])");
    assert_eq!((server.connections(), proxy.connections()), (1, 0));
}

#[cfg(feature = "tls")]
fn proxy_setting_replaces_the_environments_proxy() {
    let (environments, set) = (tunnel(), tunnel());
    let node = format!("https://search.test:{}", CLOSED_PORT);
    let mut variables = vec![(NODES, node.into()), (API_KEY, "key".into()), (PROXY_SETTING, set.url().into())];
    // NO_PROXY is also from the environment.
    variables.extend(PROXIES[..6].iter().map(|name| (*name, environments.url().into())));
    variables.push(("NO_PROXY", "search.test".into()));
    with("list", &variables);
    assert_eq!((environments.connections(), set.connections()), (0, 1));
}

#[cfg(feature = "tls")]
fn environments_proxy_can_be_turned_off() {
    let proxy = tunnel();
    let port = CLOSED_PORT;
    let mut variables = vec![(NODES, format!("https://127.0.0.1:{port}").into()), (API_KEY, "key".into())];
    variables.extend(PROXIES[..6].iter().map(|name| (*name, proxy.url().into())));
    with("list", &variables);
    assert_eq!(proxy.connections(), 1);
    variables.push((PROXY_SETTING, "off".into()));
    let text = with("list", &variables);
    assert_eq!(proxy.connections(), 1);
    assert!(text.contains(&format!("https://127.0.0.1:{port}: connection refused")), "{text}");
}

#[cfg(feature = "tls")]
fn hosts_in_no_proxy_are_connected_directly() {
    let port = CLOSED_PORT;
    let uses_proxy = |host: &str, no_proxy: &str| {
        let proxy = tunnel();
        let node = format!("https://{host}:{port}");
        let variables = [(NODES, node.into()), (API_KEY, "key".into()), ("NO_PROXY", no_proxy.into())];
        with("list", &[&variables[..], &[("HTTPS_PROXY", proxy.url().into())]].concat());
        proxy.connections() > 0
    };
    for (host, no_proxy) in [
        ("127.0.0.1", "a.test, 127.0.0.1"),
        ("LOCALHOST", "localhost"),
        ("a.localhost", ".localhost"),
        ("a.localhost", "*.LOCALHOST"),
        ("[::1]", "*"),
        ("[::1]", "[::1]"),
        ("[::1]", "::1"),
        ("[0:0::1]", "0:0:0:0:0:0:0:1"),
        ("a.localhost", "localhost"),
        ("localhost", "localhost."),
        ("127.0.0.1", "a.test 127.0.0.0/8"),
    ] {
        assert!(!uses_proxy(host, no_proxy), "{host}: {no_proxy}");
    }
    assert!(!uses_proxy("127.0.0.1", &format!("127.0.0.1:{port}")));
    for (host, no_proxy) in [
        ("127.0.0.1", "127.0.0.1:443"),
        ("127.0.0.1", "128.0.0.0/8"),
        ("[::1]", "0.0.0.0/0"),
        ("localhost", ".localhost"),
        ("a.localhost", "b.localhost"),
    ] {
        assert!(uses_proxy(host, no_proxy), "{host}: {no_proxy}");
    }
}

#[cfg(feature = "tls")]
fn proxy_variables_are_read_only_for_https() {
    let built = |node: &str, proxy: &str, address: &str| {
        with("build", &[(NODES, node.into()), (API_KEY, "key".into()), (proxy, address.into())])
    };
    let https = "https://search.example.net";
    assert_eq!(
        built(https, "HTTPS_PROXY", "socks5://user:pa55@127.0.0.1:1"),
        "invalid configuration: `HTTPS_PROXY`: names a SOCKS proxy, which is not supported: use an http proxy; \
         `proxy_from_env(false)` ignores the variable"
    );
    assert_eq!(
        built(https, "all_proxy", "pa55:is:not:a:proxy\n"),
        "invalid configuration: `all_proxy`: is not the URL of an http proxy, such as `http://proxy.example.net:3128` \
         (in its user and password, percent-encode every character that is not a letter or a digit); \
         `proxy_from_env(false)` ignores the variable"
    );
    assert_eq!(built(https, "https_proxy", "http://user:pa55@127.0.0.1:1"), "a client");
    assert_eq!(built("http://127.0.0.1:1", "HTTPS_PROXY", "socks5://127.0.0.1:1"), "a client");
}

/// The error of a create over https through `proxy`. `case`: `create`, perhaps with the connect timeout in
/// milliseconds.
#[cfg(feature = "tls")]
fn created_through(proxy: &Scripted, case: &str) -> String {
    let node = "https://search.example.net";
    with(case, &[(NODES, node.into()), (API_KEY, "key".into()), ("HTTPS_PROXY", proxy.url().into())])
}

#[cfg(feature = "tls")]
fn proxy_that_does_not_speak_http_leaves_no_doubt_about_the_outcome() {
    let proxy = Scripted::start(|peer| {
        peer.request()?;
        peer.send("nonsense\r\n\r\n")
    });
    let text = created_through(&proxy, "create");
    let name = format!("the proxy {} (from `HTTPS_PROXY`): ", proxy.url());
    assert!(text.contains(&format!("{name}its response is not HTTP/1")) && !text.contains("may have"), "{text}");
}

#[cfg(feature = "tls")]
fn failure_of_a_proxy_names_the_proxy_and_its_setting() {
    let asks = Scripted::start(|peer| {
        peer.request()?;
        peer.send("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
    });
    let refuses = Scripted::start(|peer| {
        peer.request()?;
        peer.send("HTTP/1.1 502 pa55\r\ncontent-length: 0\r\n\r\n")
    });
    let dead = format!("127.0.0.1:{CLOSED_PORT}");
    let with_user = |authority: &str| format!("http://user:pa55@{authority}");
    let tail = "is the address right (http or https?), and is the server running?";
    for (variable, authority, result) in [
        ("HTTPS_PROXY", &*dead, "connection refused"),
        ("all_proxy", &dead, "connection refused"),
        (PROXY_SETTING, &dead, "connection refused"),
        ("https_proxy", "proxy.invalid:3128", "host not found"),
        (
            "HTTPS_PROXY",
            &asks.url()[7..],
            "it asks for a user and a password (in its address: `http://user:password@host:port`)",
        ),
        ("HTTPS_PROXY", &refuses.url()[7..], "it refused to connect"),
    ] {
        let node = "https://search.example.net/eu";
        let variables = [(NODES, node.into()), (API_KEY, "key".into()), (variable, with_user(authority).into())];
        let from = if variable == PROXY_SETTING { "proxy" } else { variable };
        let text = format!("list keys: {node}: the proxy http://{authority} (from `{from}`): {result}; {tail}");
        assert_eq!(with("list", &variables), format!("Err({text:?})"));
    }
}

#[cfg(feature = "tls")]
fn address_of_a_proxy_is_trimmed_and_odd_characters_are_reported() {
    let built = |address: &str| {
        let node = "https://search.example.net";
        with("build", &[(NODES, node.into()), (API_KEY, "key".into()), ("HTTPS_PROXY", address.into())])
    };
    for address in [" http://127.0.0.1:1", "http://127.0.0.1:1\n", "\u{feff}http://127.0.0.1:1\r\n", "\n"] {
        assert_eq!(built(address), "a client", "{address:?}");
    }
    let why = |why: &str| {
        format!("invalid configuration: `HTTPS_PROXY`: {why}; `proxy_from_env(false)` ignores the variable")
    };
    assert_eq!(
        built("http://pa55\n:1"),
        why("has a line break (U+000A) as character 12: remove it, or percent-encode it")
    );
    assert!(built("\"http://pa55:1\"").contains("; it begins and ends with a quotation mark;"));
}

#[cfg(feature = "tls")]
fn proxy_that_responds_byte_by_byte_is_limited_by_the_connect_timeout() {
    let proxy = Scripted::start(|peer| {
        peer.request()?;
        // Each byte arrives within the limit, the whole head long after it. Without a limit for the whole, there would
        // be another error.
        peer.drip("HTTP/1.1 200 OK\r\nx: yyyyyyyyyyyyyyyyyyyy", Duration::from_millis(100))
    });
    let text = created_through(&proxy, "create 300");
    assert!(text.contains("timed out"), "{text}");
}
