//! The settings of a client that come from the environment.

use std::env;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::{ApiKey, ClientBuilder};
use crate::client::KeysClient;
use crate::error::Error;
use crate::secret;

pub(super) const URL: &str = "TYPESENSE_URL";
const API_KEY: &str = "TYPESENSE_API_KEY";
const API_KEY_FILE: &str = "TYPESENSE_API_KEY_FILE";
pub(super) const ALLOW_PLAINTEXT: &str = "TYPESENSE_ALLOW_PLAINTEXT";

/// What the server calls its own list of nodes, which names a file.
const SERVERS_NODES: &str = "TYPESENSE_NODES";

// Defined here because the client does not depend on its builder.
impl KeysClient {
    /// A client with settings from the environment:
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `TYPESENSE_URL` | the [node](ClientBuilder::node), or several, separated by commas |
    /// | `TYPESENSE_API_KEY` | the [key](ClientBuilder::api_key) |
    /// | `TYPESENSE_API_KEY_FILE` | instead: the [file](ClientBuilder::api_key_file) that contains the key |
    /// | `TYPESENSE_ALLOW_PLAINTEXT` | `true` [allows](ClientBuilder::allow_plaintext) plain http to other hosts |
    ///
    /// The environment keeps its own copy of the key, which this crate cannot wipe. A variable that is set but empty
    /// counts as not set.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if a variable is missing, or is invalid as in [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }
}

impl ClientBuilder {
    /// Returns a builder with settings from the environment: see [`KeysClient::from_env`].
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`], which names the variable, if the nodes or the key are not set, if the key is set
    /// twice, or if a variable is not Unicode.
    pub fn from_env() -> Result<Self, Error> {
        let Some(nodes) = variable(URL)? else {
            let servers = match env::var_os(SERVERS_NODES) {
                Some(_) => " (`TYPESENSE_NODES`, which is set, is the server's own and names a file)",
                None => "",
            };
            let why =
                format!("is not set: the nodes, such as `https://search.example.net`, separated by commas{servers}");
            return Err(Error::configuration(URL, why));
        };
        let key = match (variable(API_KEY)?, variable(API_KEY_FILE)?) {
            (Some(key), None) => (ApiKey::Value(secret::copy(&key)), API_KEY),
            (None, Some(path)) => (ApiKey::File(PathBuf::from(&*path)), API_KEY_FILE),
            (Some(_), Some(_)) => {
                return Err(Error::configuration(API_KEY_FILE, "excludes `TYPESENSE_API_KEY`, which is also set"));
            }
            (None, None) => {
                let why = "is not set: a key with the `keys:…` actions that are needed (or name its file with \
                           `TYPESENSE_API_KEY_FILE`)";
                return Err(Error::configuration(API_KEY, why));
            }
        };
        let allow_plaintext = match variable(ALLOW_PLAINTEXT)?.as_ref().map(|text| text.trim()) {
            Some("true" | "1") => true,
            Some("false" | "0") | None => false,
            Some(_) => return Err(Error::configuration(ALLOW_PLAINTEXT, "is neither `true` nor `false`")),
        };
        let nodes = nodes.split(',').filter(|node| !node.trim().is_empty());
        let nodes = nodes.map(|node| (node.to_owned(), URL)).collect();
        Ok(Self { nodes, api_key: Some(key), allow_plaintext, ..Self::default() })
    }
}

/// The text of a variable; `None` if it is not set, or blank.
fn variable(name: &'static str) -> Result<Option<Zeroizing<String>>, Error> {
    match env::var(name).map(Zeroizing::new) {
        Ok(text) => Ok(Some(text).filter(|text| text.contains(|c: char| c != ',' && !c.is_whitespace()))),
        Err(env::VarError::NotUnicode(_)) => Err(Error::configuration(name, "is not Unicode")),
        Err(env::VarError::NotPresent) => Ok(None),
    }
}
