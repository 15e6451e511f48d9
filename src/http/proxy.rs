//! The proxy that a client uses: the caller's, or the environment's.

use std::env;
use std::net::IpAddr;

use log::warn;
use secrecy::{ExposeSecret, SecretString};
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::node::{has_valid_port, host_and_port, normalized_host};
use crate::text::{self, without_keys};

/// Where the address of the proxy comes from.
#[derive(Debug, Clone, Default)]
pub(crate) enum ProxySource {
    /// The builder's setting `proxy`.
    Setting(SecretString),
    /// `HTTPS_PROXY`, else `ALL_PROXY`, each also in lower case. `NO_PROXY` lists the hosts that are connected
    /// directly.
    #[default]
    Environment,
    /// There is no proxy.
    None,
}

impl ProxySource {
    /// The proxy, and how errors name it: without user and password, and with where its address comes from.
    pub(super) fn resolve(&self) -> Result<Option<(Proxy, String)>, Error> {
        let (setting, hint, address) = match self {
            Self::Setting(url) => ("proxy", "", url.expose_secret().to_owned()),
            Self::Environment => {
                let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
                let found = names.into_iter().find_map(|name| Some((name, variable(name)?)));
                let Some((name, address)) = found else { return Ok(None) };
                (name, "; `proxy_from_env(false)` ignores the variable", address)
            }
            Self::None => return Ok(None),
        };
        let address = Zeroizing::new(address);
        let proxy = parse(&address).map_err(|why| Error::configuration(setting, format!("{why}{hint}")))?;
        let scheme = if proxy.protocol() == ProxyProtocol::Https { "https" } else { "http" };
        let name = format!("{scheme}://{}:{} (from `{setting}`)", proxy.host(), proxy.port());
        Ok(Some((proxy, name)))
    }

    /// The hosts that are connected directly, if the address comes from the environment.
    pub(super) fn no_proxy(&self) -> Option<NoProxy> {
        let list = || variable("no_proxy").or_else(|| variable("NO_PROXY")).unwrap_or_default();
        matches!(self, Self::Environment).then(|| NoProxy::new(&list()))
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !text::trimmed(value).is_empty())
}

/// The hosts that are connected directly, by what curl, Go and Python agree on. ureq's own rule knows neither
/// subdomains nor ports nor networks.
#[derive(Debug, Clone)]
pub(super) struct NoProxy(Vec<String>);

impl NoProxy {
    /// Reads a list that is separated by commas or blanks. Logs what it ignores.
    fn new(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || text::is_unseen(c)).filter(|entry| !entry.is_empty());
        let (valid, invalid): (Vec<_>, Vec<_>) = entries.partition(|entry| is_valid(entry));
        for entry in invalid {
            warn!("NO_PROXY: `{}` is ignored: it is no host, address or network", without_keys(entry));
        }
        Self(valid.into_iter().map(str::to_owned).collect())
    }

    pub(super) fn covers(&self, node: &Uri) -> bool {
        let (host, port) = host_and_port(node);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|entry| covers(entry, &host, port) == Some(true))
    }
}

fn is_valid(entry: &str) -> bool {
    covers(entry, "", 0).is_some()
}

/// Whether an entry of the list covers the host. `None` if the entry is invalid.
fn covers(entry: &str, host: &str, port: u16) -> Option<bool> {
    let entry = entry.to_ascii_lowercase();
    if let Some((network, bits)) = entry.split_once('/') {
        let (network, bits) = (network.parse::<IpAddr>().ok()?, bits.parse::<u32>().ok()?);
        // In the width of IPv6, so that one comparison serves both.
        let wide = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        let contains = |address: IpAddr| {
            let differing = wide(address) ^ wide(network);
            address.is_ipv4() == network.is_ipv4() && differing.leading_zeros() >= bits
        };
        let is_valid = bits <= if network.is_ipv4() { 32 } else { 128 };
        return is_valid.then(|| host.parse().is_ok_and(contains));
    }
    let (named, of_port) = match entry.rsplit_once(':') {
        Some((named, of_port)) if entry.parse::<IpAddr>().is_err() && !entry.ends_with(']') => {
            (named, Some(of_port.parse::<u16>().ok()?))
        }
        _ => (&*entry, None),
    };
    let named = named.trim_matches(['[', ']']).trim_end_matches('.');
    let is_named = match named.strip_prefix("*.").or(named.strip_prefix('.')) {
        _ if named == "*" => true,
        _ if named.is_empty() || named.trim_start_matches('*').contains('*') => return None,
        Some(above) => is_below(host, above),
        None => {
            let named = normalized_host(named);
            let named = named.trim_matches(['[', ']']);
            host == named || is_below(host, named)
        }
    };
    Some(is_named && of_port.is_none_or(|of_port| of_port == port))
}

fn is_below(host: &str, above: &str) -> bool {
    host.strip_suffix(above).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
}

const NOT_A_URL: &str = "is not the URL of an http proxy, such as `http://proxy.example.net:3128` (in its user and \
                         password, percent-encode every character that is not a letter or a digit)";

/// The reason for a refusal does not repeat the address, which may contain a password.
fn parse(address: &str) -> Result<Proxy, String> {
    let address = text::trimmed(address);
    text::check_word(address).map_err(|why| format!("{why}, or percent-encode it"))?;
    let proxy = parse_word(address);
    proxy.map_err(|why| text::oddity(address).map_or(why.to_owned(), |odd| format!("{why}; it {odd}")))
}

fn parse_word(address: &str) -> Result<Proxy, &'static str> {
    let proxy = Proxy::new(address).map_err(|_| NOT_A_URL)?;
    match proxy.protocol() {
        ProxyProtocol::Http => {}
        ProxyProtocol::Https if cfg!(feature = "tls") => {}
        ProxyProtocol::Https => return Err("needs this crate's feature `tls` for an https proxy, which is off"),
        _ => return Err("names a SOCKS proxy, which is not supported: use an http proxy"),
    }
    // A password with `/`, `?` or `#` ends the host early: `http://user:12#3@proxy` would name the host `user`.
    let has_only_a_host = !proxy.host().is_empty()
        && proxy.uri().authority().is_some_and(has_valid_port)
        && matches!(proxy.uri().path(), "" | "/")
        && !address.contains(['?', '#']);
    if has_only_a_host { Ok(proxy) } else { Err(NOT_A_URL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_connected_directly_if_an_entry_covers_it() {
        for (no_proxy, direct, through_proxy) in [
            (
                "example.net",
                &["example.net", "a.example.net", "EXAMPLE.net.", "a.b.example.net"][..],
                &["badexample.net", "net"][..],
            ),
            (".example.net", &["a.example.net"], &["example.net", "aexample.net"]),
            ("*.example.net", &["a.example.net"], &["example.net"]),
            ("example.net.", &["example.net", "a.example.net"], &["example.org"]),
            ("*", &["example.net", "10.0.0.1", "[::1]"], &[]),
            ("example.net:8443", &["example.net:8443", "a.example.net:8443"], &["example.net", "example.net:443"]),
            ("example.net:443", &["example.net", "example.net:443"], &["example.net:8443"]),
            ("10.0.0.1", &["10.0.0.1", "10.0.0.1:8443"], &["10.0.0.10", "10.0.0.2"]),
            ("10.0.0.1:8443", &["10.0.0.1:8443"], &["10.0.0.1"]),
            ("10.1.0.0/16", &["10.1.0.0", "10.1.255.255"], &["10.2.0.0", "example.net", "[::a01:0]"]),
            ("0.0.0.0/0", &["1.2.3.4"], &["[::1]"]),
            ("10.0.0.1/32", &["10.0.0.1"], &["10.0.0.0"]),
            ("fe80::/10", &["[fe80::1]", "[febf::1]"], &["[fec0::1]", "10.0.0.1"]),
            ("::/0", &["[::1]"], &["1.2.3.4"]),
            ("[::1]:8443", &["[::1]:8443"], &["[::1]"]),
            ("::1", &["[::1]", "[0:0::1]", "[::1]:1"], &["[::2]"]),
            ("0:0:0:0:0:0:0:1", &["[::1]"], &["[::2]"]),
            (" a.test ,\tb.test c.test\n", &["a.test", "b.test", "c.test"], &["d.test"]),
            ("10.0.0.0/33, 10.0.0.0/x, a.test:x, a*b, ,", &[], &["10.0.0.0", "a.test", "ab", "aab"]),
            ("", &[], &["a.test"]),
        ] {
            let rule = NoProxy::new(no_proxy);
            let covers = |host: &&str| {
                let uri: Uri = format!("https://{host}/keys").parse().unwrap();
                let host = normalized_host(uri.host().unwrap());
                let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
                rule.covers(&format!("https://{host}{port}/keys").parse().unwrap())
            };
            assert!(direct.iter().all(covers), "{no_proxy}");
            assert!(!through_proxy.iter().any(covers), "{no_proxy}");
        }
    }

    #[test]
    fn url_of_an_http_proxy_is_accepted() {
        for (url, host, port) in [
            ("http://proxy.example.net:3128", "proxy.example.net", 3128),
            ("http://proxy.example.net/", "proxy.example.net", 80),
            ("http://user:p%40ss%2F@[::1]:1", "[::1]", 1),
            ("proxy.example.net:3128", "proxy.example.net", 3128),
        ] {
            let proxy = parse(url).unwrap();
            assert_eq!((proxy.host(), proxy.port()), (host, port));
        }
        for (url, password) in [("http://user:p%40ss%2F@proxy:1", "p@ss/"), ("http://user:pa@ss@proxy:1", "pa@ss")] {
            let proxy = parse(url).unwrap();
            assert_eq!((proxy.host(), proxy.password()), ("proxy", Some(password)));
        }
    }

    #[test]
    fn malformed_url_is_refused() {
        for bad in [
            "",
            " ",
            "http://",
            "http://:3128",
            "http://user@:3128",
            "ftp://proxy:1",
            "http://proxy:",
            "http://proxy:0",
            "http://proxy:99999",
            "http://proxy:1/path",
            "http://proxy:1/?query",
            "http://user:12#3@proxy",
            "http://user:12/3@proxy",
            "http://user:12?3@proxy",
            "http://user:%ff@proxy",
        ] {
            assert_eq!(parse(bad).err().as_deref(), Some(NOT_A_URL), "{bad}");
        }
    }
}
