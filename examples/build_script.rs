//! A build script that gives a static site its search key: copy it as `build.rs`.
//!
//! ```text
//! const SEARCH_KEY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/.search-key"));
//! ```
//!
//! The key is in `.search-key`, beside the sources: one for debug and release builds, and `cargo clean` does not
//! remove it. Add `/.search-key*` to `.gitignore`, so that each checkout has a key of its own; a build service should keep the
//! file from one build to the next. Everybody who visits the site can read the key, so it may search and get the documents
//! of one collection and nothing else.
//!
//! Cargo runs the script again if the server, the collection or the file changes. It then makes sure that the server has
//! this very key, and creates it again if it was revoked. Without a server, the build goes on with the stored key. Needs
//! `typesense-keys` under `[build-dependencies]`.

use std::env;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use typesense_keys::{Action, ClientBuilder, Error as KeysError, ExposeSecret, SecretString};

/// Two, because a key for search alone can sign scoped keys, which read every collection.
const ACTIONS: [Action; 2] = [Action::DOCUMENTS_SEARCH, Action::DOCUMENTS_GET];

fn main() -> ExitCode {
    // Not TYPESENSE_API_KEY: cargo writes what it watches into its build directory, for everybody to read.
    println!("cargo::rerun-if-env-changed=TYPESENSE_URL");
    println!("cargo::rerun-if-env-changed=SITE_COLLECTION");
    println!("cargo::rerun-if-changed=.search-key");
    match search_key() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error=no search key for the site: {error}");
            ExitCode::FAILURE
        }
    }
}

fn search_key() -> Result<(), Box<dyn Error>> {
    let sources = env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set: this is a build script")?;
    let file = PathBuf::from(sources).join(".search-key");
    let collection =
        env::var("SITE_COLLECTION").map_err(|_| "SITE_COLLECTION is not set: the collection to search")?;
    // The time after which a call fails if no server can be reached.
    let client = ClientBuilder::from_env()?.connect_timeout(Duration::from_millis(300)).build()?;
    // Each checkout finds its own key by this. A list shows the first four characters anyway.
    let description = |value: &SecretString| {
        format!("site search in {collection}, key {}…", value.expose_secret().chars().take(4).collect::<String>())
    };
    let mut value = read(&file)?;
    if let Some(stored) = &value {
        match client.list().description(description(stored)).send() {
            Err(error) if error.is_retryable() => {
                println!("cargo::warning=the search key is the stored one, which was not checked: {error}");
                return Ok(());
            }
            // Revoked: the same value must not be created again.
            Ok(keys) if keys.is_empty() => value = None,
            keys => drop(keys?),
        }
    }
    let mut rounds = 0;
    loop {
        rounds += 1;
        let this = match value.take() {
            Some(value) => value,
            None => {
                let request = client.create().actions(ACTIONS).collections([collection.as_str()]);
                let value = request.prepare()?.value().clone();
                store(&value, &file)?; // before the key exists, so that it is never lost
                value
            }
        };
        let request = client.ensure(description(&this)).actions(ACTIONS);
        match request.collections([collection.as_str()]).value(this).send() {
            // The key of another checkout, whose value has the same first four characters: leave it, and draw another.
            Err(KeysError::Drift { differences, .. })
                if rounds < 3 && differences.iter().any(|difference| difference.field == "value") => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

fn read(file: &Path) -> Result<Option<SecretString>, Box<dyn Error>> {
    match fs::read_to_string(file) {
        Ok(value) => Ok(Some(value.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display()).into()),
    }
}

/// Replaces the file by one that only its owner can read.
fn store(value: &SecretString, file: &Path) -> Result<(), Box<dyn Error>> {
    let unfinished = file.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut place = options.open(&unfinished)?;
    place.write_all(value.expose_secret().as_bytes())?;
    place.sync_all()?;
    Ok(fs::rename(unfinished, file)?)
}
