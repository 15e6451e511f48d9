//! A build script that gives a static site its search key: to be copied as `build.rs`.
//!
//! The key ends up in the pages, where everybody can read it; so it may search one collection and nothing else, and
//! only this build directory uses it. It is handed on in a file, and not in what cargo prints and keeps:
//!
//! ```text
//! const SEARCH_KEY: &str = include_str!(concat!(env!("OUT_DIR"), "/search-key"));
//! ```
//!
//! Cargo runs it again only if the variables change that it names. If it is run all the same, and the file is there, it
//! makes no request. Without a server, the build fails within ten seconds and says why.

#[path = "common/place.rs"]
mod place;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use place::Place;
use typesense_keys::{Action, ClientBuilder};

fn main() -> ExitCode {
    for variable in ["TYPESENSE_NODES", "TYPESENSE_API_KEY", "SITE_COLLECTION"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    match search_key() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error=no search key for the site: {error}");
            ExitCode::FAILURE
        }
    }
}

fn search_key() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this is a build script")?);
    let file = directory.join("search-key");
    if file.exists() {
        return Ok(());
    }
    let collection =
        env::var("SITE_COLLECTION").map_err(|_| "SITE_COLLECTION is not set: the collection to search")?;
    let client = ClientBuilder::from_env()?.timeout(Duration::from_secs(10)).build()?;
    // Renamed when it is complete, so that a build which is interrupted begins again.
    let unfinished = directory.join("search-key.new");
    if unfinished.exists() {
        std::fs::remove_file(&unfinished)?;
    }
    let mut place = Place::new_file(unfinished.clone())?;
    let ensured = client
        .ensure(format!("search on the site built in {}", directory.display()))
        .actions([Action::DOCUMENTS_SEARCH])
        .collections([collection])
        .replace_on_drift()
        .send()?;
    match ensured.value {
        Some(value) => place.write(&value)?,
        // An earlier build here has made it, and its file is gone.
        None => place.write(&client.rotate(ensured.key.id).send()?.value)?,
    }
    Ok(std::fs::rename(unfinished, file)?)
}
