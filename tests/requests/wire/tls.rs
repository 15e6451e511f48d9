//! The most common mistakes with certificates: `{err}` says what is wrong and what to do.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use typesense_keys::{Error, KeysClient};

/// A chain of certificates and its private key.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, names: &[&str], adjust: impl Fn(&mut CertificateParams)) -> Shown {
        signed_by(&self.0, names, adjust)
    }
}

fn signed_by(
    issuer: &Issuer<'_, impl rcgen::SigningKey>,
    names: &[&str],
    adjust: impl Fn(&mut CertificateParams),
) -> Shown {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    adjust(&mut params);
    let key = KeyPair::generate().unwrap();
    Shown { chain: vec![params.signed_by(&key, issuer).unwrap().der().clone()], key }
}

/// Starts a server with this identity, and returns its address.
fn showing(shown: Shown) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(shown.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(shown.chain, key)
        .unwrap();
    let config = Arc::new(config);
    serving("https", move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
        // Reads the rest, because closing a connection with unread bytes resets it.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = io::copy(&mut stream, &mut io::sink());
    })
}

fn serving(scheme: &str, serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    // The server ends after its first connection, because a call makes only one.
    thread::spawn(move || serve(listener.accept().unwrap().0));
    url
}

/// The text of the error after the address.
#[track_caller]
fn text(url: &str, authorities: &str) -> String {
    let builder = KeysClient::builder().node(url).api_key("key").retries(false).proxy_from_env(false);
    let client = builder.ca_certificates(authorities).build().unwrap();
    let error = client.list().send().unwrap_err();
    assert!(
        matches!(error, Error::Tls { .. } | Error::Connection { .. } | Error::UnexpectedResponse { .. }),
        "{error:?}"
    );
    assert!(!error.to_string().contains('\n'), "{error}");
    error.to_string().replace(url, "NODE").replace("list keys: NODE: ", "")
}

#[test]
fn error_about_a_wrong_certificate_says_what_is_wrong() {
    let authority = Authority::new();
    let trusted = authority.0.pem();
    let here = ["127.0.0.1"];
    let untrusted = "its certificate is from an authority that is not trusted (name yours with `ca_certificates`; the \
                     server must send its intermediate certificates, too)";

    // As `openssl req -x509` makes it: the certificate of a server that is also an authority. To trust it does not
    // help.
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap();
    let own_pem = own.pem();
    let own = Shown { chain: vec![own.der().clone()], key };
    assert_eq!(
        text(&showing(own), &own_pem),
        "its certificate is an authority's own (`CA:TRUE`, as `openssl req -x509` makes it): make it again with `-addext \
         basicConstraints=critical,CA:FALSE`, and trust that"
    );

    assert_eq!(
        text(&showing(authority.issue(&[], |_| {})), &trusted),
        "its certificate names no host (it has no `subjectAltName`, and a common name does not count)"
    );
    assert_eq!(
        text(&showing(authority.issue(&["elsewhere.test"], |_| {})), &trusted),
        "its certificate is for another host name"
    );

    let expired = authority.issue(&here, |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 12, 31));
    });
    let shown = text(&showing(expired), &trusted);
    assert!(shown.starts_with("its certificate expired at 2020-12-31T00:00:00Z, and here it is 20"), "{shown}");
    assert!(shown.ends_with("Z (is this machine's clock right?)"), "{shown}");
    let early = authority.issue(&here, |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2999, 1, 1), date_time_ymd(2999, 12, 31));
    });
    let shown = text(&showing(early), &trusted);
    assert!(
        shown.starts_with("its certificate is not valid before 2999-01-01T00:00:00Z, and here it is 20"),
        "{shown}"
    );

    // An intermediate authority. The server sends its certificate or not.
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "intermediate");
    let key = KeyPair::generate().unwrap();
    let intermediate = CertifiedIssuer::signed_by(params, key, &authority.0).unwrap();
    let mut complete = signed_by(&intermediate, &here, |_| {});
    complete.chain.push(intermediate.der().clone());
    assert_eq!(text(&showing(signed_by(&intermediate, &here, |_| {})), &trusted), untrusted);
    let shown = text(&showing(complete), &trusted);
    assert!(shown.starts_with("closed the connection"), "the chain is not trusted: {shown}");

    // Another authority with the same name.
    assert_eq!(
        text(&showing(Authority::new().issue(&here, |_| {})), &trusted),
        "its certificate was not signed by the authority of that name that is trusted here (name the right one with \
         `ca_certificates`)"
    );
}

#[test]
fn error_names_the_protocol_if_the_server_speaks_another_one() {
    let trusted = Authority::new().0.pem();
    // The alert `protocol_version` of a server that knows only TLS 1.0.
    let old = serving("https", |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"\x15\x03\x01\0\x02\x02\x46");
    });
    assert_eq!(text(&old, &trusted), "it speaks only a version of TLS before 1.2");
    let http = serving("https", |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    });
    assert_eq!(text(&http, &trusted), "its response is not encrypted (is it an http server?)");
    // Plain http on a port for https: Typesense closes the connection, other servers send an alert or a page.
    let https = showing(Authority::new().issue(&["127.0.0.1"], |_| {})).replace("https:", "http:");
    let shown = text(&https, &trusted);
    assert!(
        shown.starts_with("the response is not HTTP/1 (is the scheme of the node's address right?)")
            || shown.contains("; is the address right (http or https?)"),
        "{shown}"
    );
}
