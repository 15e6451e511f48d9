//! A build script that gives a static site its search key: to be copied as `build.rs`.
//!
//! The key ends up in the pages, where everybody can read it; so it may search one collection and nothing else. A build in
//! a directory of the same path without the file, as after `cargo clean`, replaces it: the one before then opens nothing,
//! so publish what was built last. It is handed on in a file, and not in what cargo prints and keeps:
//!
//! ```text
//! const SEARCH_KEY: &str = include_str!(concat!(env!("OUT_DIR"), "/search-key"));
//! ```
//!
//! Cargo runs it again if the server or the collection changes. If it is run all the same, and the file is there and for
//! them, it makes no request. Without a server, the build fails within ten seconds and says why. It needs in Cargo.toml:
//!
//! ```toml
//! [build-dependencies]
//! typesense-keys = "0.1"
//! secrecy = "0.10"
//! ```

use std::env;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::{Action, ClientBuilder};

fn main() -> ExitCode {
    // Not TYPESENSE_API_KEY: cargo writes what it watches into its build directory, for everybody to read.
    for variable in ["TYPESENSE_NODES", "SITE_COLLECTION"] {
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
    let collection =
        env::var("SITE_COLLECTION").map_err(|_| "SITE_COLLECTION is not set: the collection to search")?;
    let (file, purpose) = (directory.join("search-key"), directory.join("search-key.for"));
    let wanted = format!("{collection} on {}", env::var("TYPESENSE_NODES").unwrap_or_default());
    if file.exists() && fs::read_to_string(&purpose).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let client = ClientBuilder::from_env()?.timeout(Duration::from_secs(10)).build()?;
    // Renamed when it is complete, so that a build which is interrupted begins again. Made first: a key that could not be
    // written would be of use to nobody.
    let unfinished = directory.join("search-key.new");
    let mut place = private_file(&unfinished)?;
    let ensured = client
        .ensure(format!("search on the site built in {}", directory.display()))
        .actions([Action::DOCUMENTS_SEARCH])
        .collections([collection])
        .replace_on_drift(true)
        .send()?;
    let value = match ensured.value {
        Some(value) => value,
        // An earlier build here has made it, and its file is gone.
        None => client.rotate(ensured.key.id).send()?.value,
    };
    place.write_all(value.expose_secret().as_bytes())?;
    fs::rename(unfinished, file)?;
    Ok(fs::write(purpose, wanted)?)
}

/// A new file that only its owner can read, in the place of one that may be there.
fn private_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
