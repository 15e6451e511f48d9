//! How to keep a new key: in a file that only its owner can read, or in a secret manager.
//!
//! ```text
//! cargo run --example store -- FILE                 writes it to a new file
//! cargo run --example store -- - | secret-manager   writes it to a pipe, and nothing else
//! ```
//!
//! The value is generated and written before the key exists: a program that dies in between leaves no key that nobody
//! holds. Standard error says what happens; the key is never in it.

#[path = "common/place.rs"]
mod place;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use place::Place;
use typesense_keys::testing::FakeServer;
use typesense_keys::{Action, KeysClient};

const USAGE: &str = "usage: store FILE   (a new file)\n       store - | …   (a pipe into a secret manager)";

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let mut arguments = env::args_os().skip(1);
    let (Some(place), None) = (arguments.next(), arguments.next()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match store(place) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store: {error}");
            ExitCode::FAILURE
        }
    }
}

fn store(place: OsString) -> Result<(), Box<dyn Error>> {
    let (client, _fake_server) = connect()?;
    let prepared = client
        .create()
        .description("made by the example `store`: may import docs")
        .actions([Action::DOCUMENTS_IMPORT])
        .collections(["docs"])
        .expires_in(Duration::from_secs(86_400))
        .prepare()?;
    let mut place = if place == "-" { Place::pipe(false) } else { Place::new_file(place.into()) }?;
    if let Err(error) = place.write(prepared.value()) {
        place.remove();
        return Err(format!("{place} could not be written ({error}); no key was created").into());
    }
    match prepared.send() {
        Ok(key) => {
            eprintln!("key {} is in {place}; it expires at {}", key.id, key.expires_at);
            Ok(())
        }
        Err(error) if error.may_have_acted() => Err(format!("{error}; {place} has its value").into()),
        Err(error) => {
            place.remove();
            Err(format!("{error}; the value in {place} allows nothing").into())
        }
    }
}

/// A client of the servers in TYPESENSE_URL. Without them, of a fake server: then the stored key allows nothing.
fn connect() -> Result<(KeysClient, Option<FakeServer>), Box<dyn Error>> {
    if env::var_os("TYPESENSE_URL").is_some() {
        return Ok((KeysClient::from_env()?, None));
    }
    eprintln!("TYPESENSE_URL names no server: the key is a fake server's, and allows nothing");
    let fake_server = FakeServer::start()?;
    let client = KeysClient::builder().node(fake_server.url()).api_key(fake_server.api_key()).build()?;
    Ok((client, Some(fake_server)))
}
