//! A certificate authority for one test, and the certificates that it issues.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::process::fresh_directory;

/// A certificate authority that nobody trusts until told to.
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
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("host names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        // Browsers and rustls look at the alternative names only; this is for people.
        params.distinguished_name.push(DnType::CommonName, names.join(" "));
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signed certificate");

        let place = self.directory.path().join(names.join("+"));
        fs::create_dir_all(&place).expect("a directory");
        let identity = Identity {
            certificate: place.join("certificate.pem"),
            key: place.join("key.pem"),
            name: names.first().expect("at least one name").clone(),
            authority: self.issuer.der().clone(),
            _directory: Arc::clone(&self.directory),
        };
        fs::write(&identity.certificate, certificate.pem()).expect("a certificate file");
        fs::write(&identity.key, key.serialize_pem()).expect("a key file");
        identity
    }
}

/// A certificate and its private key, in PEM files that last as long as this value.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
    name: String,
    authority: CertificateDer<'static>,
    _directory: Arc<TempDir>,
}

impl Identity {
    /// What makes a Typesense server show this certificate.
    pub fn arguments(&self) -> Vec<String> {
        vec![
            format!("--ssl-certificate={}", self.certificate.display()),
            format!("--ssl-certificate-key={}", self.key.display()),
        ]
    }

    /// A connection that trusts this certificate's authority, and expects this certificate's
    /// name, whatever the address.
    pub fn encrypt(&self, stream: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(self.name.clone()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    }
}
