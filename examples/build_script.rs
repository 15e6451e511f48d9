//! A build script that gives a static site its search key: copy it as `build.rs`.
//!
//! ```text
//! const SEARCH_KEY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/.search-key"));
//! ```
//!
//! The key is in `.search-key`, beside the sources: one for debug and release builds, and `cargo clean` does not
//! remove it. Add `/.search-key*` to `.gitignore`, so that each checkout has a key of its own; a build service should keep
//! these files from one build to the next. Everybody who visits the site can read the key, so it may search and get the
//! documents of one collection and nothing else.
//!
//! A new value is in `.search-key-pending` until its key exists: a build that fails leaves no `.search-key` whose key does
//! not exist, and the next build goes on with the same value. `.search-key-for` says which server and collection the key
//! is for.
//!
//! Cargo runs the script again if the server, the collection or the file changes. It then makes sure that the server has
//! this very key, and makes another one if it was revoked. Without a server, the build goes on with the key, if an earlier
//! build has seen it on this server. Needs `typesense-keys` under `[build-dependencies]`.

use std::env;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use typesense_keys::{Action, ClientBuilder, Error as KeysError, ExposeSecret, SecretString, generate_value};

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
    let in_sources = |name| PathBuf::from(&sources).join(name);
    let [file, pending, seen] = [".search-key", ".search-key-pending", ".search-key-for"].map(in_sources);
    let collection =
        env::var("SITE_COLLECTION").map_err(|_| "SITE_COLLECTION is not set: the collection to search")?;
    // The time after which a call fails if no server can be reached.
    let client = ClientBuilder::from_env()?.connect_timeout(Duration::from_millis(300)).build()?;
    let here = format!("{collection} on {}", env::var("TYPESENSE_URL")?);
    // Each checkout finds its own key by this. A list shows the first four characters anyway.
    let description = |value: &SecretString| {
        format!("site search in {collection}, key {}…", value.expose_secret().chars().take(4).collect::<String>())
    };

    let mut value = read(&file)?.map(SecretString::from);
    if let Some(known) = &value {
        match client.list().description(description(known)).send() {
            Err(error) if error.is_retryable() && read(&seen)?.as_ref() == Some(&here) => {
                println!("cargo::warning=the search key is the stored one, which was not checked: {error}");
                return Ok(());
            }
            // Revoked, or of another collection: the value must not be created again, nor used without a server.
            Ok(keys) if keys.is_empty() => {
                fs::remove_file(&file)?;
                value = None;
            }
            keys => drop(keys?),
        }
    }
    if value.is_none() {
        value = read(&pending)?.map(SecretString::from);
    }
    for _ in 0..3 {
        let this = value.take().map_or_else(generate_value, Ok)?;
        store(this.expose_secret(), &pending)?; // before the key exists, so that it is never lost
        let request = client.ensure(description(&this)).actions(ACTIONS);
        match request.collections([collection.as_str()]).value(this).send() {
            // The key of another checkout, whose value has the same first four characters: leave it, and draw another.
            Err(KeysError::Drift { differences, .. }) if differences.iter().any(|it| it.field == "value") => {
                fs::remove_file(&pending)?;
            }
            result => {
                result?;
                store(&here, &seen)?;
                return Ok(fs::rename(pending, file)?); // the key exists
            }
        }
    }
    Err("three values begin like those of other checkouts".into())
}

fn read(file: &Path) -> Result<Option<String>, Box<dyn Error>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display()).into()),
    }
}

/// Replaces the file by one that only its owner can read.
fn store(text: &str, file: &Path) -> Result<(), Box<dyn Error>> {
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
    place.write_all(text.as_bytes())?;
    place.sync_all()?;
    Ok(fs::rename(unfinished, file)?)
}
