//! A certificate authority for one test, and the certificates that it issues.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::process::fresh_directory;

/// A certificate authority that no client trusts by default.
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: Arc<TempDir>,
}

impl TestCa {
    pub fn new() -> TestCa {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "typesense-keys test authority");
        let key = KeyPair::generate().expect("a key pair");
        TestCa {
            issuer: CertifiedIssuer::self_signed(params, key).expect("a CA certificate"),
            directory: Arc::new(fresh_directory()),
        }
    }

    /// The authority's certificate, as a user would give it to a client.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate, for a server or a client, valid for these host names and addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_as("now", names, |_| {})
    }

    /// A certificate that was valid in the year 2020.
    pub fn issue_expired(&self, names: &[&str]) -> Identity {
        let long_ago = self.issue_as("2020", names, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 12, 31);
        });
        Identity { clock: Clock(Some(UnixTime::since_unix_epoch(Duration::from_secs(1_590_000_000)))), ..long_ago }
    }

    fn issue_as(&self, kind: &str, names: &[&str], adjust: impl Fn(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("host names");
        adjust(&mut params);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        // Only for readers: rustls reads only the alternative names.
        params.distinguished_name.push(DnType::CommonName, names.join(" "));
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signed certificate");

        let place = self.directory.path().join(kind).join(names.join("+"));
        fs::create_dir_all(&place).expect("a directory");
        let identity = Identity {
            certificate: place.join("certificate.pem"),
            key: place.join("key.pem"),
            name: names.first().expect("at least one name").clone(),
            authority: self.issuer.der().clone(),
            clock: Clock(None),
            _directory: Arc::clone(&self.directory),
        };
        fs::write(&identity.certificate, certificate.pem()).expect("a certificate file");
        fs::write(&identity.key, key.serialize_pem()).expect("a key file");
        identity
    }
}

/// A certificate and its private key, in PEM files that are removed when this is dropped.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
    name: String,
    authority: CertificateDer<'static>,
    clock: Clock,
    _directory: Arc<TempDir>,
}

impl Identity {
    /// The arguments with which a Typesense server uses this certificate.
    pub fn arguments(&self) -> Vec<String> {
        vec![
            format!("--ssl-certificate={}", self.certificate.display()),
            format!("--ssl-certificate-key={}", self.key.display()),
        ]
    }

    /// Encrypts a connection. It trusts this certificate's authority, and expects this certificate's name, whatever the
    /// address. It takes the time to be one at which the certificate is valid.
    pub fn encrypt(&self, stream: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_details(provider, Arc::new(self.clock.clone()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(self.name.clone()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    }
}

/// The time at which a test checks certificates. `None`: now.
#[derive(Clone, Debug)]
struct Clock(Option<UnixTime>);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0.unwrap_or_else(UnixTime::now))
    }
}
