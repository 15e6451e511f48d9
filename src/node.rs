//! The address of a node.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ureq::http::Uri;
use ureq::http::uri::Authority;

use crate::text;

/// A node's base address, normalized, so that one node does not count as two. Contains no credentials: addresses
/// with user info are refused.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// `scheme://host[:port]`, with the path under which a proxy serves Typesense, without a trailing slash.
    url: Box<str>,
    is_https: bool,
    /// The origin, if requests to the node travel unencrypted over a network.
    exposed: Option<Box<str>>,
}

impl Node {
    /// Parses `http[s]://host[:port][/path]`. The reason for a refusal does not repeat the address, which may contain
    /// a misplaced password or key.
    pub(crate) fn parse(address: &str) -> Result<Self, String> {
        let address = text::trimmed(address);
        text::check_word(address)?;
        let node = Self::of_word(address);
        node.map_err(|why| text::oddity(address).map_or(why.to_owned(), |odd| format!("{why}; it {odd}")))
    }

    fn of_word(address: &str) -> Result<Self, &'static str> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (_, after_scheme) = address.split_once("://").unwrap_or(("", address));
        let authority = after_scheme.split('/').next().unwrap_or_default();
        let parts: Vec<_> = if authority.starts_with('[') { Vec::new() } else { authority.split(':').collect() };
        if address.split([',', ';']).filter(|part| part.contains("://")).count() > 1 {
            return Err("is a list of addresses: add each with its own call of `node`");
        } else if address.contains('@') {
            return Err("contains user info (`user:password@`), which Typesense does not use: remove it");
        } else if address.contains(['?', '#']) {
            return Err(
                "contains a query or a fragment: a node is `https://host:port`, and the key goes into `api_key`",
            );
        } else if !address.is_ascii() {
            return Err("has a character that is not ASCII: percent-encode the path, and write the host as `xn--…`");
        } else if matches!(parts[..], [host, peering, port] if !host.is_empty() && is_number(peering) && is_number(port))
        {
            return Err("has the form `host:peering port:API port` of the server's own list of nodes: write \
                 `http://host:API port`");
        } else if parts.len() > 2 {
            return Err("has an IPv6 address without brackets: write it as `http://[::1]:8108`");
        }
        let no_url = "is not a URL such as `https://search.example.net` or `http://127.0.0.1:8108`";
        let uri: Uri = address.parse().map_err(|_| no_url)?;
        let scheme = uri.scheme_str().filter(|scheme| ["https", "http"].contains(scheme));
        let scheme = scheme.ok_or("needs a scheme: `https://` or `http://`")?;
        let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or("names no host")?;
        let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let path = uri.path().trim_end_matches('/');
        let last = path.rsplit('/').next().unwrap_or_default();
        if !has_valid_port(authority) {
            return Err("has a port that is not a number from 1 to 65535");
        } else if !authority.host().starts_with('[') && !is_name(authority.host()) {
            return Err("names a host with another character than letters, digits, `-`, `_` and `.`: name one host");
        } else if ["keys", "collections", "health", "multi_search"].contains(&last) {
            return Err("ends in a path of Typesense, such as `/keys`, which this crate adds: remove it");
        } else if last.rsplit_once(':').is_some_and(|(_, port)| is_number(port)) {
            return Err("has a port after the path: write `https://host:port/path`");
        }
        let host = normalized_host(authority.host());
        let port = authority.port_u16().filter(|port| *port != default_port(&uri));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let is_https = scheme == "https";
        let origin = format!("{scheme}://{host}{port}");
        let url = format!("{origin}{path}").into();
        Ok(Self { url, is_https, exposed: (!is_https && !is_loopback(&host)).then(|| origin.into()) })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        [&*self.url, path].concat()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// `scheme://host[:port]`, if requests to the node travel unencrypted over a network.
    pub(crate) fn exposed(&self) -> Option<&str> {
        self.exposed.as_deref()
    }
}

/// The host without brackets, and the port.
pub(crate) fn host_and_port(uri: &Uri) -> (&str, u16) {
    (uri.host().unwrap_or_default().trim_matches(['[', ']']), uri.port_u16().unwrap_or(default_port(uri)))
}

fn default_port(uri: &Uri) -> u16 {
    if uri.scheme_str() == Some("https") { 443 } else { 80 }
}

/// The host in lower case, and an IPv6 address in its shortest form and brackets.
pub(crate) fn normalized_host(host: &str) -> String {
    match host.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_ascii_lowercase(),
    }
}

/// Whether the authority has a port from 1 to 65535, or none: `http::Uri` accepts `host:`, `host:+1` and `host:99999`,
/// too.
pub(crate) fn has_valid_port(authority: &Authority) -> bool {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    host_and_port == authority.host()
        || authority.port().is_some_and(|port| port.as_u16() > 0 && !port.as_str().starts_with('+'))
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        // RFC 6761 also reserves names such as `a.localhost`, but not every resolver treats them as loopback.
        Err(_) => host == "localhost",
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_with_scheme_and_host_is_accepted() {
        for (address, url) in [
            ("http://127.0.0.1:8108", "http://127.0.0.1:8108/keys"),
            ("https://search.example.net/", "https://search.example.net/keys"),
            ("https://example.net/search/", "https://example.net/search/keys"),
            ("http://[::1]:8108", "http://[::1]:8108/keys"),
            (" HTTPS://Example.net", "https://example.net/keys"),
        ] {
            assert_eq!(Node::parse(address).map(|node| node.url("/keys")).as_deref(), Ok(url));
        }
    }

    #[test]
    fn address_in_another_spelling_is_the_same_node() {
        for [one, other] in [
            ["http://localhost:8108", "HTTP://LOCALHOST:08108/"],
            ["http://127.0.0.1", "http://127.0.0.1:80"],
            ["https://example.net/a", "https://EXAMPLE.net:00443/a//"],
            ["https://[::1]:1", "https://[0:0:0:0:0:0:0:1]:1"],
            ["https://[fe80::a]", "https://[FE80::000A]:443"],
        ] {
            assert_eq!(Node::parse(one), Node::parse(other));
        }
        for [one, other] in [
            ["http://localhost:8108", "http://localhost:8109"],
            ["http://localhost", "http://localhost:443"],
            ["http://localhost:8108", "https://localhost:8108"],
            ["https://example.net/a", "https://example.net/A"],
            ["https://[::1]", "https://[::2]"],
        ] {
            assert_ne!(Node::parse(one), Node::parse(other));
        }
    }

    #[test]
    fn malformed_address_is_refused() {
        for bad in [
            "",
            "localhost",
            "localhost:8108",
            "ftp://x",
            "http://",
            "http://x:",
            "http://x:0",
            "http://x:+80",
            "http://x:99999",
            "https://user:pw@x",
            "https://x?key=1",
            "https://x#y",
            "http://a b",
            "https:///keys",
            "http://:8108",
        ] {
            assert!(Node::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_exposed_beyond_loopback() {
        for local in ["127.0.0.1", "127.8.8.8", "[::1]", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]"] {
            assert!(Node::parse(&format!("http://{local}:1")).unwrap().exposed().is_none(), "{local}");
        }
        for remote in ["10.0.0.1", "example.net", "a.localhost", "0.0.0.0", "[::]", "128.0.0.1"] {
            assert!(Node::parse(&format!("http://{remote}:1")).unwrap().exposed().is_some(), "{remote}");
            assert!(Node::parse(&format!("https://{remote}:1")).unwrap().exposed().is_none(), "{remote}");
        }
    }
}
