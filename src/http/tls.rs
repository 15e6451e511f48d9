//! TLS: the trusted certificates, the client's own certificate, and explanations of TLS errors.
//! Certificates are always checked; no setting turns that off.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject};
use rustls::{AlertDescription, CertificateError, ClientConfig, PeerIncompatible, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
pub(super) use ureq::unversioned::transport::RustlsConnector as TlsConnector;

use crate::error::{Error, Phase};
use crate::expiry::Expiry;

type Builder = ConfigBuilder<AgentScope>;

/// As the caller gave them, unchecked.
#[derive(Clone, Default)]
pub(crate) struct TlsSettings {
    pub(crate) ca_certificates: Option<Vec<u8>>,
    pub(crate) native_roots: bool,
    pub(crate) client_certificate: Option<(Vec<u8>, SecretString)>,
}

impl TlsSettings {
    pub(super) fn apply_to(&self, builder: Builder) -> Result<Builder, Error> {
        let Self { ca_certificates, native_roots, client_certificate } = self;
        let mut config = TlsConfig::builder();
        if let Some(ca_certificates) = ca_certificates {
            if *native_roots {
                let reason = "excludes `native_roots`: trust either the operating system's authorities or these";
                return Err(Error::configuration("ca_certificates", reason));
            }
            let authorities = certificates("ca_certificates", ca_certificates)?;
            let mut store = RootCertStore::empty();
            for authority in &authorities {
                let why = "contains a certificate that cannot be used as an authority's";
                let refused = |source| Error::configuration_from("ca_certificates", why, source);
                store.add(authority.clone()).map_err(refused)?;
            }
            config = config.root_certs(RootCerts::new_with_certs(&owned(&authorities)));
        } else if *native_roots {
            config = config.root_certs(RootCerts::PlatformVerifier);
        }
        if let Some((chain, key)) = client_certificate {
            config = config.client_cert(Some(client_cert(chain, key)?));
        }
        Ok(builder.tls_config(config.build()))
    }
}

fn certificates(setting: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(without_mark(pem)).collect();
    let why = match certificates {
        Ok(certificates) if !certificates.is_empty() => return Ok(certificates),
        Ok(_) if pem.is_empty() => "is empty: leave it out, or name a certificate",
        Ok(_) if pem.contains(&0) => "is not text (DER or UTF-16?): convert it to PEM",
        Ok(_) => "contains no PEM block `-----BEGIN CERTIFICATE-----`",
        // The cause is omitted, because it may repeat the input.
        Err(_) => "is not valid PEM",
    };
    Err(Error::configuration(setting, why))
}

/// Without the byte order mark that some editors put before the text.
fn without_mark(pem: &[u8]) -> &[u8] {
    pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem)
}

fn owned(certificates: &[CertificateDer<'static>]) -> Vec<Certificate<'static>> {
    certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
}

fn client_cert(chain: &[u8], key: &SecretString) -> Result<ClientCert, Error> {
    const SETTING: &str = "client_certificate";
    let chain = certificates(SETTING, chain)?;
    let pem = without_mark(key.expose_secret().as_bytes());
    let (Ok(parsed), Ok(key)) = (PrivateKeyDer::from_pem_slice(pem), PrivateKey::from_pem(pem)) else {
        return Err(Error::configuration(SETTING, "its key is not a PEM block of a private key"));
    };
    // Checked here, because ureq would panic at the first request.
    let provider = rustls::crypto::CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| rustls::crypto::ring::default_provider().into());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(RootCertStore::empty()))
        .and_then(|builder| builder.with_client_auth_cert(chain.clone(), parsed))
        .map_err(|source| {
            let why = "the certificate and the key do not match, or the key is of an unsupported kind";
            Error::configuration_from(SETTING, why, source)
        })?;
    Ok(ClientCert::new_with_certs(&owned(&chain), key))
}

/// Why the TLS handshake failed, and what to do. Returns `None` if `error` is not about TLS, or if the server may
/// have received the request.
pub(super) fn explain(error: &(dyn StdError + 'static), phase: Phase) -> Option<Cow<'static, str>> {
    let error = find(error)?;
    // With TLS 1.3, a server that requires a client certificate reports so after the handshake, and reads no request.
    // Once it has begun to respond, it has read the request.
    (phase.is_before_sending() || (phase < Phase::ReadResponse && refuses_certificate(error)))
        .then(|| describe(error))
}

fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let inner = match error.downcast_ref::<io::Error>() {
        Some(wrapped) => wrapped.get_ref()? as &(dyn StdError + 'static),
        None => error,
    };
    match inner.downcast_ref::<ureq::Error>() {
        Some(ureq::Error::Rustls(error)) => Some(error),
        Some(ureq::Error::Io(error)) => find(error),
        _ => inner.downcast_ref::<rustls::Error>(),
    }
}

fn refuses_certificate(error: &rustls::Error) -> bool {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, UnknownCA, UnsupportedCertificate,
    };
    matches!(
        error,
        rustls::Error::AlertReceived(
            CertificateRequired
                | BadCertificate
                | UnknownCA
                | UnsupportedCertificate
                | CertificateExpired
                | AccessDenied
        )
    )
}

fn describe(error: &rustls::Error) -> Cow<'static, str> {
    let date = |time: &UnixTime| Expiry::from_unix_seconds(time.as_secs());
    let text = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => {
                "its certificate is from an authority that is not trusted (name yours with `ca_certificates`; the server \
                 must send its intermediate certificates, too)"
            }
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                "its certificate names no host (it has no `subjectAltName`, and a common name does not count)"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another host name"
            }
            CertificateError::ExpiredContext { time, not_after: limit }
            | CertificateError::NotValidYetContext { time, not_before: limit } => {
                let what = if time < limit { "is not valid before" } else { "expired at" };
                let (limit, now) = (date(limit), date(time));
                let clock = "(is this machine's clock right?)";
                return format!("its certificate {what} {limit}, and here it is {now} {clock}").into();
            }
            CertificateError::Expired => "its certificate has expired",
            CertificateError::NotValidYet => "its certificate is not valid yet (is this machine's clock right?)",
            // Authorities are found by name: a different authority has the same name, perhaps because it was
            // recreated.
            CertificateError::BadSignature => {
                "its certificate was not signed by the authority of that name that is trusted here (name the right one \
                 with `ca_certificates`)"
            }
            CertificateError::Revoked => "its certificate has been revoked",
            // rustls has no variant for it, and passes the error of `webpki` on.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "its certificate is an authority's own (`CA:TRUE`, as `openssl req -x509` makes it): make it again with \
                 `-addext basicConstraints=critical,CA:FALSE`, and trust that"
            }
            _ => "its certificate is not valid",
        },
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "it speaks only a version of TLS before 1.2"
        }
        _ if refuses_certificate(error) => "it rejects our certificate, or requires one (see `client_certificate`)",
        rustls::Error::InvalidMessage(_) => "its response is not encrypted (is it an http server?)",
        _ => "the TLS handshake failed",
    };
    text.into()
}
