//! The proxy that a client uses: the caller's, or the environment's.

use std::env;

use secrecy::{ExposeSecret, SecretString};
use ureq::{Proxy, ProxyProtocol};

use crate::error::Error;
use crate::node::{has_valid_port, normalized_host};
use crate::text;

/// Where the address of the proxy comes from.
#[derive(Clone, Copy)]
pub(crate) enum ProxySource<'a> {
    /// The builder's setting `proxy`.
    Setting(&'a SecretString),
    /// `HTTPS_PROXY`, else `ALL_PROXY`, each also in lower case. `NO_PROXY` lists the hosts that are connected
    /// directly.
    Environment,
    /// There is no proxy.
    None,
}

impl ProxySource<'_> {
    pub(super) fn resolve(self) -> Result<Option<Proxy>, Error> {
        match self {
            Self::Setting(url) => {
                parse(url.expose_secret()).map(Some).map_err(|why| Error::configuration("proxy", why))
            }
            Self::Environment => from_env(),
            Self::None => Ok(None),
        }
    }

    /// Whether connections to plain http nodes on other hosts use the proxy, too. The environment's variables are for
    /// https.
    pub(super) fn covers_plain_http(self) -> bool {
        matches!(self, Self::Setting(_))
    }
}

fn from_env() -> Result<Option<Proxy>, Error> {
    let of = |name: &str| env::var(name).ok().filter(|value| !text::trimmed(value).is_empty());
    let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let Some((name, address)) = names.into_iter().find_map(|name| Some((name, of(name)?))) else { return Ok(None) };
    let invalid =
        |why: &str| Error::configuration(name, format!("{why}; `proxy_from_env(false)` ignores the variable"));
    let named = parse(&address).map_err(|why| invalid(&why))?;
    let mut proxy = Proxy::builder(named.protocol()).host(named.host()).port(named.port());
    if let Some(name) = named.username() {
        proxy = proxy.username(name);
    }
    if let Some(password) = named.password() {
        proxy = proxy.password(password);
    }
    for host in of("no_proxy").or_else(|| of("NO_PROXY")).unwrap_or_default().split(',') {
        // ureq compares it with the host of the node's address.
        proxy = proxy.no_proxy(&normalized_host(host.trim()));
    }
    proxy.build().map(Some).map_err(|_| invalid(NOT_A_URL))
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
